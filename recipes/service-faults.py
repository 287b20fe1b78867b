"""The parts of recipes/service-faults.sh: SEMREC BUNDLE [PART [SECONDS]]…"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from service import Service, ask

SEMREC, BUNDLE, *PARTS = sys.argv[1:]


def served(store):
    return Service(SEMREC, BUNDLE, f"sqlite:{store}")


@contextlib.contextmanager
def place():
    at = pathlib.Path(tempfile.mkdtemp())
    try:
        yield at
    finally:
        shutil.rmtree(at)


def kills():
    random.seed(42)
    with place() as at:
        acknowledged, number, began = [], 0, time.time()
        lock = threading.Lock()
        for _ in range(50):
            service = served(at / "s.db")

            def send():
                nonlocal number
                connection = service.connect()
                with contextlib.suppress(OSError, http.client.HTTPException):
                    while True:
                        with lock:
                            ids = list(range(number, number + 20))
                            number += 20
                        body = [{"user_id": f"u{i % 97}", "item_id": "1", "event_id": f"e{i}"} for i in ids]
                        status, _ = ask(connection, "POST", "/v1/events", body)
                        if status == 200:
                            with lock:
                                acknowledged.extend(ids)

            threads = [threading.Thread(target=send) for _ in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(random.uniform(0.05, 0.4))
            service.kill()
            for thread in threads:
                thread.join()
        service = served(at / "s.db")
        connection, lost = service.connect(), 0
        for start in range(0, len(acknowledged), 5000):
            ids = acknowledged[start : start + 5000]
            body = [{"user_id": f"u{i % 97}", "item_id": "1", "event_id": f"e{i}"} for i in ids]
            _, text = ask(connection, "POST", "/v1/events", body)
            lost += json.loads(text)["accepted"]
        service.kill(signal.SIGTERM)
        print(f"kills: 50, events acknowledged: {len(acknowledged)}, of these lost: {lost}, {time.time() - began:.0f} s")
        assert lost == 0


def disk():
    with place() as at:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "semrec", at], check=True)
        try:
            service = served(at / "s.db")
            free = shutil.disk_usage(at).free
            (at / "filler").write_bytes(bytes(max(0, free - (4 << 20))))
            connection, stored = service.connect(), 0
            for round_ in range(1000):
                body = [{"user_id": f"user-{round_}-{i}", "item_id": "1"} for i in range(1000)]
                status, text = ask(connection, "POST", "/v1/events", body)
                if status != 200:
                    break
                stored += 1000
            problem = json.loads(text)
            assert status == 507, (status, text)
            recommended, _ = ask(connection, "POST", "/v1/recommend", {"history": ["1"], "k": 5})
            assert recommended == 200
            os.remove(at / "filler")
            after, _ = ask(connection, "POST", "/v1/events", body)
            assert after == 200
            service.kill(signal.SIGTERM)
            service = served(at / "s.db")
            known = sum(
                "nothing is known" not in ask(service.connect(), "GET", f"/v1/users/user-{r}-7/recommendations")[1]
                for r in range(stored // 1000)
            )
            service.kill()
            print(f"full disk: {stored} events stored, then {status} \"{problem['detail']}\"; recommendations go on;"
                  f" with room again it writes, and {known} of {stored // 1000} acknowledged bodies are there")
            assert known == stored // 1000
        finally:
            subprocess.run(["umount", at], check=True)


def slow():
    with place() as at:
        service = served(at / "s.db")
        heads = b"POST /v1/recommend HTTP/1.1\r\nHost: s\r\nContent-Length: 100000\r\n\r\n"
        clients = []
        for i in range(500):
            client = socket.create_connection(("127.0.0.1", service.port))
            # Half of them dawdle over the head, half over the body.
            rest = heads if i % 2 else b""
            client.sendall(rest)
            client.setblocking(False)
            clients.append((client, time.time()))
        began, open_, cut, took = time.time(), list(clients), [], []
        connection = service.connect()
        while open_ and time.time() - began < 120:
            left = []
            for client, since in open_:
                try:
                    client.send(b"G")
                    if client.recv(1000):
                        client.send(b"G")
                    raise ConnectionError
                except BlockingIOError:
                    left.append((client, since))
                except OSError:
                    cut.append(time.time() - since)
                    client.close()
            open_ = left
            for _ in range(50):
                asked = time.time()
                status, _ = ask(connection, "POST", "/v1/recommend", {"history": ["1", "2"], "k": 10})
                assert status == 200
                took.append(time.time() - asked)
                time.sleep(0.02)
        took.sort()
        print(f"slow: 500 clients of a byte a second, cut off after {min(cut):.0f} to {max(cut):.0f} s, {len(open_)} left;"
              f" meanwhile {len(took)} recommendations, p50 {took[len(took) // 2] * 1e3:.1f} ms, p99 {took[int(len(took) * 0.99)] * 1e3:.1f} ms")
        service.kill()
        assert not open_


def bundle():
    with place() as at:
        refused = 0
        files = sorted(p for p in pathlib.Path(BUNDLE).rglob("*") if p.is_file())
        for file in files:
            copy = at / "bundle"
            shutil.copytree(BUNDLE, copy)
            target = copy / file.relative_to(BUNDLE)
            target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
            command = [SEMREC, "serve", copy, "--listen", "127.0.0.1:0", "--store", f"sqlite:{at}/s.db"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
            said = done.stderr.strip().splitlines()
            assert done.returncode == 1 and said, (file, done)
            print(f"  {file.relative_to(BUNDLE)} cut in half: {said[-1].replace(str(at), '…')}")
            refused += 1
            shutil.rmtree(copy)
        print(f"damaged bundles: {refused} of {len(files)} refused")


def soak(seconds=900):
    random.seed(42)
    with place() as at:
        service = served(at / "s.db")
        _, listed = ask(service.connect(), "GET", "/v1/items?limit=200")
        known = [item["item_id"] for item in json.loads(listed)["items"]]
        # What is kept grows at first: 500 new items, and the histories of 2,000 people up to 200 events.
        filling = service.connect()
        for i in range(500):
            ask(filling, "PUT", f"/v1/items/new-{i}", {"title": f"A film about {i}"})
        for user in range(2000):
            status, text = ask(filling, "POST", "/v1/events", [{"user_id": f"u{user}", "item_id": random.choice(known)} for _ in range(200)])
            assert status == 200, text
        end, counts, failed = time.time() + seconds, [0] * 4, []

        def work(kind):
            connection, i = service.connect(), 0
            while time.time() < end:
                i += 1
                user = f"u{random.randrange(2000)}"
                asked = [
                    ("POST", "/v1/recommend", {"user_id": user, "history": [random.choice(known)], "k": 10}),
                    ("POST", "/v1/events", [{"user_id": user, "item_id": random.choice(known)} for _ in range(5)]),
                    ("PUT", f"/v1/items/new-{i % 500}", {"title": f"A film about {i}"}),
                    ("GET", f"/v1/users/{user}/recommendations?k=20&explain=true", None),
                ][kind]
                status, text = ask(connection, *asked)
                counts[kind] += 1
                if status not in (200, 201):
                    failed.append((status, text))
                time.sleep(0.01)

        threads = [threading.Thread(target=work, args=(kind,)) for kind in range(4)]
        for thread in threads:
            thread.start()
        memory, every = [round(service.resident(), 1)], max(1, seconds // 15)
        while time.time() < end:
            time.sleep(min(every, max(0, end - time.time())) or 0.1)
            memory.append(round(service.resident(), 1))
        for thread in threads:
            thread.join()
        service.kill(signal.SIGTERM)
        print(f"soak of {seconds} s: {sum(counts)} requests {counts}, {len(failed)} failed, MiB at first and every {every} s: {memory}")
        assert not failed, failed[:3]


parts = {"kills": kills, "disk": disk, "slow": slow, "bundle": bundle, "soak": soak}
asked = PARTS or list(parts)
while asked:
    part, *asked = asked
    if part == "soak" and asked and asked[0].isdigit():
        soak(int(asked.pop(0)))
    else:
        parts[part]()
