"""Judges both models from outside, as a user would: YAML in, files out.

Each judge writes DataSource, TrainingRun and ScoringRun, calls `reprise run`, reads the contact plan and metrics.json, and compares
them with what was held back and with baselines that it computes itself. `run.py R4 R5` judges those rows alone.
"""
import argparse
import importlib
import pathlib
import sys

import bench

JUDGES = ("recommender", "intent")


def rows_by_name():
    """Every row that a judge of this folder knows, in the judges' order."""
    rows = {}
    for judge in JUDGES:
        if (pathlib.Path(__file__).parent / f"{judge}.py").exists():
            rows.update(importlib.import_module(judge).ROWS)
    return rows


def main():
    rows = rows_by_name()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"rows to judge, of {', '.join(rows)}; none: all")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the public files")
    parser.add_argument("--reprise", type=pathlib.Path, required=True, help="the command line; the worker lies beside it")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="scratch folder: inputs, artifacts, plans; may be kept")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.rows if name not in rows]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(rows)}")
    place = bench.Bench(data=arguments.data.resolve(), reprise=arguments.reprise.resolve(), work=arguments.work.resolve())
    results = []
    for name in arguments.rows or rows:
        try:
            found = rows[name](place)
        except bench.Absent as absent:
            print(f"skipped {name}: {absent}", flush=True)
            continue
        results.extend(found)
        bench.table(found)
    print()
    bench.table(results)
    return 1 if any(result.reached() == "below the floor" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
