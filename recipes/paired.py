"""Sign-flip test of two files of `evaluate --cases`, person by person: FROZEN TUNED."""

import csv, random, sys
frozen, tuned = ({row["user"]: float(row["ndcg@10"]) for row in csv.DictReader(open(path))} for path in sys.argv[1:])
differences = [tuned[user] - frozen[user] for user in sorted(frozen)]
moved = [d for d in differences if d]
draw = random.Random(0)
beyond = sum(abs(sum(d if draw.random() < 0.5 else -d for d in moved)) >= abs(sum(moved)) for _ in range(2_000))
mean = lambda values: sum(values) / len(values)
print(f"tuned over frozen: ndcg@10 {mean(frozen.values()):.4f} -> {mean(tuned.values()):.4f}, p = {(beyond + 1) / 2001:.4f}")
