"""Writes linear.json: rp3beta, slim, gf-cf and a block sweep of als by numpy and scipy, on one small
matrix, in double precision and each another way than the Rust code goes.

pip install numpy scipy; python linear.py > linear.json
"""
import json

import numpy as np
from scipy.optimize import nnls

rng = np.random.default_rng(11)
n_users, n_items = 40, 14
popularity = np.linspace(0.6, 0.1, n_items)
x = (rng.random((n_users, n_items)) < popularity).astype(np.float64)
x[:, -1] = 0  # an item nobody touched
x[x.sum(1) == 0, 0] = 1
users, items = x.nonzero()
history = [3, 0, 7]  # oldest first
row = np.zeros(n_items)
row[history] = 1
gram = x.T @ x
degree = x.sum(0)
used = degree > 0


def rp3beta(alpha, beta, neighbours):
    """The product of the two transition matrices, entry by entry to a power."""
    to_users = (x / np.maximum(degree, 1)).T ** alpha
    to_items = (x / x.sum(1, keepdims=True)) ** alpha
    walk = to_users @ to_items / np.maximum(degree, 1) ** beta
    np.fill_diagonal(walk, 0)
    for i in range(n_items):
        walk[i, np.argsort(-walk[i], kind="stable")[neighbours:]] = 0
    return (row @ walk).tolist()


def slim(l1, l2, dropout):
    """Each column as non-negative least squares (Lawson and Hanson), by completing the square."""
    weights = np.zeros((n_items, n_items))
    for j in np.flatnonzero(used):
        rest = np.flatnonzero(used & (np.arange(n_items) != j))
        left = gram[np.ix_(rest, rest)]
        left = left + np.diag(l2 + dropout / (1 - dropout) * np.diag(left))
        root = np.linalg.cholesky(left).T
        right = np.linalg.solve(root.T, gram[rest, j] - l1)
        weights[rest, j] = nnls(root, right)[0]
    return {"weights": int((weights > 1e-9).sum()), "scores": (row @ weights).tolist()}


def gf_cf(order, flatness, rank, ideal, power):
    """The filter as a function of all eigenvalues; the interpolation by polynomial fitting."""
    normalised = x / np.sqrt(x.sum(1, keepdims=True)) / np.sqrt(np.maximum(degree, 1))
    values, vectors = np.linalg.eigh(normalised.T @ normalised)
    nodes = np.cos(np.pi * (np.arange(order + 1) + 0.5) / (order + 1))
    plateau = 0.5 - 0.5 * np.sign(nodes) * np.abs(nodes) ** flatness
    polynomial = np.polynomial.Polynomial.fit(nodes, plateau, order, domain=[-1, 1])
    response = polynomial(1 - 2 * values)
    response[len(values) - rank:] += ideal
    scale = np.maximum(degree, 1) ** power
    return (scale * ((vectors * response) @ (vectors.T @ (row / scale)))).tolist()


def subspace_sweep(block):
    """iALS++: each block of factors of each row minimised while the others stand still."""
    factors, lam, alpha, exponent = 6, 0.05, 0.2, 0.8
    fixed = rng.normal(0, 0.3, (n_items, factors)).round(3)
    fixed[-1] = 0
    start = rng.normal(0, 0.3, (n_users, factors)).round(3)
    out = start.copy()
    for r, touched in enumerate(x):
        y = fixed[touched > 0]
        regularisation = lam * (len(y) + alpha * used.sum()) ** exponent
        left = y.T @ y + alpha * fixed.T @ fixed + regularisation * np.eye(factors)
        right = y.sum(0)
        for from_ in range(0, factors, block):
            inside = np.arange(from_, min(from_ + block, factors))
            outside = np.setdiff1d(np.arange(factors), inside)
            free = right[inside] - left[np.ix_(inside, outside)] @ out[r, outside]
            out[r, inside] = np.linalg.solve(left[np.ix_(inside, inside)], free)
    return {
        "factors": factors, "block": block, "lambda": lam, "alpha": alpha, "exponent": exponent,
        "fixed": fixed.ravel().tolist(), "start": start.ravel().tolist(), "swept": out.ravel().tolist(),
    }


print(json.dumps({
    "n_users": n_users, "n_items": n_items,
    "pairs": [[int(u), int(i)] for u, i in zip(users, items)],
    "history": history,
    "rp3beta": rp3beta(0.7, 0.4, 6),
    "slim": slim(1.5, 4.0, 0.0),
    "slim_dropout": slim(0.5, 2.0, 0.25),
    "gf_cf": gf_cf(5, 3.0, 3, 0.4, 0.3),
    "one_step": gf_cf(1, 1.0, 0, 0.0, 0.0),
    "subspace": [subspace_sweep(4), subspace_sweep(6)],
}, indent=1))
