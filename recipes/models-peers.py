"""What a user would pick instead, timed: numpy's EASE and implicit's ALS, item-knn and BPR.

usage: models-peers.py peer DATA ml-1m-random|amazon-beauty ease|als|item-knn|bpr
       models-peers.py table LINES
pip install numpy scipy pandas implicit. Prints one JSON line: seconds to fit, milliseconds a person
to find the best 20 items not yet seen (for all people in one call), peak memory. ALS prints two, the
second finding them from people's histories, not from stored factors. `table` makes a
Markdown table of the medians of such lines, ours beside the peer's.
"""
import collections
import json
import os
import resource
import statistics
import sys
import time


def table(path):
    seen = collections.defaultdict(list)
    for line in map(json.loads, open(path)):
        if line["model"] in ("lightgcn", "alpharec", "sasrec"):
            line["model"] += " (an epoch)"
        seen[line["set"], line["model"], line["who"]].append(line)
    middle = lambda lines, field: statistics.median(x[field] for x in lines) if field in lines[0] else None
    figure = lambda x: "" if x is None else f"{x:.3g}" if x < 100 else f"{x:.0f}"
    print("| set | model | fit, s | score, ms a person | peak, MiB | peer | fit, s | ratio | score, ms | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (name, model, who), lines in seen.items():
        if who != "semrec":
            continue
        peers = [(w, x) for (s, m, w), x in seen.items() if (s, m) == (name, model) and w != who] or [("", None)]
        fit, score = middle(lines, "fit"), middle(lines, "score")
        for peer, theirs in peers:
            row = [name, f"`{model}`", figure(fit), figure(score), figure(middle(lines, "mib")), peer]
            for field, our in [("fit", fit), ("score", score)]:
                their = middle(theirs, field) if theirs else None
                row += [figure(their), f"{their / our:.1f}" if their else ""]
            print("| " + " | ".join(row) + " |")
    for (name, model, who), lines in seen.items():
        if who != "semrec" and (name, model, "semrec") not in seen:
            fit, score = figure(middle(lines, "fit")), figure(middle(lines, "score"))
            print(f"| {name} | {model} | | | | {who} | {fit} | | {score} | |")


def main(data, name, model):
    if model in ("als", "bpr"):
        # implicit's own threads would each start BLAS threads otherwise; it asks for this itself.
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp

    if name == "ml-1m-random":
        rows = [list(map(int, line.split())) for line in open(f"{data}/{name}/train.txt")]
        users = np.repeat([row[0] for row in rows], [len(row) - 1 for row in rows])
        items = np.concatenate([row[1:] for row in rows])
    else:
        log = pd.read_csv(f"{data}/{name}/interactions.csv", dtype={"user_id": str, "item_id": str})
        log = log.sort_values(["user_id", "position"], kind="stable")
        users, items = log.user_id.factorize()[0], log.item_id.factorize()[0]
        kept = log.groupby("user_id").cumcount(ascending=False).to_numpy() > 0
        users, items = users[kept], items[kept]
    train = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)))
    train.data[:] = 1
    people = np.arange(train.shape[0])
    began = time.perf_counter()
    if model == "ease":
        gram = (train.T @ train).toarray().astype(np.float32)
        gram[np.diag_indices_from(gram)] += 500.0
        inverse = np.linalg.inv(gram)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)
        who = "numpy"
    else:
        import implicit

        who = "implicit"
        threads = os.cpu_count()
        if model == "als":
            peer = implicit.als.AlternatingLeastSquares(
                factors=128, regularization=0.05, alpha=10, iterations=15, random_state=0, num_threads=threads)
        elif model == "bpr":
            peer = implicit.bpr.BayesianPersonalizedRanking(
                factors=128, iterations=100, random_state=0, num_threads=threads)
        else:
            peer = implicit.nearest_neighbours.CosineRecommender(K=200, num_threads=threads)
        peer.fit(train, show_progress=False)
    fitted = time.perf_counter()
    if model == "ease":
        for start in range(0, len(people), 512):
            chunk = train[start:start + 512]
            scores = np.asarray(chunk @ weights)
            scores[chunk.nonzero()] = -np.inf
            best = np.argpartition(-scores, 20, axis=1)[:, :20]
            np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, 1), 1), 1)
    else:
        peer.recommend(people, train[people], N=20)
    scored = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    tell = lambda who, score: print(json.dumps({
        "who": who, "set": name, "model": model, "fit": fitted - began,
        "score": 1000 * score / len(people), "mib": peak}))
    tell(who, scored - fitted)
    if model == "als":
        # As our model does: people's factors are solved for from their histories.
        began_again = time.perf_counter()
        peer.recommend(people, train[people], N=20, recalculate_user=True)
        tell(f"{who}, from histories", time.perf_counter() - began_again)


if sys.argv[1] == "table":
    table(sys.argv[2])
else:
    main(*sys.argv[2:])
