"""A Kafka source that can't be opened: what is final ends the program at once, all else is said and waited for."""

import time

import confluent_kafka
import kafka_broker
import kafka_world
import support

FAILED, WRONG_FILE = 1, 78


class Refused(kafka_world.Case):
    BROKER = {"sasl": True, "tls": True}
    PARTITIONS = 1

    def ends(self, code, *words, brokers=None, **settings):
        """It ends by itself, within seconds, and says these words."""
        settings = {"topics": f"[{self.topic}]", "group": self.group} | settings
        p = self.pipeline(kafka_world.yaml(brokers or self.broker.address, **settings))
        self.assertEqual(p.run(seconds=20), code, p.said())
        for word in words:
            self.assertIn(word, p.said())
        self.assertNotIn(kafka_broker.PASSWORD, p.said())
        return p.said()

    def waits(self, *words, brokers=None, **settings):
        """It says these words, is not ready, and goes on trying."""
        p = self.clicks(brokers, **settings)
        self.wait_for_problem(p, "sources.clicks: ", *words, seconds=20)
        self.not_ready(p, *words, "source clicks is not open yet")
        return p

    def login(self, mechanism, password=kafka_broker.PASSWORD, user=kafka_broker.USER):
        return f'{{mechanism: {mechanism}, username: {user}, password: "{password}"}}'

    def test_a_wrong_password(self):
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            with self.subTest(mechanism):
                self.ends(FAILED, "sources.clicks: ", self.broker.sasl_address, "refuses us", "Authentication failed",
                          "check `sasl`", brokers=self.broker.sasl_address, sasl=self.login(mechanism, "wrong"))
        self.ends(FAILED, "Authentication failed", brokers=self.broker.sasl_address,
                  sasl=self.login("PLAIN", user="nobody"))

    def test_the_right_password(self):
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            with self.subTest(mechanism):
                settings = {"brokers": self.broker.sasl_address, "sasl": self.login(mechanism),
                            "group": self.group + mechanism}
                if mechanism == "PLAIN" or kafka_broker.SCRAM_WORKS:
                    p = self.clicks(name=mechanism, **settings)
                    self.wait_ready(p)
                    self.assertEqual(p.terminate(), 0, p.said())
                else:  # nothing that we could mend; a person must not look for the fault in the password
                    self.ends(FAILED, f"librdkafka {confluent_kafka.libversion()[0]}", "SCRAM", "2.6.1", **settings)

    def test_another_kind_of_listener(self):
        self.ends(FAILED, "refuses us", "certificate verify failed", "check `tls`", brokers=self.broker.tls_address,
                  tls="{}")
        self.ends(FAILED, "refuses us", "SSL handshake failed", "check `tls`", tls="{}")
        for name, address in ("no_login", self.broker.sasl_address), ("no_tls", self.broker.tls_address):
            p = self.waits(address, "check `tls` and `sasl`", brokers=address, name=name)
            self.assertEqual(p.terminate(), 0, p.said())

    def test_a_missing_topic_is_waited_for(self):
        p = self.waits("topic later does not exist", self.broker.address, "create it, or fix `topics`",
                       topics=f"[{self.topic}, later]")
        self.broker.create_topic("later", 2)
        self.wait_ready(p)
        self.produce(100)
        self.broker.produce("later", self.events.records(1000, 2) + self.events.end(2))
        self.end()
        self.wait_until_counted(p)

    def test_a_pattern_without_a_match_is_waited_for(self):
        p = self.waits("no topic", "matches ^some_.*", "create one, or fix `topics`", topics="['^some_.*']")
        self.broker.create_topic("some_topic", 1)
        self.wait_ready(p)
        self.broker.produce("some_topic", self.events.records(1000) + self.events.end())
        self.wait_until_counted(p)

    def test_brokers_that_are_not_there(self):
        p = self.waits("no-such-host.invalid:9092", "not reachable", "resolve",
                       brokers="no-such-host.invalid:9092")
        begun = time.monotonic()
        self.assertEqual(p.terminate(), 0, p.said())
        self.assertLess(time.monotonic() - begun, 5)
        # One of several is enough.
        p = self.clicks(f'no-such-host.invalid:9092", "127.0.0.1:1", "{self.broker.address}', name="several")
        self.wait_ready(p)

    def test_what_no_broker_is_needed_for(self):
        self.ends(WRONG_FILE, "sources.clicks.topics", "a topic can't have this name", topics="['no/thing']")
        self.ends(WRONG_FILE, "sources.clicks.topics", "the pattern is not valid", topics="['^no(']")
        self.ends(WRONG_FILE, "sources.clicks.brokers", "a port is", brokers="127.0.0.1:99999")


if __name__ == "__main__":
    support.main()
