"""Writes text.json: what numpy makes of the models that read, on one small matrix.

pip install numpy; python text.py > text.json
"""
import json

import numpy as np

rng = np.random.default_rng(11)
n_users, n_items, dim = 40, 14, 4
x = (rng.random((n_users, n_items)) < np.linspace(0.5, 0.1, n_items)).astype(float)
x[:, 12:] = 0  # two items nobody touched
x[x.sum(1) == 0, 0] = 1
vectors = rng.normal(0.3, 1, (n_items, dim)).round(3)
vectors[5] = 0  # touched, without text
vectors[13] = 0  # neither touched nor described
vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
history = [3, 0, 7, 12]  # oldest first
row = np.zeros(n_items)
row[history] = 1
counts = x.sum(0)
has_text = np.abs(vectors).sum(1) > 0


def whitened(eps):
    fitted = vectors[has_text & (counts > 0)]
    mean = fitted.mean(0)
    values, axes = np.linalg.eigh(np.cov(fitted.T, bias=True))
    y = (vectors - mean) @ axes / np.sqrt(values + eps * values.mean())
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    y[~has_text] = 0
    return y


def l3ae(lam, text, scale, sharpness, neighbours, dropout, expansion):
    items = np.flatnonzero((counts > 0) | has_text)
    n = len(items)
    y = whitened(1e-3)[items]
    cosines = y @ y.T
    np.fill_diagonal(cosines, 0)
    c = scale * np.maximum(cosines, 0) ** sharpness
    for j in range(n):
        c[np.argsort(-cosines[:, j])[neighbours:], j] = 0
    z = x[:, items]
    gram = z.T @ z
    ridge = lam * np.eye(n) + dropout / (1 - dropout) * np.diag(np.diag(gram))
    known = counts[items] > 0
    # The minimum by its definition: for each column, the normal equations over the rows off the
    # diagonal. Nothing of the closed form in the model is used.
    b = np.zeros((n, n))
    for j in np.flatnonzero(known):
        off = np.arange(n) != j
        left = (gram + ridge + text * np.eye(n))[np.ix_(off, off)]
        b[off, j] = np.linalg.solve(left, gram[off, j] + text * c[off, j])
    new = ~known
    share = text / (lam + text)
    b[:, new] = share * (c[:, new] + expansion * b[:, known] @ c[np.ix_(known, new)])
    np.fill_diagonal(b, 0)
    scores = np.full(n_items, np.nan)
    scores[items] = row[items] @ b
    return scores


def lists(scores):
    return [None if np.isnan(s) else float(s) for s in scores]


users, items = x.nonzero()
out = {
    "n_users": n_users, "n_items": n_items, "dim": dim,
    "pairs": [[int(u), int(i)] for u, i in zip(users, items)],
    "vectors": vectors.ravel().tolist(),
    "history": history,
    "l3ae": lists(l3ae(3.0, 4.5, 0.4, 2.0, 5, 0.25, 1.5)),
    "l3ae_all_neighbours": lists(l3ae(2.0, 1.0, 1.0, 1.0, 100, 0.0, 0.0)),
}
print(json.dumps(out, indent=1))
