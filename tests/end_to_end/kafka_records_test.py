"""What is in records: keys, headers, times, tombstones, transactions, rubbish, and much of it."""

import gzip
import json

import kafka_world
import support

MIB = 1 << 20


class Records(kafka_world.Case):
    BROKER = {"properties": {"message.max.bytes": str(20 * MIB)}}
    PARTITIONS = 1

    def dead(self, p, by_code):
        """Exactly so many dead letters for these reasons, and nothing else is wrong."""
        count = sum(by_code.values())

        def there():
            status, said = support.run_tool("dlq", "list", p.file, "--data", p.data, "--json", seconds=60)
            self.found = json.loads(said) if status == 0 else {}
            return self.found.get("letters") == count
        self.wait(p, f"{count} dead letters", there)
        self.assertEqual({(x["step"], x["code"]): x["letters"] for x in self.found["counts"]},
                         {("decode", code): n for code, n in by_code.items()})
        self.wait(p, "their number in the status", lambda: kafka_world.partition(p)["dead"] == count)
        self.wait_ready(p)
        self.assertEqual(kafka_world.partition(p)["restarts"], 0)

    def values(self, *values):
        self.broker.produce(self.topic, [(None, v) for v in values], message_max_bytes=20 * MIB)

    def test_compressed_rubbish_and_another_format(self):
        p = self.clicks()
        self.produce(500)
        rubbish = [gzip.compress(b"%d" % i * 500)[:-7] for i in range(300)] + [b"\x1f\x8b", b"\x00", b"\xff" * 1000]
        lines = [b"ts,user,n"] + [b"176760720%04d,u%d,%d" % (i, i % 10, i) for i in range(700)]
        self.values(*rubbish, *lines)
        self.produce(500)
        self.end()
        self.wait_until_counted(p)
        # Rubbish isn't UTF-8, but for a zero byte; a line of CSV isn't JSON.
        dead = {2004: len(rubbish) - 1, 2000: len(lines) + 1}
        self.dead(p, dead)
        p.kill()
        p.start().address()
        self.wait_until_counted(p)
        self.dead(p, dead)

    def large(self, fetch):
        self.produce(100)
        value = json.loads(self.events.value())
        value["more"] = "x" * (10 * MIB)
        self.values(json.dumps(value).encode())
        self.produce(100)
        self.end()
        p = self.clicks(fetch=fetch, max_record="16MiB")
        self.wait_until_counted(p)
        self.assertEqual(p.terminate(), 0, p.said())
        # With the usual limit it is a dead letter, and not counted.
        less = kafka_world.Events()
        for i in range(201):
            less.value(i != 100)
        p = self.clicks(fetch=fetch, group=self.group + "_2", name="usual")
        self.wait_until_counted(p, less.wanted())
        self.dead(p, {2003: 1})

    def test_10_mb_with_the_client_library(self):
        self.large("client")

    def test_10_mb_with_our_own_fetches(self):
        self.large("wire")

    def transactions(self, fetch):
        transactional = {"transactional_id": self.topic}
        def send(counted, **more):
            self.broker.produce(self.topic, self.events.records(300, counted=counted), **transactional, **more)
        send(True)
        send(False, commit=False)
        self.produce(100)
        send(True)
        send(False, commit=False)
        self.end()
        p = self.clicks(fetch=fetch)
        self.wait_until_counted(p)
        self.assertEqual(kafka_world.status(p)["events"], 701)
        self.wait(p, "no lag", lambda: kafka_world.partition(p)["lag"] == 0)
        self.assertEqual(p.terminate(), 0, p.said())
        # All of them, if that is asked for.
        everything = kafka_world.Events()
        everything.records(1300)
        p = self.clicks(fetch=fetch, group=self.group + "_2", isolation="read_uncommitted", name="all")
        self.wait_until_counted(p, everything.wanted())

    def test_transactions_with_the_client_library(self):
        self.transactions("client")

    def test_transactions_with_our_own_fetches(self):
        self.transactions("wire")

    def test_tombstones(self):
        self.produce(100)
        self.broker.produce(self.topic, [(b"gone %d" % i, None) for i in range(50)])
        self.produce(100)
        self.end()
        p = self.clicks()
        self.wait_until_counted(p)
        self.dead(p, {2002: 50})
        self.assertEqual(p.terminate(), 0, p.said())
        p = self.clicks(tombstones="skip", group=self.group + "_2", name="skip")
        self.wait_until_counted(p)
        self.wait(p, "50 skipped", lambda: kafka_world.partition(p)["skipped"] == 50)
        self.assertEqual(kafka_world.partition(p)["dead"], 0)

    def changelog(self, fetch):
        """What is left of a topic in which a record without a value deletes its key: as a dict of Python's."""
        left, sent = {}, []
        for i in range(3000):
            value = self.events.value()
            read = json.loads(value)
            read["ts"] -= i * 7 % 40 * 60_000  # no order of time
            sent.append((read["user"].encode(), json.dumps(read).encode(), None, None, i * 7 % kafka_world.USERS % 2))
            left[read["user"]] = read["n"]
            if i % 11 == 0 or i > 2990:
                sent.append((read["user"].encode(), None, None, None, sent[-1][4]))
                del left[read["user"]]
        self.broker.create_topic(self.topic + fetch, 2)
        views = "  now: {from: clicks, by: [user], window: latest, select: {n: n}, tombstones: {user: meta.key}}\nserve:"
        text = kafka_world.yaml(self.broker.address, f"[{self.topic + fetch}]", self.group + fetch, fetch=fetch,
                                tombstones="delete").replace("serve:", views)
        p = self.pipeline(text, fetch)
        p.start().address(60)

        def rows():
            return {r["user"]: r["n"] for r in p.rows("now")["rows"]}
        self.broker.produce(self.topic + fetch, sent[:2000])
        self.wait_until_read(p, 1500)
        p.kill()
        self.broker.produce(self.topic + fetch, sent[2000:])
        p.start().address()
        self.wait(p, f"the rows {left}", lambda: rows() == left)
        p.kill()
        p.start().address()
        self.wait(p, "the same again", lambda: rows() == left)
        self.assertEqual([kafka_world.partition(p, i)["dead"] for i in range(2)], [0, 0])
        self.assertEqual(p.terminate(), 0, p.said())

    def test_a_changelog_with_the_client_library(self):
        self.changelog("client")

    def test_a_changelog_with_our_own_fetches(self):
        self.changelog("wire")

    def test_keys_headers_and_times_in_expressions(self):
        """Only events with the key "k" and the header env=live are counted, and those without headers."""
        streams = """\
streams:
  live:
    from: clicks
    steps:
      - filter: 'meta.headers[?"env"].orValue("live") == "live" && meta.key == "k" && meta.partition == 0'
      - filter: 'meta.time == timestamp("2026-02-01T00:00:00Z") && meta.offset >= 0'
"""
        moment = 1_769_904_000_000
        sent = []
        for i in range(1000):
            key, headers = [(b"k", [("env", b"live")]), (b"k", [("env", b"test")]), (b"x", [("env", b"live")]),
                            (b"k", [("other", b"\xff")]), (None, [])][i % 5]
            sent.append((key, self.events.value(i % 5 in (0, 3)), headers, moment))
        self.broker.produce(self.topic, sent)
        end = self.events.end()
        self.broker.produce(self.topic, [(b"k", end[0][1], [], moment)])
        for fetch in "client", "wire":
            p = self.clicks(fetch=fetch, group=self.group + fetch, name=fetch, view_from="live", streams=streams)
            self.wait_until_counted(p)
            self.assertEqual(p.terminate(), 0, p.said())


if __name__ == "__main__":
    support.main()
