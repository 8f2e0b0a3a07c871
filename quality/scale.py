#!/usr/bin/env python3
"""Time and memory of reading and preparing transaction lines, beside DuckDB doing the same reading and views.

Called by `make scale`. For each size: `reprise data demo --sales-only` writes the files (once), then Reprise
(`reprise data check`: typed reading, quarantine, views, canonical rules, journeys, report) and DuckDB (typed reading,
refused rows left out, the same view, sorted by customer into Parquet) take turns. Both must yield the same number of rows,
or the comparison says so and fails. Memory is the largest resident set of any process (VmHWM),
time is wall time and processor time of the processes together.
"""

import argparse
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The view of examples/scale/source.yaml in DuckDB's words. A quarantined row is one of a cell that has no type: TRY_CAST.
DUCKDB = r"""
import json, sys
import duckdb

folder, threads, memory, scratch = sys.argv[1:5]
db = duckdb.connect()
db.execute(f"SET threads = {threads}; SET memory_limit = '{memory}'; SET temp_directory = '{scratch}'; SET preserve_insertion_order = false; SET enable_progress_bar = false")

def table(name, pattern, delimiter, moment, zone, units, amount, comma, columns):
    number = f"replace({amount}, ',', '.')" if comma else amount
    instant = f"try_strptime({moment}, '{zone[0]}')" if zone[0] else f"try_cast({moment} AS TIMESTAMPTZ)"
    at = f"(({instant}) AT TIME ZONE '{zone[1]}')" if zone[0] is None else instant
    db.execute(f'''CREATE VIEW {name}_typed AS SELECT *, {at} AS at_, try_cast({units} AS BIGINT) AS units_,
        try_cast({number} AS DECIMAL(24, 6)) AS amount_ FROM read_csv('{folder}/crm/{pattern}', delim = '{delimiter}', header = true,
        all_varchar = true, strict_mode = false, null_padding = false, ignore_errors = false)''')
    db.execute(f'''CREATE VIEW {name}_good AS SELECT * FROM {name}_typed
        WHERE (at_ IS NOT NULL OR {moment} IS NULL) AND (units_ IS NOT NULL OR {units} IS NULL) AND (amount_ IS NOT NULL OR {amount} IS NULL)''')

table("ventes", "fr/ventes-*.csv", ";", "date_vente", ("%d/%m/%Y %H:%M", ""), "quantite", "montant_ttc", True, [])
table("salg", "no/salg-*.csv", ",", "tidspunkt", (None, "Europe/Oslo"), "antall", "belop", False, [])
table("be_sales", "be/sales-*.csv", "|", "ordered_at", ("%Y-%m-%d %H:%M:%S", ""), "quantity", "amount", False, [])
db.execute('''CREATE TABLE transactions AS
    SELECT 'FR' AS market, client AS customer_id, ticket AS order_id, at_ AS ordered_at, article AS product_id, units_ AS quantity,
        amount_ AS amount, CASE nature WHEN 'VENTE' THEN 'sale' WHEN 'RETOUR' THEN 'return' WHEN 'ECHANTILLON' THEN 'sample'
        WHEN 'CADEAU' THEN 'gift_with_purchase' ELSE 'service' END AS kind FROM ventes_good
    UNION ALL
    SELECT 'NO', kunde_id, ordre_id, at_, vare_id, units_, amount_, CASE type WHEN 'S' THEN 'sale' WHEN 'R' THEN 'return'
        WHEN 'P' THEN 'sample' WHEN 'G' THEN 'gift_with_purchase' ELSE 'service' END FROM salg_good
    UNION ALL
    SELECT 'BE', customer_id, order_id, at_, product_id, units_, amount_, kind FROM be_sales_good''')
# A prepared set is sorted by customer and time; the canonical rules and journeys of Reprise have no counterpart here.
db.execute(f"COPY (SELECT * FROM transactions ORDER BY customer_id, ordered_at, order_id) TO '{scratch}.parquet' (COMPRESSION zstd)")
(rows,) = db.execute("SELECT count(*) FROM transactions").fetchone()
print(json.dumps({"rows": rows}))
"""


def measured(command, **options):
    """Runs a command; gives its output, wall seconds, processor seconds and largest resident set in MiB."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}\n{output}")
    return output, time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def number(text):
    return int(text.replace(",", ""))


def reprise(arguments, folder):
    command = [arguments.binaries / "reprise", "data", "check", "-f", ROOT / "examples/scale", "--to", folder / "check"]
    command += ["--map", f"gs://reprise-scale={folder}"]
    output, wall, processor, memory = measured([str(part) for part in command])
    used = re.search(r"^  transactions +([\d,]+)", output, re.MULTILINE)
    return {"rows": number(used[1])}, wall, processor, memory


def duck(arguments, folder):
    command = [sys.executable, "-c", DUCKDB, str(folder), str(arguments.threads), arguments.memory, str(folder / "duckdb")]
    output, wall, processor, memory = measured(command)
    return json.loads(output), wall, processor, memory


def slope(points):
    """Exponent of growth between the first and the last size: 1 is linear."""
    (first, low), (last, high) = points[0], points[-1]
    return math.log(high / low) / math.log(last / first) if last > first else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help="folder of reprise and reprise-worker")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for the files; they are made once")
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of DuckDB; Reprise reads on one")
    parser.add_argument("--memory", default="2GB", help="limit of DuckDB")
    arguments = parser.parse_args()
    import duckdb

    tools = {"reprise": reprise, f"DuckDB {duckdb.__version__}": duck}
    best = {name: [] for name in tools}
    print("| lines | tool | wall s | processor s | lines per processor s | VmHWM MiB |\n|---|---|---|---|---|---|")
    for lines in sorted(arguments.lines):
        folder = arguments.work / f"lines-{lines}"
        if not (folder / "done").exists():
            made = [str(arguments.binaries / "reprise"), "data", "demo", "--sales-only", "--lines", str(lines), "--to", str(folder)]
            subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
            (folder / "done").touch()
        runs = {name: [] for name in tools}
        # In turns: what disturbs the machine disturbs both.
        for _ in range(arguments.repeats):
            for name, run in tools.items():
                runs[name].append(run(arguments, folder))
        rows = {name: {run[0]["rows"] for run in of} for name, of in runs.items()}
        if len(set.union(*rows.values())) != 1:
            sys.exit(f"the tools read different rows: {rows}")
        for name, of in runs.items():
            wall, processor = min(run[1] for run in of), min(run[2] for run in of)
            memory = max(run[3] for run in of)
            best[name].append((lines, processor, memory))
            print(f"| {lines:,} | {name} | {wall:.1f} | {processor:.1f} | {lines / processor:,.0f} | {memory:,.0f} |", flush=True)
    for name, points in best.items():
        if len(points) > 1:
            time_slope, memory_slope = slope([(p[0], p[1]) for p in points]), slope([(p[0], p[2]) for p in points])
            print(f"{name}: processor time grows with lines to the power {time_slope:.2f}, memory to the power {memory_slope:.2f}")


if __name__ == "__main__":
    main()
