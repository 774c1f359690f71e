"""The program that runs cases of the CEL specification: its table, its exit status, its complaints."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

PROGRAM = pathlib.Path(os.environ["TIDEMILL"]).parent / "tests" / "cel_conformance"


def case(name, expr, expect, needs=()):
    return json.dumps({"file": "f", "section": "s", "name": name, "expr": expr, "expect": expect, "needs": list(needs)})


GOOD = case("good", "1 + 1", {"value": {"int": "2"}})
BAD = case("bad", "1 + 1", {"value": {"int": "3"}})
SKIPPED = case("skipped", "A{}", {"value": {"message": {}}}, ["proto"])


@unittest.skipUnless(PROGRAM.exists(), "cel_conformance is not built")
class ConformanceTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def file(self, name, *lines):
        path = self.folder / name
        path.write_text("".join(line + "\n" for line in lines))
        return path

    def run_on(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout.splitlines(), done.stderr

    def test_all_passed(self):
        status, out, _ = self.run_on(self.file("a.jsonl", GOOD, "", SKIPPED), self.file("b.jsonl", GOOD))
        self.assertEqual(status, 0)
        self.assertEqual(out[-1], "2 passed, 0 failed, 1 skipped")
        self.assertIn("1 skipped: protobuf messages are not offered", out)
        self.assertIn(["a", "1", "0", "1"], [line.split() for line in out])

    def test_a_failure_is_shown_and_counted(self):
        status, out, _ = self.run_on(self.file("a.jsonl", GOOD, BAD))
        self.assertEqual(status, 1)
        self.assertEqual(out[-1], "1 passed, 1 failed, 0 skipped")
        self.assertIn("FAILED f/s/bad: alone: gives int 2, not int 3", out)

    def test_a_folder_is_its_files(self):
        self.file("a.jsonl", GOOD)
        self.file("b.jsonl", GOOD)
        self.file("c.txt", "no case")
        self.assertEqual(self.run_on(self.folder)[1][-1], "2 passed, 0 failed, 0 skipped")

    def test_wrong_files_are_named_with_the_line(self):
        path = self.file("a.jsonl", GOOD, '{"file": "f"}', GOOD)
        status, out, fault = self.run_on(path)
        self.assertEqual(status, 2)
        self.assertEqual(fault, f"cel_conformance: {path}:2: `section` is missing or has a wrong type\n")
        self.assertEqual(out[-1], "1 passed, 0 failed, 0 skipped")
        status, _, fault = self.run_on(self.folder / "none.jsonl")
        self.assertEqual((status, "there is no such file" in fault), (2, True))
        self.assertEqual(self.run_on("--skip-absent", self.folder / "none.jsonl")[0], 77)
        self.assertEqual(self.run_on()[0], 2)
        empty = self.folder / "empty"
        empty.mkdir()
        self.assertEqual(self.run_on(empty)[0], 2)


if __name__ == "__main__":
    unittest.main()
