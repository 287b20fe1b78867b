#!/usr/bin/env python3
"""How long recommendations take while the map of the catalogue is drawn: `content` on MovieLens
latest-small, 100 recommendations a second by histories of 20 items. Half a minute.

usage: recipes/service-map.py SEMREC
"""
import csv
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from service import Service, ask

semrec = str(Path(sys.argv[1]).resolve())
data = Path(__file__).resolve().parent.parent / "data/ml-latest-small"
A_SECOND = 100


def run(*words):
    subprocess.run([semrec, "--quiet", *map(str, words)], check=True)


class Asking(threading.Thread):
    """Asks at a constant rate; a request is timed from when it was due."""

    def __init__(self, service, items):
        super().__init__(daemon=True)
        self.connection, self.items, self.times, self.ends = service.connect(), items, [], False

    def run(self):
        begun, number = time.monotonic(), 0
        while not self.ends:
            due = begun + number / A_SECOND
            time.sleep(max(0, due - time.monotonic()))
            history = [self.items[(number * 37 + place * 101) % len(self.items)] for place in range(20)]
            status, answer = ask(self.connection, "POST", "/v1/recommend", {"history": history, "k": 10})
            assert status == 200 and len(json.loads(answer)["items"]) == 10, answer
            self.times.append((time.monotonic(), time.monotonic() - due))
            number += 1

    def between(self, start, end):
        times = sorted(1000 * t for at, t in self.times if start <= at < end)
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        return f"{len(times)} requests, p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {times[-1]:.1f} ms"


with tempfile.TemporaryDirectory() as place:
    place = Path(place)
    run("import", "--items", data / "movies.csv", "--interactions", data / "ratings.csv", "--out", place / "data")
    run("train", place / "data", "--model", "content", "--out", place / "bundle")
    items = [row["movieId"] for row in csv.DictReader(open(data / "movies.csv"))]
    service = Service(semrec, place / "bundle", f"sqlite:{place}/store.db")
    asking = Asking(service, items)
    asking.start()
    quiet = time.monotonic()
    time.sleep(10)
    begun, connection = time.monotonic(), service.connect()
    while True:
        status, body = ask(connection, "GET", "/v1/map")
        if status == 200:
            break
        assert status == 202, body
        time.sleep(0.05)
    drawn = time.monotonic()
    time.sleep(10)
    asking.ends = True
    asking.join()
    print(f"the map of {len(items):,} items: {drawn - begun:.1f} s, {len(body) / 2**20:.1f} MiB")
    print("before:   ", asking.between(quiet, begun))
    print("meanwhile:", asking.between(begun, drawn))
    print("after:    ", asking.between(drawn, float("inf")))
    service.kill()
