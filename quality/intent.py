"""Rows of purchase intent: P1, P2, P4, P5, P6 and D1's hazards. Ours, from the contact plan, against baselines of the same run.

`python quality/intent.py P2 --data DIR --reprise PATH --work DIR` judges rows alone, without run.py.
"""
import argparse
import csv
import functools
import pathlib
import re
import subprocess
import sys

import numpy
import pandas
import yaml
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score

import bench
import intent_baselines as baselines

RETAIL = "online_retail_II_until_2011-05.csv.zst"
END = baselines.day("2011-06-01")
COUNTS = {
    "rows": 734490, "rows after the overlap": 711967, "lines": 538610, "customers": 4933, "invoices": 25846,
    "purchases": 23066, "codes": 4235, "countries": 41,
}
ORIGINS = [("2010-06-01", "2010-09-01"), ("2010-09-01", "2010-12-01"), ("2010-12-01", "2011-03-01")]
LANDMARKS = ["2010-12-01", "2011-01-01", "2011-02-01", "2011-03-01", "2011-04-01", "2011-05-01"]
KEY_LANDMARKS = ["2010-09-01", "2010-10-01", "2010-11-01", "2010-12-01"]
# What baselines.md says, with its standard errors: the judge's own baselines must fall within two of them.
KNOWN = {
    ("E2", 30, "age table"): (0.601, 0.014), ("E2", 30, "Kaplan-Meier given age"): (0.616, 0.014),
    ("E2", 30, "logistic"): (0.590, 0.013), ("E2", 30, "LightGBM direct"): (0.589, 0.012),
    ("E2", 30, "LightGBM weekly hazard"): (0.588, 0.013), ("E2", 90, "age table"): (0.532, 0.016),
    ("E2", 90, "Kaplan-Meier given age"): (0.557, 0.018), ("E2", 90, "logistic"): (0.562, 0.012),
    ("E2", 90, "LightGBM direct"): (0.571, 0.015), ("E2", 90, "LightGBM weekly hazard"): (0.551, 0.015),
    ("E1", 90, "Cox"): (0.539, 0.019), ("E1", 90, "logistic"): (0.533, 0.018),
    ("E1", 90, "LightGBM direct"): (0.551, 0.019), ("E1", 90, "LightGBM weekly hazard"): (0.550, 0.019),
}
TRAINING = """apiVersion: reprise.dev/v1alpha1
kind: TrainingRun
metadata: {{name: {name}}}
spec:
  geography: {geography}
  model: {{intent: {{}}}}
  data: {{sourceRef: {{name: {source}}}, asOf: "{as_of}"{markets}}}
  artifacts: gs://judge/artifacts/
"""
SCORING = """apiVersion: reprise.dev/v1alpha1
kind: ScoringRun
metadata: {{name: {name}}}
spec:
  geography: {geography}
  models: {{intent: {{runRef: {{name: {model}}}}}}}
  data: {{sourceRef: {{name: {source}}}, asOf: "{as_of}"{markets}}}
  artifacts: gs://judge/artifacts/
  audience: {{stage: OneTime}}
"""


# Figures


def calibration_error(happened, probability, bins=10):
    """Expected calibration error over bins of equal size; a constant prediction is one bin."""
    if numpy.ptp(probability) < 1e-12:
        return abs(happened.mean() - probability.mean())
    parts = numpy.array_split(numpy.argsort(probability, kind="stable"), bins)
    return sum(abs(happened[part].mean() - probability[part].mean()) * len(part) for part in parts if len(part)) / len(probability)


def debiased_error(happened, probability, draws=1000, seed=0):
    """The same less its mean under the model's own probabilities."""
    generator = numpy.random.default_rng(seed)
    chance = [calibration_error((generator.random(len(probability)) < probability) * 1.0, probability) for _ in range(draws)]
    return calibration_error(happened, probability) - float(numpy.mean(chance))


def lift(happened, probability, share=0.1):
    """Buyers among the best tenth over the mean; ties at the cut count in proportion."""
    count = max(1, int(len(probability) * share))
    cut = numpy.sort(probability)[::-1][count - 1]
    sure, tied = probability > cut, probability == cut
    return ((happened[sure].sum() + (count - sure.sum()) * happened[tied].mean()) / count) / max(happened.mean(), 1e-12)


def slope(happened, probability):
    """Slope of the log odds with its standard error, by Newton's method."""
    odds = numpy.log(numpy.clip(probability, 1e-4, 0.999) / (1 - numpy.clip(probability, 1e-4, 0.999)))
    design, found = numpy.column_stack([numpy.ones(len(odds)), odds]), numpy.array([0.0, 1.0])
    for _ in range(30):
        fitted = 1 / (1 + numpy.exp(-design @ found))
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        found = found + numpy.clip(numpy.linalg.solve(information, design.T @ (happened - fitted)), -1, 1)
    return found[1], float(numpy.sqrt(numpy.linalg.inv(information)[1, 1]))


def log_loss(happened, probability):
    """Mean negative log-likelihood, nats."""
    probability = numpy.clip(probability, 1e-6, 1 - 1e-6)
    return float(-(happened * numpy.log(probability) + (1 - happened) * numpy.log(1 - probability)).mean())


def paired(figure, frame, ours, theirs, draws=1000, seed=0):
    """Difference of a figure of two columns with its 95 % bootstrap interval, resampling customers with all their rows."""
    generator = numpy.random.default_rng(seed)
    names, inverse = numpy.unique(frame.CustomerID.values, return_inverse=True)
    order = numpy.argsort(inverse, kind="stable")
    starts = numpy.searchsorted(inverse[order], numpy.arange(len(names) + 1))
    happened, a, b = frame.back.values.astype(float), frame[ours].values, frame[theirs].values
    differences = []
    for _ in range(draws):
        drawn = generator.integers(0, len(names), len(names))
        rows = numpy.concatenate([order[starts[one] : starts[one + 1]] for one in drawn])
        differences.append(figure(happened[rows], a[rows]) - figure(happened[rows], b[rows]))
    low, high = numpy.quantile(differences, (0.025, 0.975))
    return figure(happened, a) - figure(happened, b), (float(low), float(high))


# The product, from outside


def world(place, burn_in):
    """The DataSource of the examples with another folder and burn-in, and every market of it."""
    text = (bench.ROOT / "examples/online-retail/source.yaml").read_text()
    source = yaml.safe_load(text)
    source["spec"]["location"] = "gs://judge/data/"
    source["spec"]["burnInDays"] = burn_in
    return source


def markets(source, sold, as_of):
    """The markets that have orders before a day, as a run names them: the product refuses one without."""
    codes = dict(re.findall(r"\('([^']+)', '([A-Z]{2})'\)", source["spec"]["views"][0]["sql"]))
    seen = sorted({codes[country] for country in sold.Country[sold.day < baselines.day(as_of)].unique()})
    return ", markets: [" + ", ".join(f'"{code}"' for code in seen) + "]"


def plan_of(folder, as_of):
    """The newest plan as of a day, by customer."""
    for manifest in sorted(folder.glob("artifacts/*/plans/*/manifest.json"), key=lambda path: -path.stat().st_mtime):
        rows = bench.plan_rows(manifest.parent)
        if rows and str(rows[0]["as_of"])[:10] == as_of:
            return pandas.DataFrame(rows).assign(CustomerID=lambda frame: frame.customer_id.astype(int)).set_index("CustomerID")
    raise SystemExit(f"no plan as of {as_of} under {folder}")


def retail_folder(place, name):
    """A folder of the product with the public file in it; kept from an earlier run, whose answers are then taken."""
    folder = place.work / name
    (folder / "data").mkdir(parents=True, exist_ok=True)
    link = folder / "data" / RETAIL
    if not (place.data / RETAIL).exists():
        raise bench.Absent(f"{RETAIL} is not in {place.data}")
    if not link.exists():
        link.hardlink_to(place.data / RETAIL) if same_device(place.data, folder) else link.write_bytes((place.data / RETAIL).read_bytes())
    return folder


def same_device(one, other):
    """Whether a hard link can be made."""
    return one.stat().st_dev == other.stat().st_dev


def monthly_plans(place, sold, landmarks):
    """Our probabilities at monthly landmarks: one training and one scoring each, as of the landmark."""
    folder = retail_folder(place, "intent-monthly")
    source = world(place, 31)
    documents = [yaml.safe_dump(source, sort_keys=False)]
    for landmark in landmarks:
        names = {"geography": "WORLD", "source": source["metadata"]["name"], "as_of": landmark}
        names["markets"] = markets(source, sold, landmark)
        documents.append(TRAINING.format(name=f"intent-{landmark}", **names))
        documents.append(SCORING.format(name=f"plan-{landmark}", model=f"intent-{landmark}", **names))
    seconds = place.run(folder, documents)
    return {landmark: plan_of(folder, landmark) for landmark in landmarks}, seconds


def purchase_plans(place, sold, origin, customers):
    """Our probabilities on the day after each first purchase, by the model of the origin.

    The customers to score come from a small export of their own orders, as a daily run would send it.
    """
    folder = retail_folder(place, "intent-purchase")
    export = sold[sold.CustomerID.isin(set(customers.CustomerID))].merge(customers[["CustomerID", "day"]], on=["CustomerID", "day"])
    name = f"new-{origin}"
    columns = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "CustomerID", "Country", "Sheet"]
    export.sort_values(["InvoiceDate", "Invoice"])[columns].to_csv(folder / "data" / f"{name}.csv", index=False)
    source = world(place, 90)
    small = world(place, 0)
    small["metadata"]["name"] = name
    small["spec"]["files"][0]["path"] = f"{name}.csv"
    documents = [yaml.safe_dump(one, sort_keys=False) for one in (source, small)]
    training = {"geography": "WORLD", "source": source["metadata"]["name"], "as_of": origin, "markets": markets(source, sold, origin)}
    documents.append(TRAINING.format(name=f"intent-{origin}", **training))
    days = sorted({str((day + pandas.Timedelta(days=1)).date()) for day in customers.day})
    for day in days:
        names = {"geography": "WORLD", "source": name, "as_of": day, "model": f"intent-{origin}", "markets": markets(source, export, day)}
        documents.append(SCORING.format(name=f"plan-{day}", **names))
    place.run(folder, documents)
    found = {}
    plans = {}
    for manifest in folder.glob("artifacts/*/plans/*/manifest.json"):
        for row in bench.plan_rows(manifest.parent):
            plans[int(row["customer_id"]), str(row["as_of"])[:10]] = row
    for customer, day in zip(customers.CustomerID, customers.day):
        found[customer] = plans[customer, str((day + pandas.Timedelta(days=1)).date())]
    return found


# Online Retail II


@functools.lru_cache(maxsize=1)
def retail(path):
    """The file as read, its counts checked."""
    sold, back, counts = baselines.read(path)
    if counts != COUNTS:
        raise SystemExit(f"the reading differs: {counts} instead of {COUNTS}")
    return sold, back, baselines.first_purchases(sold)


def retail_of(place):
    """See `retail`."""
    if not (place.data / RETAIL).exists():
        raise bench.Absent(f"{RETAIL} is not in {place.data}")
    return retail(place.data / RETAIL)


def check_known(protocol, days, frame, methods):
    """Baselines must be those of baselines.md: AUC within two of its standard errors."""
    for method in methods:
        known = KNOWN.get((protocol, days, method))
        if known is None:
            continue
        auc = roc_auc_score(frame.back, frame[method])
        print(f"  {protocol} {days} d, {method}: AUC {auc:.4f}, baselines.md {known[0]:.3f} +- {known[1]:.3f}", flush=True)
        if abs(auc - known[0]) > 2 * known[1]:
            raise SystemExit(f"{protocol} {days} d: {method} has AUC {auc:.4f}, not {known[0]} within 2 x {known[1]}")


def describe(frame, name):
    """One line of figures."""
    happened, probability = frame.back.values.astype(float), frame[name].values
    found, error = slope(happened, probability) if numpy.ptp(probability) > 1e-9 else (float("nan"), float("nan"))
    print(
        f"  {name:24} AUC {roc_auc_score(happened, probability):.4f} lift {lift(happened, probability):.2f} "
        f"dECE {debiased_error(happened, probability, 200):.4f} Brier {((happened - probability) ** 2).mean():.4f} "
        f"log-loss {log_loss(happened, probability):.4f} mean {probability.mean():.3f}/{happened.mean():.3f} slope {found:.2f}+-{1.96 * error:.2f}",
        flush=True,
    )


def p2(place):
    """Monthly landmarks: AUC30, lift and debiased calibration error at 30 days, each against the best baseline of the run."""
    sold, back, first = retail_of(place)
    landmarks = [baselines.day(landmark) for landmark in LANDMARKS]
    frames = baselines.monthly(sold, back, first, landmarks, END, baselines.day("2010-01-01"), baselines.day("2010-04-01"))
    plans, seconds = monthly_plans(place, sold, LANDMARKS)
    methods = [name for name in frames[30].columns if name not in ("CustomerID", "landmark", "age", "back")]
    for days, frame in frames.items():
        frame["ours"] = [plans[str(row.landmark.date())].at[row.CustomerID, f"p{days}"] for row in frame.itertuples()]
        print(f"E2, {days} days: {len(frame)} rows, {frame.CustomerID.nunique()} customers, {int(frame.back.sum())} events")
        check_known("E2", days, frame, methods)
        for name in [*methods, "ours"]:
            describe(frame, name)
    frame = frames[30]
    happened = frame.back.values.astype(float)
    results = []
    bars = {
        "AUC30": (roc_auc_score, lambda best: (best, best + 0.02, best + 0.04), False),
        "lift@10 %": (lift, lambda best: (best, best * 1.15, best * 1.3), False),
        "debiased ECE30": (lambda y, p: debiased_error(y, p, 200), lambda best: (best, best / 2, best / 4), True),
    }
    for name, (figure, levels, smaller) in bars.items():
        values = {method: figure(happened, frame[method].values) for method in methods}
        best = (min if smaller else max)(values, key=values.get)
        interval = None
        if name != "debiased ECE30":
            _, interval = paired(figure, frame, "ours", best)
        else:
            _, interval = paired(calibration_error, frame, "ours", best)
        floor, win, hard = levels(values[best])
        value = figure(happened, frame.ours.values)
        results.append(bench.Result("P2", name, value, floor, win, hard, interval, smaller, f"interval: less {best} ({values[best]:.4f})"))
    print(f"  {len(LANDMARKS)} trainings and scorings by YAML in {seconds:.0f} s")
    return results


def p1(place):
    """First purchases: AUC90 and C against logistic regression and Cox, and calibration."""
    sold, _, first = retail_of(place)
    frames = []
    for origin, until in ORIGINS:
        info, out, methods = baselines.at_first_purchase(
            sold, first, baselines.day(origin), baselines.day(until), END, baselines.day("2010-03-01")
        )
        print(f"  E1 {origin}: {info}")
        rows = purchase_plans(place, sold, origin, out)
        for name, values in methods[90].items():
            out[name] = values
        out["ours"] = [rows[customer]["p90"] for customer in out.CustomerID]
        out["origin"] = origin
        frames.append(out[out.seen90].assign(back=lambda frame: frame.back90))
    frame = pandas.concat(frames)
    later = frame[frame.origin != "2010-06-01"]
    check_known("E1", 90, later, list(methods[90]))
    for name in [*methods[90], "ours"]:
        describe(frame, name)

    def concordance(name):
        parts = [(concordance_index(part.time, -part[name], part.event), len(part)) for _, part in frame.groupby("origin")]
        return float(numpy.average([part[0] for part in parts], weights=[part[1] for part in parts]))

    results = []
    happened, ours = frame.back.values.astype(float), frame.ours.values
    best = max(("logistic", "Cox"), key=lambda name: roc_auc_score(happened, frame[name]))
    bar = roc_auc_score(happened, frame[best])
    _, interval = paired(roc_auc_score, frame, "ours", best)
    results.append(bench.Result("P1", "AUC90", roc_auc_score(happened, ours), bar, bar + 0.03, bar + 0.06, interval, note=f"interval: less {best} ({bar:.4f})"))
    bar = max(concordance(name) for name in ("logistic", "Cox"))
    results.append(bench.Result("P1", "C", concordance("ours"), bar, bar + 0.03, bar + 0.05))
    results.append(bench.Result("P1", "debiased ECE90", debiased_error(happened, ours), None, 0.02, 0.01, smaller=True))
    found, error = slope(happened, ours)
    results.append(bench.Result("P1", "slope's distance from 1, in standard errors", abs(found - 1) / error, None, 1.96, 1.96, smaller=True, note=f"slope {found:.2f}"))
    results.append(bench.Result("P1", "mean less observed", abs(ours.mean() - happened.mean()), None, 0.02, 0.02, smaller=True))
    return results


def sets_of(mass, week, nominal):
    """Whether the smallest set of weeks with the nominal share of the mass holds the week, and its size."""
    order = numpy.argsort(-mass, kind="stable")
    size = int(numpy.searchsorted(numpy.cumsum(mass[order]) / mass.sum(), nominal - 1e-12)) + 1
    return week in order[:size], size


def p5(place):
    """50 and 80 % sets of weeks among those who bought within 26 weeks."""
    sold, _, first = retail_of(place)
    plans, _ = monthly_plans(place, sold, sorted({*LANDMARKS, *KEY_LANDMARKS}))
    held = {(method, nominal): [] for method in ("ours", "Kaplan-Meier") for nominal in (0.5, 0.8)}
    hits = {"ours": [], "Kaplan-Meier": []}
    for landmark in KEY_LANDMARKS:
        customers, days, mass = baselines.key_weeks(first, baselines.day(landmark), baselines.day("2010-01-01"))
        for customer, wait, curve in zip(customers, days, mass):
            if not 0 <= wait < 182:
                continue
            week = int(wait // 7)
            ours = numpy.array(plans[landmark].at[customer, "weekly_mass"])
            for method, one in (("ours", ours), ("Kaplan-Meier", curve)):
                hits[method].append(week in numpy.argsort(-one, kind="stable")[:4])
                for nominal in (0.5, 0.8):
                    held[method, nominal].append((landmark, *sets_of(one, week, nominal)))
    results = []
    for nominal in (0.5, 0.8):
        found = pandas.DataFrame(held["ours", nominal], columns=["landmark", "holds", "weeks"])
        other = pandas.DataFrame(held["Kaplan-Meier", nominal], columns=["landmark", "holds", "weeks"])
        share = found.holds.mean()
        half = 1.96 * numpy.sqrt(share * (1 - share) / len(found))
        by = found.groupby("landmark").holds.mean().round(3).to_dict()
        note = f"nominal {nominal}; {found.weeks.mean():.1f} weeks, Kaplan-Meier {other.holds.mean():.3f} in {other.weeks.mean():.1f}; {by}"
        results.append(bench.Result("P5", f"{nominal:.0%} sets: distance from nominal", abs(share - nominal), 0.10, float(half), None, smaller=True, note=note))
    print(f"  4 of 26 weeks hit: ours {numpy.mean(hits['ours']):.3f}, Kaplan-Meier given age {numpy.mean(hits['Kaplan-Meier']):.3f}")
    return results


# Hazard head


def p4(place):
    """SUPPORT and METABRIC through the hazard head: the crate's own benchmark, which prints its figures."""
    for name in ("support", "metabric"):
        if not (place.data / f"survival_{name}.csv.zst").exists():
            raise bench.Absent(f"survival_{name}.csv.zst is not in {place.data}")
    program = place.reprise.parent / "examples" / "hazard-head"
    if not program.exists():
        raise bench.Absent("the hazard head's benchmark is not built")
    results = []
    for name, bars in (("support", (0.60, 0.625, 0.64)), ("metabric", (0.63, 0.66, 0.675))):
        text = place.text(f"survival_{name}.csv.zst")
        done = subprocess.run([str(program)], input=text, capture_output=True, text=True, check=True)
        value = float(re.search(r"concordance ([0-9.]+)", done.stdout).group(1))
        results.append(bench.Result("P4", f"{name.upper()} td-concordance", value, *bars))
    return results


# Small markets with known truth


def countries(folder, seed=0, count=200, customers=30):
    """Writes 200 countries of 30 customers whose daily hazard is known, up to a day, and returns the truth for one-timers there.

    Hazard of the second purchase: level of the country (log-normal, sd .5) x falling with age x e^(.6 amount).
    """
    generator = numpy.random.default_rng(seed)
    days, rows, truth = 400, [], []
    start = pandas.Timestamp("2023-01-01")
    for country in range(count):
        level = numpy.exp(generator.normal(0, 0.5))
        code = chr(65 + country // 26) + chr(65 + country % 26)
        for number in range(customers):
            customer = f"{code}{number:03d}"
            first = int(generator.integers(0, days - 30))
            amount = generator.normal()
            rate = 0.0035 * level * numpy.exp(0.6 * amount)
            ages = numpy.arange(1, 800)
            hazard = 1 - numpy.exp(-rate * (0.4 + 1.6 * numpy.exp(-ages / 45)))
            came = numpy.nonzero(generator.random(len(ages)) < hazard)[0]
            second = first + int(ages[came[0]]) if len(came) else None
            value = 40 * numpy.exp(amount)
            rows.append((code, customer, f"{customer}-1", start + pandas.Timedelta(days=first), value))
            if second is not None and second < days:
                rows.append((code, customer, f"{customer}-2", start + pandas.Timedelta(days=second), 40.0))
            else:
                age = days - first
                expected = [1 - numpy.prod(1 - hazard[age - 1 : age - 1 + horizon]) for horizon in (30, 90)]
                truth.append((customer, code, age, *expected))
    with open(folder / "orders.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["country", "person", "ticket", "at", "total"])
        for code, customer, ticket, at, value in rows:
            writer.writerow([code, customer, ticket, f"{at:%Y-%m-%d} 12:00:00", f"{value:.2f}"])
    return pandas.DataFrame(truth, columns=["CustomerID", "country", "age", "p30", "p90"]), str((start + pandas.Timedelta(days=days)).date())


SMALL = """apiVersion: reprise.dev/v1alpha1
kind: DataSource
metadata: {{name: {name}}}
spec:
  location: gs://judge/data/
  burnInDays: 0
  markets: [{markets}]
  files:
  - {{name: tickets, path: orders.csv, csv: {{}}, columns: [{{name: at, type: Timestamp}}, {{name: total, type: Decimal}}]}}
  views:
  - name: transactions
    sql: |
      SELECT {market} AS market, person AS customer_id, ticket AS order_id, at AS ordered_at, 'one' AS product_id, 1 AS quantity,
        total AS amount FROM tickets
      WHERE country IN ({some})
"""


def p6(place):
    """200 countries of 30 customers: mean log-loss against the truth, with markets and pooled into one."""
    folder = place.folder("intent-countries")
    (folder / "data").mkdir()
    truth, as_of = countries(folder / "data")
    codes = sorted(truth.country.unique())
    market = '{{name: "{}", timeZone: UTC, currency: EUR}}'
    documents, names = [], []
    # A source lists at most 64 markets.
    for part in range(0, len(codes), 50):
        some = codes[part : part + 50]
        listed = ", ".join(f"'{code}'" for code in some)
        forms = {"apart": (some, "country"), "pooled": (["ALL"], "'ALL'")}
        for form, (markets_of_it, column) in forms.items():
            name = f"{form}-{part // 50}"
            names.append((name, f"{form[0].upper()}{part // 50}"))
            text = SMALL.format(name=name, markets=", ".join(market.format(code) for code in markets_of_it), market=column, some=listed)
            documents.append(text)
            run = {"geography": names[-1][1], "source": name, "as_of": as_of, "markets": ""}
            documents += [TRAINING.format(name=f"intent-{name}", **run), SCORING.format(name=f"plan-{name}", model=f"intent-{name}", **run)]
    place.run(folder, documents)
    truth = truth.set_index("CustomerID")
    losses = {"apart": [], "pooled": [], "truth": []}
    for name, geography in names:
        plan = pandas.DataFrame(bench.plan_rows(newest(folder, geography))).set_index("customer_id").sort_index()
        wanted = truth.loc[plan.index]
        losses[name.split("-")[0]].append(cross_entropy(wanted, plan))
        if name.startswith("apart"):
            losses["truth"].append(cross_entropy(wanted, wanted))
    ours, pooled, least = (pandas.concat(losses[name]).sort_index() for name in ("apart", "pooled", "truth"))
    interval = bench.paired_interval((ours - pooled.loc[ours.index]).values)
    note = f"interval: less pooled ({pooled.mean():.4f}); the truth itself {least.mean():.4f}; {len(ours)} customers"
    bar = float(pooled.mean())
    return [bench.Result("P6", "log-loss against the truth", float(ours.mean()), bar * 1.001, bar, bar * 0.98, interval, True, note)]


def cross_entropy(truth, plan):
    """Expected log-loss at 30 and 90 days under the truth, a value a customer."""
    parts = []
    for days in (30, 90):
        true, said = truth[f"p{days}"], plan[f"p{days}"].clip(1e-9, 1 - 1e-9)
        parts.append(-(true * numpy.log(said) + (1 - true) * numpy.log(1 - said)))
    return sum(parts) / len(parts)


def newest(folder, geography):
    """The newest plan of a geography."""
    manifests = sorted(folder.glob(f"artifacts/{geography}/plans/*/manifest.json"), key=lambda path: path.stat().st_mtime)
    return manifests[-1].parent


# The demo brand


def d1(place):
    """The demo brand: share of the oracle's gain in log-loss over Kaplan-Meier given age, expected over the published truth."""
    folder = place.work / "intent-demo"
    if not (folder / "truth").exists():
        subprocess.run([str(place.reprise), "data", "demo", "--to", str(folder)], check=True, capture_output=True)
    source = yaml.safe_load((bench.ROOT / "examples/demo/source.yaml").read_text())
    source["spec"]["location"] = "gs://judge/crm/"
    names = {"geography": "BRAND", "source": source["metadata"]["name"], "as_of": "2025-09-01", "markets": ""}
    documents = [yaml.safe_dump(source, sort_keys=False), TRAINING.format(name="intent-demo", **names)]
    documents.append(SCORING.format(name="plan-demo", model="intent-demo", **names))
    seconds = place.run(folder, documents)
    plan = pandas.DataFrame(bench.plan_rows(newest(folder, "BRAND"))).set_index("customer_id")
    truth = pandas.read_csv(folder / "truth/hazards.csv", dtype={"market": str}, keep_default_na=False).set_index("customer_id")
    shared = [customer for customer in truth.index if customer in plan.index]
    weeks = [f"week_{week}" for week in range(1, 27)]
    true = truth.loc[shared, weeks].astype(float).values
    mass = numpy.array(plan.loc[shared, "weekly_mass"].tolist())
    left = 1 - numpy.column_stack([numpy.zeros(len(mass)), numpy.cumsum(mass, 1)[:, :-1]])
    ours = mass / left
    curve = demo_curve(folder, plan.loc[shared, "age_days"].values)

    def expected(hazard):
        """Mean log-loss of the week of the purchase, expected under the truth."""
        hazard = numpy.clip(hazard, 1e-7, 1 - 1e-7)
        alive = numpy.column_stack([numpy.ones(len(true)), numpy.cumprod(1 - true, 1)[:, :-1]])
        return -(alive * (true * numpy.log(hazard) + (1 - true) * numpy.log(1 - hazard))).sum(1)

    oracle, model, simple = expected(true), expected(ours), expected(curve)
    share = (simple.mean() - model.mean()) / (simple.mean() - oracle.mean())
    generator = numpy.random.default_rng(0)
    draws = [generator.integers(0, len(true), len(true)) for _ in range(2000)]
    shares = [(simple[rows].mean() - model[rows].mean()) / (simple[rows].mean() - oracle[rows].mean()) for rows in draws]
    low, high = numpy.quantile(shares, (0.025, 0.975))
    note = f"log-loss: truth {oracle.mean():.4f}, ours {model.mean():.4f}, Kaplan-Meier given age {simple.mean():.4f}; {len(true)} one-timers, {seconds:.0f} s"
    return [bench.Result("D1", "hazards: share of the oracle's gain", float(share), 0.70, 0.85, 0.93, (float(low), float(high)), note=note)]


def demo_curve(folder, ages):
    """Kaplan-Meier given age, from the purchase days that the export shows (sales less what came back whole), by market file."""
    frames = [
        (pandas.concat(pandas.read_csv(path, sep=";", decimal=",", dtype=str) for path in sorted((folder / "crm/fr").glob("ventes-*.csv"))),
         {"client": "customer", "date_vente": "at", "nature": "kind", "montant_ttc": "amount"}, "VENTE", "%d/%m/%Y %H:%M"),
        (pandas.concat(pandas.read_csv(path, dtype=str) for path in sorted((folder / "crm/no").glob("salg-*.csv"))),
         {"kunde_id": "customer", "tidspunkt": "at", "type": "kind", "belop": "amount"}, "S", None),
        (pandas.concat(pandas.read_csv(path, sep="|", dtype=str) for path in sorted((folder / "crm/be").glob("sales-*.csv"))),
         {"customer_id": "customer", "ordered_at": "at", "kind": "kind", "amount": "amount"}, "sale", None),
    ]
    parts = []
    for frame, names, sale, form in frames:
        frame = frame.rename(columns=names)[["customer", "at", "kind", "amount"]]
        frame = frame[frame.kind == sale]
        frame["day"] = pandas.to_datetime(frame["at"].str[:16] if form else frame["at"].str[:10], format=form, errors="coerce").dt.normalize()
        parts.append(frame[frame.day.notna()])
    days = pandas.concat(parts)[["customer", "day"]].drop_duplicates().sort_values(["customer", "day"])
    days["number"] = days.groupby("customer").cumcount()
    first = days[days.number == 0].set_index("customer").day
    second = days[days.number == 1].set_index("customer").day.reindex(first.index)
    start, end = days.day.min() + pandas.Timedelta(days=90), pandas.Timestamp("2025-09-01")
    known = first >= start
    frame = pandas.DataFrame({"day": first[known], "second": second[known]})
    curve = baselines.waiting_curve(frame, end)
    survival = numpy.column_stack([curve.predict(numpy.asarray(ages, dtype=float) - 1 + 7 * week).values for week in range(27)])
    return 1 - survival[:, 1:] / numpy.maximum(survival[:, :-1], 1e-9)


ROWS = {"P1": p1, "P2": p2, "P4": p4, "P5": p5, "P6": p6, "D1-hazards": d1}


def main(arguments=None):
    """Judges rows alone; none named: all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; none: all")
    for name in ("data", "reprise", "work"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    arguments = parser.parse_args(arguments)
    place = bench.Bench(data=arguments.data.resolve(), reprise=arguments.reprise.resolve(), work=arguments.work.resolve())
    results = []
    for name in arguments.rows or ROWS:
        try:
            results += ROWS[name](place)
        except bench.Absent as absent:
            print(f"skipped {name}: {absent}")
    bench.table(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
