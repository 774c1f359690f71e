"""Random pipelines (expressions, steps, keys, windows, lateness, partitions) against a plain evaluation that shares
nothing with the program. TIDEMILL_PIPELINES says how many, TIDEMILL_FIRST_SEED with which they begin."""

import datetime
import json
import math
import os
import random

import support

PIPELINES = int(os.environ.get("TIDEMILL_PIPELINES", "10000"))
FIRST = int(os.environ.get("TIDEMILL_FIRST_SEED", "0"))
AT_ONCE = 500
NEVER = -(10**12)


class Failed(Exception):
    """What CEL calls an error: the event becomes a dead letter."""


# Expressions: a text in CEL, and a function of the fields that gives its value or raises Failed.

def whole_division(a, b):
    if b == 0:
        raise Failed
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def absorbing(short):
    """`&&` (short = False) or `||` (True): an error counts only if the other side doesn't decide."""
    def both(a, b, fields):
        seen = []
        for side in (a, b):
            try:
                value = side(fields)
                if value is short:
                    return short
                seen.append(value)
            except Failed:
                pass
        if len(seen) < 2:
            raise Failed
        return not short
    return both


BOTH, EITHER = absorbing(False), absorbing(True)


class Expressions:
    def __init__(self, chance, ints, texts, bools, may_fail):
        self.chance, self.ints, self.texts, self.bools, self.may_fail = chance, ints, texts, bools, may_fail

    def number(self, depth):
        c, pick = self.chance, self.chance.randrange(4 if depth <= 0 else 12)
        if pick < 2:
            name = c.choice(self.ints)
            return name, lambda f: f[name]
        if pick == 2:
            k = c.randrange(-9, 10)
            return (f"({k})" if k < 0 else str(k)), lambda f: k
        if pick == 3:
            k = c.randrange(-3, 4)
            return f"(x == null ? {k} : x)", lambda f: k if f["x"] is None else f["x"]
        if pick < 7:
            (ta, a), (tb, b), op = self.number(depth - 1), self.number(depth - 1), c.choice("+-*")
            return f"({ta} {op} {tb})", lambda f: {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}[op](a(f), b(f))
        if pick == 7:
            (ta, a), k, op = self.number(depth - 1), c.choice([2, 3, 5, -4]), c.choice("/%")
            if self.may_fail and c.random() < 0.5:
                tb, b = self.number(depth - 1)
            else:
                tb, b = (f"({k})", lambda f: k)
            def divided(f):
                x, y = a(f), b(f)
                whole = whole_division(x, y)
                return whole if op == "/" else x - whole * y
            return f"({ta} {op} {tb})", divided
        if pick == 8:
            tt, t = self.text(depth - 1)
            return f"size({tt})", lambda f: len(t(f))
        if pick == 9:
            (ta, a), k = self.number(depth - 1), c.randrange(-3, 6)
            return f"[1, {ta}, 3].filter(i, i > {k}).size()", lambda f: sum(i > k for i in (1, a(f), 3))
        (tc, cond), (ta, a), (tb, b) = self.truth(depth - 1), self.number(depth - 1), self.number(depth - 1)
        return f"({tc} ? {ta} : {tb})", lambda f: a(f) if cond(f) else b(f)

    def text(self, depth):
        c, pick = self.chance, self.chance.randrange(2 if depth <= 0 else 6)
        if pick == 0:
            name = c.choice(self.texts)
            return name, lambda f: f[name]
        if pick == 1:
            word = c.choice(["a", "bc", "ä", ""])
            return json.dumps(word, ensure_ascii=False), lambda f: word
        if pick == 2:
            (ta, a), (tb, b) = self.text(depth - 1), self.text(depth - 1)
            return f"({ta} + {tb})", lambda f: a(f) + b(f)
        if pick == 3:
            ta, a = self.number(depth - 1)
            return f"string({ta})", lambda f: str(a(f))
        if pick == 4:
            ta, a = self.text(depth - 1)
            return f"{ta}.upperAscii()", lambda f: "".join(x.upper() if x.isascii() else x for x in a(f))
        (tc, cond), (ta, a), (tb, b) = self.truth(depth - 1), self.text(depth - 1), self.text(depth - 1)
        return f"({tc} ? {ta} : {tb})", lambda f: a(f) if cond(f) else b(f)

    def truth(self, depth):
        c, pick = self.chance, self.chance.randrange(3 if depth <= 0 else 9)
        if pick == 0:
            name = c.choice(self.bools)
            return name, lambda f: f[name]
        if pick in (1, 3):
            (ta, a), (tb, b), op = self.number(depth - 1), self.number(depth - 1), c.choice(["<", "<=", "==", "!=", ">", ">="])
            compare = {"<": int.__lt__, "<=": int.__le__, "==": int.__eq__, "!=": int.__ne__, ">": int.__gt__, ">=": int.__ge__}[op]
            return f"({ta} {op} {tb})", lambda f: compare(a(f), b(f))
        if pick == 2:
            return "(x == null)", lambda f: f["x"] is None
        if pick == 4:
            (ta, a), (tb, b) = self.text(depth - 1), self.text(depth - 1)
            method, test = c.choice([("startsWith", str.startswith), ("contains", lambda x, y: y in x), ("endsWith", str.endswith)])
            return f"{ta}.{method}({tb})", lambda f: test(a(f), b(f))
        if pick == 5:
            ta, a = self.truth(depth - 1)
            return f"!({ta})", lambda f: not a(f)
        if pick == 6:
            ta, a = self.number(depth - 1)
            return f"({ta} in [0, 1, 5])", lambda f: a(f) in (0, 1, 5)
        (ta, a), (tb, b), both = self.truth(depth - 1), self.truth(depth - 1), c.random() < 0.5
        return f"({ta} {'&&' if both else '||'} {tb})", lambda f: (BOTH if both else EITHER)(a, b, f)


# Aggregates: from the values of a window's events, in the order of time, partition and offset.

def aggregate(chance, e):
    (tn, n), (tb, b), (tt, t) = e.number(2), e.truth(2), e.text(1)
    return chance.choice([
        ("count()", lambda fs: len(fs)),
        (f"sum({tn})", lambda fs: sum(n(f) for f in fs)),
        (f"min({tn})", lambda fs: min((n(f) for f in fs), default=None)),
        (f"max({tn})", lambda fs: max((n(f) for f in fs), default=None)),
        (f"count_if({tb})", lambda fs: sum(b(f) for f in fs)),
        (f"first({tt})", lambda fs: t(fs[0]) if fs else None),
        (f"last({tn})", lambda fs: n(fs[-1]) if fs else None),
        (f"distinct_exact({tt}, 100)", lambda fs: len({t(f) for f in fs})),
        (f"sum({tn}) * 2 - count()", lambda fs: 2 * sum(n(f) for f in fs) - len(fs)),
    ])


def iso(seconds):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class RandomPipeline:
    def __init__(self, seed):
        c = self.chance = random.Random(seed)
        self.out_of_order = c.choice([0, 0, 2, 5])
        self.partitions = c.choice([1, 1, 2, 3])
        self.steps = []  # (YAML, function of the fields: None drops them)
        ints, texts, bools = ["n"], ["k"], ["b"]
        for _ in range(c.randrange(4)):
            e = Expressions(c, ints, texts, bools, True)
            if c.random() < 0.4:
                text, test = e.truth(2)
                self.steps.append((f"filter: {json.dumps(text, ensure_ascii=False)}", lambda f, test=test: f if test(f) else None))
                continue
            kind = c.choice(["i", "t", "b"])
            name = c.choice([f"{kind}{len(self.steps)}", {"i": "n", "t": "k", "b": "b"}[kind]])
            text, compute = {"i": e.number, "t": e.text, "b": e.truth}[kind](3)
            self.steps.append((f"set: {{{name}: {json.dumps(text, ensure_ascii=False)}}}",
                               lambda f, name=name, compute=compute: {**f, name: compute(f)}))
            known = {"i": ints, "t": texts, "b": bools}[kind]
            if name not in known:
                known.append(name)
        self.by = c.sample(ints[:2] + texts + bools, c.choice([0, 1, 1, 2]))
        safe = Expressions(c, ints, texts, bools, False)
        self.where = safe.truth(2) if c.random() < 0.4 else None
        self.size, self.slide = c.choice([(10, 10), (7, 7), (10, 5), (12, 3), (10, 4)])
        self.lateness = c.choice([0, 0, 3, 10])
        self.select = [(f"c{i}", *aggregate(c, safe)) for i in range(c.randrange(1, 4))]
        self.make_records()

    def make_records(self):
        c, now = self.chance, self.chance.randrange(40)
        self.batches, self.records, offsets = [], [], [0] * self.partitions
        for _ in range(c.randrange(1, 7)):
            p, batch = c.randrange(self.partitions), []
            for _ in range(c.randrange(1, 7)):
                now += c.choices([0, 1, 2, 5, 11, 60], [6, 8, 6, 4, 2, 1])[0]
                fields = {"ts": max(0, now - c.choice([0, 0, 1, 3, 8, 15])), "k": c.choice(["a", "bc", "ä"]), "n": c.randrange(-6, 9),
                          "x": c.choice([None, 0, 1, 7]), "b": c.random() < 0.5}
                broken = c.random() < 0.03
                self.records.append((p, offsets[p], None if broken else fields))
                offsets[p] += 1
                batch.append("not a record" if broken else {k: v for k, v in fields.items() if v is not None or c.random() < 0.5})
            self.batches.append((p, batch))

    def yaml(self):
        window = f"{{size: {self.size}s, slide: {self.slide}s, lateness: {self.lateness}s}}"
        lines = ["pipeline: random", "sources:",
                 "  s: {type: file, path: none, schema: {ts: timestamp_s, k: string, n: int, x: int?, b: bool}, "
                 f"time: {{field: ts, out_of_order: {self.out_of_order}s}}}}",
                 "streams:", "  t:", "    from: s", "    steps:" + ("" if self.steps else " []")]
        lines += [f"      - {step}" for step, _ in self.steps]
        lines += ["views:", "  v:", "    from: t", f"    by: {json.dumps(self.by)}", f"    window: {window}", "    retain: 30d", "    select:"]
        lines += [f"      {name}: {json.dumps(text, ensure_ascii=False)}" for name, text, _ in self.select]
        if self.where:
            lines.append(f"    where: {json.dumps(self.where[0], ensure_ascii=False)}")
        rows, dead, late = self.expected()
        lines += ["tests:", "  t:", "    steps:"] + [f"      - send: {{s/{p}: []}}" for p in range(self.partitions)]
        lines += [f"      - send: {{s/{p}: {json.dumps(batch, ensure_ascii=False)}}}" for p, batch in self.batches]
        lines += ["      - end: true",
                  f"      - expect: {json.dumps({'rows': {'v': rows}, 'events': {'t.dead': dead, 'v.late': late, 's.dead': self.broken()}}, ensure_ascii=False)}"]
        return "\n".join(lines) + "\n"

    def broken(self):
        return [{"partition": p, "offset": at} for p, at, fields in self.records if fields is None]

    def expected(self):
        slice_ = math.gcd(self.size, self.slide)
        watermarks, counted, dead, late = [NEVER] * self.partitions, [], [], []
        for p, at, fields in self.records:
            if fields is None:
                continue
            before, ts = watermarks[p], fields["ts"]
            watermarks[p] = max(before, ts - self.out_of_order)
            place = {"partition": p, "offset": at}
            try:
                for _, step in self.steps:
                    fields = step(fields)
                    if fields is None:
                        break
            except Failed:
                dead.append(place)
                continue
            if fields is None or (self.where and not self.where[1](fields)):
                continue
            if (ts // slice_ + 1) * slice_ + self.lateness <= before:
                late.append(place)
            else:
                counted.append(((ts, p, at), fields))
        return self.rows(sorted(counted, key=lambda c: c[0])), dead, late

    def rows(self, counted):
        rows, groups = [], {}
        for place, fields in counted:
            groups.setdefault(tuple(fields[name] for name in self.by), []).append((place[0], fields))
        for key, events in groups.items():
            covering = {s for ts, _ in events for s in range(ts // self.slide * self.slide, ts - self.size, -self.slide)}
            # The first window without events, too, if windows overlap.
            for start in covering | ({s + self.slide for s in covering} if self.slide < self.size else set()):
                inside = [fields for ts, fields in events if start <= ts < start + self.size]
                row = {"window_start": iso(start), "window_end": iso(start + self.size), "state": "sealed", **dict(zip(self.by, key))}
                rows.append({**row, **{name: compute(inside) for name, _, compute in self.select}})
        return rows


class PipelineReference(support.Case):
    def test_rows_dead_letters_and_late_events_are_those_of_the_plain_evaluation(self):
        for first in range(FIRST, FIRST + PIPELINES, AT_ONCE):
            files = []
            for seed in range(first, min(first + AT_ONCE, FIRST + PIPELINES)):
                files.append(self.folder / f"seed{seed}.yaml")
                files[-1].write_text(RandomPipeline(seed).yaml())
            code, text = support.run_tool("test", *files, seconds=300)
            failed = [line for line in text.splitlines() if "FAIL" in line or "seed" in line and ": " in line]
            self.assertEqual(code, 0, "\n".join(failed[:20]) + text[-3000:])
            self.assertTrue(text.endswith(f"{len(files)} passed, 0 failed\n"), text[-200:])
            for file in files:
                file.unlink()
        print(f"{PIPELINES} pipelines")


if __name__ == "__main__":
    support.main()
