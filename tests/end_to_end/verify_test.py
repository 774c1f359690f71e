"""`tidemill verify`: equal after any number of deaths; a changed record is found, with its row and column."""

import json
import random
import time

import support

CLICKS = """\
pipeline: clicks
sources:
  clicks:
    type: generate
    rate: 0
    events: {events}
    partitions: 3
    time: {{field: ts, out_of_order: 1s}}
tables:
  shops: {{type: csv, path: shops.csv, key: page, columns: {{shop: string}}}}
streams:
  hits:
    from: clicks
    steps:
      - filter: 'page != "/health"'
      - set: {{failed: 'status >= 500'}}
      - lookup: {{table: shops, key: page, set: {{shop: shop}}, on_miss: 'null'}}
  carts: {{from: hits, steps: [{{filter: 'page == "/cart"'}}]}}
  by_user: {{from: carts, key_by: [user]}}
views:
  buyers:
    from: by_user
    by: [user]
    window: {{size: 30s, slide: 10s}}
    select: {{n: 'count()', first: 'first(ts)'}}
    retain: 1d
  traffic:
    from: hits
    by: [shop]
    window: {{size: 30s, slide: 2s, lateness: 5s}}
    select: {{n: 'count()', errors: 'count_if(failed)', mean: 'avg(took_ms)', spread: 'stddev(took_ms)',
              p99: 'quantile(took_ms, 0.99)', users: 'distinct(user)', often: 'top(user, 3)', last: 'last(page)'}}
    score:
      odd: {{model: seasonal_profile, value: p99}}
    retain: 1d
  returning:
    from: hits
    by: [user]
    where: 'page == "/cart"'
    window: {{size: 10s}}
    select: {{n: 'count()', slowest: 'max(took_ms)'}}
    score:
      slow: {{model: seasonal_profile, value: slowest, refractory: 1}}
    retain: 5m
  visits:
    from: hits
    by: [user]
    where: 'user.startsWith("u1")'
    window: {{session: 10s, lateness: 1s}}
    select: {{n: 'count()', pages: 'collect(page, 5)'}}
    retain: 1d
  days:
    from: hits
    by: [page]
    window: {{calendar: day, timezone: Europe/Berlin}}
    select: {{n: 'count()', bytes: 'sum(bytes)'}}
    retain: 30d
  newest:
    from: hits
    by: [user]
    window: latest
    select: {{page: page}}
    retain: 1d
serve: {{http: "127.0.0.1:0"}}
engine: {{checkpoint: 100ms, flush: 10ms}}
"""

ORDERS = """\
pipeline: orders
sources:
  orders:
    type: file
    path: orders.ndjson
    schema: {ts: timestamp, place: string, n: int}
    time: {field: ts, out_of_order: 5s}
views:
  minutes:
    from: orders
    by: [place]
    window: {size: 1m}
    select: {orders: 'count()', items: 'sum(n)'}
    retain: 30d
  hours:
    from: orders
    window: {size: 1h}
    select: {items: 'sum(n)'}
    retain: 30d
serve: {http: "127.0.0.1:0"}
engine: {checkpoint: 100ms}
"""

POSTED = """\
pipeline: posted
sources:
  posted:
    type: http
    partitions: 2
    partition_by: place
    schema: {ts: timestamp, place: string, n: int}
    time: {field: ts, out_of_order: 5s, idle: 200ms}
views:
  minutes:
    from: posted
    by: [place]
    window: {size: 1m}
    select: {orders: 'count()', items: 'sum(n)'}
    retain: 30d
serve: {http: "127.0.0.1:0"}
engine: {checkpoint: 100ms, flush: 20ms}
"""


def verify(p, *more):
    code, said = support.run_tool("verify", p.file, "--data", p.data, *more, seconds=120, cwd=p.folder)
    return code, said.splitlines()


def orders(n=2000, seed=1):
    rng = random.Random(seed)
    return [{"ts": support.rfc3339(1767607200 + i * 4 - rng.randint(0, 4)), "place": rng.choice("ab"),
             "n": rng.randint(100, 899)} for i in range(n)]


class Verify(support.Case):
    def die_often(self, events, deaths, change=None):
        """A finished pipeline; after some deaths the table has changed."""
        p = self.pipeline(CLICKS.format(events=events), "clicks")
        shops = self.folder / "shops.csv"
        shops.write_text("page,shop\n/cart,one\n/search,two\n")
        rng = random.Random(5)
        for death in range(deaths):
            p.start("--exit-at-end")
            time.sleep(rng.uniform(0.1, 0.5))  # where it dies is meant to be arbitrary
            p.kill()
            if death == change:
                shops.write_text("page,shop\n/cart,two\n/product/1,three\n")
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        return p

    def test_after_any_number_of_deaths_every_final_row_is_what_the_records_say(self):
        p = self.die_often(150_000, 6)
        code, said = verify(p)
        self.assertEqual(code, 0, "\n".join(said[-30:]))
        # What lies behind `key_by` keeps what checkpoints need: how much that is depends on where it died.
        left_out = [line for line in said if " not compared: " in line and not line.startswith("note: view buyers: ")]
        self.assertEqual(left_out, ["note: view newest: not compared: its rows have no window and are never final"])
        self.assertRegex(said[-1], r"^\d{4,} rows of \d{2,} windows compared, 0 differ(; \d+ not compared)?$")
        self.assertFalse([line for line in said if "column slow" in line or "column odd" in line], said)
        code, said = verify(p, "--view", "days")
        self.assertEqual(code, 0, said)
        self.assertRegex(said[-1], r"^\d+ rows of 1 windows compared, 0 differ$")

    def test_a_table_that_changed_is_the_version_it_was_or_windows_are_left_out(self):
        p = self.die_often(100_000, 4, change=1)
        code, said = verify(p)  # how long the first version is kept depends on when checkpoints come
        self.assertFalse([line for line in said if line.startswith("view ")], said)
        self.assertRegex(said[-1], r"^\d+ rows of \d+ windows compared, 0 differ")
        for line in said[:-1]:
            self.assertRegex(line, "its rows have no window|is no longer kept$|what its model had seen is not known")

    def finished_orders(self):
        p = self.pipeline(ORDERS, "orders")
        lines = [json.dumps(o) + "\n" for o in orders()]
        (self.folder / "orders.ndjson").write_text("".join(lines))
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        return p, lines

    def test_a_record_that_was_changed_is_found_in_the_rows_it_counts_in(self):
        p, lines = self.finished_orders()
        self.assertEqual(verify(p)[0], 0)
        order = json.loads(lines[1000])
        changed = dict(order, n=order["n"] + 1)
        lines[1000] = json.dumps(changed) + "\n"
        (self.folder / "orders.ndjson").write_text("".join(lines))
        code, said = verify(p)
        self.assertEqual(code, 1, said)
        found = [line for line in said if line.startswith("view ")]
        self.assertEqual(len(found), 2, said)
        minute = order["ts"][:17] + "00Z"
        self.assertRegex(found[0], rf'^view minutes, \["{order["place"]}"\] {minute} to \S+: items: '
                                   r"stored (\d+), recomputed \d+$")
        self.assertRegex(found[1], r"^view hours, \[\] \S+ to \S+: items: stored \d+, recomputed \d+$")
        self.assertRegex(said[-1], r", 2 differ$")
        # Windows elsewhere are as they were.
        code, said = verify(p, "--to", minute)
        self.assertEqual((code, said[-1].split(", ")[1]), (0, "0 differ"), said)
        code, said = verify(p, "--view", "minutes", "--from", minute)
        self.assertEqual((code, said[-1].split(", ")[1]), (1, "1 differ"), said)

    def test_a_row_that_is_missing_and_one_too_many_are_found(self):
        p, lines = self.finished_orders()
        for i, line in enumerate(lines):
            order = json.loads(line)
            if 800 <= i < 900 and order["place"] == "a":
                lines[i] = json.dumps(dict(order, place="c")) + "\n"
        (self.folder / "orders.ndjson").write_text("".join(lines))
        code, said = verify(p, "--view", "minutes")
        self.assertEqual(code, 1)
        self.assertTrue(any('["c"]' in s and ": the row is missing: recomputed {" in s for s in said), said)
        self.assertTrue(any('["a"]' in s and s.endswith(": one row too many: recomputed there is none")
                            for s in said), said)

    def test_beside_a_running_pipeline_nothing_is_disturbed(self):
        p = self.pipeline(POSTED, "posted").start()
        p.address()
        sent = orders(1500)
        for i in range(0, len(sent), 100):
            self.assertEqual(p.post("posted", sent[i:i + 100])[0], 202)
        last = sent[-1]["ts"]
        support.wait_for("rows of nearly all windows", lambda: any(
            r["state"] == "sealed" and r["window_end"] > sent[-200]["ts"] for r in p.rows("minutes", window="all")["rows"]))
        for _ in range(3):
            code, said = verify(p)
            self.assertEqual(code, 0, said)
            self.assertRegex(said[-1], r"^\d{2,} rows of \d{2,} windows compared, 0 differ$")
        self.assertEqual(p.post("posted", [{"ts": last, "place": "a", "n": 1}])[0], 202)
        self.assertEqual(p.terminate(), 0)
        self.assertEqual(verify(p)[0], 0)

    def test_what_cannot_be_compared_is_said(self):
        p, lines = self.finished_orders()
        first = json.loads(lines[0])
        lines[0] = json.dumps(dict(first, n=first["n"] + 1)) + "\n"
        (self.folder / "orders.ndjson").write_text("".join(lines))
        code, said = verify(p)
        self.assertEqual(code, 2, said)
        self.assertRegex("\n".join(said), r"note: view minutes: \d+ rows not compared: the rows were made of another input")
        self.assertRegex(said[-1], r"^0 rows of 0 windows compared, 0 differ; \d+ not compared$")
        self.assertEqual(verify(p, "--view", "none")[0], 78)
        self.assertEqual(verify(p, "--from", "yesterday")[0], 78)
        code, said = support.run_tool("verify", p.file, "--data", self.folder / "nowhere")
        self.assertEqual(code, 2, said)
        self.assertIn("there is no data folder", said)

    def test_records_that_are_gone_are_said(self):
        p = self.pipeline(POSTED, "posted").start()
        p.address()
        p.post("posted", orders(300))
        support.wait_for("final rows", lambda: any(
            r["state"] == "sealed" for r in p.rows("minutes", window="all")["rows"]))
        self.assertEqual(p.terminate(), 0)
        self.assertEqual(verify(p)[0], 0)
        for segment in (p.state / "ingest/posted").glob("*/*.seg"):
            segment.unlink()
        code, said = verify(p)
        self.assertEqual(code, 2, said)
        self.assertRegex(said[0], r"^note: view minutes: \d+ rows not compared: posted/\d ends at offset 0, "
                                  r"before all records that these rows were made of$")

    def test_a_view_whose_partitions_are_other_ones_now_is_said(self):
        for part in (1, 2):
            (self.folder / f"part{part}.ndjson").write_text(
                "".join(json.dumps({"ts": n, "n": 1}) + "\n" for n in range(100)))
        p = self.pipeline("""\
pipeline: parts
sources:
  parts: {type: file, path: 'part*.ndjson', schema: {ts: timestamp_s, n: int}, time: {field: ts, out_of_order: 0s}}
views:
  tens: {from: parts, window: {size: 10s}, select: {n: 'sum(n)'}}
""", "parts")
        self.assertEqual(p.run("--exit-at-end"), 0)
        self.assertEqual(verify(p)[0], 0)
        (self.folder / "part2.ndjson").unlink()
        code, said = verify(p)
        self.assertEqual(code, 2, said)
        self.assertRegex(said[0], "^note: view tens: not compared: .*partitions")


if __name__ == "__main__":
    support.main()
