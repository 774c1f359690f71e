"""A real Kafka broker for a test: a folder and ports of its own, records in and out, and ways to make it fail.

    with kafka_broker.Broker() as broker:
        broker.create_topic("events", 4)
        broker.produce("events", [(None, b"one"), (b"key", b"two", [("id", b"2")], 1767607200000, 3)])
        broker.kill()
        broker.start()                      # same data, same address
        [(r.key, r.value) for r in broker.consume("events")]

A test that needs it calls `kafka_broker.need()` first, or lets the constructor raise unittest.SkipTest.
"""

import collections
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import support

sys.path.insert(0, str(support.ROOT / "scripts/kafka_broker"))
import process

try:
    import confluent_kafka
    import confluent_kafka.admin
except ImportError:
    confluent_kafka = None  # need() says so

SCRAM_WORKS = confluent_kafka is not None and confluent_kafka.libversion()[1] >= 0x02060100
USER, PASSWORD = "alice", "Secret of alice"
Record = collections.namedtuple("Record", "partition offset key value headers timestamp")


def need():
    """Ends the program as skipped unless a broker can run here."""
    if process.missing():
        support.skip(process.missing())


class Broker:
    """`sasl` and `tls` add listeners with a password and with encryption; `sasl_address` takes PLAIN, SCRAM-SHA-256,
    SCRAM-SHA-512 (USER, PASSWORD) and OAUTHBEARER (unsecured tokens), `tls_address` has a certificate for 127.0.0.1
    signed by the file `ca`. Who connects to `proxied_address` is sent to port `proxy` from then on: a listener for
    clients behind a proxy. `properties` go to server.properties.

    SCRAM is refused to librdkafka before 2.6.1, whatever the password: it sends its nonce twice, which brokers
    accept up to 3.9 (librdkafka #4895). See SCRAM_WORKS."""

    def __init__(self, sasl=False, tls=False, proxy=None, properties=None):
        if process.missing():
            raise unittest.SkipTest(process.missing())
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemill-kafka-"))
        self.process = process.Process(self.folder, process.FAST_START)
        listeners = {"PLAINTEXT": ("PLAINTEXT", support.free_port()), "CONTROLLER": ("PLAINTEXT", support.free_port())}
        settings = {}
        self.scram = []
        if sasl:
            listeners["SASL"] = ("SASL_PLAINTEXT", support.free_port())
            settings |= self.passwords()
        if tls:
            listeners["TLS"] = ("SSL", support.free_port())
            settings |= self.certificates()
        if proxy:
            listeners["PROXIED"] = ("PLAINTEXT", support.free_port())
            places = ",".join(f"{n}://127.0.0.1:{proxy if n == 'PROXIED' else p}" for n, (_, p) in listeners.items())
            settings["advertised.listeners"] = places
        self.address, self.sasl_address, self.tls_address, self.proxied_address = (
            f"127.0.0.1:{listeners[name][1]}" if name in listeners else None
            for name in ("PLAINTEXT", "SASL", "TLS", "PROXIED"))
        self.process.configure(listeners, settings | (properties or {}))

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.process.end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    # What can happen to a broker.

    def start(self):
        """Starts it, or starts it again on the same data and ports; returns once it answers."""
        self.process.format(*self.scram)
        self.process.spawn()
        self.process.wait_until_it_answers(self.address)
        return self

    def stop(self):
        self.process.end(signal.SIGTERM)

    def kill(self):
        self.process.end(signal.SIGKILL)

    def pause(self):
        """It keeps its connections, and says nothing until `resume`."""
        self.process.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.child.send_signal(signal.SIGCONT)

    def said(self):
        return self.process.log.read_text(errors="replace")

    # Topics.

    def create_topic(self, name, partitions=1, **config):
        """`config`: settings of the topic with _ for the dots, `cleanup_policy="compact"`."""
        config = {key.replace("_", "."): str(value) for key, value in config.items()}
        self.admin(lambda a: a.create_topics([confluent_kafka.admin.NewTopic(name, partitions, 1, config=config)]))
        self.wait_for_partitions(name, partitions)

    def delete_topic(self, name):
        self.admin(lambda a: a.delete_topics([name]))
        self.wait_for_partitions(name, 0)

    def add_partitions(self, name, total):
        self.admin(lambda a: a.create_partitions([confluent_kafka.admin.NewPartitions(name, total)]))
        self.wait_for_partitions(name, total)

    def partitions(self, name):
        """How many the topic has; 0 without it."""
        with_topic = self.client_of_admin().list_topics(timeout=10).topics
        return len(with_topic[name].partitions) if name in with_topic else 0

    def wait_for_partitions(self, name, count):
        support.wait_for(f"topic {name} has {count} partitions", lambda: self.partitions(name) == count)

    def delete_records(self, name, partition, before):
        """Removes the records below an offset, as retention does; returns the first offset left."""
        topic = struct.pack(">h", len(name)) + name.encode()
        body = struct.pack(">i", 1) + topic + struct.pack(">iiqi", 1, partition, before, 30000)
        # The client library of Debian 12 can't: DeleteRecords version 1, correlation 1, no client id.
        request = struct.pack(">hhih", 21, 1, 1, -1) + body
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), 30) as s:
            s.sendall(struct.pack(">i", len(request)) + request)
            with s.makefile("rb") as answer:
                size, = struct.unpack(">i", answer.read(4))
                low, error = struct.unpack(">qh", answer.read(size)[-10:])
        if error:
            raise process.Failed(f"delete_records: error {error}")
        return low

    # Records.

    def config(self, **more):
        """A client's settings, with _ for the dots in names."""
        callbacks = ("error_cb", "log_level", "oauth_cb")
        return {"bootstrap.servers": self.address} | {
            key if key in callbacks else key.replace("_", "."): value for key, value in more.items()}

    def produce(self, topic, records, **config):
        """Sends tuples (key, value, headers, time in ms, partition), the end of which may be left out, and returns
        (partition, offset) of each. With `transactional_id` all are one transaction; `commit=False` aborts it."""
        commit = config.pop("commit", True)
        producer = confluent_kafka.Producer(self.config(**{"linger_ms": 5, "acks": "all"} | config))
        if "transactional_id" in config:
            producer.init_transactions(30)
            producer.begin_transaction()
        places = [None] * len(records)
        for i, record in enumerate(records):
            key, value, headers, timestamp, partition = (*record, *(None,) * (5 - len(record)))
            more = {"headers": headers} if headers else {}
            more |= {"timestamp": timestamp} if timestamp is not None else {}
            more |= {"partition": partition} if partition is not None else {}
            arrived = Arrival(places, i)
            while True:
                try:
                    producer.produce(topic, value, key, on_delivery=arrived, **more)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        if producer.flush(60):
            raise process.Failed(f"{topic}: records were not taken within 60 s")
        if "transactional_id" in config:
            producer.commit_transaction(30) if commit else producer.abort_transaction(30)
        return places

    def consume(self, topic, isolation="read_committed", seconds=60, **config):
        """All records that are there now, by partition and offset."""
        consumer = confluent_kafka.Consumer(self.config(**{
            "group_id": "kafka_broker.consume", "enable_auto_commit": False, "isolation_level": isolation,
            "enable_partition_eof": True, "auto_offset_reset": "earliest"} | config))
        rest = set(range(self.partitions(topic)))
        consumer.assign([confluent_kafka.TopicPartition(topic, p, confluent_kafka.OFFSET_BEGINNING) for p in rest])
        records, end = [], time.monotonic() + seconds
        try:
            while rest:
                if time.monotonic() > end:
                    raise process.Failed(f"{topic}: partitions {sorted(rest)} were not read within {seconds} s")
                for m in consumer.consume(1000, 0.2):
                    if m.error() is None:
                        records.append(Record(m.partition(), m.offset(), m.key(), m.value(), m.headers() or [],
                                              m.timestamp()[1]))
                    elif m.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                        rest.discard(m.partition())
                    elif not m.error().retriable():
                        raise process.Failed(f"{topic}: {m.error()}")
        finally:
            consumer.close()
        return sorted(records, key=lambda r: (r.partition, r.offset))

    def ends(self, topic):
        """The offset after the last record, per partition, transactions' markers included."""
        return self.with_consumer("kafka_broker.ends", lambda c: {
            p: c.get_watermark_offsets(confluent_kafka.TopicPartition(topic, p), 10)[1]
            for p in range(self.partitions(topic))})

    def committed(self, group, topic):
        """The group's offset per partition, where it has one."""
        places = [confluent_kafka.TopicPartition(topic, p) for p in range(self.partitions(topic))]
        found = self.with_consumer(group, lambda c: c.committed(places, 10))
        return {place.partition: place.offset for place in found if place.offset >= 0}

    def with_consumer(self, group, work):
        consumer = confluent_kafka.Consumer(self.config(group_id=group, enable_auto_commit=False))
        try:
            return work(consumer)
        finally:
            consumer.close()

    def client_of_admin(self):
        return confluent_kafka.admin.AdminClient(self.config() | process.QUIET)

    def admin(self, work):
        client = self.client_of_admin()  # its futures fail if it goes away
        for future in work(client).values():
            future.result(30)

    # Security.

    def passwords(self):
        quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        self.scram = [part for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")
                      for part in ("--add-scram", f"{kind}=[name={USER},password=\"{PASSWORD}\"]")]
        modules = {
            "plain": f'plain.PlainLoginModule required user_{USER}="{quoted}"',
            "scram-sha-256": "scram.ScramLoginModule required",
            "scram-sha-512": "scram.ScramLoginModule required",
            "oauthbearer": 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"',
        }
        return {"sasl.enabled.mechanisms": ",".join(name.upper() for name in modules)} | {
            f"listener.name.sasl.{name}.sasl.jaas.config": f"org.apache.kafka.common.security.{module};"
            for name, module in modules.items()}

    def certificates(self):
        """A certificate authority of our own, and the broker's certificate."""
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if shutil.which("openssl") is None:
            raise unittest.SkipTest("openssl missing")
        self.ca = self.folder / "ca.pem"
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=test-ca")
        openssl("req", *new_key, "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=127.0.0.1")
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost")
        openssl("x509", "-req", "-in", "broker.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", "broker.crt", "-days", "30", "-extfile", "names")
        together = self.folder / "broker.pem"
        together.write_text((self.folder / "broker.key").read_text() + (self.folder / "broker.crt").read_text())
        return {"listener.name.tls.ssl.keystore.type": "PEM",
                "listener.name.tls.ssl.keystore.location": str(together)}


class Arrival:
    """Where a record went; raised by the client's next `poll` or `flush` if it went nowhere."""

    def __init__(self, places, i):
        self.places, self.i = places, i

    def __call__(self, error, message):
        if error is not None:
            raise confluent_kafka.KafkaException(error)
        self.places[self.i] = (message.partition(), message.offset())
