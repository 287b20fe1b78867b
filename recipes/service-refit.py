#!/usr/bin/env python3
"""A service that learns on, on MovieLens latest-small: its bundle is trained on the oldest 80 % of the
ratings, the rest comes in as events, and it is told to train anew while it is asked 50 times a second.
Told are what came of it, how long each step took, and how long requests took before, meanwhile and
after. Some minutes on two cores.

usage: recipes/service-refit.py SEMREC [MODEL [EPOCHS]]      (model: hybrid if not given; with EPOCHS the encoder
is tuned before, for so many)
"""
import csv, json, re, signal, subprocess, sys, tempfile, time
from pathlib import Path

from service import Asking, Service, ask

semrec = str(Path(sys.argv[1]).resolve())
model = sys.argv[2] if len(sys.argv) > 2 else "hybrid"
tune = ["--refit-tune", sys.argv[3]] if len(sys.argv) > 3 else []
data = Path(__file__).resolve().parent.parent / "data/ml-latest-small"
SHARE, A_SECOND, BODY = 0.8, 50, 1000


def run(*words):
    subprocess.run([semrec, "--quiet", *map(str, words)], check=True)


def asked(method, path, body=None):
    status, answer = ask(connection, method, path, body)
    assert status < 300, answer
    return json.loads(answer)


with tempfile.TemporaryDirectory() as place:
    place = Path(place)
    rows = list(csv.DictReader(open(data / "ratings.csv")))
    rows.sort(key=lambda row: int(row["timestamp"]))
    cut = int(SHARE * len(rows))
    with open(place / "old.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows[:cut])
    run("import", "--items", data / "movies.csv", "--interactions", place / "old.csv", "--out", place / "data")
    run("train", place / "data", "--model", model, "--out", place / "bundle")
    service = Service(semrec, place / "bundle", f"sqlite:{place}/bundle.db", *tune)
    connection = service.connect()
    try:
        for at in range(cut, len(rows), BODY):
            sent = asked("POST", "/v1/events", [{"user_id": r["userId"], "item_id": r["movieId"], "type": "rating",
                                         "value": float(r["rating"]), "time": int(r["timestamp"])} for r in rows[at:at + BODY]])
            assert sent["accepted"] == len(rows[at:at + BODY]), sent
        users = sorted({r["userId"] for r in rows})
        asking = Asking(service, A_SECOND, lambda n: ("GET", f"/v1/users/{users[n % len(users)]}/recommendations?k=10"))
        asking.start()
        quiet = time.monotonic()
        time.sleep(20)
        begun, steps, last = time.monotonic(), [], None
        asked("POST", "/v1/refit")
        while True:
            status = asked("GET", "/v1/refit")
            if status["step"] != last:
                last = status["step"]
                steps.append((last, time.monotonic()))
            if status["made"]:
                break
            time.sleep(0.05)
        ended = time.monotonic()
        time.sleep(20)
        asking.end()
        made = status["made"][0]
        print(f"{len(rows) - cut:,} events since training; {made['outcome']}: {made['detail']}")
        print("verdict:", json.dumps(made.get("verdict")))
        for (name, at), (_, then) in zip(steps, steps[1:] + [("", ended)]):
            print(f"  {name:10} {then - at:6.1f} s")
        print("before:   ", asking.between(quiet, begun))
        print("meanwhile:", asking.between(begun, ended))
        print("after:    ", asking.between(ended, float("inf")))
        memory = Path(f"/proc/{service.process.pid}/status").read_text()
        print("memory of the service:", re.search(r"VmHWM:\s+(.*)", memory).group(1), "at most")
    finally:
        service.kill(signal.SIGTERM)
