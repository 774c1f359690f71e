"""A view as a table: events find the latest row of another stream, and what they found stays, whatever dies."""

import collections
import json
import random
import time

import support

PIPELINE = """\
pipeline: prices
sources:
  prices:
    type: http
    partitions: 2
    partition_by: sku
    schema: {{ts: timestamp_ms, sku: string, price: int}}
    time: {{field: ts, out_of_order: 0s}}
  orders:
    type: http
    schema: {{ts: timestamp_ms, id: int, sku: string}}
    time: {{field: ts, out_of_order: 0s}}
tables:
  now: {{type: view, from: latest_prices, key: sku, columns: {{sku: string, price: int}}, refresh: 100ms}}
streams:
  priced:
    from: orders
    steps:
      - lookup: {{table: now, key: sku, set: {{price: price}}, on_miss: default, default: {{price: '-1'}}}}
views:
  latest_prices: {{from: prices, by: [sku], window: latest, emit: {{every: 20ms}}, select: {{price: price}}}}
  revenue:
    from: priced
    by: [sku]
    window: {{size: 1d}}
    emit: {{every: 50ms}}
    select: {{orders: 'count()', total: 'sum(price)'}}
sinks:
  out: {{type: file, path: priced.ndjson, from: [priced]}}
serve: {{http: "127.0.0.1:{port}"}}
engine: {{checkpoint: 200ms, flush: 20ms}}
"""

KILLS, SKUS = 8, ("a", "b", "c")
BEGIN = 1_767_600_000_000


class ViewTable(support.Case):
    def setUp(self):
        super().setUp()
        self.p = self.pipeline(PIPELINE.format(port=support.free_port()), "prices")
        self.p.start()
        self.p.address()
        self.sent = self.clock = 0
        self.ready()

    def ready(self):
        support.wait_for("readyz", lambda: self.p.request("GET", "/readyz")[0] == 200, 30)

    def post(self, source, **event):
        self.clock += 1
        status, said = self.p.post(source, [{"ts": BEGIN + self.clock} | event])
        self.assertEqual(status, 202, said)

    def order(self, sku):
        self.sent += 1
        self.post("orders", id=self.sent, sku=sku)

    def priced(self):
        """What the file has, once all orders are in it."""
        def look():
            found = self.whole_lines()
            return found if len(found) >= self.sent else None
        return support.wait_for(lambda: f"{self.sent} orders", look, 20)

    def whole_lines(self):
        """Of the file of a process that was killed."""
        path = self.folder / "priced.ndjson"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def price_of_a_new_order(self, sku):
        self.order(sku)
        return self.priced()[-1]["price"]

    def test_plan_shows_the_table_and_who_looks_up(self):
        code, said = support.run_tool("plan", self.p.file, "--data", self.p.data)
        self.assertEqual(code, 0, said)
        self.assertIn("table now: the rows of view latest_prices by sku, looked at every 100ms\n", said)
        self.assertIn("stream priced: from orders, lookup, 4 fields\n", said)

    def test_a_changed_row_is_found_soon(self):
        self.assertEqual(self.price_of_a_new_order("a"), -1)
        for price in (5, 7):
            self.post("prices", sku="a", price=price)
            support.wait_for(f"an order costs {price}", lambda: self.price_of_a_new_order("a") == price, 20)

    def test_after_any_number_of_deaths_each_order_has_the_price_that_it_found_first(self):
        rng = random.Random(5)
        kept = {}
        for round in range(1, KILLS + 1):
            for i in range(30):
                self.post("prices", sku=rng.choice(SKUS), price=100 * round + i)
                self.order(rng.choice(SKUS))
                time.sleep(rng.uniform(0, 0.02))
            self.p.kill()
            for event in self.whole_lines():
                self.assertEqual(kept.setdefault(event["id"], event["price"]), event["price"])
            self.p.start()
            self.p.address()
            self.ready()
        found = self.priced()
        self.assertEqual([e["id"] for e in found], list(range(1, self.sent + 1)))
        last = collections.defaultdict(lambda: -1)
        for event in found:
            self.assertEqual(kept.get(event["id"], event["price"]), event["price"])
            self.assertGreaterEqual(event["price"], last[event["sku"]])
            last[event["sku"]] = event["price"]
        self.assertGreater(len({e["price"] for e in found}), KILLS)
        totals = collections.Counter()
        for event in found:
            totals[event["sku"]] += event["price"]
        def revenue():
            return {r["sku"]: r["total"] for r in self.p.rows("revenue", window="all")["rows"]}
        support.wait_for(lambda: f"{revenue()} is {dict(totals)}", lambda: revenue() == totals, 20)
        print(f"{self.sent} orders, {KILLS} kill -9, {len({e['price'] for e in found})} prices")
        # One more change and a few checkpoints later the old ones are gone.
        self.post("prices", sku="a", price=10_000)
        support.wait_for("the new price", lambda: self.price_of_a_new_order("a") == 10_000, 20)
        def copies():
            return len(list((self.p.state / "tables" / "now").iterdir()))
        def few():
            self.post("prices", sku="c", price=10_000 + self.clock)
            time.sleep(0.1)
            return copies() <= 12
        support.wait_for(lambda: f"{copies()} copies of the table are fewer", few, 30)


if __name__ == "__main__":
    support.main()
