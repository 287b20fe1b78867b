#!/usr/bin/env python3
"""Whether the service ranks as `evaluate` does, on MovieLens latest-small: `evaluate` holds out
everybody's last rating; a bundle is trained on what is left, served, and asked for ten items for
each person, of whom it keeps all events as `evaluate` does. Both ndcg@10, person by person, have to be
the same. Half a minute.

usage: recipes/service-offline.py SEMREC [MODEL…]      (item-knn, ease, content and hybrid if not given)
"""
import csv, json, math, signal, subprocess, sys, tempfile
from pathlib import Path

from service import Service, ask

semrec = str(Path(sys.argv[1]).resolve())
models = sys.argv[2:] or ["item-knn", "ease", "content", "hybrid"]
data = Path(__file__).resolve().parent.parent / "data/ml-latest-small"


def run(*words):
    subprocess.run([semrec, "--quiet", *map(str, words)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def imported(events, out):
    run("import", "--items", data / "movies.csv", "--interactions", events, "--name", "ml", "--out", out)


with tempfile.TemporaryDirectory() as place:
    place = Path(place)
    rows = list(csv.DictReader(open(data / "ratings.csv")))
    last = {}
    for at, row in enumerate(rows):
        newest = last.get(row["userId"])
        if newest is None or int(row["timestamp"]) >= int(rows[newest]["timestamp"]):
            last[row["userId"]] = at
    held_out = set(last.values())
    fields = ["userId", "movieId", "rating", "timestamp", "split"]
    for name, kept in ("whole", range(len(rows))), ("left", [at for at in range(len(rows)) if at not in held_out]):
        with open(place / f"{name}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, fields, extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**rows[at], "split": "test" if at in held_out else "train"} for at in kept)
        imported(place / f"{name}.csv", place / name)
    for model in models:
        run("evaluate", place / "whole", "--models", model, "--split", "given", "--cases", place / "cases.csv")
        offline = {row["user"]: float(row["ndcg@10"]) for row in csv.DictReader(open(place / "cases.csv"))}
        run("train", place / "left", "--model", model, "--out", place / model)
        service = Service(semrec, place / model, f"sqlite:{place}/{model}.db", "--history", "10000")
        connection, same, online = service.connect(), 0, []
        for user, expected in offline.items():
            status, answer = ask(connection, "GET", f"/v1/users/{user}/recommendations?k=10")
            assert status == 200, answer
            items = [item["item"] for item in json.loads(answer)["items"]]
            wanted = rows[last[user]]["movieId"]
            got = 1 / math.log2(2 + items.index(wanted)) if wanted in items else 0.0
            online.append(got)
            same += abs(got - expected) < 1e-6
        service.kill(signal.SIGTERM)
        mean = lambda values: sum(values) / len(values)
        print(f"{model}: ndcg@10 {mean(offline.values()):.5f} by evaluate, {mean(online):.5f} by the service; the same for {same} of {len(offline)} people")
