"""Joins over several partitions, with crashes: the pairs that a script finds, each once."""

import bisect
import collections
import json
import random
import time

import support

BEFORE, AFTER, AS_OF = 5, 60, 300
DISORDER = 20  # seconds by which events come out of order

PIPELINE = f"""\
pipeline: joins
sources:
  orders:
    type: file
    path: orders.ndjson
    partitions: 3
    partition_by: 'user'
    schema: {{ts: timestamp_s, id: int, user: string, amount: decimal}}
    time: {{field: ts, out_of_order: {DISORDER}s}}
  payments:
    type: file
    path: payments.ndjson
    partitions: 2
    partition_by: 'bank'
    schema: {{ts: timestamp_s, order: int, bank: string, paid: decimal}}
    time: {{field: ts, out_of_order: {DISORDER}s}}
  rates:
    type: file
    path: rates.ndjson
    schema: {{ts: timestamp_s, bank: string, rate: int}}
    time: {{field: ts, out_of_order: {DISORDER}s}}
streams:
  settled:
    join: {{left: orders, right: payments, by: [id = order], before: {BEFORE}s, within: {AFTER}s, type: left,
            set: {{bank: bank, paid: paid, paid_at: ts}}}}
    partitions: 3
  rated:
    join: {{left: payments, as_of: rates, by: [bank], within: {AS_OF}s, type: left, set: {{rate: rate}}}}
    partitions: 2
  by_user:
    from: settled
    key_by: [user]
    partitions: 2
    steps:
      - filter: 'paid != null'
views:
  spent:
    from: by_user
    by: [user]
    window: {{size: 10m, lateness: {AFTER}s}}
    select: {{pairs: 'count()', paid: 'sum(paid)'}}
  outcome:
    from: settled
    by: [bank]
    window: {{size: 10m}}
    select: {{orders: 'count()', amount: 'sum(amount)'}}
sinks:
  pairs: {{type: file, path: pairs.ndjson, from: settled}}
  rated_payments: {{type: file, path: rated.ndjson, from: rated}}
  spent_rows: {{type: file, path: spent.ndjson, from: spent}}
  outcome_rows: {{type: file, path: outcome.ndjson, from: outcome}}
engine: {{checkpoint: 200ms}}
"""


def disordered(events, rng):
    """In an order in which no event comes more than DISORDER behind another."""
    return sorted(events, key=lambda e: e["ts"] + rng.random() * (DISORDER - 1))


def world(seed, orders):
    rng = random.Random(seed)
    placed, paid, rates = [], [], []
    for i in range(orders):
        at = 1000 + i // 4
        placed.append({"ts": at, "id": i, "user": f"u{rng.randrange(40)}", "amount": rng.randrange(10000) / 100})
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            paid.append({"ts": at + rng.randrange(-BEFORE - 3, AFTER + 10), "order": i, "bank": f"b{rng.randrange(6)}",
                         "paid": rng.randrange(10000) / 100})
    for i in range(orders // 50):
        rates.append({"ts": 1000 + rng.randrange(orders // 4), "bank": f"b{rng.randrange(7)}", "rate": i})
    return disordered(placed, rng), disordered(paid, rng), disordered(rates, rng)


def settled(orders, payments):
    of = collections.defaultdict(list)
    for p in payments:
        of[p["order"]].append(p)
    out = []
    for o in orders:
        pairs = [p for p in of[o["id"]] if o["ts"] - BEFORE <= p["ts"] <= o["ts"] + AFTER]
        out += [(o["id"], o["ts"], p["bank"], p["paid"], p["ts"]) for p in pairs]
        if not pairs:
            out.append((o["id"], o["ts"], None, None, None))
    return sorted(out, key=repr)


def rated(payments, rates):
    of = collections.defaultdict(dict)
    for r in rates:
        of[r["bank"]].setdefault(r["ts"], set()).add(r["rate"])  # of equal times either
    out = []
    for p in payments:
        times = sorted(of[p["bank"]])
        i = bisect.bisect_right(times, p["ts"]) - 1
        fresh = i >= 0 and p["ts"] - times[i] <= AS_OF
        out.append((p["order"], p["ts"], p["bank"], of[p["bank"]][times[i]] if fresh else {None}))
    return out


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def seconds(text):
    return support.micros(text) // 1_000_000 if text is not None else None


class Joins(support.Case):
    def write(self, name, events):
        with open(self.folder / f"{name}.ndjson", "w") as f:
            f.writelines(json.dumps(e) + "\n" for e in events)

    def check(self, orders, payments, rates):
        got = [(e["id"], seconds(e["ts"]), e["bank"], e["paid"], seconds(e["paid_at"])) for e in lines(self.folder / "pairs.ndjson")]
        self.assertEqual(sorted(got, key=repr), settled(orders, payments))

        got = sorted(((e["order"], seconds(e["ts"]), e["bank"], e["rate"]) for e in lines(self.folder / "rated.ndjson")), key=repr)
        want = sorted(rated(payments, rates), key=lambda w: repr(w[:3]))
        self.assertEqual(len(got), len(want))
        for g, w in zip(sorted(got, key=lambda g: repr(g[:3])), want):
            self.assertEqual(g[:3], w[:3])
            self.assertIn(g[3], w[3], w)

        user = {o["id"]: o for o in orders}
        spent, outcome = collections.Counter(), collections.Counter()
        for i, at, bank, paid, paid_at in settled(orders, payments):
            end = (max(at, paid_at or at) // 600 + 1) * 600
            outcome[(bank, end)] += 1
            if paid is not None:
                spent[(user[i]["user"], end)] += 1
        rows = {(r["user"], seconds(r["window_end"])): r["pairs"] for r in lines(self.folder / "spent.ndjson")}
        self.assertEqual(rows, dict(spent))
        rows = {(r["bank"], seconds(r["window_end"])): r["orders"] for r in lines(self.folder / "outcome.ndjson")}
        self.assertEqual(rows, dict(outcome))

    def test_pairs_are_those_of_a_script(self):
        orders, payments, rates = world(1, 20_000)
        for name, events in ("orders", orders), ("payments", payments), ("rates", rates):
            self.write(name, events)
        p = self.pipeline(PIPELINE)
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        self.check(orders, payments, rates)
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())  # nothing comes again
        self.check(orders, payments, rates)

    def test_kill_9_neither_loses_nor_doubles_a_pair(self):
        orders, payments, rates = world(2, 60_000)
        rng = random.Random(7)
        for name, events in ("orders", orders), ("payments", payments), ("rates", rates):
            self.write(name, events)
        p = self.pipeline(PIPELINE)
        kills = 0
        for _ in range(12):
            p.start("--exit-at-end")
            time.sleep(0.15 + rng.random() * 0.6)  # a moment that nobody has chosen
            if p.process.poll() is None:
                p.kill()
                kills += 1
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        self.check(orders, payments, rates)
        print(f"{kills} kills", end=" ")

    def test_another_key_is_another_log_and_wants_consent(self):
        orders, payments, rates = world(3, 500)
        for name, events in ("orders", orders), ("payments", payments), ("rates", rates):
            self.write(name, events)
        p = self.pipeline(PIPELINE)
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        p.write(PIPELINE.replace("key_by: [user]", "key_by: [bank]"))
        self.assertNotEqual(p.run("--exit-at-end"), 0, p.said())
        self.assertIn("exchange by_user was changed", p.said())
        self.assertEqual(p.run("--exit-at-end", "--accept-loss"), 0, p.said())
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())


if __name__ == "__main__":
    support.main()
