"""Compares runs of `semrec evaluate --cases` person by person: knowledge.py PREFIX none fields …

Prints a row for each model with the mean ndcg@10 of each run, PREFIX-RUN.csv, and behind each the
two-sided p-value of a sign-flip test (10,000 draws) against the first run, corrected by Holm over the
table. Needs numpy.
"""
import csv
import sys

import numpy as np

prefix, *runs = sys.argv[1:]
figures = {}
for run in runs:
    with open(f"{prefix}-{run}.csv", newline="") as file:
        for row in csv.DictReader(file):
            figures.setdefault(row["model"], {}).setdefault(run, {})[row["user"]] = float(row["ndcg@10"])


def sign_flip(differences, draws=10_000):
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    signs = np.random.default_rng(42).integers(0, 2, (draws, len(differences)), dtype=np.int8) * 2 - 1
    far = np.abs(signs @ differences) >= np.abs(differences.sum()) - 1e-12
    return (1 + far.sum()) / (1 + draws)


tests = {}
for model, by_run in figures.items():
    first = by_run.get(runs[0])
    for run in runs[1:]:
        if first is not None and run in by_run:
            assert first.keys() == by_run[run].keys(), "the same people must be asked for"
            tests[model, run] = sign_flip(np.array([by_run[run][user] - first[user] for user in first]))
corrected, least = {}, 0.0
for rank, key in enumerate(sorted(tests, key=tests.get)):
    least = max(least, min(1.0, tests[key] * (len(tests) - rank)))
    corrected[key] = least

print(f"\n{prefix}: ndcg@10 (p against {runs[0]})\n")
print("| model |", " | ".join(runs), "|")
print("|---" * (len(runs) + 1) + "|")
for model, by_run in figures.items():
    cells = []
    for run in runs:
        if run not in by_run:
            cells.append("")
            continue
        mean = f"{np.mean(list(by_run[run].values())):.4f}".removeprefix("0")
        p = corrected.get((model, run))
        cells.append(mean if p is None else f"{mean} ({p:.4f})")
    print(f"| `{model}` |", " | ".join(cells), "|")
