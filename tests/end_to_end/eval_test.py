"""`tidemill eval`: values, types, and errors with a caret."""

import subprocess
import unittest

import support


class Eval(unittest.TestCase):
    def said(self, *arguments, typed=None):
        done = subprocess.run([support.PROGRAM, "eval", *arguments], input=typed, capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    def test_a_value_is_shown_with_its_type(self):
        self.assertEqual(self.said("1 + 2"), (0, "3  int\n"))
        self.assertEqual(self.said("[1, 2].map(x, x * 2)"), (0, "[2,4]  [int]\n"))
        self.assertEqual(self.said("timestamp('2026-01-05T10:00:00Z') + duration('1m')"),
                         (0, '"2026-01-05T10:01:00Z"  timestamp\n'))

    def test_time_zones_have_names(self):
        self.assertEqual(self.said("timestamp('2026-07-05T22:30:00Z').getHours('Europe/Berlin')"), (0, "0  int\n"))
        self.assertEqual(self.said("timestamp('2026-01-05T22:30:00Z').getHours('Asia/Kathmandu')"), (0, "4  int\n"))
        code, text = self.said("timestamp('2026-07-05T22:30:00Z').getHours('Europe/Berlim')")
        self.assertEqual(code, 78)
        self.assertIn('unknown time zone "Europe/Berlim": write UTC, an offset like +02:00 or a name', text)

    def test_fields_come_from_an_event(self):
        event = '{"user": "ann", "n": 3, "x": 0.5, "tags": ["a"], "gone": null}'
        self.assertEqual(self.said('size(user) + n', "--event", event), (0, "6  int\n"))
        self.assertEqual(self.said('x * 2.0', "--event", event), (0, "1  double\n"))
        self.assertEqual(self.said('tags[0] + "b"', "--event", event)[1].split()[0], '"ab"')
        self.assertEqual(self.said('gone == null', "--event", event)[1], "true  bool\n")

    def test_what_is_wrong_is_shown_with_a_caret(self):
        code, text = self.said("usr + 1", "--event", '{"user": 1}')
        self.assertEqual(code, 78)
        self.assertIn("did you mean", text)
        self.assertIn("\n  usr + 1\n  ^\n", text)
        code, text = self.said("1 + 1.5")
        self.assertEqual(code, 78)
        self.assertRegex(text, r"error: no such overload: int \+ double.*\n  1 \+ 1\.5\n +\^\n")
        self.assertEqual(self.said("1 / 0")[0], 1)
        self.assertEqual(self.said("1", "--event", "[]"), (
            78, "tidemill eval: --event: an event is a JSON object; see tidemill eval --help\n"))

    def test_lines_are_evaluated_one_by_one(self):
        code, text = self.said(typed=':event {"n": 2}\nn * n\n\nm\n:what\n')
        self.assertEqual(code, 78)
        self.assertTrue(text.startswith("4  int\nerror: "), text)
        self.assertIn(":event JSON and :quit", text)


if __name__ == "__main__":
    support.main()
