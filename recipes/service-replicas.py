"""The parts of recipes/service-replicas.sh: SEMREC BUNDLE [PART]…"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

from service import Service, ask

SEMREC, BUNDLE, *PARTS = sys.argv[1:]
POSTGRES = os.environ["SEMREC_TEST_POSTGRES"]


def served(schema):
    return Service(SEMREC, BUNDLE, f"{POSTGRES}&schema={schema}")


def told(connection, method, path, body=None):
    status, text = ask(connection, method, path, body)
    return status, json.loads(text)


def end(*services):
    assert all(service.kill(signal.SIGTERM) == 0 for service in services)


def figures(seconds):
    seconds = sorted(seconds)
    at = lambda share: seconds[min(len(seconds) - 1, int(len(seconds) * share))] * 1e3
    return f"p50 {at(0.5):.0f} ms, p99 {at(0.99):.0f} ms, at most {seconds[-1] * 1e3:.0f} ms"


def seen():
    one, other = served("seen"), served("seen")
    print(f"ready after {one.ready:.1f} s, the schema filled, and {other.ready:.1f} s")
    here, there = one.connect(), other.connect()
    items, events = [], []
    for i in range(200):
        item = {"title": f"A film about lighthouse number {i}", "probe": f"p{i}"}
        status, _ = told(here, "PUT", f"/v1/items/new-{i}", item)
        assert status == 201, status
        since = time.time()
        while True:
            _, found = told(there, "POST", "/v1/recommend", {"history": ["1"], "filter": f"probe = p{i}"})
            # Refused as long as no item has such a field.
            if found.get("items"):
                break
        items.append(time.time() - since)
        status, _ = told(here, "POST", "/v1/events", {"user_id": f"fresh-{i}", "item_id": "1"})
        assert status == 200, status
        since = time.time()
        while True:
            _, found = told(there, "GET", f"/v1/users/fresh-{i}/recommendations?k=1")
            if not found.get("notes"):
                break
        events.append(time.time() - since)
    print(f"from the answer of one until the other recommends an item: {figures(items)}")
    print(f"until the other knows an event: {figures(events)}")
    end(one, other)


def ingest():
    services = [served("ingest"), served("ingest")]
    for many in (1000, 100, 1):
        bodies = {1000: 40, 100: 100, 1: 300}[many]

        def send(number, service):
            connection = service.connect()
            for i in range(bodies):
                user = lambda e: f"u{number}-{(i * many + e) % 5000}"
                body = [{"user_id": user(e), "item_id": str(1 + e % 5)} for e in range(many)]
                status, _ = told(connection, "POST", "/v1/events", body)
                assert status == 200, status

        began = time.time()
        threads = [threading.Thread(target=send, args=(n, services[n % 2])) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = 4 * bodies * many / (time.time() - began)
        print(f"two services, two clients each, bodies of {many}: {rate:.0f} events a second durable")
    end(*services)


def restarts():
    service, other = served("restarts"), served("restarts")
    acknowledged, statuses, recommended, slowest = [], {}, {}, [0.0]
    lock, ended = threading.Lock(), threading.Event()
    numbers = iter(range(10**9))

    def write(at):
        connection = at.connect()
        while not ended.is_set():
            with lock:
                ids = [next(numbers) for _ in range(20)]
            body = [{"user_id": f"u{i % 97}", "item_id": "1", "event_id": f"e{i}"} for i in ids]
            asked = time.time()
            status, _ = told(connection, "POST", "/v1/events", body)
            with lock:
                slowest[0] = max(slowest[0], time.time() - asked)
                statuses[status] = statuses.get(status, 0) + 1
                if status == 200:
                    acknowledged.extend(ids)

    def read():
        connection = other.connect()
        while not ended.is_set():
            status, _ = told(connection, "POST", "/v1/recommend", {"history": ["1", "2"], "k": 10})
            recommended[status] = recommended.get(status, 0) + 1
            time.sleep(0.005)

    threads = [threading.Thread(target=write, args=(at,)) for at in (service, service, other, other)]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    # Ten short absences, and one that is longer than a write waits.
    for away in [0] * 10 + [8]:
        time.sleep(1.5)
        subprocess.run(os.environ["SEMREC_TEST_POSTGRES_STOP"], shell=True, check=True)
        time.sleep(away)
        subprocess.run(os.environ["SEMREC_TEST_POSTGRES_START"], shell=True, check=True)
    time.sleep(1.5)
    ended.set()
    for thread in threads:
        thread.join()
    lost, connection = 0, service.connect()
    for start in range(0, len(acknowledged), 5000):
        ids = acknowledged[start : start + 5000]
        body = [{"user_id": f"u{i % 97}", "item_id": "1", "event_id": f"e{i}"} for i in ids]
        status, answer = told(connection, "POST", "/v1/events", body)
        assert status == 200, answer
        lost += answer["accepted"]
    print(f"PostgreSQL started again 11 times, once after 8 s: bodies by status {statuses}, the slowest {slowest[0]:.1f} s;"
          f" recommendations meanwhile {recommended}; of {len(acknowledged)} acknowledged events lost: {lost}")
    assert lost == 0 and set(recommended) == {200}
    end(service, other)


parts = {"seen": seen, "ingest": ingest, "restarts": restarts}
for part in PARTS or parts:
    parts[part]()
