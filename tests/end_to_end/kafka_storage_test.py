"""Runs those tests of the Kafka source that need a real broker, test_storage "[kafka_broker]", against one: once
with the client library's fetch path, once with our own."""

import os
import subprocess
import unittest

import kafka_broker
import support

TESTS = support.PROGRAM.parent / "test_storage"


class KafkaStorage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        properties = {"message.max.bytes": "20000000", "group.min.session.timeout.ms": "1000",
                      "file.delete.delay.ms": "100"}
        cls.broker = kafka_broker.Broker(sasl=True, tls=True, properties=properties)
        cls.broker.__enter__()
        cls.addClassCleanup(cls.broker.__exit__)

    def run_tests(self, selection, fetch):
        done = subprocess.run([TESTS, selection, "-d", "yes"], timeout=400, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=os.environ | {
            "TIDEMILL_KAFKA_BROKERS": self.broker.address, "TIDEMILL_KAFKA_SASL": self.broker.sasl_address,
            "TIDEMILL_KAFKA_TLS": self.broker.tls_address, "TIDEMILL_KAFKA_CA": str(self.broker.ca),
            "TIDEMILL_KAFKA_DATA": str(self.broker.folder / "data"), "TIDEMILL_KAFKA_FETCH": fetch})
        print(done.stdout)
        self.assertEqual(done.returncode, 0)

    def test_client(self):
        self.run_tests("[kafka_broker],[kafka_fetcher]", "client")

    def test_wire(self):
        self.run_tests("[kafka_broker]", "wire")


if __name__ == "__main__":
    kafka_broker.need()
    if not TESTS.exists():
        support.skip(f"no {TESTS}")
    support.main()
