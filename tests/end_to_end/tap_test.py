"""tidemill tap beside a running pipeline: a table, NDJSON, a filter, and a recorded slice that a test replays."""

import json
import os
import subprocess
import threading

import support

PIPELINE = """\
pipeline: tapped
sources:
  posted:
    type: http
    schema: {ts: timestamp, user: string, n: int}
    time: {field: ts, out_of_order: 1s}
streams:
  odd:
    from: posted
    steps:
      - filter: 'n % 2 == 1'
      - set: {twice: 'n * 2'}
views:
  sums: {from: odd, by: [user], window: {size: 1m}, select: {total: 'sum(twice)'}}
serve: {http: "127.0.0.1:0"}
engine: {flush: 20ms}
"""


class Tap(support.Case):
    def setUp(self):
        super().setUp()
        self.p = self.pipeline(PIPELINE, "tapped")
        self.p.start()
        self.p.address()
        self.sent = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.send, daemon=True)
        self.thread.start()
        self.addCleanup(self.stop)

    def send(self):
        while not self.stopped.wait(0.02):
            events = [{"ts": support.rfc3339(1767607200 + self.sent + i), "user": "ann" if i % 3 else "böb\t", "n": self.sent + i}
                      for i in range(10)]
            self.p.post("posted", events)
            self.sent += 10

    def stop(self):
        self.stopped.set()
        self.thread.join(10)

    def tap(self, *arguments, seconds=30):
        at = f"http://{self.p.host}:{self.p.port}"
        done = subprocess.run([support.PROGRAM, "tap", self.p.file, *arguments, "--at", at], capture_output=True,
                              timeout=seconds, cwd=self.folder)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_it_shows_events_between_steps(self):
        code, out, err = self.tap("odd/0", "--count", "20", "--ndjson")
        self.assertEqual(code, 0, err)
        events = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(events), 20)
        self.assertEqual({e["event"]["n"] % 2 for e in events}, {0, 1})
        self.assertNotIn("twice", events[0]["event"])
        code, out, err = self.tap("odd", "--count", "20", "--ndjson", "--where", "user == 'ann' && twice > 10")
        self.assertEqual(code, 0, err)
        events = [json.loads(line) for line in out.splitlines()]
        self.assertTrue(all(e["event"]["twice"] == 2 * e["event"]["n"] > 10 and e["event"]["user"] == "ann" for e in events))

    def test_it_makes_a_table(self):
        code, out, err = self.tap("odd", "--count", "30")
        self.assertEqual(code, 0, err)
        lines = out.splitlines()
        self.assertEqual(lines[0].split(), ["ts", "user", "n", "twice"])
        self.assertEqual(len(lines), 31)
        self.assertNotIn("\t", out)

    def test_a_recorded_slice_replays_in_a_test(self):
        code, out, err = self.tap("posted", "--record", "slice.ndjson", "--count", "50")
        self.assertEqual(code, 0, err)
        self.assertEqual(out, "")
        records = support.ndjson(self.folder / "slice.ndjson")
        self.assertEqual(len(records), 50)
        self.assertIn("{posted: {file: slice.ndjson}}", err)
        total = sum(2 * r["n"] for r in records if r["n"] % 2 == 1)
        (self.folder / "tapped.tests.yaml").write_text(
            "tests:\n  the recorded slice:\n    send: {posted: {file: slice.ndjson}}\n"
            "    expect: {some_rows: {sums: [{user: ann}]}}\n")
        code, out = support.run_tool("test", self.p.file)
        self.assertEqual(code, 0, out)
        self.assertGreater(total, 0)

    def test_a_rate_is_kept_and_the_rest_counted(self):
        code, out, err = self.tap("odd", "--count", "12", "--rate", "4", "--ndjson")
        self.assertEqual(code, 0, err)
        self.assertEqual(len(out.splitlines()), 12)
        self.assertRegex(err, r"\d+ events were passed over")

    def test_what_is_wrong_is_said(self):
        for arguments, why in ((["od"], 'no source or stream is named "od"; did you mean "odd"?'),
                               (["odd/7"], "2 steps"),
                               (["odd", "--where", "nope > 1"], "nope"),
                               (["odd", "--record", "x"], "it is no source of this pipeline"),
                               (["odd", "--rate", "many"], "--rate is a number")):
            code, _, err = self.tap(*arguments)
            self.assertEqual(code, 78, err)
            self.assertIn(why, err)
        self.stop()
        self.p.kill()
        code, _, err = self.tap("odd")
        self.assertEqual(code, 1)
        self.assertIn("127.0.0.1", err)


if __name__ == "__main__":
    support.main()
