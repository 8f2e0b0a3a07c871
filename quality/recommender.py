"""Rows of the recommender: R0, R1, R3 to R6 and D1's NDCG. Ours against baselines that are computed here, on the same customers."""
import collections
import csv
import datetime
import io
import json
import re

import numpy
import scipy.sparse

import bench

SCORING = """apiVersion: reprise.dev/v1alpha1
kind: ScoringRun
metadata: {{name: {name}}}
spec:
  geography: {geography}
  models: {{recommender: {{runRef: {{name: {model}}}}}}}
  data: {{sourceRef: {{name: {source}}}, asOf: "{as_of}", markets: [{markets}]}}
  artifacts: gs://judge/{name}/artifacts/
  audience: {{stage: All}}
  recommendations: {lists}
"""
TRAINING = """apiVersion: reprise.dev/v1alpha1
kind: TrainingRun
metadata: {{name: {name}}}
spec:
  geography: {geography}
  model: {{recommender: {model}}}
  data: {{sourceRef: {{name: {source}}}, asOf: "{as_of}", markets: [{markets}]}}
  artifacts: gs://judge/{name}/artifacts/
"""


def lists_of(folder, name):
    """Each customer's recommended groups of a plan, best first."""
    plan = bench.published(folder / name, "plans")
    rows = bench.plan_rows(plan)
    return {row["customer_id"]: [one["group_id"] for one in row["recommendations"] or []] for row in rows}


def ndcg(shown, wanted, k=10):
    """Binary NDCG@k; the ideal list holds min(k, wanted) hits."""
    gain = sum(1 / numpy.log2(place + 2) for place, group in enumerate(shown[:k]) if group in wanted)
    return gain / sum(1 / numpy.log2(place + 2) for place in range(min(k, len(wanted))))


def covered(lists, catalogue, times=1):
    """Share of the catalogue in at least `times` of the lists."""
    counts = collections.Counter(group for shown in lists for group in set(shown))
    return sum(counts[group] >= times for group in catalogue) / len(catalogue)


def alone(folder, name, kind):
    """What the model's own backtest says of the LSTM alone beside all sources, for the note of a row."""
    methods = bench.metrics(bench.published(folder / name, "recommender")).get("recommender", {}).get("methods", [])
    found = {row["method"]: row for row in methods if row.get("groups", "All") == kind}
    if "LSTM alone" not in found or "all sources" not in found:
        return "no backtest"
    return f"backtest NDCG@10: LSTM alone {found['LSTM alone']['ndcg']:.4f}, all sources {found['all sources']['ndcg']:.4f}"


# Online Retail II


class Retail:
    """Baskets before an origin and each known customer's first basket on or after it, as baselines.md reads the file."""

    def __init__(self, place, origin, until):
        baskets = retail_baskets(place)
        before = [one for one in baskets if one[1] < origin]
        self.groups = sorted({group for _, _, groups in before for group in groups})
        index = {group: number for number, group in enumerate(self.groups)}
        self.customers = sorted({customer for customer, _, _ in before})
        people = {customer: number for number, customer in enumerate(self.customers)}
        self.owner = numpy.array([people[customer] for customer, _, _ in before])
        lines = [(row, index[group]) for row, (_, _, groups) in enumerate(before) for group in groups]
        rows, columns = numpy.array(lines).T
        shape = (len(before), len(self.groups))
        self.baskets = scipy.sparse.csr_matrix((numpy.ones(len(rows)), (rows, columns)), shape=shape)
        self.counts = scipy.sparse.csr_matrix((numpy.ones(len(rows)), (self.owner[rows], columns)), shape=(len(people), shape[1]))
        self.counts.sum_duplicates()
        recent = numpy.array([day >= origin - datetime.timedelta(90) for _, day, _ in before])
        self.popular = numpy.asarray(self.baskets[recent].sum(0)).ravel()
        self.total = numpy.asarray(self.baskets.sum(0)).ravel()
        self.last = {number: row for row, number in enumerate(self.owner)}
        self.number = numpy.bincount(self.owner)
        self.test = {}
        for customer, day, groups in baskets:
            if origin <= day < until and customer in people and customer not in self.test:
                self.test[customer] = {group for group in groups if group in index}
        self.test = {customer: wanted for customer, wanted in self.test.items() if wanted}
        self.owned = {customer: set(self.counts[people[customer]].indices) for customer in self.test}
        self.people, self.index = people, index

    def wanted(self, customer, new):
        """The label: with `new` without what the customer bought before."""
        owned = {self.groups[place] for place in self.owned[customer]} if new else set()
        return self.test[customer] - owned

    def baselines(self, new):
        """Top-10 lists by method and customer."""
        scale = 1 / numpy.sqrt(numpy.maximum(self.total, 1))
        similar = (self.baskets.T @ self.baskets).tolil()
        similar.setdiag(0)
        similar = (scipy.sparse.diags(scale) @ similar.tocsr() @ scipy.sparse.diags(scale)).tocsr()
        sizes = numpy.asarray(self.baskets.sum(1)).ravel()
        units = scipy.sparse.diags(1 / numpy.sqrt(numpy.maximum(sizes, 1))) @ self.baskets
        ties = self.popular / self.popular.max() * 1e-6
        dense = lambda matrix: numpy.asarray(matrix.todense()).ravel()

        def neighbours(number):
            row = self.last[number]
            weights = dense(units @ self.baskets[row].T)
            weights[row] = 0
            nearest = numpy.argpartition(-weights, 100)[:100]
            return numpy.asarray(self.baskets[nearest].T @ weights[nearest]).ravel() + ties

        methods = {
            "popularity, 90 days": lambda number: self.popular,
            "own frequency": lambda number: dense(self.counts[number]) + 1e3 * ties,
            "item-kNN, full history": lambda number: dense(self.counts[number] @ similar) + ties,
            "item-kNN, last basket": lambda number: dense(self.baskets[self.last[number]] @ similar) + ties,
            "basket-kNN": neighbours,
        }
        if new:
            del methods["own frequency"]
        lists = {method: {} for method in methods}
        for customer in self.test:
            number = self.people[customer]
            for method, score in methods.items():
                scores = numpy.array(score(number), dtype=float)
                if new:
                    scores[list(self.owned[customer])] = -numpy.inf
                best = numpy.argpartition(-scores, 10)[:10]
                lists[method][customer] = [self.groups[place] for place in best[numpy.lexsort((best, -scores[best]))]]
        return lists

    def judge(self, lists, new, keep=lambda number: True):
        """NDCG by customer and the lists that were judged."""
        chosen = [customer for customer in self.test if self.wanted(customer, new) and keep(self.number[self.people[customer]])]
        figures = {customer: ndcg(lists.get(customer, []), self.wanted(customer, new)) for customer in chosen}
        return figures, [lists.get(customer, []) for customer in chosen]


RETAIL_FILE = "online_retail_II_until_2011-05.csv.zst"
_retail = {}


def retail_baskets(place):
    """(customer, day, codes) of every purchase, by customer and day."""
    if "baskets" not in _retail:
        rows = list(csv.DictReader(io.StringIO(place.text(RETAIL_FILE))))
        earlier = {row["Invoice"] for row in rows if row["Sheet"] == "2009-2010"}
        code = re.compile(r"^\d{5}[A-Za-z]{0,2}$")
        found, countries = collections.defaultdict(set), {}
        for row in rows:
            doubled = row["Sheet"] != "2009-2010" and row["Invoice"] in earlier
            sold = row["CustomerID"] and int(row["Quantity"]) > 0 and float(row["Price"]) > 0 and not row["Invoice"].startswith("C")
            if not sold or doubled:
                continue
            day = datetime.date.fromisoformat(row["InvoiceDate"][:10])
            countries[row["Country"]] = min(day, countries.get(row["Country"], day))
            if code.match(row["StockCode"]):
                found[(row["CustomerID"], day)].add(row["StockCode"].upper())
        _retail["countries"] = countries
        _retail["baskets"] = [(customer, day, groups) for (customer, day), groups in sorted(found.items())]
    return _retail["baskets"]


def retail_common(place, origin):
    """What all runs of an origin share: a market without any purchase before it is left out, as the product asks."""
    source = (bench.ROOT / "examples/online-retail/source.yaml").read_text()
    codes = dict(re.findall(r"\('([^']+)', '([A-Z]{2})'\)", source))
    retail_baskets(place)
    markets = sorted({codes[country] for country, first in _retail["countries"].items() if first < origin})
    listed = ", ".join(f'"{market}"' for market in markets)
    return {"geography": "EMEA", "source": "online-retail", "as_of": origin, "markets": listed}


def retail_run(place, origin, plans):
    """Trains as of the origin and makes the plans; the folder of a run that is there is taken as it is."""
    folder = place.work / f"retail-{origin}"
    done = folder / "done"
    wanted = " ".join(sorted(plans))
    if done.exists() and done.read_text() == wanted:
        return folder
    text = place.data / RETAIL_FILE
    if not text.exists():
        raise bench.Absent(f"{RETAIL_FILE} is not in {place.data}")
    folder = place.folder(f"retail-{origin}")
    (folder / "data").mkdir()
    (folder / "data" / RETAIL_FILE).write_bytes(text.read_bytes())
    source = (bench.ROOT / "examples/online-retail/source.yaml").read_text().replace("gs://public-data/", "gs://judge/data/")
    common = retail_common(place, origin)
    documents = [source, TRAINING.format(name="model", model="{}", **common)]
    documents += [SCORING.format(name=name, model="model", lists=lists, **common) for name, lists in plans.items()]
    seconds = place.run(folder, documents)
    print(f"trained and scored as of {origin} in {seconds:.0f} s", flush=True)
    done.write_text(wanted)
    return folder


NEW = "{topK: 10, replenish: 0}"
ALL = "{topK: 10, replenish: 0, excludeOwned: false}"
PLAIN = '{topK: 10, replenish: 0, popularity: {targetCoverage: "0.01"}}'
ORIGIN = datetime.date(2011, 3, 1)
LATER = datetime.date(2011, 6, 1)


def compare(row, retail, folder, new, bars):
    """Our plan beside the best baseline: relative differences of NDCG and coverage, and the baselines themselves."""
    kind = "new" if new else "all"
    baselines = retail.baselines(new)
    ours, ours_lists = retail.judge(lists_of(folder, kind), new)
    judged = {method: retail.judge(lists, new) for method, lists in baselines.items()}
    mean = lambda figures: float(numpy.mean(list(figures.values())))
    best = max(judged, key=lambda method: mean(judged[method][0]))
    figures, lists = judged[best]
    difference = [ours[customer] - figures[customer] for customer in ours]
    low, high = bench.paired_interval(difference)
    base, base_covered = mean(figures), covered(lists, retail.groups)
    ours_covered = covered(ours_lists, retail.groups)
    note = f"NDCG {mean(ours):.4f}, n {len(ours)}; best baseline {best}: NDCG {base:.4f}, coverage {base_covered:.3f}; "
    note += alone(folder, "model", "New" if new else "All")
    shown = f"coverage {ours_covered:.3f}, at >= 5 lists {covered(ours_lists, retail.groups, 5):.3f}"
    interval = (low / base, high / base)
    name = f"{kind} items, NDCG@10 over {best}, relative"
    results = [bench.Result(row, name, mean(ours) / base - 1, *bars[0], interval=interval, note=note)]
    name = f"{kind} items, coverage@10 over {best}, relative"
    results.append(bench.Result(row, name, ours_covered / base_covered - 1, *bars[1], note=shown))
    for method, (other, other_lists) in judged.items():
        note = f"coverage {covered(other_lists, retail.groups):.3f}"
        results.append(bench.Result(row, f"baseline {method}, {kind} items, NDCG@10", mean(other), note=note))
    return results


def retail_new(place):
    """R4: new items at 2011-03-01."""
    folder = retail_run(place, ORIGIN, {"new": NEW, "all": ALL, "plain": PLAIN})
    return compare("R4", Retail(place, ORIGIN, LATER), folder, True, ((0.0, 0.27, 0.40), (0.0, 0.51, 0.80)))


def retail_all(place):
    """R5: all items at 2011-03-01."""
    folder = retail_run(place, ORIGIN, {"new": NEW, "all": ALL, "plain": PLAIN})
    return compare("R5", Retail(place, ORIGIN, LATER), folder, False, ((0.0, 0.035, 0.08), (None, None, None)))


def retail_penalty(place):
    """R6: what doubling the coverage of unpenalised lists costs."""
    folder = retail_run(place, ORIGIN, {"new": NEW, "all": ALL, "plain": PLAIN})
    retail = Retail(place, ORIGIN, LATER)
    plain, plain_lists = retail.judge(lists_of(folder, "plain"), True)
    whole = covered(lists_of(folder, "plain").values(), retail.groups)
    target = min(1.0, 2 * whole)
    common = retail_common(place, ORIGIN)
    lists = f'{{topK: 10, replenish: 0, popularity: {{targetCoverage: "{target:.4f}"}}}}'
    documents = (folder / "runs.yaml").read_text().split("\n---\n")[:2]
    place.run(folder, documents + [SCORING.format(name="doubled", model="model", lists=lists, **common)])
    doubled, doubled_lists = retail.judge(lists_of(folder, "doubled"), True)
    reached = covered(lists_of(folder, "doubled").values(), retail.groups)
    base = float(numpy.mean(list(plain.values())))
    difference = [doubled[customer] - plain[customer] for customer in plain]
    low, high = bench.paired_interval(difference)
    note = f"coverage of all {len(lists_of(folder, 'plain'))} lists {whole:.3f} -> {reached:.3f}, asked {target:.3f}; of the judged "
    note += f"{covered(plain_lists, retail.groups):.3f} -> {covered(doubled_lists, retail.groups):.3f}"
    cost, interval = float(numpy.mean(difference)) / base, (low / base, high / base)
    return [
        bench.Result("R6", "NDCG@10 kept when coverage doubles, relative", cost, -0.10, -0.02, 0.0, interval=interval, note=note),
        bench.Result("R6", "coverage reached minus asked", reached - target, -0.02, -0.02, 0.0),
    ]


R0_ORIGINS = [datetime.date(2010, 6, 1), datetime.date(2010, 9, 1), datetime.date(2010, 12, 1), ORIGIN]


def second_basket(place):
    """R0: customers with exactly one purchase before the origin, origins pooled."""
    results = []
    for new, bars in ((True, (0.0, 0.08, 0.20)), (False, (0.0, 0.04, 0.10))):
        ours, base, shown, base_shown = [], collections.defaultdict(list), [], collections.defaultdict(list)
        for origin, until in zip(R0_ORIGINS, R0_ORIGINS[1:] + [LATER]):
            retail = Retail(place, origin, until)
            folder = retail_run(place, origin, {"new": NEW, "all": ALL, "plain": PLAIN} if origin == ORIGIN else {"new": NEW, "all": ALL})
            once = lambda number: number == 1
            figures, lists = retail.judge(lists_of(folder, "new" if new else "all"), new, once)
            ours.extend(figures.values())
            shown.append(covered(lists, retail.groups))
            for method, other in retail.baselines(new).items():
                figures, lists = retail.judge(other, new, once)
                base[method].extend(figures.values())
                base_shown[method].append(covered(lists, retail.groups))
        best = max(base, key=lambda method: numpy.mean(base[method]))
        mean = float(numpy.mean(base[best]))
        low, high = bench.paired_interval(numpy.array(ours) - numpy.array(base[best]))
        kind = "new" if new else "all"
        note = f"n {len(ours)}, {len(R0_ORIGINS)} origins; NDCG {numpy.mean(ours):.4f} against {mean:.4f}"
        name = f"second basket, {kind} items, NDCG@10 over {best}, relative"
        gain, interval = float(numpy.mean(ours)) / mean - 1, (low / mean, high / mean)
        results.append(bench.Result("R0", name, gain, *bars, interval=interval, note=note))
        coverage = (0.0, 0.25, 0.60) if new else (None, None, None)
        ratio = float(numpy.mean(shown) / numpy.mean(base_shown[best])) - 1
        name = f"second basket, {kind} items, coverage@10 over {best}, relative"
        results.append(bench.Result("R0", name, ratio, *coverage, note=f"coverage {numpy.mean(shown):.3f}, mean of origins"))
    return results


# RetailRocket

NAVIGATION = """apiVersion: reprise.dev/v1alpha1
kind: DataSource
metadata: {name: navigation}
spec:
  location: gs://judge/data/
  markets: [{name: ZZ, timeZone: UTC, currency: EUR}]
  files:
  - {name: clicks, path: clicks.csv, csv: {}, columns: [{name: clicked, type: Timestamp}]}
  views:
  - name: events
    sql: >-
      SELECT clicked AS at, 'view' AS type, nullif(person, '') AS customer_id, nullif(browser, '') AS visitor_id, page AS product_id,
      'ZZ' AS market FROM clicks
  - name: products
    sql: SELECT DISTINCT page AS product_id FROM clicks
"""
SESSIONS_FILE = "retailrocket_srgnn_train_sessions.txt.zst"
PREFIXES_FILE = "retailrocket_srgnn_test_visitor_ts_prefix_label.txt.zst"
SESSION_DAYS = 130


def navigation(place):
    """Training sessions, test prefixes and what was seen next."""
    sessions = [line.split() for line in place.text(SESSIONS_FILE).splitlines()]
    tests = [line.split("|") for line in place.text(PREFIXES_FILE).splitlines()]
    return sessions, [test[1].split() for test in tests], [test[2].strip() for test in tests]


def navigation_run(place, sessions, prefixes):
    """Sessions in the order of the file over some months, the prefixes on the day after them."""
    folder = place.work / "navigation"
    if (folder / "done").exists():
        return folder
    folder = place.folder("navigation")
    (folder / "data").mkdir()
    cut = datetime.datetime(2015, 9, 11)
    with open(folder / "data" / "clicks.csv", "w", encoding="utf-8") as file:
        file.write("person,browser,page,clicked\n")
        # Sessions of one day start one after the other, and none runs past its day.
        per_day = -(-len(sessions) // SESSION_DAYS)
        for number, session in enumerate(sessions):
            start = cut - datetime.timedelta(SESSION_DAYS - number // per_day) + datetime.timedelta(seconds=number % per_day * 80)
            for step, page in enumerate(session):
                file.write(f",s{number},{page},{start + datetime.timedelta(seconds=step):%Y-%m-%d %H:%M:%S}\n")
        for number, prefix in enumerate(prefixes):
            for step, page in enumerate(prefix):
                file.write(f"t{number},,{page},{cut + datetime.timedelta(seconds=step):%Y-%m-%d %H:%M:%S}\n")
    common = {"geography": "ZZ", "source": "navigation", "markets": "ZZ"}
    documents = [
        NAVIGATION,
        TRAINING.format(name="model", model="{target: Event}", as_of=cut.date(), **common),
        SCORING.format(name="plan", model="model", as_of=cut.date() + datetime.timedelta(1), lists="{topK: 20, replenish: 0}", **common),
    ]
    seconds = place.run(folder, documents)
    print(f"trained and scored the sessions in {seconds:.0f} s", flush=True)
    (folder / "done").write_text(f"{seconds:.0f} s")
    return folder


def session_neighbours(sessions, prefixes, k=20):
    """Session-kNN: the latest 1,000 sessions of each item, 100 neighbours, linear position weights, matches that lie back decay."""
    holders = collections.defaultdict(list)
    distinct = []
    for number, session in enumerate(sessions):
        last = {page: step for step, page in enumerate(session)}
        distinct.append(list(last))
        for page in last:
            holders[page].append(number)
    rarity = {page: numpy.log(len(sessions) / len(numbers)) for page, numbers in holders.items()}
    lists = []
    for prefix in prefixes:
        similar, back = collections.defaultdict(float), {}
        last = {page: step for step, page in enumerate(prefix)}
        for page, step in sorted(last.items(), key=lambda item: item[1]):
            for number in holders.get(page, [])[-1000:]:
                similar[number] += (step + 1) / len(prefix)
                back[number] = len(prefix) - step
        nearest = sorted(similar, key=lambda number: (-similar[number] / numpy.sqrt(len(distinct[number]) * len(prefix)), number))[:100]
        votes = collections.defaultdict(float)
        for number in nearest:
            weight = max(0.0, 1 - 0.1 * back[number]) * similar[number] / numpy.sqrt(len(distinct[number]) * len(prefix))
            for page in distinct[number]:
                votes[page] += weight * (1 + 0.5 * rarity[page])
        lists.append(sorted(votes, key=lambda page: (-votes[page], page))[:k])
    return lists


def sessions_row(place):
    """R1: the next item of a session."""
    sessions, prefixes, wanted = navigation(place)
    folder = navigation_run(place, sessions, prefixes)
    catalogue = {page for session in sessions for page in session}
    found = lists_of(folder, "plan")
    ours = [found.get(f"t{number}", []) for number in range(len(prefixes))]
    base = session_neighbours(sessions, prefixes)
    hit = lambda lists: numpy.array([float(page in shown[:20]) for shown, page in zip(lists, wanted)])
    rank = lambda lists: numpy.array([1 / (shown.index(page) + 1) if page in shown[:20] else 0.0 for shown, page in zip(lists, wanted)])
    lstm = alone(folder, "model", "All")
    p_low, p_high = bench.paired_interval(hit(ours) - hit(base))
    m_low, m_high = bench.paired_interval(rank(ours) - rank(base))
    note = lambda low, high: f"over session-kNN {low:+.4f} to {high:+.4f}; n {len(prefixes)}"
    said = f"MRR@20 {rank(base).mean():.4f}, coverage {covered(base, catalogue):.3f}; baselines.md .5636 / .2756 / .724"
    return [
        bench.Result("R1", "P@20", float(hit(ours).mean()), 0.565, 0.590, 0.610, note=note(p_low, p_high)),
        bench.Result("R1", "MRR@20", float(rank(ours).mean()), 0.280, 0.317, 0.330, note=note(m_low, m_high) + "; " + lstm),
        bench.Result("R1", "coverage@20", covered(ours, catalogue), 0.72, 0.90, 0.97),
        bench.Result("R1", "coverage@20 at >= 5 lists", covered(ours, catalogue, 5), hard=0.55),
        bench.Result("R1", "baseline session-kNN, P@20", float(hit(base).mean()), note=said),
    ]


# Amazon Beauty

BEAUTY = """apiVersion: reprise.dev/v1alpha1
kind: DataSource
metadata: {name: beauty}
spec:
  location: gs://judge/data/
  markets: [{name: ZZ, timeZone: UTC, currency: EUR}]
  files:
  - {name: bought, path: bought.csv, csv: {}, columns: [{name: day, type: Timestamp}]}
  - {name: goods, path: goods.csv, csv: {}}
  views:
  - name: transactions
    sql: >-
      SELECT person AS customer_id, concat(person, '-', number) AS order_id, day AS ordered_at, good AS product_id, 1 AS quantity,
      CAST(10 AS DECIMAL(10, 2)) AS amount, 'ZZ' AS market FROM bought
  - name: products
    sql: >-
      SELECT good AS product_id, nullif(a, '') AS axis, nullif(b, '') AS category, nullif(c, '') AS family, nullif(d, '') AS line,
      nullif(e, '') AS brand FROM goods
"""
BEAUTY_FILE = "amazon_beauty_5core_s3rec.txt.zst"
ATTRIBUTES_FILE = "amazon_beauty_5core_s3rec_item2attributes.json.zst"


def beauty_row(place):
    """R3: leave-last-out; the item before the last is the latest that training may read."""
    people = [line.split() for line in place.text(BEAUTY_FILE).splitlines()]
    attributes = json.loads(place.text(ATTRIBUTES_FILE))
    cut = datetime.datetime(2014, 7, 1)
    folder = place.work / "beauty"
    if not (folder / "done").exists():
        folder = place.folder("beauty")
        (folder / "data").mkdir()
        with open(folder / "data" / "bought.csv", "w", encoding="utf-8") as file:
            file.write("person,number,good,day\n")
            for person, *goods in people:
                for number, good in enumerate(goods[:-1]):
                    day = cut - datetime.timedelta(30 * (len(goods) - 1 - number))
                    file.write(f"u{person},{number},{good},{day:%Y-%m-%d %H:%M:%S}\n")
        frequency = collections.Counter(value for values in attributes.values() for value in values)
        goods = sorted({good for _, *goods in people for good in goods}, key=int)
        with open(folder / "data" / "goods.csv", "w", encoding="utf-8") as file:
            file.write("good,a,b,c,d,e\n")
            for good in goods:
                # The most frequent attribute is the broadest.
                values = sorted(attributes.get(good, []), key=lambda value: -frequency[value])[:5]
                file.write(",".join([good] + [str(value) for value in values] + [""] * (5 - len(values))) + "\n")
        common = {"geography": "ZZ", "source": "beauty", "as_of": cut.date(), "markets": "ZZ"}
        documents = [BEAUTY, TRAINING.format(name="model", model="{}", **common)]
        documents.append(SCORING.format(name="plan", model="model", lists=NEW, **common))
        seconds = place.run(folder, documents)
        print(f"trained and scored Beauty in {seconds:.0f} s", flush=True)
        (folder / "done").write_text(f"{seconds:.0f} s")
    found = lists_of(folder, "plan")
    ours = [found.get(f"u{person}", []) for person, *_ in people]
    catalogue = {good for _, *goods in people for good in goods}
    wanted = [goods[-1] for _, *goods in people]
    hit = lambda lists: numpy.array([float(good in shown[:10]) for shown, good in zip(lists, wanted)])
    gain = lambda lists: numpy.array([ndcg(shown, {good}) for shown, good in zip(lists, wanted)])
    histories = [goods[:-1] for _, *goods in people]
    base = beauty_neighbours(histories, histories)
    strict = beauty_neighbours(histories, [history[:-1] for history in histories])
    low, high = bench.paired_interval(gain(ours) - gain(base))
    note = f"over item-kNN {low:+.4f} to {high:+.4f}; {alone(folder, 'model', 'New')}"
    said = lambda lists: f"NDCG {gain(lists).mean():.4f}, coverage {covered(lists, catalogue):.3f}"
    return [
        bench.Result("R3", "HR@10", float(hit(ours).mean()), 0.080, 0.100, 0.120, note=f"n {len(people)}"),
        bench.Result("R3", "NDCG@10", float(gain(ours).mean()), 0.045, 0.060, 0.070, note=note),
        bench.Result("R3", "coverage@10", covered(ours, catalogue), 0.75, 0.95, 0.97),
        bench.Result("R3", "coverage@10 at >= 5 lists", covered(ours, catalogue, 5), hard=0.60),
        bench.Result("R3", "baseline item-kNN on the same data as ours, HR@10", float(hit(base).mean()), note=said(base)),
        bench.Result("R3", "baseline item-kNN without the item before the last, HR@10", float(hit(strict).mean()), note=said(strict)),
    ]


def beauty_neighbours(histories, read):
    """Item-kNN on the last three items (weights 1, .6, .3), cosine over customers, what was bought before left out. The table reads
    `read`, as many items of each history as it may."""
    goods = sorted({good for history in histories for good in history})
    index = {good: number for number, good in enumerate(goods)}
    pairs = {(row, index[good]) for row, history in enumerate(read) for good in history}
    rows, columns = numpy.array(sorted(pairs)).T
    matrix = scipy.sparse.csr_matrix((numpy.ones(len(rows)), (rows, columns)), shape=(len(histories), len(goods)))
    scale = scipy.sparse.diags(1 / numpy.sqrt(numpy.maximum(numpy.asarray(matrix.sum(0)).ravel(), 1)))
    similar = (scale @ (matrix.T @ matrix) @ scale).tocsr()
    lists = []
    for history in histories:
        scores = numpy.zeros(len(goods))
        for weight, good in zip((1.0, 0.6, 0.3), reversed(history)):
            row = similar[index[good]]
            scores[row.indices] += weight * row.data
        scores[[index[good] for good in history]] = -1
        best = numpy.argpartition(-scores, 10)[:10]
        lists.append([goods[place] for place in best[numpy.argsort(-scores[best], kind="stable")]])
    return lists


# The demo brand


def demo_row(place):
    """D1's NDCG: how much of the truth's lead over popularity is ours. The truth is made outside the family of our models."""
    folder = place.work / "demo"
    if not (folder / "done").exists():
        folder = place.folder("demo")
        place.command(folder, "data", "demo", "--to", str(folder))
        source = (bench.ROOT / "examples/demo/source.yaml").read_text().replace("gs://reprise-demo/", "gs://judge/")
        documents = [source]
        for market in ("FR", "NO"):
            common = {"geography": f'"{market}"', "source": "demo-crm", "as_of": "2025-09-01", "markets": f'"{market}"'}
            documents.append(TRAINING.format(name=f"model-{market.lower()}", model="{}", **common))
            documents.append(SCORING.format(name=f"plan-{market.lower()}", model=f"model-{market.lower()}", lists=ALL, **common))
        seconds = place.run(folder, documents)
        print(f"trained and scored the demo brand in {seconds:.0f} s", flush=True)
        (folder / "done").write_text(f"{seconds:.0f} s")
    results = []
    for market in ("FR", "NO"):
        rows = csv.DictReader((folder / "truth/outcomes.csv").read_text().splitlines())
        wanted = {row["customer_id"]: set(row["groups"].split()) for row in rows if row["market"] == market and row["groups"]}
        # Popularity of the very outcomes: no list of best-sellers could be better.
        counts = collections.Counter(group for groups in wanted.values() for group in groups)
        popular = [group for group, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]]
        oracle = collections.defaultdict(list)
        for row in csv.DictReader((folder / "truth/preferences.csv").read_text().splitlines()):
            oracle[row["customer_id"]].append((int(row["rank"]), row["group_id"]))
        found = lists_of(folder, f"plan-{market.lower()}")
        people = [customer for customer in wanted if customer in found]
        ours = numpy.array([ndcg(found[customer], wanted[customer]) for customer in people])
        best = numpy.array([ndcg([group for _, group in sorted(oracle[customer])], wanted[customer]) for customer in people])
        base = numpy.array([ndcg(popular, wanted[customer]) for customer in people])
        share = (ours.mean() - base.mean()) / (best.mean() - base.mean())
        low, high = bench.paired_interval(ours - base)
        scale = best.mean() - base.mean()
        note = f"n {len(people)}; NDCG {ours.mean():.4f}, truth {best.mean():.4f}, popularity {base.mean():.4f}; "
        note += alone(folder, f"model-{market.lower()}", "All")
        name, interval = f"{market}: share of the truth's NDCG@10 over popularity", (low / scale, high / scale)
        results.append(bench.Result("D1", name, float(share), 0.65, 0.80, 0.90, interval=interval, note=note))
    return results


# What baselines.md says: NDCG@10 and its standard error at 2011-03-01, by whether items are new.
RETAIL_SAID = {
    (True, "popularity, 90 days"): (0.0482, 0.0025),
    (True, "item-kNN, full history"): (0.0722, 0.0037),
    (True, "item-kNN, last basket"): (0.0695, 0.0037),
    (True, "basket-kNN"): (0.0674, 0.0035),
    (False, "popularity, 90 days"): (0.1050, 0.0034),
    (False, "own frequency"): (0.3145, 0.0067),
    (False, "item-kNN, full history"): (0.2024, 0.0059),
    (False, "item-kNN, last basket"): (0.1622, 0.0055),
    (False, "basket-kNN"): (0.2485, 0.0068),
}


def baselines_row(place):
    """Whether our baselines are those of baselines.md: the difference must lie within the standard error given there."""
    def said(name, ours, theirs, error):
        return bench.Result("baselines", name, abs(ours - theirs), error, smaller=True, note=f"{ours:.4f}, said {theirs:.4f}")

    results = []
    retail = Retail(place, ORIGIN, LATER)
    for new in (True, False):
        for method, lists in retail.baselines(new).items():
            figures, _ = retail.judge(lists, new)
            name = f"{method}, {'new' if new else 'all'} items, NDCG@10"
            results.append(said(name, float(numpy.mean(list(figures.values()))), *RETAIL_SAID[(new, method)]))
    sessions, prefixes, wanted = navigation(place)
    lists = session_neighbours(sessions, prefixes)
    results.append(said("session-kNN, P@20", float(numpy.mean([page in shown for shown, page in zip(lists, wanted)])), 0.5636, 0.0040))
    ranks = [1 / (shown.index(page) + 1) if page in shown else 0.0 for shown, page in zip(lists, wanted)]
    results.append(said("session-kNN, MRR@20", float(numpy.mean(ranks)), 0.2756, 0.0030))
    people = [line.split()[1:] for line in place.text(BEAUTY_FILE).splitlines()]
    lists = beauty_neighbours([goods[:-1] for goods in people], [goods[:-2] for goods in people])
    results.append(said("item-kNN, HR@10", float(numpy.mean([goods[-1] in shown for shown, goods in zip(lists, people)])), 0.0652, 0.0017))
    gains = [ndcg(shown, {goods[-1]}) for shown, goods in zip(lists, people)]
    results.append(said("item-kNN, NDCG@10", float(numpy.mean(gains)), 0.0400, 0.0011))
    return results


ROWS = {
    "baselines": baselines_row,
    "R0": second_basket,
    "R1": sessions_row,
    "R3": beauty_row,
    "R4": retail_new,
    "R5": retail_all,
    "R6": retail_penalty,
    "D1": demo_row,
}
