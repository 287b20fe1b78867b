"""A service that a recipe starts, and how it is asked."""

import atexit
import http.client
import json
import pathlib
import signal
import subprocess
import time


class Service:
    """A process that serves a bundle over a store, on a free port."""

    def __init__(self, semrec, bundle, store):
        command = [semrec, "serve", bundle, "--listen", "127.0.0.1:0", "--store", store]
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
