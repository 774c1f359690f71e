"""Compares everything that tidemill has shown or written with the oracle."""

import collections
import json
import time

import stream
import support
import topics


def plain(row):
    return json.dumps(row, sort_keys=True)


class Verdict:
    """What is wrong now. Compared again and again until nothing is, or until it is too late."""

    def __init__(self, oracle, observers):
        self.oracle, self.changelog = oracle, observers.changelog
        self.wrong, self.lost, self.doubled = [], 0, 0

    def reach(self, w, seconds):
        end = time.monotonic() + seconds
        while True:
            try:
                self.look(w)
                if not self.wrong:
                    return self
            except support.Watcher.AWAY as away:
                self.wrong.append(f"not to be read: {away}")
            if time.monotonic() > end:
                return self
            time.sleep(1)

    def look(self, w):
        self.wrong, self.lost, self.doubled = [], 0, 0
        active = w.active()
        shown = {}
        for view in stream.VIEWS:
            rows = shown[view] = active.rows(view, window="all")["rows"]
            sealed = self.rows(view, rows)
            self.once(f"file of {view}", map(plain, support.ndjson(w.out / f"{view}.ndjson")),
                      map(plain, sealed))
            self.mirror(w, view, rows)
        self.topics(w, shown)
        self.once("sample", [r["id"] for r in support.ndjson(w.out / "sample.ndjson")], self.oracle.sample)
        self.once("late", [(r["stream"], json.loads(r["raw"])["id"]) for r in support.ndjson(w.out / "late.ndjson")],
                  [(f"{view}.late", i) for view, ids in self.oracle.late.items() for i in ids])
        self.once("dead", [(r["partition"], r["offset"]) for r in support.ndjson(w.out / "dead.ndjson")],
                  self.oracle.refused | self.oracle.poisonous)

    def topics(self, w, shown):
        def values(topic):
            return [m.value() for m in topics.everything(w.broker.address, topic)]
        self.once("topic of events", [json.loads(v)["id"] for v in values("sample")], self.oracle.sample)
        self.once("topic of sealed rows", [plain(json.loads(v)) for v in values("final")],
                  [plain(r) for r in shown["by_key"] if r["state"] == "sealed"])
        rows = {}
        for m in topics.everything(w.broker.address, "changes"):
            rows[m.key()] = m.value()
        wanted = [plain(r) for r in shown["by_region"]]
        self.once("changelog", [plain(json.loads(v)) for v in rows.values() if v is not None], wanted)
        self.once("changelog, as it was followed", [plain(r) for r in list(self.changelog.rows.values())], wanted)

    def fault(self, text):
        self.wrong.append(text)

    def rows(self, view, rows):
        """Served rows against the batch; returns the sealed ones."""
        key = stream.VIEWS[view][0]
        wanted = self.oracle.sealed(view)
        last = max(end for _, end in wanted)
        found = {}
        for row in rows:
            identity = row[key], support.micros(row["window_end"]) // 1000
            if identity in found:
                self.fault(f"{view}: {identity} is there twice")
            found[identity] = row
            # A key whose window empties gets a row of zeros.
            if identity not in wanted and row["requests"] and identity[1] <= last:
                self.fault(f"{view}: {identity} should not be there: {row}")
                self.doubled += row["requests"]
        for identity, right in wanted.items():
            row = found.get(identity)
            if row is None:
                self.fault(f"{view}: {identity} is missing, {right.requests} events")
                self.lost += right.requests
                continue
            self.lost += max(0, right.requests - row["requests"])
            self.doubled += max(0, row["requests"] - right.requests)
            if row["state"] != "sealed":
                self.fault(f"{view}: {identity} is {row['state']}")
            elif differs := right.differs(row):
                self.fault(f"{view}: {identity}: {differs}")
        return [r for r in rows if r["state"] == "sealed"]

    def once(self, what, found, wanted):
        """Each wanted one once, nothing else."""
        found, wanted = collections.Counter(found), collections.Counter(wanted)
        missing, more = wanted - found, found - wanted
        self.lost += missing.total()
        self.doubled += more.total()
        if missing:
            self.fault(f"{what}: {missing.total()} are missing, such as {next(iter(missing))}")
        if more:
            self.fault(f"{what}: {more.total()} are too many, such as {next(iter(more))}")

    def mirror(self, w, view, rows):
        key = stream.VIEWS[view][0]
        newest = {}
        for row in rows:
            if row[key] not in newest or newest[row[key]]["window_end"] < row["window_end"]:
                newest[row[key]] = row
        with support.Redis(w.redis.port, 30) as redis:
            current = {row[key]: row for row in redis.current(view).values()}
            series = [row for several in redis.series(view).values() for row in several]
        if current != newest:
            different = [k for k in newest.keys() | current.keys() if newest.get(k) != current.get(k)]
            self.fault(f"Redis, {view}: {len(different)} keys differ, such as {different[0]}: "
                       f"{current.get(different[0])}, not {newest.get(different[0])}")
        self.once(f"Redis, series of {view}", map(plain, series), map(plain, rows))
