"""Redis absent, emptied, killed: the pipeline doesn't care, and Redis equals the view in the end."""

import support

PIPELINE = """\
pipeline: mirrored
sources:
  posted:
    type: http
    schema: {{ts: timestamp, shop: string, price: double}}
    time: {{field: ts, out_of_order: 0s}}
views:
  sales:
    from: posted
    by: [shop]
    window: {{size: 1m, lateness: 5m}}
    emit: {{every: 50ms}}
    select:
      sold: 'count()'
      income: 'sum(price)'
      dearest: 'max(price)'
sinks:
  served: {{type: redis, url: "redis://127.0.0.1:{port}", from: [sales], series: true}}
serve: {{http: "127.0.0.1:0"}}
engine: {{checkpoint: 200ms, flush: 20ms}}
"""

SHOPS = [f"shop {i}|{{x}}%" for i in range(40)] + ["Zürich", ""]


class Mirror(support.Case):
    def setUp(self):
        super().setUp()
        self.redis = support.RedisServer()
        self.addCleanup(self.redis.kill)
        self.p = self.pipeline(PIPELINE.format(port=self.redis.port), "mirrored")
        self.minute = self.sold = 0

    def begin(self):
        self.p.start()
        self.p.address()

    def sell(self, minutes=3):
        """A few sales of every second shop in each of some minutes; waits until the view has them."""
        for _ in range(minutes):
            events = [{"ts": support.rfc3339(1767607200 + self.minute * 60 + i % 60), "shop": shop, "price": i / 4}
                      for i, shop in enumerate(SHOPS) if (i + self.minute) % 2 or self.minute < 2]
            events.sort(key=lambda e: e["ts"])
            self.minute += 1
            self.sold += len(events)
            self.assertEqual(self.p.post("posted", events)[0], 202)
        support.wait_for("the view has all sales", lambda: self.counted() == self.sold)

    def counted(self):
        return sum(row["sold"] for row in self.p.rows("sales", window="all")["rows"])

    def newest(self):
        return {row["shop"]: row for row in self.p.rows("sales", window="open")["rows"]}

    def series(self):
        found = {}
        for row in self.p.rows("sales", window="all")["rows"]:
            found.setdefault(row["shop"], []).append(row)
        return found

    def equal(self, what):
        difference = ["never read"]

        def look():
            try:
                with support.Redis(self.redis.port) as redis:
                    current = {row["shop"]: row for row in redis.current("sales").values()}
                    series = {rows[0]["shop"]: rows for rows in redis.series("sales").values() if rows}
                    flat = [redis.fields("sales", key) for key in redis.keys("sales")]
            except (OSError, EOFError) as away:
                difference[0] = str(away)
                return False
            wanted, all_rows = self.newest(), self.series()
            wrong = [k for k in set(wanted) | set(current) if wanted.get(k) != current.get(k)]
            wrong += [k for k in set(all_rows) | set(series) if all_rows.get(k) != series.get(k)]
            sold = {row["shop"]: row["sold"] for row in flat if "shop" in row}
            wrong += [k for k, n in sold.items() if k in wanted and str(wanted[k]["sold"]) != n]
            example = [(wanted.get(k), current.get(k)) for k in wrong[:1]]
            difference[0] = f"{what}: {len(wrong)} keys differ, such as {example}"
            return not wrong and len(wanted) == len(SHOPS)
        support.wait_for(lambda: f"{difference[0]}\n{self.p.get('/v1/pipeline')['problems']}", look, 40)

    def test_absent_at_the_start_it_delays_nobody_and_gets_everything_later(self):
        self.begin()
        self.sell()
        support.wait_for("/readyz says that Redis is away", lambda: self.p.request("GET", "/readyz")[0] == 503)
        reasons = self.p.request("GET", "/readyz")[1].decode()
        self.assertIn("served", reasons)
        self.assertIn(str(self.redis.port), reasons)
        self.redis.start()
        self.equal("started later")
        support.wait_for(lambda: self.p.request("GET", "/readyz")[1].decode(),
                         lambda: self.p.request("GET", "/readyz")[0] == 200)
        self.sell()
        self.equal("after more events")
        self.assertEqual(self.p.terminate(), 0, self.p.said())

    def test_emptied_or_restarted_without_data_it_is_repaired(self):
        self.redis.start()
        self.begin()
        self.sell()
        self.equal("from the start")
        with support.Redis(self.redis.port) as redis:
            redis("FLUSHALL")
        self.equal("after FLUSHALL, with no new events")
        with support.Redis(self.redis.port) as redis:
            redis("FLUSHALL")
        self.sell()
        self.equal("after FLUSHALL, with new events")
        self.redis.kill()
        self.sell()
        self.redis.start()
        self.equal("after it was killed and came back empty")

        # The program dies too: what Redis holds is of an older epoch, and is replaced by the same rows.
        self.p.kill()
        with support.Redis(self.redis.port) as redis:
            before = redis.current("sales")
            self.assertEqual(len(before), len(SHOPS), "readable without the program")
        self.begin()
        self.sell()
        self.equal("after the program was killed")
        with support.Redis(self.redis.port) as redis:
            for key, row in redis.current("sales").items():
                self.assertGreaterEqual(row["window_end"], before[key]["window_end"])

    def test_with_a_redis_that_is_away_the_program_still_stops(self):
        self.begin()
        self.sell()
        self.assertEqual(self.p.terminate(12), 0, self.p.said())


if __name__ == "__main__":
    support.need_programs("redis-server")
    support.main()
