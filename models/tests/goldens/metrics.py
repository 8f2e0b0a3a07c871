"""Makes metrics.json: inputs and what numpy, scipy and scikit-learn say of them.

    python -m venv venv && venv/bin/pip install numpy==2.* scipy==1.* scikit-learn==1.*
    venv/bin/python metrics.py > metrics.json
"""
import json
import numpy as np
from scipy.optimize import minimize
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, ndcg_score, roc_auc_score

rng = np.random.default_rng(11)
n = 400
logit = rng.normal(-1.0, 1.2, n)
p = np.round(1 / (1 + np.exp(-logit)), 2).clip(0.01, 0.99)  # two decimals: many ties
y = rng.random(n) < 1 / (1 + np.exp(-(0.3 + 0.7 * logit)))

# calibration: slope by logistic regression without penalty, intercept by an offset model
x = np.log(p / (1 - p))
fit = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(x[:, None], y)
q = fit.predict_proba(x[:, None])[:, 1]
design = np.stack([np.ones(n), x], 1)
slope_error = np.sqrt(np.linalg.inv(design.T * (q * (1 - q)) @ design)[1, 1])
nll = lambda a: -np.where(y, -np.log1p(np.exp(-(a[0] + x))), -np.log1p(np.exp(a[0] + x))).sum()
intercept = minimize(nll, [0.0], method="BFGS", options={"gtol": 1e-10}).x[0]
r = 1 / (1 + np.exp(-(intercept + x)))
intercept_error = 1 / np.sqrt((r * (1 - r)).sum())

# distinct probabilities, so that quantile bins are unambiguous
d = (np.argsort(np.argsort(rng.random(n))) + 0.5) / n
z = rng.random(n) < d**1.3


def ece(prob, out):
    order = np.argsort(prob, kind="stable")
    bins = np.array_split(order, 10)
    return sum(abs(out[b].mean() - prob[b].mean()) * len(b) for b in bins) / len(prob)


observed, predicted = calibration_curve(z, d, n_bins=10, strategy="quantile")
debiased = ece(d, z) - np.mean([ece(d, rng.random(n) < d) for _ in range(20_000)])

# ranking: lists of 12 out of 30 groups; ndcg_score over all groups with binary gains
lists, targets, hr, rec, nd, mrr = [], [], [], [], [], []
for _ in range(40):
    score = rng.random(30)
    order = np.argsort(-score)
    target = np.sort(rng.choice(30, rng.integers(1, 14), replace=False))
    gain = np.zeros(30)
    gain[target] = 1
    top = order[:10]
    found = np.isin(top, target)
    lists.append(order[:12].tolist())
    targets.append(target.tolist())
    hr.append(float(found.any()))
    rec.append(found.sum() / len(target))
    nd.append(ndcg_score(gain[None], score[None], k=10))
    mrr.append(float(1 / (found.argmax() + 1)) if found.any() else 0.0)

# exposure
eligible = np.arange(30) % 6 != 5
shown = np.bincount(np.concatenate([[g for g in l[:10] if eligible[g]] for l in lists]), minlength=30)
c = np.sort(shown[eligible]).astype(float)
m = len(c)
gini = np.abs(c[:, None] - c[None]).sum() / (2 * m * m * c.mean())  # the definition, not the shortcut
pop = rng.integers(0, 50, 30).astype(float)
share = (pop + 1) / (pop + 1).sum()
places = np.repeat(np.arange(30), shown)

# survival: 60 customers, 8 bins
hazard = rng.uniform(0.02, 0.3, (60, 8)).round(2)
survival = np.cumprod(1 - hazard, 1)
bins, happened = rng.integers(0, 8, 60), rng.random(60) < 0.6
conc = pairs = 0
for i in range(60):
    for j in range(60):
        if happened[i] and (bins[i] < bins[j] or (bins[i] == bins[j] and not happened[j])):
            pairs += 1
            a, b = survival[i, bins[i]], survival[j, bins[i]]
            conc += 1.0 if a < b else 0.5 if a == b else 0.0

# paired bootstrap by customer, its own random numbers: agreement within noise
rows = np.repeat(np.arange(80), rng.integers(1, 6, 80))
a = rng.normal(0.3, 1, len(rows)) + np.repeat(rng.normal(0, 1, 80), np.bincount(rows))
b = rng.normal(0.0, 1, len(rows)) + 0.5 * a
sums, counts = np.bincount(rows, a - b), np.bincount(rows)
boot = []
for _ in range(20_000):
    k = rng.integers(0, 80, 80)
    boot.append(sums[k].sum() / counts[k].sum())

# AUC by customer: three cases each, resampled together
draws = []
for _ in range(4_000):
    k = rng.integers(0, 134, 134)
    cases = np.concatenate([np.arange(3 * c, min(3 * c + 3, n)) for c in k])
    draws.append(roc_auc_score(y[cases], p[cases]))

top = np.argsort(-d, kind="stable")[:40]
print(json.dumps({
    "binary": {"probabilities": p.tolist(), "happened": y.tolist(), "auc": roc_auc_score(y, p),
               "pr_auc": average_precision_score(y, p), "brier": brier_score_loss(y, p), "log_loss": log_loss(y, p),
               "slope": fit.coef_[0, 0], "slope_error": slope_error, "intercept": intercept,
               "intercept_error": intercept_error, "auc_low": np.quantile(draws, 0.025),
               "auc_high": np.quantile(draws, 0.975)},
    "distinct": {"probabilities": d.tolist(), "happened": z.tolist(), "predicted": predicted.tolist(),
                 "observed": observed.tolist(), "ece": ece(d, z), "debiased": debiased,
                 "lift": z[top].mean() / z.mean()},
    "ranking": {"lists": lists, "targets": targets, "hit_rate": hr, "recall": rec, "ndcg": nd, "mrr": mrr},
    "exposure": {"eligible": eligible.tolist(), "coverage": float((shown[eligible] > 0).mean()),
                 "coverage5": float((shown[eligible] >= 5).mean()), "gini": gini, "popularity": pop.tolist(),
                 "arp": pop[places].mean(), "novelty": float(-np.log2(share[places]).mean())},
    "survival": {"survival": survival.tolist(), "bins": bins.tolist(), "happened": happened.tolist(),
                 "concordance": conc / pairs},
    "bootstrap": {"rows": rows.tolist(), "a": a.tolist(), "b": b.tolist(), "value": (a - b).mean(),
                  "low": np.quantile(boot, 0.025), "high": np.quantile(boot, 0.975)},
}))
