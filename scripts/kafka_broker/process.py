"""A Kafka broker as a child process: one node in KRaft mode, its controller inside.

scripts/kafka runs it for people, tests/end_to_end/kafka_broker.py for tests. Everything of a broker is in one
folder: `server.properties`, `data`, `broker.log`, `broker.pid`.
"""

import importlib.util
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
LIBS = HERE.parents[1] / "build/kafka/libs"
PACKAGES = "openjdk-17-jre-headless maven python3-confluent-kafka"

# Records are kept whatever their time, and may be of any time: tests and examples replay old events. The rest
# makes groups and transactions work with one node, and start quickly.
BASE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.retention.ms": "-1",
    "log.message.timestamp.after.max.ms": "9223372036854775807",
}

FAST_START = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


class Failed(Exception):
    """The broker did not do what was asked; the text is for people."""


def missing():
    """What a broker needs and this machine lacks, as a sentence; None if nothing."""
    lacking = [] if shutil.which("java") else ["java"]
    if importlib.util.find_spec("confluent_kafka") is None:
        lacking.append("python3-confluent-kafka")
    if lacking:
        return f"{' and '.join(lacking)} missing; as root: apt-get install {PACKAGES}"
    if not (LIBS / "pom.xml").exists():
        return "Kafka's jars are absent; run scripts/kafka_broker/fetch"
    return None


# Settings of a client that is expected to see its broker come and go.
QUIET = {"log_level": 0, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def taken(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


class Process:
    """The broker of a folder, whoever started it."""

    def __init__(self, folder, flags=()):
        self.folder = pathlib.Path(folder)
        self.flags = flags
        self.file = self.folder / "server.properties"
        self.data = self.folder / "data"
        self.log = self.folder / "broker.log"
        self.pid_file = self.folder / "broker.pid"
        self.child = None

    def start(self, port):
        """Starts it with one listener, for everybody on this machine, and returns once it answers."""
        if taken(port):
            raise Failed(f"port {port} is taken by another program")
        # The controller stays where the data folder knows it from.
        controller = int((self.setting("controller.quorum.bootstrap.servers") or ":0").rpartition(":")[2])
        if controller in (0, port) or taken(controller):
            controller = free_port()
        self.configure({"PLAINTEXT": ("PLAINTEXT", port), "CONTROLLER": ("PLAINTEXT", controller)}, {})
        self.format()
        self.log.unlink(missing_ok=True)
        self.spawn()
        try:
            self.wait_until_it_answers(self.address())
        except BaseException:
            self.end()
            raise

    def address(self):
        """Where clients connect: the first listener."""
        return (self.setting("listeners") or "").partition(",")[0].partition("://")[2]

    def configure(self, listeners, properties):
        """`listeners`: name → (protocol, port); the first one is the node's own, CONTROLLER is required."""
        places = ",".join(f"{name}://127.0.0.1:{port}" for name, (_, port) in listeners.items())
        settings = BASE | {
            "listeners": places,
            "advertised.listeners": places,
            "inter.broker.listener.name": next(iter(listeners)),
            "listener.security.protocol.map": ",".join(f"{name}:{p}" for name, (p, _) in listeners.items()),
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{listeners['CONTROLLER'][1]}",
            "log.dirs": str(self.data),
        } | properties
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))

    def setting(self, key):
        """A setting of the last `configure` in this folder; None without one."""
        if self.file.exists():
            for line in self.file.read_text().splitlines():
                name, _, value = line.partition("=")
                if name == key:
                    return value
        return None

    def format(self, *more):
        """Makes the data folder, unless there is one."""
        if (self.data / "meta.properties").exists():
            return
        done = subprocess.run(
            [*self.java(), *FAST_START, "kafka.tools.StorageTool", "format", "--standalone",
             "--cluster-id", "tidemillAAAAAAAAAAAAAA", "--config", str(self.file), *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"the data folder {self.data} could not be formatted:\n{done.stdout[-2000:]}")

    def java(self):
        return ["java", "-cp", f"{LIBS}/*", f"-Dlog4j2.configurationFile={HERE}/log4j2.properties",
                "-Djava.net.preferIPv4Stack=true"]

    def spawn(self):
        """Starts the broker in a session of its own; it outlives this program."""
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [*self.java(), *self.flags, "kafka.Kafka", str(self.file)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self.pid_file.write_text(f"{self.child.pid}\n")

    def pid(self):
        """The running broker of this folder; None if there is none. A number that is another program's now
        does not count."""
        if self.child is not None:
            return self.child.pid if self.child.poll() is None else None
        try:
            pid = int(self.pid_file.read_text())
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self.file) in command else None

    def wait_until_it_answers(self, address, seconds=60):
        """Returns once a client sees the node among the brokers: from then on topics can be created."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient
        client = AdminClient({"bootstrap.servers": address} | QUIET)
        end = time.monotonic() + seconds
        while True:
            if self.pid() is None:
                raise Failed(f"the broker ended at its start; the end of {self.log}:\n{self.last_words()}")
            try:
                if client.list_topics(timeout=0.5).brokers:
                    return
            except KafkaException:
                pass
            if time.monotonic() > end:
                raise Failed(f"the broker did not answer at {address} within {seconds} s; see {self.log}")
            time.sleep(0.05)

    def last_words(self):
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def end(self, number=signal.SIGTERM, seconds=60):
        """Sends the signal and waits for the end; False if there was nothing to end."""
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, number)
        end = time.monotonic() + seconds
        while self.pid() is not None:
            if time.monotonic() > end:
                raise Failed(f"the broker, process {pid}, did not end within {seconds} s")
            time.sleep(0.02)
        self.child = None
        self.pid_file.unlink(missing_ok=True)
        return True
