#!/usr/bin/env python3
"""How long recommendations take while the map of the catalogue is drawn: `content` on MovieLens
latest-small, 100 recommendations a second by histories of 20 items. Half a minute.

usage: recipes/service-map.py SEMREC
"""
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from service import Asking, Service, ask

semrec = str(Path(sys.argv[1]).resolve())
data = Path(__file__).resolve().parent.parent / "data/ml-latest-small"
A_SECOND = 100


def run(*words):
    subprocess.run([semrec, "--quiet", *map(str, words)], check=True)


def recommend(number):
    history = [items[(number * 37 + place * 101) % len(items)] for place in range(20)]
    return "POST", "/v1/recommend", {"history": history, "k": 10}


with tempfile.TemporaryDirectory() as place:
    place = Path(place)
    run("import", "--items", data / "movies.csv", "--interactions", data / "ratings.csv", "--out", place / "data")
    run("train", place / "data", "--model", "content", "--out", place / "bundle")
    items = [row["movieId"] for row in csv.DictReader(open(data / "movies.csv"))]
    service = Service(semrec, place / "bundle", f"sqlite:{place}/store.db")
    asking = Asking(service, A_SECOND, recommend)
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
    asking.end()
    print(f"the map of {len(items):,} items: {drawn - begun:.1f} s, {len(body) / 2**20:.1f} MiB")
    print("before:   ", asking.between(quiet, begun))
    print("meanwhile:", asking.between(begun, drawn))
    print("after:    ", asking.between(drawn, float("inf")))
    service.kill()
