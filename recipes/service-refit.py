#!/usr/bin/env python3
"""A service that learns on, on MovieLens latest-small: its bundle is trained on the oldest 80 % of the
ratings, the rest comes in as events, and it is told to train anew while it is asked 50 times a second.
Told are what came of it, how long each step took, and how long requests took before, meanwhile and
after. Some minutes on two cores.

usage: recipes/service-refit.py SEMREC [MODEL [EPOCHS]]      (model: hybrid if not given; with EPOCHS the encoder
is tuned before, for so many)
"""
import csv, json, re, subprocess, sys, tempfile, threading, time, urllib.request
from pathlib import Path

semrec = str(Path(sys.argv[1]).resolve())
model = sys.argv[2] if len(sys.argv) > 2 else "hybrid"
tune = ["--refit-tune", sys.argv[3]] if len(sys.argv) > 3 else []
data = Path(__file__).resolve().parent.parent / "data/ml-latest-small"
SHARE, A_SECOND, BODY = 0.8, 50, 1000


def run(*words):
    subprocess.run([semrec, "--quiet", *map(str, words)], check=True)


def asked(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


class Asking(threading.Thread):
    """Asks at a constant rate; a request is timed from when it was due."""

    def __init__(self, users):
        super().__init__(daemon=True)
        self.users, self.times, self.ends = users, [], False

    def run(self):
        begun, number = time.monotonic(), 0
        while not self.ends:
            due = begun + number / A_SECOND
            time.sleep(max(0, due - time.monotonic()))
            answer = asked(f"/v1/users/{self.users[number % len(self.users)]}/recommendations?k=10")
            assert len(answer["items"]) == 10, answer
            self.times.append((time.monotonic(), time.monotonic() - due))
            number += 1

    def between(self, start, end):
        times = sorted(1000 * t for at, t in self.times if start <= at < end)
        if not times:
            return "no requests"
        return f"{len(times)} requests, p50 {times[len(times) // 2]:.1f} ms, p99 {times[len(times) * 99 // 100]:.1f} ms, longest {times[-1]:.0f} ms"


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
    service = subprocess.Popen([semrec, "serve", place / "bundle", "--listen", "127.0.0.1:0", *tune], stdout=subprocess.PIPE, text=True)
    try:
        address = re.match(r"http://\S+", service.stdout.readline()).group()
        for at in range(cut, len(rows), BODY):
            sent = asked("/v1/events", [{"user_id": r["userId"], "item_id": r["movieId"], "type": "rating",
                                         "value": float(r["rating"]), "time": int(r["timestamp"])} for r in rows[at:at + BODY]])
            assert sent["accepted"] == len(rows[at:at + BODY]), sent
        asking = Asking(sorted({r["userId"] for r in rows}))
        asking.start()
        quiet = time.monotonic()
        time.sleep(20)
        begun, steps, last = time.monotonic(), [], None
        asked("/v1/refit", method="POST")
        while True:
            status = asked("/v1/refit")
            if status["step"] != last:
                last = status["step"]
                steps.append((last, time.monotonic()))
            if status["made"]:
                break
            time.sleep(0.05)
        ended = time.monotonic()
        time.sleep(20)
        asking.ends = True
        asking.join()
        made = status["made"][0]
        print(f"{len(rows) - cut:,} events since training; {made['outcome']}: {made['detail']}")
        print("verdict:", json.dumps(made.get("verdict")))
        for (name, at), (_, then) in zip(steps, steps[1:] + [("", ended)]):
            print(f"  {name:10} {then - at:6.1f} s")
        print("before:   ", asking.between(quiet, begun))
        print("meanwhile:", asking.between(begun, ended))
        print("after:    ", asking.between(ended, float("inf")))
        memory = Path(f"/proc/{service.pid}/status").read_text()
        print("memory of the service:", re.search(r"VmHWM:\s+(.*)", memory).group(1), "at most")
    finally:
        service.terminate()
        service.wait()
