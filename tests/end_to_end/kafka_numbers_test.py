"""Where reading starts, and the numbers that are shown of it."""

import json
import re

import kafka_world
import support


class Starts(kafka_world.Case):
    PARTITIONS = 2

    def test_latest_is_decided_once(self):
        self.broker.produce(self.topic, self.events.records(1000, 2, counted=False))
        p = self.clicks(start="latest")
        self.wait(p, "saved", lambda: [kafka_world.partition(p, i)["checkpoint"] for i in (0, 1)] == [500, 500])
        p.kill()
        self.produce(1000)
        p.start().address()
        self.end()
        self.wait_until_counted(p)

    def test_a_time(self):
        """Of the log, not of the event."""
        times = [1_769_904_000_000 + i * 1000 for i in range(1000)]
        self.broker.produce(self.topic, [(None, self.events.value(i >= 600), None, t, i % 2)
                                         for i, t in enumerate(times)])
        self.end()
        p = self.clicks(start=support.rfc3339(times[600] // 1000))
        self.wait_until_counted(p)


class Numbers(kafka_world.Case):
    PARTITIONS = 2

    def far(self, ms):
        return json.dumps({"ts": kafka_world.START + ms, "user": "far", "n": 0}).encode()

    def metric(self, p, name):
        text = p.request("GET", "/metrics")[1].decode()
        found = re.findall(rf"^tidemill_{name}\{{.*\}} ([-+.\de]+)$", text, re.M)
        self.assertTrue(found, f"no {name} in\n{text}")
        return [float(x) for x in found]

    def check(self, fetch):
        self.produce(1000)
        p = self.clicks(fetch=fetch)
        self.wait_until_read(p, 1000)
        self.wait(p, "no lag", lambda: self.metric(p, "lag") == [0, 0])
        for name, value in ("broker_up", 1), ("assigned_partitions", 2), ("commit_failures_total", 0):
            self.wait(p, name, lambda name=name, value=value: self.metric(p, "source_" + name) == [value])
            self.assertEqual(kafka_world.status(p)["sources"][0][name], value)
        self.wait(p, "bytes", lambda: self.metric(p, "source_bytes_fetched_total")[0] > 10_000)
        self.assertGreaterEqual(self.metric(p, "source_rebalances_total")[0], 1)
        self.assertEqual(self.metric(p, "records_total"), [500, 500])
        self.assertEqual(self.metric(p, "problems"), [0])

        # A partition far ahead in event time is not read on until the other one follows: it lags.
        p.write(p.file.read_text().replace("max_lead: 1d", "max_lead: 1m"))
        self.assertEqual(p.terminate(), 0, p.said())
        p.start().address()
        self.wait_ready(p)
        self.broker.produce(self.topic, [(None, self.far(600_000 + i), None, None, 0) for i in range(100_000)])

        def lags():
            part, end = kafka_world.partition(p), self.broker.ends(self.topic)[0]
            return part["state"] == "held_back" and 0 < part["offset"] < end and part["lag"] == end - part["offset"]
        self.wait(p, "held back, and lagging", lags)
        self.assertGreater(self.metric(p, "lag")[0], 0)
        self.assertIn("clicks/1", kafka_world.status(p)["holding"])
        self.broker.produce(self.topic, [(None, self.far(900_000), None, None, 1)])
        self.wait(p, "no lag", lambda: self.metric(p, "lag") == [0, 0])

    def test_with_the_client_library(self):
        self.check("client")

    def test_with_our_own_fetches(self):
        self.check("wire")


if __name__ == "__main__":
    support.main()
