"""What the end-to-end tests share: the program as a child, its HTTP interface, Redis, a combined log.

Every test is a script of its own. Exit code 77: skipped, as something it needs isn't on this machine.
TIDEMILL names the program; the default is build/release/tidemill.
"""

import contextlib
import datetime
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("TIDEMILL") or ROOT / "build/release/tidemill").resolve()
DATA = ROOT.parent / "shared/data"
ACCESS_LOG = DATA / "access_log/apache_combined.log"
COUNTRIES = DATA / "geoip/geo-whois-asn-country-ipv4.mmdb"
SKIPPED = 77


def skip(why):
    print("skipped: " + why)
    sys.exit(SKIPPED)


def need_files(*paths):
    for path in paths:
        if not path.exists():
            skip(f"{path} is absent")


def need_programs(*names):
    for name in names:
        if shutil.which(name) is None:
            skip(f"{name} is not installed")


def main():
    if not PROGRAM.exists():
        print(f"no program at {PROGRAM}: build it, or set TIDEMILL", file=sys.stderr)
        sys.exit(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that fixtures stop what they started
    unittest.main(verbosity=2)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=20.0, every=0.05):
    """The first true value of `condition()`; fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(every)


def micros(text):
    """Microseconds since 1970 of an RFC 3339 time in UTC."""
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((at - EPOCH) / datetime.timedelta(microseconds=1))


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def rfc3339(seconds):
    return (EPOCH + datetime.timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


class Case(unittest.TestCase):
    """Has a folder of its own, and leaves no process behind."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemill-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, True)

    def pipeline(self, yaml, name="p", **more):
        if "serve:" not in yaml:
            yaml += 'serve: {http: "127.0.0.1:0"}\n'  # not the port that users have
        p = Pipeline(self.folder, yaml, name, **more)
        self.addCleanup(p.kill)
        return p


class NotYet(ConnectionError):
    """503: the program answers, but has nothing to say yet."""


class Pipeline:
    """A pipeline's file, its data folder, and the program that runs it."""

    def __init__(self, folder, yaml, name="p", data=None):
        self.folder = folder
        self.file = folder / f"{name}.yaml"
        self.data = data or folder / f"{name}.data"
        self.process = None
        self.runs = 0
        self.write(yaml)

    @property
    def state(self):
        """The folder with the live state; another one after each start."""
        def numbers(tree):
            return int(tree.parent.name.split(".")[1]), int(tree.name.split(".")[1])
        return max(self.data.glob("state.*.*/tree.*"), key=numbers, default=self.data / "none")

    def write(self, yaml):
        self.file.write_text(yaml)

    def start(self, *flags):
        self.runs += 1
        self.log = self.folder / f"{self.file.stem}.{self.runs}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "run", self.file, "--data", self.data, *flags], stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, cwd=self.folder)
        return self

    def said(self):
        return self.log.read_text(errors="replace")

    def address(self, seconds=20):
        """(host, port) of the HTTP server, once the program has said it."""
        def look():
            found = re.search(r"dashboard: http://([0-9.]+):(\d+)/", self.said())
            if not found and self.process.poll() is not None:
                raise AssertionError(f"exit code {self.process.returncode} before it listened:\n{self.said()}")
            return found
        found = wait_for(lambda: "no address in\n" + self.said(), look, seconds, 0.01)
        self.host, self.port = found[1], int(found[2])
        return self.host, self.port

    def wait(self, seconds=60):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            where = stacks(self.process.pid)
            raise AssertionError(f"still runs after {seconds} s; it said\n{self.said()[-3000:]}\n{where}") from None

    def run(self, *flags, seconds=60):
        return self.start(*flags).wait(seconds)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def terminate(self, seconds=15):
        self.process.terminate()
        return self.wait(seconds)

    # The HTTP interface. Connection faults come through as OSError or HTTPException.

    def request(self, method, path, body=None, headers=None, timeout=10):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def get(self, path, **parameters):
        if parameters:
            path += "?" + urllib.parse.urlencode(parameters)
        status, body, _ = self.request("GET", path)
        if status == 503:
            raise NotYet(body.decode(errors="replace"))
        if status != 200:
            raise AssertionError(f"{path}: {status} {body.decode(errors='replace')}")
        return json.loads(body)

    def rows(self, view, **parameters):
        return self.get(f"/v1/views/{view}/rows", limit=100000, **parameters)

    def post(self, source, events, content="application/x-ndjson", timeout=10):
        body = events if isinstance(events, bytes) else "".join(json.dumps(e) + "\n" for e in events).encode()
        status, text, _ = self.request("POST", f"/v1/sources/{source}/events", body, {"Content-Type": content}, timeout)
        return status, json.loads(text)


def stacks(pid):
    """What the threads of a process wait for, as far as the kernel tells."""
    lines = []
    with contextlib.suppress(OSError):
        for task in sorted(pathlib.Path(f"/proc/{pid}/task").iterdir()):
            lines.append(f"  {(task / 'comm').read_text().strip()}: {(task / 'wchan').read_text()}")
    return "\n".join(lines)


def run_tool(*arguments, seconds=20, cwd=None):
    """(exit code, all output) of the program with these arguments."""
    done = subprocess.run([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, timeout=seconds, cwd=cwd)
    return done.returncode, done.stdout.decode(errors="replace")


def ndjson(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Watcher:
    """Calls `look` again and again on a thread; faults of the connection only mean that the program is away."""

    AWAY = (OSError, http.client.HTTPException, EOFError)

    def __init__(self, look, pause=0.02):
        self.look, self.pause = look, pause
        self.looks = self.away = 0
        self.fault = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.wait(self.pause):
            try:
                self.look()
                self.looks += 1
            except self.AWAY:
                self.away += 1
            except Exception as fault:  # told by stop()
                self.fault = fault
                return

    def stop(self):
        self.stopped.set()
        self.thread.join(30)
        if self.fault is not None:
            raise self.fault


class NeverBack:
    """Everything a reader has seen of the rows of views: counts may only grow, sealed rows never change."""

    def __init__(self, reader, column="requests"):
        self.reader, self.column = reader, column
        self.most, self.sealed = {}, {}
        self.values = self.changes = 0
        self.breaches = []

    def see(self, view, row, key):
        identity = (view, row["window_start"], row["window_end"], key)
        count, before = row[self.column], self.most.get(identity, 0)
        self.values += 1
        self.changes += count != before
        if count < before:
            self.breaches.append(f"{self.reader}: {identity} fell from {before} to {count} ({row['state']})")
        self.most[identity] = max(before, count)
        final = self.sealed.get(identity)
        if final is not None and final != row:
            self.breaches.append(f"{self.reader}: {identity} was sealed as {final}, now {row}")
        if row["state"] == "sealed":
            self.sealed[identity] = row


# Logs.

LINE = re.compile(r'^(?P<ip>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" '
                  r'(?P<status>\d+) (?P<bytes>\d+|-) "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"$')


class Hit:
    __slots__ = ("ip", "time", "status", "bytes", "line")

    def __init__(self, match):
        self.ip, self.status = match["ip"], int(match["status"])
        self.bytes = 0 if match["bytes"] == "-" else int(match["bytes"])
        self.time = int(datetime.datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z").timestamp())
        self.line = match[0]


def read_log(path):
    """(hits in the order of the file, lines that are none)"""
    hits, refused = [], []
    for line in path.read_text().split("\n"):
        if line:
            match = LINE.match(line)
            if match:
                hits.append(Hit(match))
            else:
                refused.append(line)
    return hits, refused


def spread_log(out, copies=1, step=5, jitter=90, seed=1):
    """The real log `copies` times, with new times: `step` seconds a line, up to `jitter` seconds apart from that."""
    rng = random.Random(seed)
    start = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
    lines = [line for line in ACCESS_LOG.read_text().split("\n") if line]
    with open(out, "w") as f:
        for i in range(len(lines) * copies):
            at = start + datetime.timedelta(seconds=i * step + rng.randint(-jitter, jitter))
            stamp = at.strftime("%d/%b/%Y:%H:%M:%S +0000")
            f.write(re.sub(r"\[[^\]]*\]", f"[{stamp}]", lines[i % len(lines)], count=1) + "\n")


# Redis.

class Redis:
    """A client over one socket: RESP2, as much of it as tests need."""

    def __init__(self, port, timeout=5):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def receive(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("Redis has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise ConnectionError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest.decode()
        n = int(rest)
        if n < 0:
            return None
        if kind == b"*":
            return [self.receive() for _ in range(n)]
        text = self.file.read(n + 2)
        if len(text) < n + 2:
            raise EOFError("Redis has closed the connection")
        return text[:-2].decode()

    def __call__(self, *words):
        self.send(*words)
        return self.receive()

    def many(self, commands):
        for c in commands:
            self.send(*c)
        return [self.receive() for _ in commands]

    def keys(self, view, prefix="tm"):
        return self("ZRANGE", f"{prefix}:{{{view}}}:keys", 0, -1)

    def current(self, view, prefix="tm"):
        """{key: row} of all keys of a view."""
        keys = self.keys(view, prefix)
        texts = self.many([("HGET", f"{prefix}:{{{view}:{k}}}:current", "json") for k in keys])
        return {k: json.loads(t) for k, t in zip(keys, texts) if t is not None}

    def fields(self, view, key, prefix="tm"):
        """The hash of a key, field by field."""
        words = self("HGETALL", f"{prefix}:{{{view}:{key}}}:current")
        return dict(zip(words[::2], words[1::2]))

    def series(self, view, prefix="tm"):
        """{key: [row…]} of all keys of a view."""
        keys = self.keys(view, prefix)
        found = self.many([("ZRANGE", f"{prefix}:{{{view}:{k}}}:series", 0, -1) for k in keys])
        return {k: [json.loads(t) for t in texts] for k, texts in zip(keys, found)}


class RedisServer:
    """A Redis that keeps nothing."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self.process = None

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="tidemill-redis-")
        self.process = subprocess.Popen(
            ["redis-server", "--save", "", "--appendonly", "no", "--port", str(self.port), "--bind", "127.0.0.1",
             "--dir", self.folder, "--loglevel", "warning"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        def answers():
            try:
                with Redis(self.port) as redis:
                    return redis("PING") == "PONG"
            except (OSError, EOFError):
                return False
        wait_for("Redis doesn't answer", answers)
        return self

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            shutil.rmtree(self.folder, True)
