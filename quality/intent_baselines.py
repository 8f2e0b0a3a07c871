"""Baselines of purchase intent on one export of orders, by lifelines, scikit-learn and LightGBM (untuned, one thread).

Two protocols. E1: customers at their first purchase, training before an origin, censored at it. E2: on the first of a
month, everybody with exactly one purchase so far; training on earlier months whose horizon is closed. What stands in
docs as counts is reproduced first: if it differs, the reading differs.
"""

import warnings

import lightgbm
import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")

TREES = {
    "objective": "binary", "learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 30, "feature_fraction": 0.7,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5, "verbose": -1, "seed": 1, "num_threads": 1,
    "deterministic": True,
}
AT_PURCHASE = [
    "l_amount", "l_units", "l_lines", "l_groups", "l_highest", "middle", "hour", "invoices", "post", "home", "month",
    "weekday", "repeat_mean", "repeat_max", "buyers_mean", "buyers_min", "units_middle", "unseen",
]
COX = [name for name in AT_PURCHASE if name not in ("buyers_min", "repeat_max", "post", "unseen", "l_groups")]
MONTHLY = [
    "age", "landmark_month", "first_month", "cancelled", "l_amount", "l_units", "l_lines", "l_groups", "l_highest",
    "middle", "hour", "post", "home", "repeat_mean", "repeat_max", "buyers_mean", "buyers_min", "units_middle", "unseen",
]
AGES = [(0, 15), (15, 30), (30, 60), (60, 90), (90, 150), (150, 240), (240, 700)]
WEEKS = 13


def day(text):
    """A day as a timestamp."""
    return pd.Timestamp(text)


def read(path):
    """Purchases (one row a line), cancellations, and the counts that say whether the reading is right."""
    types = {"Invoice": str, "StockCode": str, "Description": str, "Country": str, "Sheet": str}
    rows = pd.read_csv(path, dtype=types, compression="zstd")
    counts = {"rows": len(rows)}
    early = set(rows.Invoice[rows.Sheet == "2009-2010"])
    rows = rows[~((rows.Sheet == "2010-2011") & rows.Invoice.isin(early))]
    counts["rows after the overlap"] = len(rows)
    rows = rows[rows.CustomerID.notna()].copy()
    rows["CustomerID"] = rows.CustomerID.astype(int)
    rows["at"] = pd.to_datetime(rows.InvoiceDate)
    rows["day"] = rows["at"].dt.normalize()
    back = rows.Invoice.str.startswith("C")
    sold = rows[~back & (rows.Quantity > 0) & (rows.Price > 0)].copy()
    sold["amount"] = sold.Quantity * sold.Price
    counts |= {
        "lines": len(sold), "customers": sold.CustomerID.nunique(), "invoices": sold.Invoice.nunique(),
        "purchases": len(sold[["CustomerID", "day"]].drop_duplicates()), "codes": sold.StockCode.nunique(),
        "countries": sold.Country.nunique(),
    }
    return sold, rows[back], counts


def first_purchases(sold):
    """One row per customer: the first purchase day, the second, and what the first basket held."""
    sold = sold.sort_values(["CustomerID", "day", "Invoice"])
    days = sold.groupby(["CustomerID", "day"]).agg(
        lines=("amount", "size"), groups=("StockCode", "nunique"), units=("Quantity", "sum"), amount=("amount", "sum"),
        highest=("Price", "max"), middle=("Price", "median"), country=("Country", "first"),
        hour=("at", lambda at: at.dt.hour.mean()), invoices=("Invoice", "nunique"),
        post=("StockCode", lambda codes: float((codes == "POST").any())), units_middle=("Quantity", "median"),
    ).reset_index()
    days["number"] = days.groupby("CustomerID").cumcount()
    second = days[days.number == 1].set_index("CustomerID").day
    first = days[days.number == 0].drop(columns="number").copy()
    first["second"] = first.CustomerID.map(second)
    for name in ("amount", "units", "lines", "groups", "highest"):
        first[f"l_{name}"] = np.log1p(first[name].astype(float))
    first["home"] = (first.country == "United Kingdom").astype(float)
    first["month"] = first["first_month"] = first.day.dt.month.astype(float)
    first["weekday"] = first.day.dt.dayofweek.astype(float)
    return first.reset_index(drop=True)


def with_products(first, sold, cut):
    """Adds what was known before `cut` of the products in the first basket."""
    past = sold[sold.day < cut]
    bought = past.groupby(["CustomerID", "StockCode"]).day.nunique().reset_index()
    products = bought.groupby("StockCode").day.agg(buyers="size", repeat=lambda days: (days > 1).mean())
    products["share"] = (products.repeat * products.buyers + 0.1 * 20) / (products.buyers + 20)
    lines = sold.merge(first[["CustomerID", "day"]], on=["CustomerID", "day"]).merge(products, on="StockCode", how="left")
    lines["unknown"] = lines.share.isna().astype(float)
    baskets = lines.groupby("CustomerID").agg(
        repeat_mean=("share", "mean"), repeat_max=("share", "max"), buyers_mean=("buyers", "mean"),
        buyers_min=("buyers", "min"), unseen=("unknown", "mean"),
    )
    return first.join(baskets, on="CustomerID")


def logistic(train, happened, test):
    """L2-penalised logistic regression on standardised inputs."""
    middle = train.median().fillna(0)
    train, test = train.fillna(middle), test.fillna(middle)
    mean, spread = train.mean(), train.std() + 1e-9
    model = LogisticRegression(C=0.1, max_iter=2000).fit((train - mean) / spread, happened)
    return model.predict_proba((test - mean) / spread)[:, 1]


def boosted(train, happened, test, trees, least):
    """Gradient boosting."""
    parameters = TREES | {"min_data_in_leaf": least}
    return lightgbm.train(parameters, lightgbm.Dataset(train, happened), trees).predict(test)


def within(survival, days):
    """Probability within `days` from survival after 0, 1, .. whole weeks."""
    weeks, rest = days // 7, days % 7 / 7
    later = survival[:, min(weeks + 1, WEEKS)] / survival[:, weeks]
    return 1 - survival[:, weeks] * later**rest


def repeated(frame, names, counts):
    """Rows of a frame repeated, with the week's number from 1."""
    places = np.repeat(np.arange(len(frame)), counts)
    weeks = np.concatenate([np.arange(1, count + 1) for count in counts]) if len(counts) else np.array([])
    return frame[names].iloc[places].copy(), places, weeks


def month_of(days, weeks):
    """The calendar month in the middle of a week after a day."""
    return (days + pd.to_timedelta((weeks - 0.5) * 7, unit="D")).dt.month.values


def at_first_purchase(sold, first, origin, until, end, cohort):
    """E1 at one origin: the test customers with what came, and probabilities by method and horizon."""
    customers = with_products(first[first.day >= cohort], sold, origin)
    customers[AT_PURCHASE] = customers[AT_PURCHASE].astype(float)
    train = customers[customers.day < origin].copy()
    seen = train.second.notna() & (train.second < origin)
    train["time"] = np.where(seen, (train.second - train.day).dt.days, (origin - train.day).dt.days).astype(float)
    train["event"] = seen.astype(int)
    test = customers[(customers.day >= origin) & (customers.day < until)].copy().reset_index(drop=True)
    test["event"] = test.second.notna().astype(int)
    test["time"] = np.where(test.event == 1, (test.second - test.day).dt.days, (end - test.day).dt.days).astype(float)
    curve = KaplanMeierFitter().fit(train.time, train.event)
    middle = train[AT_PURCHASE].median().fillna(0)
    mean, spread = train[COX].fillna(middle).mean(), train[COX].fillna(middle).std() + 1e-9
    scaled = lambda frame: ((frame[COX].fillna(middle) - mean) / spread).clip(-4, 4)
    cox = CoxPHFitter(penalizer=0.05).fit(scaled(train).assign(time=train.time.clip(lower=0.5), event=train.event), "time", "event")
    survival = weekly_survival_at_purchase(train, test)
    out = test[["CustomerID", "day", "time", "event", "country"]].copy()
    methods = {}
    for days in (30, 90):
        out[f"seen{days}"] = (test.day + pd.Timedelta(days=days) < end).values
        out[f"back{days}"] = ((test.event == 1) & (test.time <= days)).astype(int).values
        closed = train[train.day <= origin - pd.Timedelta(days=days)]
        happened = ((closed.event == 1) & (closed.time <= days)).astype(int)
        methods[days] = {
            "Kaplan-Meier": np.full(len(test), 1 - curve.predict(days)),
            "Cox": 1 - cox.predict_survival_function(scaled(test), times=[days]).values[0],
            "logistic": logistic(closed[AT_PURCHASE], happened, test[AT_PURCHASE]),
            "LightGBM direct": boosted(closed[AT_PURCHASE], happened, test[AT_PURCHASE], 200, 30),
            "LightGBM weekly hazard": within(survival, days),
        }
    return {"train": len(train), "events": int(train.event.sum()), "test": len(test)}, out, methods


def weekly_survival_at_purchase(train, test):
    """Survival by boosted weekly hazards; a week that was seen in part is dropped."""
    last = np.ceil(train.time.clip(lower=1) / 7).astype(int)
    inputs, places, weeks = repeated(train, AT_PURCHASE, np.minimum(last, WEEKS).values)
    event = (weeks == last.values[places]) & (train.event.values[places] == 1)
    keep = (weeks < last.values[places]) | event | (train.time.values[places] >= weeks * 7)
    inputs["week"], inputs["calendar"] = weeks, month_of(train.day.iloc[places], weeks)
    asked, places, weeks = repeated(test, AT_PURCHASE, [WEEKS] * len(test))
    asked["week"], asked["calendar"] = weeks, month_of(test.day.iloc[places], weeks)
    hazards = boosted(inputs[keep], event[keep].astype(int), asked, 300, 200).reshape(len(test), WEEKS)
    return np.column_stack([np.ones(len(test)), np.cumprod(1 - hazards, 1)])


def monthly_frame(sold, back, first, landmark, end):
    """Everybody whose only purchase day so far lies before the landmark."""
    frame = first[(first.day < landmark) & (first.second.isna() | (first.second >= landmark))]
    frame = with_products(frame, sold, landmark)
    cancelled = back[back.day < landmark].groupby("CustomerID").size()
    frame["cancelled"] = frame.CustomerID.map(cancelled).fillna(0.0)
    frame["age"] = (landmark - frame.day).dt.days
    frame["landmark_month"] = landmark.month
    frame["wait"] = (frame.second - landmark).dt.days.where(frame.second < end)
    frame["landmark"] = landmark
    frame[MONTHLY] = frame[MONTHLY].astype(float)
    return frame.reset_index(drop=True)


def waiting_curve(first, at):
    """Kaplan-Meier of the wait for the second purchase, censored at a day."""
    known = first[first.day < at]
    seen = known.second.notna() & (known.second < at)
    return KaplanMeierFitter().fit(np.where(seen, (known.second - known.day).dt.days, (at - known.day).dt.days), seen)


def monthly_weeks(frame, names, until):
    """Person-weeks after a landmark, censored at `until`."""
    wait = np.where(frame.wait.notna() & (frame.second < until), frame.wait, np.nan)
    last = np.where(np.isnan(wait), 10**6, wait // 7 + 1)
    seen = (until - frame.landmark).dt.days.values // 7
    counts = np.maximum(np.minimum(np.minimum(last, seen), WEEKS), 0).astype(int)
    inputs, places, weeks = repeated(frame, names, counts)
    return aged(inputs, frame, places, weeks), (weeks == last[places]).astype(int)


def aged(inputs, frame, places, weeks):
    """Inputs of a person-week: age and calendar go on, the rest is frozen."""
    inputs = inputs.drop(columns="landmark_month")
    inputs["age"] = inputs.age + (weeks - 1) * 7
    inputs["calendar"] = month_of(frame.landmark.iloc[places], weeks)
    return inputs


def monthly(sold, back, first, landmarks, end, known_from, start):
    """E2: per horizon one frame with what came and a column a method."""
    first = first[first.day >= known_from]
    months = [month for month in pd.date_range(start, max(landmarks), freq="MS")]
    frames = {month: monthly_frame(sold, back, first, month, end) for month in sorted(set(months) | set(landmarks))}
    out = {30: [], 90: []}
    for landmark in landmarks:
        test = frames[landmark]
        inputs, events = zip(*[monthly_weeks(frames[month], MONTHLY, landmark) for month in months if month < landmark])
        asked, places, weeks = repeated(test, MONTHLY, [WEEKS] * len(test))
        asked = aged(asked, test, places, weeks)
        hazards = boosted(pd.concat(inputs), np.concatenate(events), asked, 300, 200).reshape(len(test), WEEKS)
        survival = np.column_stack([np.ones(len(test)), np.cumprod(1 - hazards, 1)])
        curve = waiting_curve(first, landmark)
        for days in out:
            span = pd.Timedelta(days=days)
            if landmark + span > end:
                continue
            train = pd.concat([frames[month] for month in months if month + span <= landmark])
            happened = (train.wait < days).astype(int)
            row = test[["CustomerID", "landmark", "age"]].copy()
            row["back"] = (test.wait < days).astype(int)
            in_bucket = [(train.age >= low) & (train.age < high) for low, high in AGES]
            rates = [(happened[bucket].sum() + happened.mean() * 20) / (bucket.sum() + 20) for bucket in in_bucket]
            row["age table"] = np.select([(test.age >= low) & (test.age < high) for low, high in AGES], rates)
            now, later = curve.predict(test.age.values).values, curve.predict(test.age.values + days).values
            row["Kaplan-Meier given age"] = 1 - later / np.maximum(now, 1e-9)
            row["logistic"] = logistic(train[MONTHLY], happened, test[MONTHLY])
            row["LightGBM direct"] = boosted(train[MONTHLY], happened, test[MONTHLY], 200, 100)
            row["LightGBM weekly hazard"] = within(survival, days)
            out[days].append(row)
    return {days: pd.concat(rows) for days, rows in out.items()}


def key_weeks(first, landmark, known_from, weeks=26):
    """Kaplan-Meier given age at a landmark: customers, days to the second purchase, mass of each week."""
    first = first[first.day >= known_from]
    curve = waiting_curve(first, landmark)
    test = first[(first.day < landmark) & (first.second.isna() | (first.second >= landmark))]
    age = (landmark - test.day).dt.days.values
    survival = np.column_stack([curve.predict(age + 7 * week).values for week in range(weeks + 1)])
    survival = survival / np.maximum(survival[:, :1], 1e-9)
    return test.CustomerID.values, (test.second - landmark).dt.days.values, survival[:, :-1] - survival[:, 1:]
