"""All that takes part: broker, Redis, a small disk, proxies, the producer, and one or two processes of tidemill."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "end_to_end")]
import kafka_broker
import proxy
import stream
import support
import topics

DISK = "400m"
PATIENCE = 0.5  # seconds that a reader waits for a process before it asks the other one


class Redis:
    """A Redis that can be killed, and come back as it was or empty."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, support.free_port(), None

    def start(self, keep=True):
        if not keep:
            shutil.rmtree(self.folder, True)
        self.folder.mkdir(exist_ok=True)
        # Without fsync: what is written outlives the process, and nothing but the process is killed here.
        self.process = subprocess.Popen(
            ["redis-server", "--save", "", "--appendonly", "yes", "--appendfsync", "no", "--port", str(self.port),
             "--bind", "127.0.0.1", "--dir", self.folder, "--loglevel", "warning"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        support.wait_for("Redis answers", self.answers, 30)

    def answers(self):
        try:
            with support.Redis(self.port) as redis:
                return redis("PING") == "PONG"
        except (OSError, EOFError):
            return False

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Disk:
    """A small file system of its own, if this machine lets us mount one; else a folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder],
                                      capture_output=True, check=False).returncode == 0
        self.ballast = folder / "ballast"

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as f:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while f.write(b"x" * size) == size:
                        pass
                except OSError:
                    pass

    def free(self):
        self.ballast.unlink(missing_ok=True)

    def close(self, keep_in):
        """What the disk holds goes to `keep_in`, if that is given."""
        self.free()
        if self.mounted:
            if keep_in:
                shutil.copytree(self.folder, keep_in, dirs_exist_ok=True)
            subprocess.run(["umount", "-l", self.folder], check=False)


class Process(support.Pipeline):
    """One process of the pipeline under a manager that starts it again whenever it has ended."""

    def __init__(self, world, name, folder, yaml, data, port):
        super().__init__(folder, yaml, name, data)
        self.world, self.name, self.host, self.port = world, name, "127.0.0.1", port
        self.wanted = False     # it is started again when it ends
        self.delay = 0.0        # before that
        self.expected = False   # its next end is ours
        self.hopeless = False   # it can't start now, and says so
        self.noted = None       # the one whose end is dealt with

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def ask(self, view, **parameters):
        """Rows, with little patience."""
        path = f"/v1/views/{view}/rows?" + urllib.parse.urlencode(parameters)
        status, body, _ = self.request("GET", path, timeout=PATIENCE)
        if status == 503:
            raise support.NotYet(body)
        if status != 200:
            raise AssertionError(f"{path}: {status} {body[:200]}")
        return json.loads(body)

    def ready(self):
        try:
            return self.request("GET", "/readyz", timeout=PATIENCE)[0] == 200
        except support.Watcher.AWAY:
            return False

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill_hard(self):
        self.expected = True
        self.process.kill()

    def restart_by(self, end):
        """Ends the process in this way, and returns when the next one runs."""
        old = self.process
        end()
        support.wait_for("a new process", lambda: self.process is not old and self.alive())

    def manage(self):
        if self.process is not None and self.process is not self.noted and not self.alive():
            self.noted = self.process
            by_record = self.world.deadly and self.process.returncode == -signal.SIGKILL
            if not self.expected and not by_record and not (self.hopeless and self.process.returncode == 1):
                self.world.ends.append({"process": self.name, "log": self.log.name, "code": self.process.returncode,
                                        "said": self.said()[-400:]})
            self.expected = False
        if self.wanted and not self.alive():
            time.sleep(self.delay)
            self.start()


class Producer:
    """The process that sends the known events."""

    def __init__(self, address, seed, rate):
        self.child = subprocess.Popen(
            [sys.executable, HERE / "producer.py", address, "events", str(seed), str(rate)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.state = {"made": 0, "stored": 0, "time_ms": stream.BEGIN_MS}
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        for line in self.child.stdout:
            self.state = json.loads(line)

    def say(self, word):
        self.child.stdin.write(word + "\n")
        self.child.stdin.flush()

    def end(self):
        """The last events, and the wait until all are stored."""
        self.say("end")
        if self.child.wait(120) != 0:
            raise AssertionError(f"the producer failed with code {self.child.returncode}")
        self.thread.join(10)
        assert self.state.get("ended"), self.state
        return self.state


class World:
    def __init__(self, folder, seed, rate):
        self.folder, self.rng = folder, random.Random(seed)
        self.ends = []          # processes that ended when nobody had asked for it
        self.poisons = 0        # records at which the hidden step throws, or ends the process
        self.deadly = False     # … is to end any process now
        self.hidden = True      # whether the program has the step that throws
        self.stopped = threading.Event()
        self.closers = []
        self.disk = Disk(folder / "disk")
        self.kafka_proxy_port, redis_proxy_port = support.free_port(), support.free_port()
        self.broker = kafka_broker.Broker(proxy=self.kafka_proxy_port)
        self.redis = Redis(folder / "redis")
        try:
            self.broker.start()
            for topic, partitions in topics.PARTITIONS.items():
                self.broker.create_topic(topic, partitions, cleanup_policy="compact" if topic == "changes" else "delete")
            self.redis.start()
            self.kafka_proxy = proxy.Proxy(self.kafka_proxy_port, int(self.broker.proxied_address.split(":")[1]))
            self.redis_proxy = proxy.Proxy(redis_proxy_port, self.redis.port)
            self.closers += [self.kafka_proxy.close, self.redis_proxy.close]
            self.out = self.disk.folder / "out"
            self.out.mkdir()
            self.once = folder / "throw_once"
            self.hidden = support.run_tool("check", self.make("check", redis_proxy_port).file)[0] == 0
            self.processes = [self.make(name, redis_proxy_port) for name in "ab"]
            self.processes[0].wanted = True
            self.manager = threading.Thread(target=self.manage, daemon=True)
            self.manager.start()
            self.producer = Producer(self.broker.address, seed, rate)
        except BaseException:
            self.close()
            raise

    def make(self, name, redis):
        port = support.free_port()
        yaml = stream.PIPELINE.format(kafka=self.kafka_proxy_port, redis=redis, out=self.out, http=port,
                                      hidden=stream.HIDDEN.format(once=self.once) if self.hidden else "")
        return Process(self, name, self.folder, yaml, self.disk.folder / "data", port)

    def manage(self):
        while not self.stopped.wait(0.02):
            for p in self.processes:
                p.manage()

    def holds(self, p):
        """Whether a process works; False: it waits as a standby; None: it starts, or doesn't say."""
        try:
            if p.ask("by_key", limit=1)["as_of"]["epoch"] > 0:
                return True
            body = p.request("GET", "/readyz", timeout=PATIENCE)[1]
        except support.Watcher.AWAY:
            return None
        return False if b"this process is the standby of" in body else None

    def skipped(self):
        """Of the poisonous records, how many are dead letters."""
        dead = self.out / "dead.ndjson"
        return sum(r["code"] == 2200 for r in support.ndjson(dead)) if dead.exists() else 0

    def active(self):
        """The process that holds the data folder."""
        def look():
            return next((p for p in self.processes if p.wanted and p.alive() and self.holds(p)), None)
        return support.wait_for("a process holds the data folder", look, 60)

    def standby(self):
        """The other one, started if need be, once it waits."""
        active = self.active()
        other = next(p for p in self.processes if p is not active)
        other.wanted, other.delay = True, 0.0
        support.wait_for(lambda: f"{other.name} is a standby; it said\n{other.said()}",
                         lambda: other.alive() and self.holds(other) is False, 60)
        return other

    def end_standby(self):
        """Leaves one process; 0 is what a standby ends with."""
        active = self.active()
        for p in self.processes:
            if p is not active and p.wanted:
                p.wanted, p.expected = False, True
                if p.alive():
                    p.signal(signal.SIGTERM)
                    code = p.wait(20)
                    if code != 0:
                        raise AssertionError(f"a standby ended with code {code}:\n{p.said()}")

    def close(self, keep=False):
        self.stopped.set()
        if hasattr(self, "manager"):
            self.manager.join(10)
        for p in getattr(self, "processes", []):
            p.wanted = False
            p.kill()
        if hasattr(self, "producer"):
            self.producer.child.kill()
            self.producer.child.wait()
        for close in self.closers:
            close()
        self.redis.kill()
        self.broker.process.end(signal.SIGKILL)
        if keep:
            shutil.copytree(self.broker.folder, self.folder / "kafka")
        self.broker.__exit__()
        self.disk.close(self.folder / "disk.kept" if keep else None)
