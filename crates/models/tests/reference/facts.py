"""Writes facts.json: what numpy makes of texts and facts read together, on one small catalogue.

pip install numpy; python facts.py > facts.json
"""
import json

import numpy as np

rng = np.random.default_rng(7)
n_users, n_items, dim = 30, 14, 4
n_fields, n_graph = 6, 9
share = 0.3
x = (rng.random((n_users, n_items)) < 0.3).astype(float)
x[:, 12:] = 0  # two items nobody touched
x[x.sum(1) == 0, 0] = 1
known = x.sum(0) > 0
vectors = rng.normal(0.3, 1, (n_items, dim)).round(3)
vectors[[5, 13]] = 0  # 5 and 13 have no text
vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
fields = rng.random((n_items, n_fields)) < 0.35
graph = rng.random((n_items, n_graph)) < 0.3
fields[2] = graph[2] = False  # 2 has no facts
graph[4] = False  # 4 has facts of fields alone
graph[:, 0] = False
graph[7, 0] = True  # a fact of one item
fields[:, 0] = True  # a fact of all
fields[13], graph[13] = fields[3], graph[3]  # untouched and without text, it has the facts of 3
history = [3, 0, 7]


def unit(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 1e-9)


def weighted(facts):
    counts = facts[known].sum(0)
    idf = np.log(known.sum() / np.maximum(counts, 1))
    return unit(facts * np.where(counts >= 2, idf, 0.0))


facts = unit(np.hstack([weighted(fields), weighted(graph)]))
_, s, v = np.linalg.svd(facts[known], full_matrices=False)
strong = s > s[0] * 1e-5**0.5
assert s[strong].min() > 0.05 * s[0], "no direction may lie near the one that is cut"
v = v[strong].T
reduced = unit(facts @ v - facts[known].mean(0) @ v)
reduced[~facts.any(1)] = 0

has_text = vectors.any(1)
fitted = vectors[has_text & known]
values, axes = np.linalg.eigh(np.cov(fitted.T, bias=True))
white = unit((vectors - fitted.mean(0)) @ axes / np.sqrt(values + 1e-3 * values.mean()))
white[~has_text] = 0
both = unit(np.hstack([np.sqrt(1 - share) * white, np.sqrt(share) * reduced]))


def scores(items):
    person = items[history].sum(0)
    person /= np.linalg.norm(person)
    said = items.any(1)
    return [round(float(z @ person), 6) if ok else None for z, ok in zip(items, said)]


print(
    json.dumps(
        {
            "n_users": n_users,
            "n_items": n_items,
            "dim": dim,
            "share": share,
            "pairs": [[int(u), int(i)] for u, i in zip(*np.nonzero(x))],
            "vectors": [round(float(a), 7) for a in vectors.ravel()],
            "fields": [[int(f) for f in np.flatnonzero(row)] for row in fields],
            "graph": [[int(f) for f in np.flatnonzero(row)] for row in graph],
            "history": history,
            "both": scores(both),
            "facts_alone": scores(reduced),
            "texts_alone": scores(white),
        }
    )
)
