"""Alerts through kill -9 and an emptied Redis: over HTTP and WebSocket, in a file and in Redis every entry is there
once, and they are those of a batch over all events."""

import asyncio
import json
import random
import threading

import support

try:
    import websockets
except ImportError:
    support.skip("python3-websockets is not installed")

PIPELINE = """\
pipeline: alerted
sources:
  posted:
    type: http
    schema: {{ts: timestamp, host: string}}
    time: {{field: ts, out_of_order: 0s}}
views:
  minutes:
    from: posted
    by: [host]
    window: {{size: 1m, lateness: 1m}}
    select: {{n: 'count()'}}
alerts:
  busy: {{from: minutes, when: 'n >= 3', for: 1m, rows: sealed, message: '"%s is busy".format([host])'}}
  early: {{from: minutes, when: 'n >= 3'}}
sinks:
  written: {{type: file, path: alerts.ndjson, from: [busy]}}
  served: {{type: redis, url: "redis://127.0.0.1:{port}", from: [busy]}}
serve: {{http: "127.0.0.1:0"}}
engine: {{checkpoint: 200ms, flush: 20ms}}
"""

START = 1767607200
HOSTS = ["a", "b", "c|{d}"]


class LogReader:
    """Follows an alert by the protocol of docs/websocket.md, coming back with its position."""

    def __init__(self, pipeline, alert):
        self.p, self.alert = pipeline, alert
        self.position, self.entries, self.faults = {"epoch": 0, "offset": 0}, [], []
        self.stopped = False
        self.thread = threading.Thread(target=lambda: asyncio.run(self.follow()), daemon=True)
        self.thread.start()

    async def follow(self):
        while not self.stopped:
            try:
                url = f"ws://{self.p.host}:{self.p.port}/v1/ws"
                async with websockets.connect(url, open_timeout=2, close_timeout=0.2) as socket:
                    await self.read(socket)
            except (OSError, asyncio.TimeoutError, websockets.WebSocketException):
                await asyncio.sleep(0.05)

    async def read(self, socket):
        await socket.send(json.dumps({"id": 1, "subscribe": {"alert": self.alert, "from": self.position}}))
        while not self.stopped:
            try:
                message = json.loads(await asyncio.wait_for(socket.recv(), 0.2))
            except asyncio.TimeoutError:
                continue
            if "error" in message:
                return await asyncio.sleep(0.05)  # the log is not read back yet
            if "subscribed" in message and not message["subscribed"]["recovered"]:
                told = message["subscribed"]
                if self.entries or told["offset"]:
                    self.faults.append(f"could not go on from {self.position}: {told}")
                self.position = {"epoch": told["epoch"], "offset": told["offset"]}
            if "entries" in message:
                self.entries += message["entries"]
                self.position = {"epoch": message["epoch"], "offset": message["offset"]}
                if "lost" in message:
                    self.faults.append(f"lost {message['lost']}")

    def stop(self):
        self.stopped = True
        self.thread.join(10)


def oracle(counts, minutes):
    """{(host, minute, state)} of the rule `busy`; `counts`: {(host, minute): n}, `minutes` have all their events."""
    entries = set()
    for host in HOSTS:
        state, since = "resolved", None
        for minute in range(minutes):
            busy = counts.get((host, minute), 0) >= 3
            since = minute if busy and state == "resolved" else since
            now = "resolved" if not busy else "firing" if minute - since >= 1 or state == "firing" else "pending"
            if now != state:
                entries.add((host, minute, now))
            state = now
    return entries


class Alerts(support.Case):
    def setUp(self):
        super().setUp()
        support.need_programs("redis-server")
        self.redis = support.RedisServer().start()
        self.addCleanup(self.redis.kill)
        self.p = self.pipeline(PIPELINE.format(port=self.redis.port), "alerted")
        self.counts, self.rng = {}, random.Random(11)

    def begin(self):
        self.p.start()
        self.p.address()

    def post_minute(self, minute):
        events = []
        for host in HOSTS:
            n = self.rng.choice([0, 1, 3, 4, 4])
            self.counts[host, minute] = n
            events += [{"ts": support.rfc3339(START + minute * 60 + i), "host": host} for i in range(n)]
        if not events:
            events = [{"ts": support.rfc3339(START + minute * 60), "host": "z"}]
        self.rng.shuffle(events)
        # All of one request have the same order of magnitude of time; out of order within the lateness.
        support.wait_for("taken", lambda: self.p.post("posted", events)[0] == 202)

    def entries(self, alert="busy"):
        try:
            return self.p.get(f"/v1/alerts/{alert}/entries", limit=10000)["entries"]
        except (OSError, support.NotYet):
            return []

    def in_redis(self):
        with support.Redis(self.redis.port) as redis:
            stream = redis("XRANGE", "tm:{busy}:entries", "-", "+")
            words = redis("HGETALL", "tm:{busy}:active")
        return [json.loads(fields[1]) for _, fields in stream], dict(zip(words[::2], map(json.loads, words[1::2])))

    def test_every_entry_is_told_once_whatever_dies(self):
        self.begin()
        reader = LogReader(self.p, "busy")
        self.addCleanup(reader.stop)
        support.wait_for("the reader stands at the begin", lambda: reader.position["epoch"] > 0)
        minutes = 40
        for minute in range(minutes):
            self.post_minute(minute)
            if minute % 8 == 5:
                self.p.kill()
                self.begin()
            if minute % 16 == 9:
                with support.Redis(self.redis.port) as redis:
                    redis("FLUSHALL")
            if minute == 30:
                self.redis.kill()
            if minute == 34:
                self.redis.start()
        # The window of a minute is final when the watermark is two minutes on.
        wanted = oracle(self.counts, minutes - 2)
        self.assertGreater(len(wanted), 15)

        def seen(entries):
            return {(e["row"]["host"], (support.micros(e["row"]["window_start"]) // 1_000_000 - START) // 60, e["state"])
                    for e in entries}

        support.wait_for(lambda: f"missing: {sorted(wanted - seen(self.entries()))}",
                         lambda: seen(self.entries()) >= wanted)
        told = self.entries()
        self.assertEqual(seen(told), wanted)
        self.assertEqual([e["offset"] for e in told], list(range(len(told))))
        self.assertTrue(all(e["message"] == e["row"]["host"] + " is busy" for e in told))
        support.wait_for("the reader has all", lambda: len(reader.entries) >= len(told))
        self.assertEqual(reader.entries, told)
        self.assertEqual(reader.faults, [])
        file = self.folder / "alerts.ndjson"
        support.wait_for("the file has all", lambda: file.exists() and len(support.ndjson(file)) >= len(told))
        self.assertEqual(support.ndjson(file), told)
        active = {e["row"]["host"]: e for e in self.p.get("/v1/alerts/busy")["active"]}
        support.wait_for("Redis has all", lambda: len(self.in_redis()[0]) >= len(told))
        stream, shown = self.in_redis()
        self.assertEqual(stream, told)
        self.assertEqual({e["row"]["host"]: e for e in shown.values()}, active)
        early = [(e["row"]["host"], e["row"]["window_end"]) for e in self.entries("early")]
        self.assertEqual(len(early), len(set(early)), "a window was judged twice")
        self.assertEqual(self.p.terminate(), 0)
        self.assertEqual(support.ndjson(file), told)

    def test_a_changed_condition_begins_a_new_log(self):
        self.begin()
        for minute in range(6):
            self.counts[("a", minute)] = 4
            events = [{"ts": support.rfc3339(START + minute * 60 + i), "host": "a"} for i in range(4)]
            self.assertEqual(self.p.post("posted", events)[0], 202)
        support.wait_for("it fires", lambda: [e["state"] for e in self.entries()] == ["pending", "firing"])
        before = self.p.get("/v1/alerts/busy")
        file = self.folder / "alerts.ndjson"
        support.wait_for("the file has both", lambda: file.exists() and len(support.ndjson(file)) == 2)
        self.assertEqual(self.p.terminate(), 0)
        self.p.write(PIPELINE.format(port=self.redis.port).replace("when: 'n >= 3', for: 1m", "when: 'n >= 2', for: 1m"))
        self.begin()
        for minute in range(6, 9):
            events = [{"ts": support.rfc3339(START + minute * 60 + i), "host": "a"} for i in range(4)]
            self.assertEqual(self.p.post("posted", events)[0], 202)
        support.wait_for("it fires again", lambda: [e["state"] for e in self.entries()] == ["pending", "firing"])
        after = self.p.get("/v1/alerts/busy")
        self.assertGreater(after["epoch"], before["epoch"])
        support.wait_for("the file has both logs", lambda: len(support.ndjson(file)) == 4)


BACKFILL = """\
pipeline: backfilled
sources:
  old: {type: file, path: old.ndjson, schema: {ts: timestamp_s, n: int}, time: {field: ts, out_of_order: 0s, max_future: 3650d}}
views:
  hours: {from: old, window: {size: 1h}, select: {n: 'sum(n)'}}
alerts:
  odd: {from: hours, when: 'n == 1', retain: 1d}
sinks:
  written: {type: file, path: odd.ndjson, from: [odd]}
"""


class BackfillTest(support.Case):
    def test_a_file_gets_all_entries_of_years_that_are_read_in_a_moment(self):
        hours = 20_000
        folder = self.folder
        (folder / "old.ndjson").write_text(
            "".join(json.dumps({"ts": START + hour * 3600, "n": hour % 2}) + "\n" for hour in range(hours)))
        p = self.pipeline(BACKFILL, name="backfilled")
        p.run("--exit-at-end")
        told = support.ndjson(folder / "odd.ndjson")
        self.assertEqual([e["offset"] for e in told], list(range(hours - 1)))


if __name__ == "__main__":
    support.main()
