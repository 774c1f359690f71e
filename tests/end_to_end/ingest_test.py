"""Events sent over HTTP: what was answered 202 is counted once, whatever dies; what was refused is not."""

import http.client
import json
import random
import threading
import time

import support

PIPELINE = """\
pipeline: ingest
sources:
  posted:
    type: http
    partition_by: batch
    partitions: 2
    max_body: 64KiB
    schema: {{ts: timestamp, batch: string, n: int}}
    time: {{field: ts, out_of_order: 1h}}
views:
  batches:
    from: posted
    by: [batch]
    window: {{size: 1d}}
    emit: {{every: 50ms}}
    select:
      events: 'count()'
      total: 'sum(n)'
      highest: 'max(n)'
sinks:
  archive: {{type: file, path: archive.ndjson, from: [posted]}}
  refused: {{type: file, path: dead.ndjson, from: [posted.dead]}}
serve: {{http: "127.0.0.1:{port}"}}
engine: {{checkpoint: 200ms, flush: 20ms}}
"""

THREADS, KILLS, SIZE = 4, 12, 40
AWAY = (OSError, http.client.HTTPException)


def batch(name, n=SIZE):
    return [{"ts": f"2026-01-05T10:00:{i % 60:02}Z", "batch": name, "n": i} for i in range(n)]


class Sender(threading.Thread):
    """Sends batch after batch, each once, and notes what was answered."""

    def __init__(self, pipeline, name, stopped):
        super().__init__(daemon=True)
        self.pipeline, self.prefix, self.stopped = pipeline, name, stopped
        self.accepted, self.unknown, self.refused, self.ranges, self.faults = [], [], [], [], []

    def run(self):
        i = 0
        while not self.stopped.is_set():
            name = f"{self.prefix}-{i}"
            i += 1
            try:
                status, answer = self.pipeline.post("posted", batch(name) + [{"ts": "never", "batch": name}], timeout=5)
            except ConnectionRefusedError:
                self.refused.append(name)
                time.sleep(0.02)
                continue
            except AWAY:
                self.unknown.append(name)
                continue
            if status == 202:
                self.accepted.append(name)
                self.ranges += [(r["partition"], r["first"], r["next"]) for r in answer["offsets"]]
                if answer["accepted"] != SIZE + 1:
                    self.faults.append(answer)
            elif status == 503:
                self.refused.append(name)
                time.sleep(0.02)
            else:
                self.faults.append((status, answer))


class Ingest(support.Case):
    def started(self, port=0):
        p = self.pipeline(PIPELINE.format(port=port), "ingest")
        p.start()
        p.address()
        support.wait_for(lambda: "not ready:\n" + p.said(), lambda: p.request("GET", "/readyz")[0] == 200)
        return p

    def counted(self, p):
        return {row["batch"]: row for row in p.rows("batches", window="open")["rows"]}

    def test_accepted_events_are_counted_once_through_kills(self):
        p = self.started(support.free_port())
        stopped = threading.Event()
        senders = [Sender(p, f"t{i}", stopped) for i in range(THREADS)]
        for s in senders:
            s.start()
        rng = random.Random(7)
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.1, 0.9))
            p.kill()
            p.start()
            p.address()
        time.sleep(0.5)
        stopped.set()
        for s in senders:
            s.join(10)

        accepted = [name for s in senders for name in s.accepted]
        unknown = [name for s in senders for name in s.unknown]
        self.assertEqual([f for s in senders for f in s.faults], [])
        self.assertGreater(len(accepted), 50)
        whole = {"events": SIZE, "total": SIZE * (SIZE - 1) // 2, "highest": SIZE - 1}

        def missing():
            rows = self.counted(p)
            return [name for name in accepted if name not in rows]
        support.wait_for(lambda: f"never counted: {missing()[:5]}", lambda: not missing())
        rows = self.counted(p)
        for name in accepted:
            self.assertEqual({k: rows[name][k] for k in whole}, whole, name)
        # A request that the kill cut off may be there, in part too: the records up to where the write broke off.
        extra, parts = set(rows) - set(accepted), 0
        for name in extra:
            self.assertIn(name, unknown, "counted, though it was refused")
            n = rows[name]["events"]
            parts += n < SIZE
            self.assertEqual({k: rows[name][k] for k in whole},
                             {"events": n, "total": n * (n - 1) // 2, "highest": n - 1},
                             f"{name}: an event twice, or a gap")
        events = sum(row["events"] for row in rows.values())

        # No two receipts share an offset, and none lies beyond what is there.
        ranges = sorted(r for s in senders for r in s.ranges)
        for (p1, _, next1), (p2, first2, _) in zip(ranges, ranges[1:]):
            self.assertTrue(p1 != p2 or first2 >= next1, f"offsets given twice in partition {p1}: {first2} < {next1}")
        self.assertEqual(sum(next - first for _, first, next in ranges), (SIZE + 1) * len(accepted))
        dead = p.get("/v1/pipeline")["dead"]
        self.assertEqual(sum(x["offset"] for x in p.get("/v1/pipeline")["partitions"]), events + dead)
        served = p.get("/v1/dead-letters", limit=1000, stream="posted.dead")["dead_letters"]
        places = {(letter["partition"], letter["offset"]) for letter in served}
        self.assertEqual((len(served), len(places)), (min(1000, dead), len(served)), "each letter once")

        self.assertEqual(p.terminate(), 0, p.said())
        letters = [json.loads(letter["raw"])["batch"] for letter in support.ndjson(self.folder / "dead.ndjson")]
        self.assertEqual((len(letters), len(set(letters))), (dead, dead), "each letter once")
        self.assertLessEqual(set(accepted), set(letters))
        self.assertLessEqual(set(letters), set(accepted) | extra)
        archive = support.ndjson(self.folder / "archive.ndjson")
        self.assertEqual(len({(e["batch"], e["n"]) for e in archive}), len(archive), "an event twice in the archive")
        self.assertEqual(len(archive), events)
        print(f"{KILLS} kills: {len(accepted)} requests accepted, "
              f"{len(unknown)} cut ({len(extra)} of them taken, {parts} in part), "
              f"{sum(len(s.refused) for s in senders)} refused; each accepted event counted once")

    def test_receipts_name_contiguous_offsets(self):
        p = self.started()
        after = {}
        for i in range(30):
            status, answer = p.post("posted", batch(f"b{i}", n=i % 7 + 1))
            self.assertEqual((status, answer["accepted"]), (202, i % 7 + 1))
            for r in answer["offsets"]:
                self.assertEqual(r["first"], after.get(r["partition"], 0))
                after[r["partition"]] = r["next"]
        self.assertEqual(len(after), 2, "both partitions got some")
        self.assertEqual(sum(after.values()), sum(i % 7 + 1 for i in range(30)))

    def test_bad_requests_are_refused_whole_and_say_why(self):
        p = self.started()
        good = b'{"ts":"2026-01-05T10:00:00Z","batch":"a","n":1}\n'

        def refused(status, code, *words, body=good, content="application/x-ndjson", source="posted"):
            got, answer = p.post(source, body, content)
            self.assertEqual((got, answer["code"]), (status, code), answer)
            for word in words:
                self.assertIn(word, answer["detail"])
        refused(400, "event_malformed", "line 3", body=good + b"\n" + b'{"ts": nonsense}\n' + good)
        refused(400, "event_malformed", "line 2", body=good + b'[1]\n')
        got, answer = p.post("posted", b'[{"batch":"a"}, 7]', "application/json")
        self.assertEqual(got, 400, answer)
        self.assertIn("1", answer["detail"])
        got, answer = p.post("posted", good * 2000)
        self.assertEqual(got, 413, answer)
        self.assertIn(str(64 * 1024), answer["detail"])
        got, answer = p.post("posted", good, "image/png")
        self.assertEqual(got, 415, answer)
        self.assertIn("application/x-ndjson", answer["detail"])
        refused(404, "unknown_source", "posted", source="postd")
        # Nothing of all this was taken; a record that is JSON but no event becomes a dead letter.
        faulty = (b'{"ts":"yesterday","batch":"b","n":1}\n'
                  b'{"ts":"2026-01-05T10:00:00Z","batch":"c","n":"x"}\n')
        status, answer = p.post("posted", good + faulty)
        self.assertEqual((status, answer["accepted"]), (202, 3))
        support.wait_for(lambda: str(self.counted(p)), lambda: self.counted(p).get("a"))
        support.wait_for("two dead letters", lambda: len(p.get("/v1/dead-letters")["dead_letters"]) == 2)
        self.assertEqual({k: row["events"] for k, row in self.counted(p).items()}, {"a": 1})
        reasons = " ".join(letter["reason"] for letter in p.get("/v1/dead-letters")["dead_letters"])
        self.assertIn("ts", reasons)
        self.assertIn("n", reasons)


if __name__ == "__main__":
    support.main()
