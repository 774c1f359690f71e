"""Checkpoints from outside: a full disk, a damaged one, and what `tidemill checkpoint` says."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import pathlib
import unittest

import support

YAML = """\
pipeline: p
sources:
  clicks:
    type: file
    path: {input}
    follow: true
    schema: {{ts: timestamp, user: string, n: int}}
    time: {{field: ts, out_of_order: 1s}}
views:
  totals:
    from: clicks
    by: [user]
    window: {{size: 24h}}
    emit: {{every: 200ms}}
    select: {{events: 'count()', total: 'sum(n)'}}
  minutes:
    from: clicks
    by: [user]
    window: {{size: 1m}}
    select: {{events: 'count()'}}
serve: {{http: "127.0.0.1:0"}}
engine: {{checkpoint: 200ms}}
"""


class Clicks:
    """An input that grows; knows what a view must show."""

    def __init__(self, path, users=200):
        self.path, self.users, self.at, self.totals = path, users, 0, {}
        path.touch()

    def grow(self, n):
        lines = []
        for _ in range(n):
            user = f"user-{self.at * 7919 % self.users}"
            lines.append(json.dumps({"ts": support.rfc3339(1_767_571_200 + self.at // 20), "user": user, "n": self.at}))
            count, total = self.totals.get(user, (0, 0))
            self.totals[user] = (count + 1, total + self.at)
            self.at += 1
        with open(self.path, "a") as f:
            f.write("\n".join(lines) + "\n")

    def shown_by(self, pipeline):
        rows = pipeline.rows("totals", window="open")["rows"]
        return {r["user"]: (r["events"], r["total"]) for r in rows} == self.totals


class Checkpoints(support.Case):
    def make(self, data=None, yaml=YAML):
        self.clicks = Clicks(self.folder / "clicks.ndjson")
        p = self.pipeline(yaml.format(input=self.clicks.path), data=data)
        return p

    def catch_up(self, p, seconds=30):
        def shown():
            try:
                return self.clicks.shown_by(p)
            except support.NotYet:
                return False
        support.wait_for(lambda: "the right rows; it said\n" + p.said()[-2000:], shown, seconds)

    def offset(self, p):
        return p.get("/v1/pipeline")["partitions"][0]["checkpoint"]

    def reasons(self, p):
        status, body, _ = p.request("GET", "/readyz")
        return "" if status == 200 else " | ".join(json.loads(body)["reasons"])

    def saved_all(self, p):
        size = self.clicks.path.stat().st_size
        support.wait_for("a checkpoint of all input", lambda: self.offset(p) == size)

    def small_disk(self):
        mount = pathlib.Path(tempfile.mkdtemp(prefix="tidemill-full-"))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", mount], capture_output=True).returncode:
            mount.rmdir()
            self.skipTest("not allowed to mount a tmpfs")
        self.addCleanup(mount.rmdir)
        self.addCleanup(subprocess.run, ["umount", "-l", mount])
        return mount

    @staticmethod
    def fill(mount):
        ballast = mount / "ballast"
        with open(ballast, "wb", buffering=0) as f:
            for size in (1 << 16, 1 << 10, 1):
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    pass
        return ballast

    def test_a_start_on_a_full_disk_shows_final_rows_and_waits_for_room(self):
        mount = self.small_disk()
        p = self.make(data=mount / "data")
        self.clicks.grow(4000)
        p.start()
        p.address()
        self.catch_up(p)
        self.saved_all(p)
        final = support.wait_for("sealed minutes", lambda: p.rows("minutes", window="all")["rows"])
        p.kill()
        ballast = self.fill(mount)
        p.start()
        p.address()
        reason = support.wait_for("why it isn't ready", lambda: self.reasons(p))
        self.assertRegex(reason, "the disk of .*No space left on device; free space")
        shown = p.rows("minutes", window="all")
        self.assertEqual(shown["rows"], final)
        self.assertIn("the disk is full", shown["partial"][0]["why"])
        self.assertEqual(p.terminate(), 0)
        self.assertEqual(p.said().count("No space left"), 1, p.said())
        p.start()
        p.address()
        self.assertIn("No space left", self.reasons(p))
        ballast.unlink()
        self.clicks.grow(500)
        self.catch_up(p)
        self.assertEqual(p.rows("minutes", window="all")["partial"], [])
        support.wait_for(lambda: "ready: " + self.reasons(p), lambda: not self.reasons(p))
        # A stop that can't save says why.
        ballast = self.fill(mount)
        self.clicks.grow(3000)
        support.wait_for("a disk that is full", lambda: "No space left" in self.reasons(p))
        self.assertEqual(p.terminate(), 1)
        self.assertRegex(p.said(), r"the shutdown took longer than 10s; the next start replays the rest\n.*No space left")

    def test_a_full_disk_stops_nothing_for_good(self):
        mount = self.small_disk()
        p = self.make(data=mount / "data")
        self.clicks.grow(2000)
        p.start()
        p.address()
        self.catch_up(p)
        self.saved_all(p)
        before = self.offset(p)

        ballast = self.fill(mount)
        for _ in range(5):
            self.clicks.grow(3000)
        # Dead letters are made durable before a checkpoint: whichever comes first when the disk is full tells it.
        support.wait_for(lambda: "readyz that fails: " + self.reasons(p),
                         lambda: re.search(r"(checkpoint|dead letters).*No space left", self.reasons(p)))
        support.wait_for(lambda: "a view that waits: " + self.reasons(p), lambda: "log of view" in self.reasons(p))
        self.assertEqual(self.offset(p), before)
        self.assertIn("free space", self.reasons(p))
        self.assertIn("No space left", p.said())
        self.assertIsNone(p.process.poll())
        # What is stored is as before, and can be looked at.
        code, text = support.run_tool("checkpoint", "ls", p.file, "--data", p.data)
        self.assertEqual(code, 0, text)
        self.assertRegex(text, rf"clicks/0 +\d+\* +{before} ")

        ballast.unlink()
        self.catch_up(p)
        self.saved_all(p)
        support.wait_for(lambda: "ready again: " + self.reasons(p), lambda: not self.reasons(p))
        status = p.get("/v1/pipeline")
        self.assertEqual([q["restarts"] for q in status["partitions"]], [0])
        p.kill()
        self.clicks.grow(500)
        p.start()
        p.address()
        self.catch_up(p)

    def test_a_damaged_newest_checkpoint_is_passed_over_aloud(self):
        p = self.make()
        p.start()
        p.address()
        for _ in range(4):
            self.clicks.grow(1000)
            self.catch_up(p)
            self.saved_all(p)
        p.kill()
        folder = p.state / "checkpoints" / "clicks%2F0"
        newest = sorted(folder.glob("*.manifest"))[-1]
        damaged = bytearray(newest.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        newest.write_bytes(damaged)
        code, text = support.run_tool("checkpoint", "ls", p.file, "--data", p.data)
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"clicks/0 +\d+\* .*damaged: .*checksum")
        self.clicks.grow(1000)
        p.start()
        p.address()
        self.catch_up(p)
        self.saved_all(p)
        self.assertIn("passed over", p.said())
        self.assertIn(newest.name, p.said())
        p.kill()
        p.start()
        p.address()
        self.catch_up(p)
        self.assertNotIn("passed over", p.said())

    def test_a_journal_that_was_taken_away_is_not_begun_anew_behind_a_checkpoint(self):
        p = self.make(yaml=YAML.replace("out_of_order: 1s", "out_of_order: 1s, idle: 100ms"))
        self.clicks.grow(100)
        p.start()
        p.address()
        self.catch_up(p)
        journal, = p.state.glob("journal/clicks/0/*.seg")
        support.wait_for("an entry of the journal", lambda: journal.stat().st_size > 100)
        self.clicks.at += 100_000  # later than the clock can have come to
        self.clicks.grow(100)
        self.saved_all(p)
        p.kill()
        shutil.rmtree(p.state / "journal")
        self.assertEqual(p.run(), 1)
        self.assertRegex(p.said(), "journal .*clicks/0 holds entries 0 to 0, but the checkpoint goes on from [1-9].*backup")

    def test_ls_show_and_diff(self):
        p = self.make()
        self.clicks.grow(1000)
        code, text = support.run_tool("checkpoint", "ls", p.file, "--data", p.data)
        self.assertEqual(code, 1)
        self.assertIn("no data folder", text)
        p.start()
        p.address()
        self.catch_up(p)
        self.saved_all(p)
        files = {f: f.stat().st_mtime_ns for f in p.state.rglob("*")}
        code, text = support.run_tool("checkpoint", "ls", p.file, "--data", p.data)
        self.assertEqual(code, 0, text)
        size = self.clicks.path.stat().st_size
        self.assertRegex(text, rf"clicks/0 +\d+\* +{size} +[0-9.]+ s +[0-9.]+ k?B +minutes [0-9a-f]{{12}}, totals")
        code, text = support.run_tool("checkpoint", "show", p.file, "clicks/0", "--data", p.data)
        self.assertEqual(code, 0, text)
        for wanted in (f"offset +{size}", "state totals +[0-9a-f]{32}, as in the file", "layer +changes up to offset"):
            self.assertRegex(text, wanted)
        code, text = support.run_tool("checkpoint", "show", p.file, "clicks/7", "--data", p.data)
        self.assertEqual(code, 1)
        self.assertIn("there are those of clicks/0", text)
        self.assertLessEqual(files.keys(), set(p.state.rglob("*")) | files.keys())

        def diff(change):
            new = self.folder / "new.yaml"
            new.write_text(change(p.file.read_text()))
            return support.run_tool("checkpoint", "diff", p.file, new)

        code, text = diff(lambda y: y)
        self.assertEqual(code, 0)
        self.assertEqual(re.findall(r"kept +(.*?)(?::|$)", text, re.M), ["source clicks", "view totals", "view minutes"])
        code, text = diff(lambda y: y.replace("by: [user]\n    window: {size: 1m}", "by: [n]\n    window: {size: 1m}"))
        self.assertEqual(code, 1)
        self.assertRegex(text, r"lost +view minutes: what goes into its windows")
        self.assertRegex(text, r"kept +view totals")
        code, text = diff(lambda y: y.replace("events: 'count()', total:", "n: 'count()', total:"))
        self.assertRegex(text, r"lost +view totals: its rows are made otherwise")
        code, text = diff(lambda y: y.replace("  minutes:", "  per_minute:"))
        self.assertEqual(code, 1)
        self.assertRegex(text, r"renamed view minutes → per_minute")
        code, text = diff(lambda y: y.replace("type: file", "type: nonsense"))
        self.assertEqual(code, 78)
        code, text = support.run_tool("checkpoint", "diff", p.file)
        self.assertEqual(code, 78)
        self.assertIn("two files", text)

    def test_a_view_whose_rows_are_made_otherwise_starts_anew_when_that_is_accepted(self):
        p = self.make()
        self.clicks.grow(4000)
        p.start()
        p.address()
        self.catch_up(p)
        self.saved_all(p)
        support.wait_for("sealed minutes", lambda: p.rows("minutes")["rows"])
        self.assertEqual(p.terminate(), 0)
        p.write(p.file.read_text().replace("select: {events: 'count()'}", "select: {all: 'count()'}"))
        self.assertEqual(p.run(), 1)
        self.assertIn("--accept-loss", p.said())
        p.start("--accept-loss")
        p.address()
        self.clicks.grow(4000)
        self.catch_up(p)
        support.wait_for(lambda: "minutes again; it said\n" + p.said(), lambda: p.rows("minutes")["rows"])
        self.assertEqual([q["restarts"] for q in p.get("/v1/pipeline")["partitions"]], [0])


if __name__ == "__main__":
    support.main()
