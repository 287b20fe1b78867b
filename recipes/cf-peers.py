"""What a user would pick instead, timed: numpy's EASE and implicit's ALS.

usage: cf-peers.py DIRECTORY ease [lambda]
       cf-peers.py DIRECTORY als FACTORS [cg|cholesky]
pip install numpy scipy implicit. DIRECTORY holds train.txt, lines of `user item item ...`.
Prints one JSON line: seconds of the whole fit (ease), or the median seconds of a sweep (als).
"""
import json
import os
import statistics
import sys
import time

folder, model, *options = sys.argv[1:]
if model == "als":
    # implicit's own threads would each start BLAS threads otherwise; it asks for this itself.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np
import scipy.sparse as sp

users, items = [], []
for line in open(f"{folder}/train.txt"):
    user, *row = map(int, line.split())
    users += [user] * len(row)
    items += row
train = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)))
train.data[:] = 1

if model == "ease":
    began = time.perf_counter()
    gram = (train.T @ train).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += float(options[0]) if options else 500.0
    counted = time.perf_counter()
    inverse = np.linalg.inv(gram)
    inverted = time.perf_counter()
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    print(json.dumps({"seconds": time.perf_counter() - began, "inverse_seconds": inverted - counted}))
else:
    import implicit

    times = []
    peer = implicit.als.AlternatingLeastSquares(
        factors=int(options[0]), regularization=0.05, alpha=10, iterations=8, random_state=0,
        use_cg=options[1:] != ["cholesky"], num_threads=os.cpu_count())
    peer.fit(train, show_progress=False, callback=lambda sweep, seconds, *loss: times.append(seconds))
    print(json.dumps({"seconds": statistics.median(times)}))
