"""Build the sdist and the wheel, install the wheel alone and ask npe2 for the plugin.

Run it with the interpreter of an environment that holds the dependencies: they are lent to the new
environment, which therefore needs no network and a few seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from email import message_from_bytes
from pathlib import Path
from typing import NoReturn
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "napari_isr"
PLUGIN = "napari-isr"
WIDGET = "Scribble and refine"

# Runs in the new environment, so it imports nothing of this file.
PROBE = f"""
import importlib.util, json
from npe2 import PluginManager

manager = PluginManager()
manager.discover()
manifest = manager.get_manifest({PLUGIN!r}) if {PLUGIN!r} in manager else None
contributions = manifest.contributions if manifest else None
print(json.dumps({{
    "origin": importlib.util.find_spec({PACKAGE!r}).origin,
    "version": str(manifest.package_version) if manifest else None,
    "widgets": [w.display_name for w in (contributions.widgets or [])] if contributions else [],
    "samples": [s.key for s in (contributions.sample_data or [])] if contributions else [],
}}))
"""


def fail(message: str) -> NoReturn:
    """Stop with one line that says what is wrong."""
    sys.exit(f"wheel-check: {message}")


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command and return its standard output; print everything it said if it fails."""
    # PYTHONPATH would put a checkout before the installed wheel.
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        fail(f"{' '.join(map(str, command[:6]))} … exited {done.returncode}")
    return done.stdout


def build(out: Path) -> Path:
    """Build the sdist, then the wheel out of the sdist, so that both are known to be complete."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    wheels, sdists = list(out.glob("*.whl")), list(out.glob("*.tar.gz"))
    if len(wheels) != 1 or len(sdists) != 1:
        fail(f"expected one wheel and one sdist, got {sorted(p.name for p in out.iterdir())}")
    return wheels[0]


def check_contents(wheel: Path) -> None:
    """Compare the wheel's files with the package's, and look for Qt among the requirements."""
    with ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if not n.endswith("/")]
        metadata = message_from_bytes(
            archive.read(next(n for n in names if n.endswith(".dist-info/METADATA")))
        )
    shipped = {n for n in names if ".dist-info/" not in n}
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {f"{PACKAGE}/napari.yaml", f"{PACKAGE}/py.typed"}
    if strange := sorted(shipped - expected):
        fail(f"the wheel holds what is not of the package: {strange}")
    if missing := sorted(expected - shipped):
        fail(f"the wheel lacks {missing}")
    if not any(n.endswith("licenses/LICENSE") for n in names):
        fail("the wheel lacks the licence")

    base = [r.lower() for r in metadata.get_all("Requires-Dist", []) if "extra ==" not in r]
    if qt := [r for r in base if r.startswith(("pyqt", "pyside", "qtpy", "napari", "superqt"))]:
        fail(f"the base requirements hold {qt}; they belong in the extras")


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel in a new environment that borrows this one's other packages."""
    venv.create(folder, symlinks=os.name != "nt", with_pip=False)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index")
    run(*pip, "--quiet", "--disable-pip-version-check", wheel, cwd=folder)

    # Lent only now, or pip would find the editable install over there and count it as installed.
    # A .pth appends, so the wheel comes first; and .pth files over there are not read, so the
    # editable install's path to the checkout is not followed.
    site = run(
        python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    )
    lent = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (Path(site.strip()) / "lent.pth").write_text("\n".join(lent) + "\n", encoding="utf-8")
    return python


def check_plugin(python: Path, folder: Path) -> None:
    """Validate the manifest as installed, discover the plugin and start the command."""
    # -I: neither the working directory nor the user's packages may stand in for the wheel.
    run(python, "-I", "-m", "npe2", "validate", "--imports", PACKAGE, cwd=folder)
    found = json.loads(run(python, "-I", "-c", PROBE, cwd=folder).splitlines()[-1])
    if not Path(found["origin"]).is_relative_to(folder):
        fail(f"{PACKAGE} was imported from {found['origin']}, not from the wheel")
    if found["version"] is None:
        fail(f"npe2 does not discover {PLUGIN}")
    if WIDGET not in found["widgets"]:
        fail(f"the manifest offers the widgets {found['widgets']}, not {WIDGET!r}")
    if not found["samples"]:
        fail("the manifest offers no sample data")
    run(python.with_name(PLUGIN), "--help", cwd=folder)
    print(f"{PLUGIN} {found['version']}: widgets {found['widgets']}, samples {found['samples']}")


def main() -> None:
    """Do all of it in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="napari-isr-wheel-") as name:
        folder = Path(name).resolve()
        dist = folder / "dist"
        dist.mkdir()
        wheel = build(dist)
        check_contents(wheel)
        check_plugin(install(wheel, folder / "env"), folder)
        print(f"wheel-check: {wheel.name} is complete")


if __name__ == "__main__":
    main()
