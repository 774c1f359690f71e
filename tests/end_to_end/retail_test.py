"""Invoices of a shop, five days of them: returns, missing customers, deduplication, and revenue per country and
day, against a script that computes with Python's decimals."""

import collections
import csv
import decimal
import json

import support

INVOICES = support.DATA / "retail_invoices"
FIELDS = ["invoice", "stock", "description", "quantity", "at", "price", "customer", "country"]

PIPELINE = f"""\
pipeline: retail
sources:
  lines:
    type: file
    path: '{INVOICES}/*.csv'
    format: csv
    schema:
      invoice: {{type: string, path: InvoiceNo}}
      stock: {{type: string, path: StockCode}}
      description: {{type: 'string?', path: Description}}
      quantity: {{type: int, path: Quantity}}
      at: {{type: timestamp, path: InvoiceDate, format: '%Y-%m-%d %H:%M:%S'}}
      price: {{type: decimal, path: UnitPrice}}
      customer: {{type: 'string?', path: CustomerID}}
      country: {{type: string, path: Country}}
    partition_by: invoice
    partitions: 3
    time: {{field: at, out_of_order: 1h, max_future: 3d}}
streams:
  once:
    from: lines
    steps:
      - dedup: {{by: [{", ".join(FIELDS)}], within: 1d}}
      - set: {{amount: 'price * quantity', returned: 'quantity < 0'}}
    route: {{returns: 'returned', anonymous: 'customer == null'}}
views:
  revenue:
    from: once
    by: [country]
    window: {{calendar: day}}
    select:
      lines: 'count()'
      revenue: 'sum(amount)'
      items: 'sum(quantity)'
      returns: 'count_if(returned)'
      unknown: 'count_if(customer == null)'
      customers: 'distinct_exact(customer, 10000)'
      mean_price: 'avg(price)'
  given_back:
    from: once.returns
    window: {{calendar: day}}
    select: {{lines: 'count()', revenue: 'sum(amount)'}}
  everything:
    from: lines
    window: {{calendar: day}}
    select: {{lines: 'count()', revenue: 'sum(price * quantity)'}}
sinks:
  revenue: {{type: file, path: revenue.ndjson, from: revenue}}
  given_back: {{type: file, path: given_back.ndjson, from: given_back}}
  everything: {{type: file, path: everything.ndjson, from: everything}}
  anonymous: {{type: file, path: anonymous.ndjson, from: once.anonymous}}
serve: {{http: "127.0.0.1:0"}}
"""


def read_invoices():
    lines = []
    for path in sorted(INVOICES.glob("*.csv")):
        with open(path, newline="", encoding="utf-8") as f:
            for cells in list(csv.reader(f))[1:]:
                lines.append(dict(zip(FIELDS, cells)))
    return lines


def without_duplicates(lines):
    """Of equal lines the first: equal ones have the same time, so every one is within a day."""
    return [dict(cells) for cells in dict.fromkeys(tuple(line.items()) for line in lines)]


def sums(lines, key):
    """{key: what a row says of its lines}"""
    groups = collections.defaultdict(list)
    for line in lines:
        groups[key(line)].append(line)
    return {key: {
        "lines": len(group),
        "revenue": sum(decimal.Decimal(x["price"]) * int(x["quantity"]) for x in group),
        "items": sum(int(x["quantity"]) for x in group),
        "returns": sum(int(x["quantity"]) < 0 for x in group),
        "unknown": sum(x["customer"] == "" for x in group),
        "customers": len({x["customer"] for x in group} - {""}),
        "mean_price": (sum(decimal.Decimal(x["price"]) for x in group) / len(group)).quantize(
            decimal.Decimal("1e-9"), decimal.ROUND_HALF_UP),
    } for key, group in groups.items()}


def day(line):
    return line["at"][:10]


class Retail(support.Case):
    def rows(self, name):
        """Rows of a sink; numbers with a point are decimals, not floats."""
        with open(self.folder / (name + ".ndjson"), encoding="utf-8") as f:
            return [json.loads(line, parse_float=decimal.Decimal) for line in f]

    def compare(self, name, want, *by):
        got = {tuple(row[column] for column in by) + (row["window_start"][:10],): row for row in self.rows(name)}
        self.assertEqual({key for key, row in got.items() if row["lines"] > 0}, set(want))
        for key, sums_of_key in want.items():
            for column, value in sums_of_key.items():
                if column in got[key]:
                    self.assertEqual(got[key][column], value, (name, key, column))

    def test_revenue_per_country_and_day_equals_that_of_a_script_to_the_cent(self):
        p = self.pipeline(PIPELINE, "retail")
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        lines = read_invoices()
        once = without_duplicates(lines)
        self.assertEqual(len(lines), 14022)
        self.assertGreater(len(lines), len(once))
        self.compare("everything", {(d,): {"lines": w["lines"], "revenue": w["revenue"]}
                                    for d, w in sums(lines, day).items()})
        self.compare("revenue", sums(once, lambda x: (x["country"], day(x))), "country")
        returns = [x for x in once if int(x["quantity"]) < 0]
        self.assertGreater(len(returns), 100)
        self.compare("given_back", {(d,): {"lines": w["lines"], "revenue": w["revenue"]}
                                    for d, w in sums(returns, day).items()})
        self.assertLess(sum(row["revenue"] for row in self.rows("given_back")), 0)
        # Lines without a customer that are no returns, each once, with all that they say.
        anonymous = collections.Counter((x["invoice"], x["stock"], x["description"] or None, int(x["quantity"]),
                                         decimal.Decimal(x["price"]))
                                        for x in once if x["customer"] == "" and int(x["quantity"]) >= 0)
        self.assertGreater(sum(anonymous.values()), 3000)
        got = collections.Counter((x["invoice"], x["stock"], x["description"], x["quantity"],
                                   decimal.Decimal(x["price"])) for x in self.rows("anonymous"))
        self.assertEqual(got, anonymous)
        total = sum(w["revenue"] for w in sums(once, day).values())
        print(f"{len(lines)} lines, {len(lines) - len(once)} of them duplicates, revenue {total}")

    def test_after_kill_9_in_the_middle_nothing_is_forgotten_and_nothing_passes_twice(self):
        paced = PIPELINE.replace("type: file\n    path: '", "type: file\n    pace: 100000\n    path: '", 1)
        p = self.pipeline(paced + "engine: {checkpoint: 200ms}\n", "retail")
        for events in (1500, 6000, 11000):
            p.start("--exit-at-end")
            p.address()
            support.wait_for(f"{events} events", lambda: p.get("/v1/pipeline")["events"] >= events)
            p.kill()
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        once = without_duplicates(read_invoices())
        self.compare("revenue", sums(once, lambda x: (x["country"], day(x))), "country")


if __name__ == "__main__":
    support.need_files(INVOICES)
    support.main()
