"""Writes collaborative.json: what numpy and implicit make of one small matrix.

pip install numpy scipy implicit; python generate.py > collaborative.json
"""
import json
import warnings

import numpy as np
import scipy.sparse as sp

warnings.filterwarnings("ignore")
rng = np.random.default_rng(7)
n_users, n_items, factors = 30, 12, 5
popularity = np.linspace(0.6, 0.1, n_items)
x = (rng.random((n_users, n_items)) < popularity).astype(np.float64)
x[:, -1] = 0  # an item nobody touched
x[x.sum(1) == 0, 0] = 1
users, items = x.nonzero()
history = [3, 0, 7]  # oldest first
row = np.zeros(n_items)
row[history] = 1


def ease(lam, dropout):
    used = x.sum(0) > 0
    gram = x[:, used].T @ x[:, used]
    gram += np.diag(lam + dropout / (1 - dropout) * np.diag(gram))
    p = np.linalg.inv(gram)
    weights = p / -np.diag(p)
    np.fill_diagonal(weights, 0)
    return (row[used] @ weights).tolist()


def cosine():
    from implicit.nearest_neighbours import CosineRecommender

    peer = CosineRecommender(K=n_items)
    peer.fit(sp.csr_matrix(x), show_progress=False)
    return (row @ peer.similarity.toarray()).tolist()


lam, alpha, exponent = 0.05, 0.2, 0.8


def half_sweep(fixed, matrix):
    others = int((matrix.sum(0) > 0).sum())
    out = np.zeros((matrix.shape[0], factors))
    for r, touched in enumerate(matrix):
        if touched.sum() == 0:
            continue
        y = fixed[touched > 0]
        regularisation = lam * (len(y) + alpha * others) ** exponent
        left = y.T @ y + alpha * fixed.T @ fixed + regularisation * np.eye(factors)
        out[r] = np.linalg.solve(left, y.sum(0))
    return out


start = rng.normal(0, 0.3, (n_items, factors)).round(3)
start[-1] = 0
user_factors = half_sweep(start, x)
item_factors = half_sweep(user_factors, x.T)
# The person is solved for over the items that have users, of which there is one fewer.
regularisation = lam * (len(history) + alpha * (n_items - 1)) ** exponent
y = item_factors[history]
left = y.T @ y + alpha * item_factors.T @ item_factors + regularisation * np.eye(factors)
person = np.linalg.solve(left, y.sum(0))

print(json.dumps({
    "n_users": n_users, "n_items": n_items,
    "pairs": [[int(u), int(i)] for u, i in zip(users, items)],
    "history": history,
    "ease": {"lambda": 3.0, "dropout": 0.0, "scores": ease(3.0, 0.0)},
    "edlae": {"lambda": 3.0, "dropout": 0.25, "scores": ease(3.0, 0.25)},
    "cosine": cosine(),
    "als": {
        "factors": factors, "lambda": lam, "alpha": alpha, "exponent": exponent,
        "start": start.ravel().tolist(),
        "user_factors": user_factors.ravel().tolist(),
        "item_factors": item_factors.ravel().tolist(),
        "scores": (item_factors @ person).tolist(),
    },
}, indent=1))
