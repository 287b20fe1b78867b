"""A service that a recipe starts, and how it is asked."""

import atexit
import http.client
import json
import pathlib
import signal
import subprocess
import threading
import time


class Service:
    """A process that serves a bundle over a store, on a free port."""

    def __init__(self, semrec, bundle, store, *flags):
        command = [semrec, "serve", bundle, "--listen", "127.0.0.1:0", "--store", store, *flags]
        began = time.time()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        line = self.process.stdout.readline()
        assert line.startswith("http://"), f"it does not serve: {line}"
        self.port = int(line.split()[0].rsplit(":", 1)[1])
        # Seconds until it did.
        self.ready = time.time() - began

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def resident(self):
        """MiB of memory."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def kill(self, how=signal.SIGKILL):
        """Ends it; what it ended with."""
        self.process.send_signal(how)
        return self.process.wait()


def ask(connection, method, path, body=None):
    connection.request(method, path, json.dumps(body) if body is not None else None)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


class Asking(threading.Thread):
    """Asks a service at a constant rate; a request is timed from when it was due. `request` makes the
    method, path and body of the n-th, all of which are for ten items."""

    def __init__(self, service, a_second, request):
        super().__init__(daemon=True)
        self.connection, self.a_second, self.request = service.connect(), a_second, request
        self.times, self.ends = [], False

    def run(self):
        begun, number = time.monotonic(), 0
        while not self.ends:
            due = begun + number / self.a_second
            time.sleep(max(0, due - time.monotonic()))
            status, answer = ask(self.connection, *self.request(number))
            assert status == 200 and len(json.loads(answer)["items"]) == 10, answer
            self.times.append((time.monotonic(), time.monotonic() - due))
            number += 1

    def end(self):
        self.ends = True
        self.join()

    def between(self, start, end):
        times = sorted(1000 * t for at, t in self.times if start <= at < end)
        if not times:
            return "no requests"
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        return f"{len(times)} requests, p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {times[-1]:.1f} ms"
