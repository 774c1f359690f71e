"""What the tests of Kafka sources share: a pipeline that counts, events, and the counts that they must give."""

import collections
import contextlib
import json
import re
import threading

import kafka_broker
import support

kafka_broker.need()
import confluent_kafka  # after need(): without it the program has ended

PIPELINE = """\
pipeline: clicks
sources:
  clicks:
    type: kafka
    brokers: ["{brokers}"]
    topics: {topics}
    group: {group}
    session: 6s
{source}
    schema: {{ts: timestamp_ms, user: string, n: int}}
    time: {{field: ts, out_of_order: 5s, idle: 1h, max_lead: 1d}}
{streams}
views:
  users:
    from: {view_from}
    by: [user]
    window: {{size: 10s}}
    select: {{events: 'count()', total: 'sum(n)'}}
    retain: 7d
serve: {{http: "127.0.0.1:0"}}
engine: {{checkpoint: 200ms, flush: 20ms}}
"""
START = 1_767_607_200_000  # 2026-01-05T10:00:00Z, ms
STEP = 25                  # ms between events
USERS = 10


def yaml(brokers, topics, group, view_from="clicks", streams="", **source):
    """`source`: more settings of the source, as they are in YAML."""
    more = "\n".join(f"    {key}: {value}" for key, value in source.items())
    return PIPELINE.format(brokers=brokers, topics=topics, group=group, view_from=view_from, streams=streams,
                           source=more)


class Events:
    """Numbered events in order of time, and what a batch job would count."""

    def __init__(self, first=0):
        self.made = first
        self.counts = collections.defaultdict(lambda: [0, 0])

    def value(self, counted=True):
        i, self.made = self.made, self.made + 1
        ts, user = START + i * STEP, f"u{i * 7 % USERS}"
        if counted:
            row = self.counts[support.rfc3339(ts // 10_000 * 10), user]
            row[0] += 1
            row[1] += i
        return json.dumps({"ts": ts, "user": user, "n": i}).encode()

    def records(self, count, partitions=1, counted=True):
        """Round robin over the partitions: (key, value, headers, time, partition)."""
        return [(None, self.value(counted), None, None, i % partitions) for i in range(count)]

    def end(self, partitions=1):
        """A record for each partition, a minute later: all windows before are final then."""
        late = START + self.made * STEP + 60_000
        value = json.dumps({"ts": late, "user": "end", "n": 0}).encode()
        return [(None, value, None, None, p) for p in range(partitions)]

    def wanted(self):
        return {key: tuple(row) for key, row in self.counts.items()}


class Producer(threading.Thread):
    """Sends events all the time, in order and each once, however long the broker is away."""

    def __init__(self, broker, topic, events, partitions=4, pause=0.02, size=20):
        super().__init__(daemon=True)
        self.client = confluent_kafka.Producer(broker.config(
            enable_idempotence=True, linger_ms=5, message_timeout_ms=300_000, log_level=0,
            topic_metadata_refresh_interval_ms=500,
            reconnect_backoff_ms=50, reconnect_backoff_max_ms=200))
        self.events, self.topic, self.partitions, self.pause, self.size = events, topic, partitions, pause, size
        self.stopped, self.faults = threading.Event(), []
        self.start()

    def send(self, records):
        for _, value, _, _, partition in records:
            while True:
                try:
                    self.client.produce(self.topic, value, partition=partition, on_delivery=self.delivered)
                    break
                except confluent_kafka.KafkaException:  # the partition is new
                    self.client.poll(0.1)
        self.client.poll(0)

    def delivered(self, error, _):
        if error is not None:
            self.faults.append(error.str())

    def slow_down(self):
        """From here on event time goes half as fast as the clock: what is new is noticed before windows are sealed
        without it."""
        self.size, self.pause = 4, 0.2

    def run(self):
        while not self.stopped.wait(self.pause):
            self.send(self.events.records(self.size, self.partitions))

    def end(self, seconds=90):
        """All is delivered, and every window of it can be final."""
        self.stopped.set()
        self.join()
        self.send(self.events.end(self.partitions))
        if self.client.flush(seconds) or self.faults:
            raise AssertionError(f"not delivered: {self.faults[:3]}")


class Case(support.Case):
    """A broker for all tests of a class, a topic and a group for each."""

    BROKER = {}
    PARTITIONS = 4

    @classmethod
    def setUpClass(cls):
        cls.broker = cls.enterClassContext(kafka_broker.Broker(**cls.BROKER))

    def setUp(self):
        super().setUp()
        if self.broker.process.child is None:
            self.broker.start()
        self.topic = self.id().rpartition(".")[2]
        self.group = "group_of_" + self.topic
        self.events = Events()
        self.broker.create_topic(self.topic, self.PARTITIONS)

    def clicks(self, brokers=None, name="p", data=None, **settings):
        """A pipeline that runs; it may still wait for its broker."""
        settings = {"topics": f"[{self.topic}]", "group": self.group} | settings
        p = self.pipeline(yaml(brokers or self.broker.address, **settings), name, data=data)
        p.start().address(60)
        return p

    def produce(self, count, partitions=None):
        self.broker.produce(self.topic, self.events.records(count, partitions or self.PARTITIONS))

    def end(self, partitions=None):
        """Makes all windows so far final."""
        self.broker.produce(self.topic, self.events.end(partitions or self.PARTITIONS))

    def producer(self):
        return Producer(self.broker, self.topic, self.events, self.PARTITIONS)

    def wait(self, p, what, condition, seconds=60):
        """Until it holds; while the program doesn't answer or has no rows yet, it doesn't."""
        def holds():
            with contextlib.suppress(*support.Watcher.AWAY):
                return condition()
            p.port = int(re.findall(r"dashboard: http://[0-9.]+:(\d+)/", p.said())[-1])  # another one once it has grown
            return False
        return support.wait_for(lambda: f"{what}\n{p.said()[-3000:]}\n{shown(p)}", holds, seconds)

    def wait_ready(self, p, seconds=60):
        self.wait(p, "ready", lambda: p.request("GET", "/readyz")[0] == 200, seconds)

    def wait_for_problem(self, p, *words, seconds=60):
        """One that has all these words; it is in the log as well. Returns its text."""
        found = self.wait(p, f"a problem with {words}", lambda: [
            x for x in map("{place}: {text}".format_map, status(p)["problems"]) if all(w in x for w in words)], seconds)
        self.wait(p, f"{found} is said", lambda: "problem: " + found[0] in p.said())
        return found[0]

    def not_ready(self, p, *words):
        code, body, _ = p.request("GET", "/readyz")
        self.assertEqual(code, 503, body)
        for word in words:
            self.assertIn(word, body.decode())

    def wait_until_read(self, p, count, seconds=60):
        self.wait(p, f"{count} events", lambda: status(p)["events"] >= count, seconds)

    def wait_until_counted(self, p, wanted=None, seconds=90):
        """Exactly these windows are final, with exactly these counts; by default those of all events."""
        wanted = self.events.wanted() if wanted is None else wanted

        def difference():
            seen = counted(p)
            more = {k: (seen.get(k), wanted.get(k)) for k in seen.keys() | wanted.keys() if seen.get(k) != wanted.get(k)}
            return f"{len(more)} of {len(wanted)} differ (seen, wanted): {dict(list(more.items())[:5])}"
        try:
            self.wait(p, "counted", lambda: counted(p) == wanted, seconds)
        except AssertionError as fault:
            raise AssertionError(f"{difference()}\n{fault}") from None


def status(p):
    return p.get("/v1/pipeline")


def partition(p, number=0):
    """What is said of one, once it is known."""
    for part in status(p)["partitions"]:
        if part["partition"] == number:
            return part
    raise support.NotYet(f"partition {number} is not known yet")


def shown(p):
    with contextlib.suppress(*support.Watcher.AWAY):
        return json.dumps(status(p))
    return "does not answer"


def counted(p):
    """{(window, user): (events, total)} of the final windows, as served."""
    rows = p.rows("users", window="all")["rows"]
    return {(r["window_start"], r["user"]): (r["events"], r["total"]) for r in rows}
