"""SIGTERM drains: the program ends by itself, and the next run goes on as if nothing had been."""

import time

import replay
import support


class Sigterm(support.Case):
    def test_stopped_runs_together_give_what_one_run_gives(self):
        support.spread_log(self.folder / "replay.log", step=5)
        undisturbed = self.pipeline(replay.make(self.folder, "undisturbed"), "undisturbed")
        self.assertEqual(undisturbed.run("--exit-at-end"), 0, undisturbed.said())

        p = self.pipeline(replay.make(self.folder, "stopped", pace=5000), "stopped")
        longest, offsets = 0, []
        for _ in range(4):
            p.start("--exit-at-end")
            p.address()
            support.wait_for(lambda: "nothing read:\n" + p.said(),
                             lambda: p.get("/v1/pipeline")["events"] > (offsets[-1] if offsets else 0) + 200)
            offsets.append(p.get("/v1/pipeline")["events"])
            begun = time.monotonic()
            self.assertEqual(p.terminate(10), 0, p.said())
            longest = max(longest, time.monotonic() - begun)
            # It saved where it was: a checkpoint for each partition, and no lock left that keeps the next one out.
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        replay.compare(self, self.folder / "undisturbed", self.folder / "stopped")
        print(f"stopped at {offsets} events, {longest:.2f} s at most; files equal")

    def test_a_pipeline_that_waits_for_events_stops_at_once(self):
        p = self.pipeline("""\
pipeline: idle
sources:
  posted: {type: http, schema: {ts: timestamp, user: string}, time: {field: ts}}
views:
  users: {from: posted, by: [user], window: {size: 1m}, select: {n: 'count()'}}
serve: {http: "127.0.0.1:0"}
""")
        p.start()
        p.address()
        begun = time.monotonic()
        self.assertEqual(p.terminate(10), 0, p.said())
        self.assertLess(time.monotonic() - begun, 5)

    def test_stopped_while_it_starts_it_ends_cleanly(self):
        support.spread_log(self.folder / "replay.log", step=5)
        p = self.pipeline(replay.make(self.folder, "early"), "early")
        for wait in (0.0, 0.01, 0.03, 0.1):
            p.start()
            time.sleep(wait)
            code = p.terminate(10)
            # -15: the signal came before the program had a handler for it.
            self.assertIn(code, (0, -15), p.said())
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())


if __name__ == "__main__":
    support.need_files(support.ACCESS_LOG, support.COUNTRIES)
    support.main()
