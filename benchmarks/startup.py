"""Start-up time of the package, the plugin and the dock.

Each line is measured in fresh processes, in turn with its baseline, so that both see the same
machine: `import napari_isr` beside `import numpy`; what napari does to find the plugin, with and
without it; and from an empty window that is shown to one with the dock painted, beside a dock with
a single label. Prints medians in milliseconds, on the clock and of the CPU: on a busy machine the
latter say more.

    python benchmarks/startup.py [--repeats 9]

The dock needs a display (`xvfb-run -a` gives one).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

GOALS = {"import napari_isr": 50, "dock": 1500}

IMPORT = """
import json, sys, time
clocks = lambda: (time.perf_counter(), time.process_time())
begin, busy = clocks()
import {name}
took, busy = [1000 * (b - a) for a, b in zip((begin, busy), clocks())]
heavy = [m for m in ("torch", "numpy", "qtpy", "skimage", "scipy", "pydantic") if m in sys.modules]
print(json.dumps([took, busy, heavy]))
"""

DISCOVER = """
import json, sys, time
import npe2
clocks = lambda: (time.perf_counter(), time.process_time())
begin, busy = clocks()
manager = npe2.PluginManager()
manager.discover(include_npe1=False)
found = "napari-isr" in manager
took, busy = [1000 * (b - a) for a, b in zip((begin, busy), clocks())]
assert found
heavy = ("torch", "napari_isr.gui.dock_widget")
print(json.dumps([took, busy, [m for m in heavy if m in sys.modules]]))
"""

EMPTY = """
import json, sys, time
import napari
from qtpy.QtWidgets import QApplication, QLabel
viewer = napari.Viewer()
for _ in range(20):
    QApplication.processEvents()
    time.sleep(0.01)
clocks = lambda: (time.perf_counter(), time.process_time())
begin, busy = clocks()
{dock}
painted = []
widget.installEventFilter(watch := Watch(painted))
while not painted:
    QApplication.processEvents()
took, busy = [1000 * (b - a) for a, b in zip((begin, busy), clocks())]
print(json.dumps([took, busy, [m for m in ("torch",) if m in sys.modules]]), flush=True)
import os
os._exit(0)
"""

WATCH = """
from qtpy.QtCore import QEvent, QObject
class Watch(QObject):
    def __init__(self, painted):
        super().__init__()
        self.painted = painted
    def eventFilter(self, thing, event):
        if event.type() == QEvent.Type.Paint:
            self.painted.append(True)
        return False
"""

LABEL = """
widget = QLabel("a label")
viewer.window.add_dock_widget(widget, name="label")
"""

DOCK = """
_, widget = viewer.window.add_plugin_dock_widget("napari-isr", "Scribble and refine")
"""

LINES = {
    "import numpy": IMPORT.format(name="numpy"),
    "import napari_isr": IMPORT.format(name="napari_isr"),
    "find the plugins (npe2)": DISCOVER,
    "a dock with one label": WATCH + EMPTY.format(dock=LABEL),
    "dock": WATCH + EMPTY.format(dock=DOCK),
}


def run(program: str) -> tuple[float, float, list[str]]:
    """Milliseconds on the clock and of the CPU, and what was loaded."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    took, busy, heavy = json.loads(done.stdout.strip().splitlines()[-1])
    return took, busy, heavy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    here = dict(LINES)
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        print("no display: the dock is left out (xvfb-run -a gives one)")
        here = {k: v for k, v in here.items() if "dock" not in k}
    times: dict[str, list[float]] = {name: [] for name in here}
    works: dict[str, list[float]] = {name: [] for name in here}
    loaded: dict[str, set[str]] = {name: set() for name in here}
    for _ in range(args.repeats + 1):
        for name, program in here.items():
            took, busy, heavy = run(program)
            times[name].append(took)
            works[name].append(busy)
            loaded[name] |= set(heavy)
    print("| | median (ms) | CPU (ms) | worst | goal | loaded |")
    print("|---|---:|---:|---:|---:|---|")
    for name, found in times.items():
        kept = found[1:]  # the first one fills the disk's cache
        goal = GOALS.get(name, "")
        told = ", ".join(sorted(loaded[name])) or "none of torch, numpy, Qt ..."
        middle, work = statistics.median(kept), statistics.median(works[name][1:])
        print(f"| {name} | {middle:.0f} | {work:.0f} | {max(kept):.0f} | {goal} | {told} |")


if __name__ == "__main__":
    main()
