"""Sessions and views without windows through kill -9: HTTP, Redis and a file have the rows of a plain evaluation."""

import json
import random

import support

PIPELINE = """\
pipeline: kinds
sources:
  posted:
    type: http
    partitions: 2
    partition_by: place
    schema: {{ts: timestamp, user: string, place: string, n: int}}
    time: {{field: ts, out_of_order: 1m}}
views:
  visits:
    from: posted
    by: [user]
    window: {{session: 20s}}
    emit: {{every: 50ms}}
    select: {{n: 'count()', sum: 'sum(n)'}}
    retain: 30d
  totals:
    from: posted
    by: [user]
    window: global
    select: {{n: 'count()', sum: 'sum(n)'}}
    retain: 30d
  newest:
    from: posted
    by: [user]
    window: latest
    select: {{at: ts, place: place}}
    delete: 'n == 0'
sinks:
  served: {{type: redis, url: "redis://127.0.0.1:{port}", from: [visits, totals, newest]}}
  done: {{type: file, path: visits.ndjson, from: [visits]}}
serve: {{http: "127.0.0.1:0"}}
engine: {{checkpoint: 200ms, flush: 20ms}}
"""

BEGIN, GAP = 1767607200, 20
USERS = ["ann", "bob", "cid", "dan"]


class Kinds(support.Case):
    def setUp(self):
        super().setUp()
        self.redis = support.RedisServer()
        self.addCleanup(self.redis.kill)
        self.redis.start()
        self.p = self.pipeline(PIPELINE.format(port=self.redis.port), "kinds")
        self.events = []

    def begin(self):
        self.p.start()
        self.p.address()

    def visit(self, chance, now, count):
        """Events of the half minute before `now`, in both partitions."""
        fresh = [(now - chance.randrange(30), chance.choice(USERS), place, chance.randrange(1, 100))
                 for place in ("north", "south", "east", "west") for _ in range(count)]
        self.events += fresh
        status, _ = self.p.post("posted", [{"ts": support.rfc3339(ts), "user": user, "place": place, "n": n}
                                           for ts, user, place, n in fresh])
        self.assertEqual(status, 202)

    def expected(self):
        """Sessions: {(user, start, end): (n, sum)}; totals: {user: (n, sum)}."""
        sessions, totals = {}, {}
        for user in USERS:
            run = []
            for ts, _, _, n in sorted(e for e in self.events if e[1] == user) + [(BEGIN * 2, user, "", 0)]:
                if run and ts - run[-1][0] > GAP:
                    key = user, support.rfc3339(run[0][0]), support.rfc3339(run[-1][0] + GAP)
                    sessions[key] = len(run), sum(n for _, n in run)
                    run = []
                run.append((ts, n))
            mine = [n for _, who, _, n in self.events if who == user]
            totals[user] = len(mine), sum(mine)
        return sessions, totals

    def sessions_of(self, rows):
        return {(r["user"], r["window_start"], r["window_end"]): (r["n"], r["sum"]) for r in rows}

    def equal(self, what):
        sessions, totals = self.expected()
        latest = {user: support.rfc3339(max(ts for ts, who, _, _ in self.events if who == user)) for user in totals}
        newest = {user: max(k for k in sessions if k[0] == user) for user in USERS if totals[user][0]}
        seen = [None]

        def look():
            rows = self.p.rows("visits", window="all")["rows"]
            served = self.p.rows("totals")["rows"]
            with support.Redis(self.redis.port) as redis:
                current = list(redis.current("visits").values())
                mirrored = list(redis.current("totals").values())
                rows_of_latest = self.p.rows("newest")["rows"], list(redis.current("newest").values())
            seen[0] = rows, served, current, mirrored, rows_of_latest
            return (self.sessions_of(rows) == sessions and len(rows) == len(sessions)
                    and {r["user"]: (r["n"], r["sum"]) for r in served} == totals
                    and {r["user"]: (r["n"], r["sum"]) for r in mirrored} == totals
                    and self.sessions_of(current) == {k: sessions[k] for k in newest.values()}
                    and all({r["user"]: r["at"] for r in some} == latest for some in rows_of_latest)
                    and all(r["window_start"] is None and r["window_end"] is None for r in served + mirrored))
        support.wait_for(lambda: f"{what}: {seen[0]} instead of {sessions}, {totals}", look, 30)

    def test_rows_merge_and_move_and_survive_whatever_dies(self):
        chance = random.Random(1)
        self.begin()
        now = BEGIN
        for step in range(12):
            now += chance.choice([5, 20, 45])
            self.visit(chance, now, chance.randrange(1, 4))
            if step % 3 == 2:
                self.p.kill()
                self.begin()
            if step % 2:
                self.equal(f"after step {step}")
        # An event that deletes takes the row away, from Redis too; the next one brings it back.
        gone = {"ts": support.rfc3339(now + 60), "user": "dan", "place": "east", "n": 0}
        self.assertEqual(self.p.post("posted", [gone])[0], 202)
        self.events.append((now + 60, "dan", "east", 0))

        def is_gone():
            with support.Redis(self.redis.port) as redis:
                users = [r["user"] for r in redis.current("newest").values()]
            return "dan" not in users + [r["user"] for r in self.p.rows("newest")["rows"]]
        support.wait_for("dan's row is gone", is_gone)
        self.p.kill()
        self.begin()
        support.wait_for("dan's row stays away", is_gone)
        self.assertEqual(self.p.post("posted", [dict(gone, ts=support.rfc3339(now + 61), n=1)])[0], 202)
        self.events.append((now + 61, "dan", "east", 1))
        # Two sessions of one user become one, which both partitions know a part of.
        for ts, place in (now + 100, "north"), (now + 130, "south"), (now + 115, "north"):
            self.events.append((ts, "ann", place, 1))
            self.assertEqual(self.p.post("posted", [
                {"ts": support.rfc3339(ts), "user": "ann", "place": place, "n": 1}])[0], 202)
            self.equal(f"with ann at {ts - now}")
        self.p.kill()
        self.begin()
        late = [{"ts": support.rfc3339(now + 500), "user": "bob", "place": place, "n": 1}
                for place in ("north", "south", "east", "west")]
        self.events += [(now + 500, "bob", e["place"], 1) for e in late]
        self.assertEqual(self.p.post("posted", late)[0], 202)
        self.equal("at last")
        sessions, _ = self.expected()
        past = {k: v for k, v in sessions.items() if k[2] < support.rfc3339(now + 400)}

        def written():
            whole = (self.folder / "visits.ndjson").read_text().rpartition("\n")[0]
            return [json.loads(line) for line in whole.splitlines()]
        # What is shown may still be on its way to the file.
        support.wait_for(lambda: f"{written()} instead of {past}", lambda: self.sessions_of(written()) == past)
        self.assertEqual(self.p.terminate(), 0, self.p.said())
        sealed = written()
        self.assertEqual(self.sessions_of(sealed), past)
        self.assertEqual(len(sealed), len(past))
        self.assertEqual({r["state"] for r in sealed}, {"sealed"})


if __name__ == "__main__":
    support.need_programs("redis-server")
    support.main()
