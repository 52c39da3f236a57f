"""Accuracy of masks after few strokes: our configurations and other tools.

    python benchmarks/accuracy.py [--sets grabcut50,convex] [--people human1] [--limit 5]
        [--configurations defaults,GrabCut] [--kinds mask,oracle,strokes] [--half report]
        [--csv records.csv] [--markdown tables.md] [--summary tables.csv] [--jobs 1]

Images and strokes are those of ``$ISR_DATA``; where it is absent, generated scenes. Each of ours
is told the shape class of the ground truth, as a user would choose it; "no shape" is its
predictor's own mask (for joint, of the predictor that was trained with the shape). Not counted:
pixels that the ground truth leaves open. A method that fails has an IoU of 0.

Settings are chosen on one half of the images, ``settings``, and both halves are printed. A half
is the parity of the SHA-256 of the image's id.

Strokes to 0.90: a simulated user (``simulated_user.py``) draws one stroke in the object, one in the
background, then one at a time in the largest error, until the IoU is 0.90. All strokes count. If 20
are not enough, the image counts with 20, and is not in the share that got there.

``--csv`` keeps each measurement as soon as it is made; a run with the same file goes on from
there. Delete it after a change of the package.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch
from accuracy_data import HALVES, Case, generated_cases, read_cases
from accuracy_measure import KINDS, ORACLES, method_names, records_of
from accuracy_ours import CONFIGURATIONS
from accuracy_store import Record, Store
from accuracy_tables import Table, tables_of, write_summary
from other_tools import PEERS, missing_library
from tqdm import tqdm

Task = tuple[str, Case, str]  # kind, case, method


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])

    def names(text: str) -> list[str]:
        return [name.strip() for name in text.split(",") if name.strip()]

    parser.add_argument("--sets", type=names, default=[], help="names of sets, or 'convex'")
    parser.add_argument("--people", type=names, default=[], help="human1, human2, human3, robot")
    parser.add_argument("--configurations", type=names, default=[], help="parts of their names")
    parser.add_argument("--kinds", type=names, default=list(KINDS), help=", ".join(KINDS))
    parser.add_argument("--half", choices=(*HALVES, "all"), default="all", help="of the images")
    parser.add_argument("--limit", type=int, help="images of each set and person")
    parser.add_argument("--scenes", type=int, default=4, help="generated, where there is no data")
    parser.add_argument("--size", type=int, default=256, help="of generated scenes, in pixels")
    parser.add_argument("--csv", type=Path, help="keeps the measurements; a run goes on from it")
    parser.add_argument("--markdown", type=Path, help="gets the tables")
    parser.add_argument("--summary", type=Path, help="gets the tables as one CSV file")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args(arguments)


def cases_of(options: argparse.Namespace) -> list[Case]:
    """Return the requested cases."""
    data = Path(os.environ.get("ISR_DATA", "../shared/data"))
    if (data / "manifest.csv").is_file():
        cases = read_cases(data, options.sets, options.people)
    else:
        print(f"No images in {data}: generated scenes instead.\n")
        cases = generated_cases(options.scenes, (options.size, options.size))
    counts: dict[tuple[str, str], int] = {}
    kept = []
    for case in cases:
        if options.half in ("all", case.half):
            counts[case.set, case.who] = counts.get((case.set, case.who), 0) + 1
            if options.limit is None or counts[case.set, case.who] <= options.limit:
                kept.append(case)
    return kept


def available_methods(wanted: Sequence[str]) -> list[str]:
    """Methods that can run here; says which cannot."""
    missing = {configuration.name: configuration.missing() for configuration in CONFIGURATIONS}
    missing |= {name: missing_library(make) for name, make in PEERS.items()}
    chosen = [name for name in method_names() if not wanted or any(w in name for w in wanted)]
    for name in chosen:
        if missing[name]:
            print(f"Skipped: {name}: there is no {missing[name]} here.")
    return [name for name in chosen if not missing[name]]


def tasks_of(cases: Sequence[Case], methods: Sequence[str], kinds: Sequence[str]) -> list[Task]:
    """Everything to measure. Robot and oracle do not depend on who drew: once for each object."""
    objects = {(case.set, case.id): case for case in cases}.values()
    tasks = [("mask", case, method) for case in cases for method in methods]
    tasks += [("oracle", case, shape) for case in objects for shape in ORACLES]
    tasks += [("strokes", case, method) for case in objects for method in methods]
    return [task for task in tasks if task[0] in kinds]


def todo(tasks: Sequence[Task], store: Store) -> list[Task]:
    """Tasks whose measurement is not in the store."""
    left = []
    for kind, case, name in tasks:
        who = case.who if kind == "mask" else "robot"
        if (kind, case.set, case.id, who, name) not in store.records:
            left.append((kind, case, name))
    return left


def measured(tasks: Sequence[Task], jobs: int) -> Iterator[list[Record]]:
    """Yield the measurements of all tasks as they finish."""
    if jobs == 1:
        for task in tqdm(tasks, unit="task"):
            yield records_of(*task)
        return
    start: Callable[[int], None] = torch.set_num_threads
    with ProcessPoolExecutor(jobs, get_context("spawn"), start, (1,)) as pool:
        waiting = [pool.submit(records_of, *task) for task in tasks]
        for done in tqdm(as_completed(waiting), total=len(waiting), unit="task"):
            yield done.result()


def report(store: Store, tasks: Sequence[Task]) -> tuple[list[Table], str]:
    """Tables of what was asked for, and everything as Markdown."""
    wanted = {(kind, case.set, case.id, name) for kind, case, name in tasks}
    people = {(case.set, case.id, case.who) for _, case, _ in tasks}
    records = [
        r
        for r in store.records.values()
        if (r.kind, r.set, r.id, r.method.removesuffix(", no shape")) in wanted
        and (r.kind != "mask" or (r.set, r.id, r.who) in people)
    ]
    order = {name: place for place, name in enumerate([*method_names(), *ORACLES])}
    records.sort(key=lambda r: order[r.method.removesuffix(", no shape")])
    tables = [table for half in (*HALVES, "all") for table in tables_of(records, half)]
    failures = sorted({f"* {r.method}: {r.error}" for r in records if r.error})
    told = ["### What failed, and counts as IoU 0", "", *failures, ""] if failures else []
    return tables, "\n".join([*(table.markdown() for table in tables), *told])


def main(arguments: Sequence[str] | None = None) -> None:
    options = options_of(arguments)
    torch.set_num_threads(1)
    tasks = tasks_of(cases_of(options), available_methods(options.configurations), options.kinds)
    store = Store(options.csv)
    for records in measured(todo(tasks, store), options.jobs):
        for record in records:
            store.add(record)
    tables, text = report(store, tasks)
    print(text)
    if options.markdown is not None:
        options.markdown.write_text(text, encoding="utf-8")
    if options.summary is not None:
        write_summary(tables, options.summary)


if __name__ == "__main__":
    main()
