"""Random windows, records, partitions and crashes against a plain evaluation of docs/windows.md."""

import datetime
import json
import math
import random

import support

NEVER, FOREVER = -(10**12), 10**12
ENTRIES = 8  # tests in one file
SESSIONS = [(8, 0, 0, False), (8, 0, 6, True), (4, 16, 0, True), (8, 24, 30, False)]  # gap, max, lateness, as above
RETAIN = 40  # of the global view, in slices of 10 s
VIEWS = [  # size, slide, lateness, whether open rows show
    (10, 10, 0, False), (10, 10, 7, True), (10, 5, 0, False), (10, 5, 5, True),
    (12, 3, 0, True), (10, 4, 3, False), (10, 4, 0, True), (9, 6, 4, True),
]


def iso(seconds):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Record:
    def __init__(self, partition, offset, ts, key, n):
        self.partition, self.offset, self.ts, self.key, self.n = partition, offset, ts, key, n


def judged(slice_, lateness, partitions, out_of_order, records):
    """Records with the watermark of their partition before them, late ones, and the watermarks after all."""
    watermarks = [NEVER] * partitions
    accepted, late = [], []
    for r in records:
        before = watermarks[r.partition]
        if (r.ts // slice_ + 1) * slice_ + lateness <= before:
            late.append({"partition": r.partition, "offset": r.offset, "code": 2007})
        else:
            accepted.append((r, before))
        watermarks[r.partition] = max(before, r.ts - out_of_order)
    return accepted, late, watermarks


def row(start, size, key, events, state):
    inside = [(r, before) for r, before in events if start <= r.ts < start + size]
    values = [r.n for r, _ in inside]
    return {
        "window_start": iso(start), "window_end": iso(start + size), "k": key, "n": len(values), "sum": sum(values),
        "least": min(values, default=None), "most": max(values, default=None), "state": state,
        "revision": sum(before >= start + size for _, before in inside),
    }


def expected(view, partitions, out_of_order, records, ended):
    size, slide, lateness, shows_open = view
    accepted, late, watermarks = judged(math.gcd(size, slide), lateness, partitions, out_of_order, records)
    now = FOREVER if ended else min(watermarks)
    rows = []
    for key in sorted({r.key for r, _ in accepted}):
        events = [(r, before) for r, before in accepted if r.key == key]
        covering = {s for r, _ in events for s in range(r.ts // slide * slide, r.ts - size, -slide)}
        # The first window without events, too, if windows overlap.
        starts = covering | {s + slide for s in covering} if slide < size else covering
        for s in starts:
            if s + size <= now:
                rows.append(row(s, size, key, events, "sealed" if s + size + lateness <= now else "closed"))
        newest = max(r.ts for r, _ in events)
        shown = min(s for s in covering if s + size > newest)
        if shows_open and shown + size > now:
            rows.append(row(shown, size, key, events, "open"))
    return rows, late


def sessions(events, gap, most):
    """Runs of one key's events, in the order of time."""
    runs = []
    for r, before in sorted(events, key=lambda e: e[0].ts):
        last = runs[-1][-1][0].ts if runs else None
        if runs and r.ts - last <= gap and (not most or r.ts // most == last // most):
            runs[-1].append((r, before))
        else:
            runs.append([(r, before)])
    return runs


def session_row(start, end, key, events, state, revision):
    values = [r.n for r, _ in events]
    return {
        "window_start": None if start is None else iso(start), "window_end": None if end is None else iso(end), "k": key, "n": len(values),
        "sum": sum(values), "least": min(values), "most": max(values), "state": state, "revision": revision,
    }


def expected_sessions(view, partitions, out_of_order, records, ended):
    gap, most, lateness, shows_open = view
    slice_ = gap // 4
    accepted, late, watermarks = judged(slice_, lateness, partitions, out_of_order, records)
    now = FOREVER if ended else min(watermarks)
    rows = []
    for key in sorted({r.key for r, _ in accepted}):
        for run in sessions([e for e in accepted if e[0].key == key], gap, most):
            end = run[-1][0].ts + gap
            if most:
                end = min(end, (run[-1][0].ts // most + 1) * most)
            final = (end // slice_ + 1) * slice_ + lateness <= now
            state = "sealed" if final else "closed" if end <= now else "open"
            corrections = sum(before // slice_ - 1 >= end // slice_ for _, before in run)
            if state != "open" or shows_open:
                rows.append(session_row(run[0][0].ts, end, key, run, state, corrections))
    return rows, late


def expected_global(partitions, out_of_order, records, ended):
    slice_ = RETAIN // 4
    accepted, late, watermarks = judged(slice_, 0, partitions, out_of_order, records)
    now = FOREVER if ended else min(watermarks)
    if ended and accepted:  # the end of the input takes nothing away
        now = (max(r.ts for r, _ in accepted) // slice_ + 1) * slice_
    rows = []
    for key in sorted({r.key for r, _ in accepted}):
        run = sessions([e for e in accepted if e[0].key == key], RETAIN, 0)[-1]
        if ((run[-1][0].ts + RETAIN) // slice_ + 1) * slice_ > now:
            rows.append(session_row(None, None, key, run, "open", 0))
    return rows, late


def expectation(partitions, out_of_order, records, ended):
    rows, late = {}, {}
    for i, view in enumerate(VIEWS):
        rows[f"v{i}"], late[f"v{i}.late"] = expected(view, partitions, out_of_order, records, ended)
    for i, view in enumerate(SESSIONS):
        rows[f"s{i}"], late[f"s{i}.late"] = expected_sessions(view, partitions, out_of_order, records, ended)
    rows["g"], late["g.late"] = expected_global(partitions, out_of_order, records, ended)
    return f"      - expect: {json.dumps({'rows': rows, 'events': late})}"


def random_test(chance, name, out_of_order):
    partitions = chance.choice([1, 1, 2, 3])
    lines = [f"  {name}:", "    steps:"] + [f"      - send: {{s/{p}: []}}" for p in range(partitions)]
    records, offsets, now = [], [0] * partitions, chance.randrange(30)
    for _ in range(chance.randrange(1, 9)):
        if chance.random() < 0.2:
            lines.append("      - crash: " + chance.choice(["worker", "view", "process"]))
        p, batch = chance.randrange(partitions), []
        for _ in range(chance.randrange(1, 5)):
            now += chance.choices([0, 1, 2, 3, 5, 11, 60], [6, 8, 6, 6, 5, 2, 1])[0]
            ts = max(0, now - chance.choice([0, 0, 1, 3, 8, 15]))
            r = Record(p, offsets[p], ts, chance.choice("abc"), chance.randrange(-5, 9))
            offsets[p] += 1
            records.append(r)
            batch.append({"ts": r.ts, "k": r.key, "n": r.n})
        lines.append(f"      - send: {{s/{p}: {json.dumps(batch)}}}")
        if chance.random() < 0.6:
            lines.append(expectation(partitions, out_of_order, records, False))
    return lines + ["      - end: true", expectation(partitions, out_of_order, records, True)]


def pipeline(chance):
    out_of_order = chance.choice([0, 2, 5])
    lines = [
        "pipeline: random_windows", "sources:",
        "  s: {type: file, path: none, schema: {ts: timestamp_s, k: string, n: int}, "
        f"time: {{field: ts, out_of_order: {out_of_order}s}}}}",
        "views:",
    ]
    for i, (size, slide, lateness, shows_open) in enumerate(VIEWS):
        emit = "emit: {every: 1s}, " if shows_open else ""
        lines.append(f"  v{i}: {{from: s, by: [k], window: {{size: {size}s, slide: {slide}s, lateness: {lateness}s}}, {emit}"
                     "select: {n: 'count()', sum: 'sum(n)', least: 'min(n)', most: 'max(n)'}, retain: 30d}")
    select = "select: {n: 'count()', sum: 'sum(n)', least: 'min(n)', most: 'max(n)'}"
    for i, (gap, most, lateness, shows_open) in enumerate(SESSIONS):
        emit = "emit: {every: 1s}, " if shows_open else ""
        cut = f"max: {most}s, " if most else ""
        lines.append(f"  s{i}: {{from: s, by: [k], window: {{session: {gap}s, {cut}lateness: {lateness}s}}, {emit}{select}, retain: 30d}}")
    lines.append(f"  g: {{from: s, by: [k], window: global, {select}, retain: {RETAIN}s}}")
    lines.append("tests:")
    for t in range(ENTRIES):
        lines += random_test(chance, f"t{t}", out_of_order)
    return "\n".join(lines) + "\n"


class WindowReference(support.Case):
    def test_rows_and_late_events_are_those_of_the_plain_evaluation(self):
        files = []
        for seed in range(6):
            files.append(self.folder / f"random{seed}.yaml")
            files[-1].write_text(pipeline(random.Random(seed)))
        code, text = support.run_tool("test", *files, seconds=300)
        self.assertEqual(code, 0, text[:20000])
        self.assertTrue(text.endswith(f"{len(files) * ENTRIES} passed, 0 failed\n"), text[-200:])


if __name__ == "__main__":
    support.main()
