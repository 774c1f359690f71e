"""The broker of the tests keeps its promises: what the other tests say about Kafka stands on this."""

import base64
import json
import time
import unittest

import kafka_broker
import process
import support

kafka_broker.need()
import confluent_kafka  # after need(): without it the program has ended


def values(records):
    return [r.value for r in records]


class AcrossFailures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.enterClassContext(kafka_broker.Broker())

    def test_records_come_back_as_they_went_in(self):
        self.broker.create_topic("all", 3)
        sent = [(b"k", b"v", [("id", b"1")], 1767607200000, 2), (None, b"", [("a", b""), ("a", None)], 5, 0),
                (b"gone", None, None, 7, 1)]
        self.assertEqual(self.broker.produce("all", sent), [(2, 0), (0, 0), (1, 0)])
        got = {r.partition: r for r in self.broker.consume("all")}
        for key, value, headers, timestamp, partition in sent:
            r = got[partition]
            self.assertEqual((r.key, r.value, r.headers, r.timestamp), (key, value, headers or [], timestamp))

    def test_nothing_that_was_acknowledged_is_lost_by_kill_9(self):
        self.broker.create_topic("kept", 4)
        sent = [(str(i).encode(), b"%d" % i) for i in range(5000)]
        places = self.broker.produce("kept", sent)
        self.broker.kill()
        self.broker.start()
        got = {(r.partition, r.offset): (r.key, r.value) for r in self.broker.consume("kept")}
        self.assertEqual(got, dict(zip(places, sent)))
        self.assertEqual(sum(self.broker.ends("kept").values()), 5000)

    def test_committed_readers_see_what_was_committed(self):
        self.broker.create_topic("tx")
        self.broker.produce("tx", [(None, b"c%d" % i) for i in range(1000)], transactional_id="t")
        self.broker.produce("tx", [(None, b"a%d" % i) for i in range(1000)], transactional_id="t", commit=False)
        self.broker.produce("tx", [(None, b"last")])
        self.assertEqual(values(self.broker.consume("tx")), [b"c%d" % i for i in range(1000)] + [b"last"])
        self.assertEqual(len(self.broker.consume("tx", "read_uncommitted")), 2001)

    def test_topics_grow_and_go(self):
        self.broker.create_topic("short", 1, retention_ms=1000)
        self.broker.add_partitions("short", 3)
        self.broker.produce("short", [(None, b"x", None, None, 2)] * 10)
        self.assertEqual(self.broker.delete_records("short", 2, 4), 4)
        self.assertEqual([r.offset for r in self.broker.consume("short")], [4, 5, 6, 7, 8, 9])
        self.broker.delete_topic("short")
        self.assertEqual(self.broker.partitions("short"), 0)
        self.broker.create_topic("short")
        self.assertEqual(self.broker.consume("short"), [])

    def test_a_groups_offsets_are_kept(self):
        self.broker.create_topic("grouped", 2)
        self.broker.with_consumer("g", lambda c: c.commit(
            offsets=[confluent_kafka.TopicPartition("grouped", 1, 7)], asynchronous=False))
        self.broker.stop()
        self.broker.start()
        self.assertEqual(self.broker.committed("g", "grouped"), {1: 7})


class Security(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.enterClassContext(kafka_broker.Broker(sasl=True, tls=True))
        cls.broker.create_topic("t")

    def partitions(self, **config):
        client = confluent_kafka.Producer(self.broker.config(**config))
        return len(client.list_topics("t", timeout=10).topics["t"].partitions)

    def refusal(self, **config):
        """The first thing that a client with these settings is told."""
        errors = []
        client = confluent_kafka.Producer(self.broker.config(error_cb=errors.append, **config) | process.QUIET)
        support.wait_for("the client is told", lambda: client.poll(0.1) or errors)
        return errors[0].str()

    def login(self, mechanism, password=kafka_broker.PASSWORD):
        return {"bootstrap_servers": self.broker.sasl_address, "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": mechanism, "sasl_username": kafka_broker.USER, "sasl_password": password}

    def test_the_right_password_is_taken_and_a_wrong_one_is_not(self):
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            with self.subTest(mechanism):
                if mechanism == "PLAIN" or kafka_broker.SCRAM_WORKS:
                    self.assertEqual(self.partitions(**self.login(mechanism)), 1)
                self.assertIn("Authentication failed", self.refusal(**self.login(mechanism, "wrong")))

    def test_tokens_are_taken(self):
        def part(thing):
            return base64.urlsafe_b64encode(json.dumps(thing).encode()).rstrip(b"=").decode()

        def token(_):
            return f"{part({'alg': 'none'})}.{part({'sub': 'alice', 'exp': time.time() + 600})}.", time.time() + 600
        client = confluent_kafka.Consumer(self.broker.config(
            group_id="g", bootstrap_servers=self.broker.sasl_address, security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="OAUTHBEARER", oauth_cb=token, log_level=0))
        client.subscribe(["t"])
        client.poll(0.5)
        self.assertIn("t", client.list_topics(timeout=10).topics)
        client.close()

    def test_a_certificate_is_checked(self):
        place = {"bootstrap_servers": self.broker.tls_address, "security_protocol": "SSL"}
        self.assertEqual(self.partitions(**place, ssl_ca_location=str(self.broker.ca)), 1)
        self.assertIn("certificate verify failed", self.refusal(**place))


support.main()
