"""What can be wrong from outside: each is said with its place and a remedy, and nothing goes on with wrong numbers."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time

import support

PIPELINE = """\
pipeline: bad
sources:
  log:
    type: file
    path: in.ndjson
    schema: {{ts: timestamp, user: string, n: int}}
    time: {{field: ts}}
{more}
views:
  users:
    from: log
    by: [user]
    window: {{size: 1m}}
    select: {{events: 'count()', total: 'sum(n)'}}
    retain: 30d
sinks:
  rows: {{type: file, path: {out}, from: [users]}}
serve: {{http: "127.0.0.1:{port}"}}
engine: {{checkpoint: 100ms, flush: 20ms}}
"""

EVENTS = 6000


def yaml(more="", port=0, out="rows.ndjson"):
    return PIPELINE.format(more=more, port=port, out=out)


def flip(path, part):
    """One bit of a file, at a fraction of its length."""
    damaged = bytearray(path.read_bytes())
    damaged[int(len(damaged) * part)] ^= 1
    path.write_bytes(damaged)


class Refused(support.Case):
    """Configuration and surroundings that can't work."""

    def setUp(self):
        super().setUp()
        (self.folder / "in.ndjson").write_text('{"ts":"2026-01-05T10:00:00Z","user":"a","n":1}\n')

    def refused(self, code, *words, text=None, flags=(), data=None):
        """`run` (and `check`, where it is a matter of the file alone) ends with this code and says these words."""
        p = self.pipeline(yaml() if text is None else text, data=data)
        self.assertEqual(p.run("--exit-at-end", *flags, seconds=20), code, p.said())
        for word in words:
            self.assertIn(word, p.said())
        self.assertLess(len(p.said().splitlines()), 20)
        return p

    def faulty(self, text, *words):
        p = self.refused(78, *words, text=text)
        code, said = support.run_tool("check", p.file)
        self.assertEqual(code, 78, said)
        for word in words:
            self.assertIn(word, said)
        self.assertFalse((p.state / "checkpoints").exists(), "nothing was begun")

    def line_of(self, text, part):
        line = text[:text.index(part)].count("\n") + 1
        return line, text.split("\n")[line - 1].index(part) + 1

    def test_an_unknown_key_is_found_with_a_hint(self):
        text = yaml().replace("by: [user]", "group_by: [user]")
        line, column = self.line_of(text, "group_by")
        self.faulty(text, f"p.yaml:{line}:{column}: error:", 'unknown key "group_by"', 'did you mean "by"')

    def test_all_faults_of_one_kind_come_at_once(self):
        text = yaml("    foramt: json").replace("type: file, path: rows", "type: fiel, path: rows")
        self.faulty(text, '"foramt"', '"format"', '"fiel"', '"file"')
        text = yaml().replace("'count()'", "'count('").replace("'sum(n)'", "'sum(nn)'")
        self.faulty(text, "views.users.select.events", "views.users.select.total", "nn")

    def test_faults_of_settings_and_of_expressions_come_at_once(self):
        text = yaml("    foramt: json").replace("'count()'", "'count('")
        self.faulty(text, '"foramt"', "views.users.select.events")

    def test_a_wrong_type_in_an_expression_is_found_where_it_stands(self):
        text = yaml().replace("'sum(n)'", "'sum(user)'")
        line, _ = self.line_of(text, "sum(user)")
        self.faulty(text, f"p.yaml:{line}:", "views.users.select.total", "sum")
        text = yaml().replace("'sum(n)'", "'count_if(user > 5)'")
        line, column = self.line_of(text, "user > 5")
        self.faulty(text, f"p.yaml:{line}:{column + len('user ')}: error:", "string > int")

    def test_yaml_that_is_none(self):
        self.faulty("pipeline: [\n", "p.yaml:")
        self.faulty("", "p.yaml")

    def test_a_missing_variable_is_named(self):
        self.faulty(yaml().replace("path: in.ndjson", 'path: "${NO_SUCH_VARIABLE_HERE}"'), "NO_SUCH_VARIABLE_HERE")

    def test_a_missing_pipeline_file(self):
        code, said = support.run_tool("run", self.folder / "none.yaml", "--data", self.folder / "d")
        self.assertEqual(code, 78, said)
        self.assertIn("none.yaml", said)
        self.assertFalse((self.folder / "d").exists())

    def test_a_wrong_command_line(self):
        wrong = ([], ["rnu", "p.yaml"], ["run"], ["run", "p.yaml", "--exit-at-the-end"], ["run", "p.yaml", "--data"])
        for arguments in wrong:
            code, said = support.run_tool(*arguments, cwd=self.folder)
            self.assertEqual(code, 78, said)
            self.assertIn("--help", said)
        self.assertIn("did you mean run?", support.run_tool("rnu", "p.yaml", cwd=self.folder)[1])
        code, said = support.run_tool("--help")
        self.assertEqual(code, 0)
        for word in ("run", "check", "plan", "--accept-loss", "78"):
            self.assertIn(word, said)
        code, said = support.run_tool("--version")
        self.assertEqual((code, said.split()[0]), (0, "tidemill"))

    def test_a_missing_input_file(self):
        (self.folder / "in.ndjson").unlink()
        self.refused(78, "sources.log", "in.ndjson")

    def test_a_missing_table(self):
        text = yaml().replace("views:", "tables:\n  geo: {type: mmdb, path: none.mmdb}\nviews:")
        lookup = "{lookup: {table: geo, key: user, set: {c: country}}}"
        text = text.replace("views:", f"streams:\n  hits: {{from: log, steps: [{lookup}]}}\nviews:")
        p = self.pipeline(text)
        self.assertNotEqual(p.run("--exit-at-end"), 0)
        self.assertIn("none.mmdb", p.said())
        self.assertIn("geo", p.said())

    def test_what_follows_from_a_fault_is_not_told_as_another(self):
        text = """pipeline: p
sources:
  log: {type: http, schema: {ts: timestmp, user: string, n: itn, m: int}, time: {field: ts}}
  more: {type: http, schema: {ts: timestamp, user: string, id: int, m: int}, time: {field: ts}}
tables:
  geo: {type: csv, path: none.csv, key: user, columns: {user: string, city: string}}
  zip: {type: csv, path: "${NOT_SET}", key: user, columns: {user: string, zip: string}}
streams:
  typed: {from: log, steps: [{filter: 'n > 3'}, {set: {twice: 'n * 2', more: 'm'}}, {filter: 'twice > 1'}]}
  cities: {from: more, steps: [{lookup: {table: geo, key: user, set: {city: city}}}, {set: {big: 'size(city) > 3'}}]}
  zips: {from: more, steps: [{lookup: {table: zip, key: user, set: {zip: zip}}}, {keep: [zip]}]}
  wrong: {from: more, steps: [{set: {a: 'mm + 1', b: 'a + 1', c: 'nope'}}, {filter: 'b > 0 && idd > 0'}]}
  keyed: {from: wrong, key_by: [a]}
  unknown: {from: more, steps: [{remap: {x: 'm'}}, {filter: 'x > 0'}]}
  forgot: {from: more, steps: [{dedup: {by: [user], withn: 1m}}, {filter: 'idx > 0'}]}
views:
  v: {from: wrong, by: [b], window: {size: 1m}, select: {total: 'sum(a)', ids: 'sum(idd)'}}
  w: {from: cities, by: [city], where: big, window: {size: 1m}, select: {n: 'count()'}}
"""
        code, said = support.run_tool("check", self.pipeline(text).file, cwd=self.folder)
        self.assertEqual(code, 78, said)
        wanted = ['unknown type "timestmp"', 'unknown type "itn"', "none.csv", "NOT_SET", "`mm`", "`nope`",
                  "wrong.steps[1] filter: unknown name `idd`", 'unknown step "remap"',
                  '"withn"', "`idx`", "views.v.select.ids: unknown name `idd`"]
        for words in wanted:
            self.assertIn(words, said)
        self.assertEqual(len(said.splitlines()), len(wanted), said)

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.refused(1, f"127.0.0.1:{port}", "taken", "serve", text=yaml(port=port))

    def test_a_data_folder_that_cannot_be_one(self):
        (self.folder / "file").write_text("mine")
        p = self.refused(1, str(self.folder / "file"), data=self.folder / "file")
        self.assertIn("--data", p.said(), "the remedy")
        self.assertEqual((self.folder / "file").read_text(), "mine")

    def test_an_output_file_of_somebody_else_is_not_touched(self):
        (self.folder / "rows.ndjson").write_text("mine\n")
        p = self.pipeline(yaml())
        p.start()
        support.wait_for(lambda: p.said(), lambda: p.process.poll() is not None or "rows.ndjson" in p.said())
        self.assertIn("rows.ndjson", p.said())
        p.kill()
        self.assertEqual((self.folder / "rows.ndjson").read_text(), "mine\n")


class Damaged(support.Case):
    """State that is damaged, full or of another pipeline."""

    def setUp(self):
        super().setUp()
        with open(self.folder / "in.ndjson", "w") as f:
            for i in range(EVENTS):
                f.write(json.dumps({"ts": support.rfc3339(1767607200 + i), "user": f"u{i * i % 11}", "n": i}) + "\n")
        p = self.pipeline(yaml(out="wanted.ndjson"), "undisturbed")
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        self.wanted = (self.folder / "wanted.ndjson").read_bytes()
        self.assertEqual(sum(r["events"] for r in support.ndjson(self.folder / "wanted.ndjson")), EVENTS)

    def killed_midway(self):
        """A pipeline that has saved at least twice, sealed windows, and was killed."""
        p = self.pipeline(yaml("    pace: 1500"), "killed")
        p.start()
        p.address()
        support.wait_for(lambda: p.said(), lambda: len(self.manifests(p)) == 2 and self.sealed(p) > 200)
        p.kill()
        return p

    def sealed(self, p):
        return sum(row["state"] == "sealed" for row in p.rows("users", window="all")["rows"])

    def manifests(self, p):
        return sorted((p.state / "checkpoints").glob("*/*.manifest"))

    def ends_right(self, p):
        p.write(yaml())
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        self.assertEqual((self.folder / "rows.ndjson").read_bytes(), self.wanted)

    def test_a_damaged_newest_checkpoint_is_passed_over_with_a_warning(self):
        for pattern in ("manifest", "pack"):
            p = self.killed_midway()
            if pattern == "manifest":
                damaged = self.manifests(p)[-1]
            else:  # one that the older checkpoint doesn't need
                files = [f for f in (p.state / "checkpoints").glob("*/*") if f.suffix not in (".manifest", ".head")]
                damaged = max(files, key=lambda f: f.stat().st_mtime_ns)
            flip(damaged, 0.5)
            self.ends_right(p)
            self.assertIn(damaged.name, p.said(), "a warning that names the file")
            for left in self.folder.glob("rows.ndjson*"):
                left.unlink()
            shutil.rmtree(p.data)

    def test_damaged_checkpoints_are_refused_with_a_remedy(self):
        p = self.killed_midway()
        for manifest in self.manifests(p):
            flip(manifest, 0.5)
        self.assertEqual(p.run("--exit-at-end"), 1, p.said())
        for word in ("no checkpoint of log/0 is intact", "checksum", "restore", "backup"):
            self.assertIn(word, p.said())

    def test_a_damaged_view_log_is_refused(self):
        p = self.killed_midway()
        (log,) = (p.state / "views").glob("users/*/*.seg")
        flip(log, 0.1)
        self.assertEqual(p.run("--exit-at-end"), 1, p.said())
        self.assertIn(log.name, p.said())
        self.assertRegex(p.said(), "backup|restore|another data folder|--data|move")

    def test_a_damaged_end_of_a_view_log_loses_nothing_in_silence(self):
        """Its last group can't be told from a torn write; but what was promised must come back or be missed."""
        p = self.pipeline(yaml(), "killed")
        p.start()
        p.address()
        rows = len(self.wanted.splitlines())
        out = self.folder / "rows.ndjson"
        support.wait_for(lambda: p.said(), lambda: self.sealed(p) == rows and out.read_bytes() == self.wanted)
        self.assertEqual(p.terminate(), 0, p.said())
        (log,) = (p.state / "views").glob("users/*/*.seg")
        flip(log, 0.9)
        self.assertEqual(p.run(), 1, "the loss was passed over")
        self.assertIn("the log of view users has lost windows that were final", p.said())
        self.assertRegex(p.said(), "restore the view's log|empty data folder")

    def test_a_damaged_journal_is_refused_or_harmless(self):
        p = self.killed_midway()
        for journal in (p.state / "journal").glob("*/*/*.seg"):
            flip(journal, 0.8)
        p.write(yaml())
        code = p.run("--exit-at-end")
        if code == 0:
            self.assertEqual((self.folder / "rows.ndjson").read_bytes(), self.wanted)
        else:
            self.assertEqual(code, 1)
            self.assertIn("journal", p.said())

    def test_a_changed_pipeline_over_old_state_is_refused_until_the_loss_is_accepted(self):
        p = self.killed_midway()
        changed = yaml(out="changed.ndjson").replace("'sum(n)'", "'max(n)'")
        p.write(changed)
        code, said = support.run_tool("plan", p.file, "--data", p.data)
        self.assertEqual(code, 0, said)
        self.assertIn("users", said)
        self.assertIn("changed", said)
        self.assertEqual(p.run("--exit-at-end"), 1, p.said())
        for word in ("users", "--accept-loss", str(p.data)):
            self.assertIn(word, p.said())
        kept = support.run_tool("plan", p.file, "--data", p.data)[1]
        self.assertEqual(kept, said, "a refusal changes nothing")
        self.assertEqual(p.run("--exit-at-end", "--accept-loss"), 0, p.said())
        rows = support.ndjson(self.folder / "changed.ndjson")
        self.assertGreater(len(rows), 0)
        self.assertLess(len(rows), len(self.wanted.splitlines()), "it starts where the old one was")
        whole = {(r["window_start"], r["user"]): r["events"] for r in support.ndjson(self.folder / "wanted.ndjson")}
        first = min(r["window_start"] for r in rows)
        for row in rows:
            if row["window_start"] > first:
                self.assertEqual(row["events"], whole[row["window_start"], row["user"]])

    def test_a_full_disk_is_said_and_survived(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            self.skipTest("no right to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", "-l", disk])
        p = self.pipeline(yaml("    pace: 1500"), "full", data=disk / "data")
        p.start()
        p.address()
        support.wait_for(lambda: p.said(), lambda: self.sealed(p) > 100)
        filler = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while True:
                os.write(filler, bytes(1024))
        os.close(filler)

        def noticed():
            if p.process.poll() is not None:
                return p.said()
            status, body, _ = p.request("GET", "/readyz")
            return body.decode() if status == 503 and "space" in body.decode() else None
        said = support.wait_for(lambda: f"nothing said of the full disk:\n{p.said()}", noticed, 20)
        self.assertRegex(said, "(?i)no space|full")
        running = p.process.poll() is None
        time.sleep(0.5)
        (disk / "filler").unlink()
        if running and p.process.poll() is None:
            support.wait_for(lambda: "not ready again: " + p.request("GET", "/readyz")[1].decode(),
                             lambda: p.process.poll() is not None or p.request("GET", "/readyz")[0] == 200, 20)
        went_on = p.process.poll() is None
        if went_on:
            self.assertEqual(p.terminate(), 0, p.said())
        print("it went on by itself" if went_on else "it ended and was started again")
        self.ends_right(p)


if __name__ == "__main__":
    support.main()
