"""What all judges share: running the product, reading its files, and the table of results."""
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import time

import numpy
import pyarrow.parquet
import zstandard


ROOT = pathlib.Path(__file__).resolve().parent.parent


class Absent(Exception):
    """A public file that this machine lacks: the row is skipped by name, never passed."""


@dataclasses.dataclass
class Result:
    """One figure beside what it had to reach. Larger is better, unless `smaller`."""

    row: str
    quantity: str
    value: float
    floor: float | None = None
    win: float | None = None
    hard: float | None = None
    interval: tuple[float, float] | None = None
    smaller: bool = False
    note: str = ""

    def reached(self):
        """The highest bar that the figure reaches."""
        if (self.floor, self.win, self.hard) == (None, None, None):
            return ""
        sign = -1 if self.smaller else 1
        for name, bar in (("hard", self.hard), ("win", self.win), ("floor", self.floor)):
            if bar is not None and sign * self.value >= sign * bar:
                return name
        return "below the floor"


def table(results):
    """Prints results as a Markdown table."""
    number = lambda value: "" if value is None else f"{value:.4f}"
    print("| row | quantity | value | 95 % interval | floor | win | hard | reached | note |")
    print("|---|---|---|---|---|---|---|---|---|")
    for one in results:
        interval = "" if one.interval is None else f"{one.interval[0]:.4f} to {one.interval[1]:.4f}"
        bars = " | ".join(number(bar) for bar in (one.floor, one.win, one.hard))
        print(f"| {one.row} | {one.quantity} | {number(one.value)} | {interval} | {bars} | {one.reached()} | {one.note} |", flush=True)


def paired_interval(difference, draws=2000, seed=0):
    """95 % percentile bootstrap of the mean of paired differences, one per customer."""
    difference = numpy.asarray(difference, dtype=float)
    generator = numpy.random.default_rng(seed)
    means = [difference[generator.integers(0, len(difference), len(difference))].mean() for _ in range(draws)]
    return tuple(float(end) for end in numpy.quantile(means, (0.025, 0.975)))


@dataclasses.dataclass
class Bench:
    """Where the public files, the product and the scratch folder lie."""

    data: pathlib.Path
    reprise: pathlib.Path
    work: pathlib.Path

    def text(self, name):
        """The text of a public file."""
        path = self.data / name
        if not path.exists():
            raise Absent(f"{name} is not in {self.data}")
        with open(path, "rb") as file:
            return zstandard.ZstdDecompressor().stream_reader(file).read().decode()

    def folder(self, name):
        """A new empty folder of the scratch folder."""
        folder = self.work / name
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        return folder

    def command(self, folder, *words):
        """Runs the command line in a folder; its output lies in run.log."""
        done = subprocess.run([str(self.reprise), *words], cwd=folder, capture_output=True, text=True, env=dict(os.environ), check=False)
        (folder / "run.log").write_text(done.stdout + done.stderr)
        if done.returncode != 0:
            raise SystemExit(f"reprise {' '.join(words)} exited {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}")

    def run(self, folder, documents):
        """Writes the documents and runs them as a user would; returns the seconds that it took. The bucket is `folder`."""
        path = folder / "runs.yaml"
        path.write_text("\n---\n".join(documents))
        start = time.time()
        self.command(folder, "run", "-f", str(path), "--map", f"gs://judge={folder}")
        return time.time() - start


def published(folder, kind):
    """The folder of the newest artifact or plan under `folder` whose manifest was written; `kind` is intent, recommender or plans."""
    manifests = sorted(folder.glob(f"artifacts/*/{kind}/*/manifest.json"), key=lambda path: path.stat().st_mtime)
    if not manifests:
        raise SystemExit(f"nothing was published under {folder}/artifacts/*/{kind}")
    return manifests[-1].parent


def metrics(folder):
    """metrics.json of an artifact or a plan."""
    return json.loads((folder / "metrics.json").read_text())


def plan_rows(folder):
    """The rows of a contact plan."""
    rows = []
    for part in sorted(folder.glob("part-*.parquet")):
        rows.extend(pyarrow.parquet.read_table(part).to_pylist())
    return rows
