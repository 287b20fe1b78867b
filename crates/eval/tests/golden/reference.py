"""Writes reference.json: what numpy, scipy and scikit-learn make of a small evaluation.

    pip install numpy scipy scikit-learn
    python reference.py

The metrics are written from their definitions over dense relevance vectors, without a look at the
Rust code; ndcg is checked against scikit-learn, the tests are scipy's, the classification report
is scikit-learn's own text.
"""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import classification_report, f1_score, ndcg_score

rng = np.random.default_rng(20240611)
N_ITEMS, N_CASES, DEPTH, USERS = 60, 48, 15, 500
KS = [5, 10]


def dyadic(a):
    """Values that f32, f64 and JSON hold alike, so that ties and thresholds agree."""
    return np.round(np.asarray(a) * 1024) / 1024


item_users = np.floor(rng.pareto(0.7, N_ITEMS) * 3).clip(0, USERS - 1).astype(int)
vectors = rng.normal(size=(N_ITEMS, 6))
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
vectors[[3, 17, 40]] = 0.0

cases = []
for user in range(N_CASES):
    seen = rng.choice(N_ITEMS, size=rng.integers(0, 12), replace=False)
    unseen = np.setdiff1d(np.arange(N_ITEMS), seen)
    held_out = rng.choice(unseen, size=rng.integers(1, 9), replace=False)
    scores = dyadic(rng.normal(size=N_ITEMS) + 1.5 * np.isin(np.arange(N_ITEMS), held_out))
    other = dyadic(rng.normal(size=N_ITEMS) + 1.2 * np.isin(np.arange(N_ITEMS), held_out))
    length = 0 if user == 7 else 3 if user == 11 else DEPTH

    def best(s):
        order = [int(i) for i in np.lexsort((np.arange(N_ITEMS), -s)) if i in set(unseen)]
        return [[i, float(s[i])] for i in order[:length]]

    cases.append(
        dict(
            seen=seen.tolist(),
            held_out=held_out.tolist(),
            ranking=best(scores),
            other=best(other),
        )
    )


def relevance(case, key="ranking"):
    return np.array([float(i in case["held_out"]) for i, _ in case[key]])


def accuracy(case, k, key="ranking"):
    rel = relevance(case, key)[:k]
    n = len(case["held_out"])
    discounts = 1 / np.log2(np.arange(2, k + 2))
    hits = np.flatnonzero(rel)
    precision_at = np.cumsum(rel) / np.arange(1, len(rel) + 1)
    return {
        "recall": rel.sum() / n,
        "ndcg": (rel * discounts[: len(rel)]).sum() / discounts[: min(k, n)].sum(),
        "mrr": 1 / (hits[0] + 1) if len(hits) else 0.0,
        "hit": float(len(hits) > 0),
        "precision": rel.sum() / k,
        "map": (precision_at * rel).sum() / min(k, n),
    }


for case in cases:  # scikit-learn's ndcg over the whole catalogue says the same
    if len(case["ranking"]) == DEPTH:
        truth, score = np.zeros((1, N_ITEMS)), np.zeros((1, N_ITEMS))
        truth[0, case["held_out"]] = 1
        for place, (item, _) in enumerate(case["ranking"]):
            score[0, item] = DEPTH - place
        assert np.isclose(ndcg_score(truth, score, k=10), accuracy(case, 10)["ndcg"])

metrics = {}
for k in KS:
    for name in ["recall", "ndcg", "mrr", "hit", "precision", "map"]:
        metrics[f"{name}@{k}"] = float(np.mean([accuracy(c, k)[name] for c in cases]))
    lists = [[i for i, _ in c["ranking"][:k]] for c in cases]
    lists = [x for x in lists if x]
    exposure = np.bincount(np.concatenate(lists), minlength=N_ITEMS)
    metrics[f"coverage@{k}"] = float((exposure > 0).mean())
    # The Gini coefficient as the mean absolute difference over twice the mean.
    pairs = np.abs(exposure[:, None] - exposure[None, :]).mean()
    metrics[f"gini@{k}"] = float(pairs / (2 * exposure.mean()))
    bits = -np.log2(np.maximum(item_users, 1) / USERS)
    metrics[f"novelty@{k}"] = float(np.mean([bits[x].mean() for x in lists]))
    distances = []
    for x in lists:
        with_text = [i for i in x if vectors[i].any()]
        if len(with_text) > 1:
            distances.append(
                np.mean([1 - vectors[a] @ vectors[b] for a, b in combinations(with_text, 2)])
            )
    metrics[f"diversity@{k}"] = float(np.mean(distances))
    metrics[f"popularity@{k}"] = float(np.mean([item_users[x].mean() for x in lists]))

ndcg = np.array([accuracy(c, 5)["ndcg"] for c in cases])
rival = np.array([accuracy(c, 5, "other")["ndcg"] for c in cases])
interval = stats.bootstrap(
    (ndcg,), np.mean, n_resamples=100_000, method="percentile", rng=rng
).confidence_interval


def permutation(a, b, n):
    mean_difference = lambda x, y, axis: np.mean(x - y, axis=axis)
    return float(
        stats.permutation_test(
            (a, b), mean_difference, permutation_type="samples", n_resamples=n, rng=rng
        ).pvalue
    )


# Every unseen item of every case is one row of scikit-learn's input.
y_true, y_score = [], []
for case in cases:
    scores = dict((i, s) for i, s in case["ranking"])
    for item in np.setdiff1d(np.arange(N_ITEMS), case["seen"]):
        y_true.append(int(item in case["held_out"]))
        y_score.append(scores.get(int(item), -np.inf))
y_true, y_score = np.array(y_true), np.array(y_score)
thresholds = sorted(set(y_score[np.isfinite(y_score)]), reverse=True)
f1 = [f1_score(y_true, y_score >= t) for t in thresholds]
threshold = float(thresholds[int(np.argmax(f1))])

json.dump(
    dict(
        n_items=N_ITEMS,
        training_users=USERS,
        item_users=item_users.tolist(),
        dim=vectors.shape[1],
        vectors=[float(np.float32(x)) for x in vectors.ravel()],
        cases=cases,
        metrics=metrics,
        interval_of_ndcg_5=[float(interval.low), float(interval.high)],
        differences=(ndcg - rival).tolist(),
        p_sampled=permutation(ndcg, rival, 200_000),
        p_exact_of_first_12=permutation(ndcg[:12], rival[:12], 10_000),
        pairs=len(y_true),
        threshold=threshold,
        classification_report=classification_report(
            y_true,
            y_score >= threshold,
            digits=4,
            target_names=["not recommended", "recommended"],
        ),
    ),
    open(Path(__file__).with_name("reference.json"), "w"),
    indent=None,
    separators=(",", ":"),
)
