"""What the program writes into topics: every event once through kills, changelogs equal to their views, sealed rows."""

import collections
import json
import os
import random
import time
import unittest

import kafka_broker
import support

kafka_broker.need()

KILLS = int(os.environ.get("TIDEMILL_KILLS", "5"))  # how often the exactly-once test kills the program
START = 1_767_571_200

HEAD = """\
pipeline: {name}
sources:
  clicks:
    type: kafka
    brokers: ["{broker}"]
    topics: [clicks]
    group: {name}
    session: 6s
    schema: {{ts: timestamp_s, user: string, n: int}}
    time: {{field: ts, out_of_order: 5s, idle: 1h}}
streams:
  good:
    from: clicks
    steps:
      - filter: 'n >= 0'
      - set: {{double: 'n * 2'}}
views:
  minutes:
    from: good
    by: [user]
    window: {{size: 1m, lateness: 5s}}
    emit: {{every: 100ms}}
    retain: {retain}
    select: {{events: 'count()', total: 'sum(n)'}}
serve: {{http: "127.0.0.1:0"}}
engine: {{checkpoint: 300ms, flush: 20ms}}
sinks:
"""

EVENTS = """\
  copies: {{type: kafka, brokers: ["{broker}"], topic: copies, from: good, key: user, headers: {{origin: shop}}}}
"""
ROWS = """\
  changes: {{type: kafka, brokers: ["{broker}"], topic: changes, from: minutes}}
  final: {{type: kafka, brokers: ["{broker}"], topic: final, from: minutes, mode: append, compression: zstd}}
  refused: {{type: kafka, brokers: ["{broker}"], topic: refused, from: [good.dead, clicks.dead, minutes.late]}}
"""


def event(i, second=None):
    return json.dumps({"ts": START + (i // 50 if second is None else second), "user": f"u{i * 7919 % 20}", "n": i})


class KafkaSinks(support.Case):
    @classmethod
    def setUpClass(cls):
        cls.broker = kafka_broker.Broker().start()
        cls.addClassCleanup(cls.broker.__exit__)

    def setUp(self):
        super().setUp()
        self.made = 0
        for topic in ("clicks", "copies", "changes", "final", "refused"):
            if self.broker.partitions(topic):
                self.broker.delete_topic(topic)
        self.broker.create_topic("clicks", 4)
        self.broker.create_topic("copies", 3)
        self.broker.create_topic("changes", 2, cleanup_policy="compact")
        self.broker.create_topic("final", 1)
        self.broker.create_topic("refused", 1)

    def shop(self, sinks, retain="7d"):
        """A pipeline, and so a group and writers, of its own for each test."""
        name = "shop-" + self.folder.name[-8:]
        return self.pipeline((HEAD + sinks).format(broker=self.broker.address, retain=retain, name=name))

    def send(self, count, second=None):
        self.broker.produce("clicks", [(None, event(self.made + i, second), None, None, (self.made + i) % 4)
                                       for i in range(count)])
        self.made += count

    def ids(self, topic):
        return [dict(r.headers)["tidemill-id"].decode() for r in self.broker.consume(topic)]

    def test_every_event_is_in_the_topic_once_after_kills(self):
        random.seed(4)
        p = self.shop(EVENTS)
        p.start()
        for _ in range(KILLS):
            p.address()
            self.send(1000)
            time.sleep(random.uniform(0.05, 1.0))  # anywhere: in a transaction, between two, in a checkpoint
            p.kill()
            p.start()
        p.address(60)  # a transaction that was left open is ended first
        self.send(1000)
        support.wait_for(lambda: f"{self.made} events; there are {len(set(self.ids('copies')))}; it said\n{p.said()}",
                         lambda: len(set(self.ids("copies"))) >= self.made, 60, 0.5)
        self.assertEqual(p.terminate(), 0)
        records = self.broker.consume("copies")
        ids = collections.Counter(dict(r.headers)["tidemill-id"] for r in records)
        self.assertEqual((len(records), max(ids.values())), (self.made, 1))
        self.assertEqual(sorted(json.loads(r.value)["n"] for r in records), list(range(self.made)))
        partition_of = {}
        for r in records:
            value = json.loads(r.value)
            self.assertEqual(value["double"], 2 * value["n"])
            self.assertEqual(r.key, value["user"].encode())
            self.assertEqual(dict(r.headers)["origin"], b"shop")
            self.assertEqual(partition_of.setdefault(r.key, r.partition), r.partition)

    def test_topics_hold_what_their_view_holds(self):
        p = self.shop(ROWS, retain="1m")
        p.start()
        p.address()
        for step in range(3):
            self.send(4000)  # 80 s each
            self.caught_up(p)
            if step == 1:  # the other time it is killed with rows on their way, or before
                self.same_as_served(p)
            self.broker.produce("clicks", [(None, '{"ts": 1, "user"', None, None, 0), (None, event(1, -600))])
            p.kill()
            p.start()
            p.address(60)
        self.caught_up(p)
        self.same_as_served(p)
        rows = self.rows_of(p)
        self.assertIn("sealed", {r["state"] for r in rows.values()})
        keys = {r.key for r in self.broker.consume("changes")}
        self.assertGreater(len(keys), len(rows), "none was trimmed")
        # Sealed rows: each once, the same as the view's.
        sealed = self.broker.consume("final")
        texts = [r.value for r in sealed]
        self.assertEqual(len(texts), len(set(texts)))
        by_place = {(r["window_start"], r["user"]): r for r in map(json.loads, texts)}
        self.assertEqual(len(by_place), len(texts), "a row was sealed twice")
        for place, row in rows.items():
            if row["state"] == "sealed":
                self.assertEqual(by_place[place], row)
        for r in sealed:
            self.assertEqual(json.loads(r.key), {"user": json.loads(r.value)["user"]})
        # Late and broken events.
        kinds = collections.Counter(json.loads(r.value)["stream"] for r in self.broker.consume("refused"))
        self.assertEqual(kinds, {"clicks.dead": 3, "minutes.late": 3})

    def test_events_of_two_sources_have_ids_of_their_own(self):
        source = "  %s: {type: http, partitions: 2, partition_by: n, schema: {ts: timestamp_s, n: int}, time: {field: ts}}\n"
        p = self.pipeline(
            f"pipeline: two-{self.folder.name[-8:]}\nsources:\n" + source % "left" + source % "right"
            + "streams:\n  l: {from: left, steps: [{filter: 'true'}]}\n  r: {from: right, steps: [{filter: 'true'}]}\n"
            + f'sinks:\n  out: {{type: kafka, brokers: ["{self.broker.address}"], topic: copies, from: [l, r]}}\n'
            + 'serve: {http: "127.0.0.1:0"}\n')
        p.start().address()
        support.wait_for("ready", lambda: p.request("GET", "/readyz")[0] == 200)
        for name in ("left", "right"):
            self.assertEqual(p.post(name, [{"ts": START, "n": n} for n in range(20)])[0], 202)
        support.wait_for("all events are read",
                         lambda: sum(q["offset"] for q in p.get("/v1/pipeline")["partitions"]) == 40)
        self.assertEqual(p.terminate(), 0, p.said())
        ids = collections.Counter(self.ids("copies"))
        self.assertEqual((len(ids), set(ids.values())), (40, {1}))
        self.assertEqual({i.rsplit("/", 2)[0] for i in ids}, {"left/0", "left/1", "right/0", "right/1"})

    def caught_up(self, p):
        """All that was sent has been read, and views have it."""
        ends = sum(self.broker.ends("clicks").values())

        def read():
            try:
                return sum(q["offset"] for q in p.get("/v1/pipeline")["partitions"]) == ends and not self.reasons(p)
            except OSError:
                return False
        support.wait_for(lambda: f"all {ends} records are read; it said\n" + p.said(), read, 40, 0.1)

    def same_as_served(self, p):
        support.wait_for(lambda: self.difference(self.rows_of(p), self.changelog()) + p.said(),
                         lambda: self.changelog() == self.rows_of(p), 30, 0.3)

    def rows_of(self, p):
        rows = p.rows("minutes", window="all")["rows"]
        return {(r["window_start"], r["user"]): r for r in rows}

    @staticmethod
    def difference(served, topic):
        return "".join(f"{place}: served {served.get(place)}, in the topic {topic.get(place)}\n"
                       for place in sorted(served.keys() | topic.keys()) if served.get(place) != topic.get(place))

    def changelog(self):
        """What a reader of the whole topic has in the end."""
        table = {}
        for r in self.broker.consume("changes"):
            table.pop(r.key, None)
            if r.value is not None:
                table[r.key] = json.loads(r.value)
        return {(r["window_start"], r["user"]): r for r in table.values()}

    def test_a_broker_that_stands_still_holds_the_source_up_and_nothing_is_lost(self):
        p = self.shop(EVENTS)
        p.start()
        p.address()
        self.send(500)
        support.wait_for("the first events", lambda: len(self.ids("copies")) == 500, 30, 0.3)
        self.send(500)
        self.broker.kill()  # in the middle of a transaction, or before it
        self.addCleanup(lambda: self.broker.process.child.poll() is None or self.broker.start())
        support.wait_for(lambda: "it says so:\n" + p.said(), lambda: "not reachable" in self.reasons(p), 40)
        self.broker.start()
        support.wait_for(lambda: "all events; it said\n" + p.said(), lambda: len(self.ids("copies")) == 1000, 60, 0.5)
        support.wait_for(lambda: "ready again: " + self.reasons(p), lambda: not self.reasons(p), 30)

    def reasons(self, p):
        status, body, _ = p.request("GET", "/readyz")
        return "" if status == 200 else " | ".join(json.loads(body)["reasons"])

    def test_a_topic_that_is_not_there_is_said_and_waited_for(self):
        self.broker.delete_topic("copies")
        p = self.shop(EVENTS)
        p.start()
        p.address()
        self.send(100)
        support.wait_for(lambda: "it says so:\n" + p.said(), lambda: "copies" in self.reasons(p), 30)
        self.assertRegex(self.reasons(p), r"sinks\.copies: .*topic copies")
        self.broker.create_topic("copies", 3)
        support.wait_for(lambda: "all events; it said\n" + p.said(), lambda: len(self.ids("copies")) == 100, 40, 0.5)


if __name__ == "__main__":
    support.main()
