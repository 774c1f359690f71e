"""A pipeline whose file is changed between two starts, or whose data folder is gone: what sinks of events go on with."""

import json
import unittest

import support

SOURCE = """\
  {name}:
    type: http
    partitions: {partitions}
    partition_by: n
    schema: {{ts: timestamp_s, n: int}}
    time: {{field: ts}}
"""


def pipeline(*sources):
    """Sources as (name, number of partitions), in this order; all go to one file."""
    return ("pipeline: p\nsources:\n" + "".join(SOURCE.format(name=n, partitions=p) for n, p in sources)
            + "streams:\n" + "".join(f"  s{n}: {{from: {n}, steps: [{{set: {{of: '\"{n}\"'}}}}]}}\n" for n, _ in sources)
            + "sinks:\n  out: {type: file, path: out.ndjson, from: ["
            + ", ".join(f"s{n}, {n}.dead" for n, _ in sources)
            + ']}\nserve: {http: "127.0.0.1:0"}\nengine: {checkpoint: 100ms}\n')


class ChangedFile(support.Case):
    def write(self, yaml):
        self.p.write(yaml)
        return self.p.file

    def begin(self, yaml, *flags):
        self.write(yaml)
        self.p.start(*flags).address()
        support.wait_for(lambda: f"ready: {self.p.request('GET', '/readyz')[1]} {self.p.said()}",
                         lambda: self.p.request("GET", "/readyz")[0] == 200)

    def post(self, source, numbers):
        status, answer = self.p.post(source, [{"ts": 1_767_571_200 + n, "n": n} for n in numbers])
        self.assertEqual(status, 202, answer)
        self.posted += [(source, n) for n in numbers]
        self.stored += len(numbers)

    def read(self):
        return sum(q["offset"] for q in self.p.get("/v1/pipeline")["partitions"])

    def end(self):
        """After it has drained the file must hold what was posted, each once."""
        support.wait_for("all events are read", lambda: self.read() == self.stored)
        self.assertEqual(self.p.terminate(), 0, self.p.said())
        lines = [json.loads(line) for line in (self.folder / "out.ndjson").read_text().splitlines()]
        self.assertEqual(sorted((e["of"], e["n"]) for e in lines), sorted(self.posted))

    def setUp(self):
        super().setUp()
        self.posted = []
        self.stored = 0  # of them, in the data folder
        self.p = self.pipeline("")

    def test_a_source_that_is_put_before_another_loses_nothing_and_repeats_nothing(self):
        self.begin(pipeline(("b", 2)))
        self.post("b", range(40))
        self.end()
        self.begin(pipeline(("a", 3), ("b", 2)))
        self.post("a", range(50))
        self.post("b", range(40, 60))
        self.end()
        self.begin(pipeline(("b", 2), ("a", 3)))
        self.post("a", range(50, 80))
        self.post("b", range(60, 70))
        self.end()

    def test_events_of_another_data_folder_are_written_though_their_offsets_begin_anew(self):
        self.begin(pipeline(("a", 1), ("b", 2)))
        self.post("a", range(10))
        self.post("b", range(20))
        self.end()
        self.p.data = self.folder / "another"
        self.stored = 0
        self.begin(pipeline(("a", 1), ("b", 2)))
        self.post("a", range(10, 17))
        self.post("b", range(20, 25))
        self.end()

    # State that the file no longer names.

    KEYED = """\
pipeline: p
sources:
  a:
    type: http
    schema: {ts: timestamp_s, n: int}
    time: {field: ts, out_of_order: 0s, idle: 1h}
streams:
  keyed: {from: a, key_by: [n]}
views:
  tens: {from: a, window: {size: 10s}, select: {events: 'count()'}}
  each: {from: keyed, window: global, retain: 30d, by: [n], emit: {every: 50ms}, select: {events: 'count()'}}
serve: {http: "127.0.0.1:0"}
engine: {checkpoint: 100ms}
"""

    def post_some(self, numbers):
        self.post("a", numbers)
        support.wait_for("all is read", lambda: self.p.get("/v1/pipeline")["partitions"][0]["lag"] == 0)

    def test_a_view_that_was_renamed_and_renamed_back_does_not_go_on_with_a_hole(self):
        renamed = self.KEYED.replace("  tens:", "  decades:")
        self.begin(self.KEYED)
        self.post_some(range(15))
        self.assertEqual(self.p.terminate(), 0)
        code, text = support.run_tool("plan", self.write(renamed), "--data", self.p.data)
        self.assertIn("state lost: view tens is no longer in the file", text)
        self.assertEqual(self.p.run(), 1)
        self.assertIn("--accept-loss", self.p.said())
        self.begin(renamed, "--accept-loss")
        self.post_some(range(15, 35))
        self.assertEqual(self.p.terminate(), 0)
        self.begin(self.KEYED, "--accept-loss")
        self.post_some(range(35, 65))
        rows = support.wait_for("the last whole window", lambda: [
            r for r in self.p.rows("tens", window="all")["rows"] if r["window_start"].endswith("00:00:50Z")] and self.p.rows("tens", window="all"))
        self.assertEqual([(r["window_start"][-6:], r["events"]) for r in rows["rows"]],
                         [("00:30Z", 5), ("00:40Z", 10), ("00:50Z", 10)])

    def test_an_exchange_that_was_taken_out_and_put_back_begins_anew(self):
        without = "".join(line + "\n" for line in self.KEYED.splitlines() if "keyed" not in line and line != "streams:")
        self.begin(self.KEYED)
        self.post_some(range(5))
        self.assertEqual(self.p.terminate(), 0)
        self.write(without)
        self.assertEqual(self.p.run(), 1)
        self.assertIn("exchange keyed is no longer in the file", self.p.said())
        self.begin(without, "--accept-loss")
        self.post_some(range(5))
        self.assertEqual(self.p.terminate(), 0)
        self.begin(self.KEYED)
        self.post_some(range(3))
        support.wait_for(lambda: f"three counts of 1: {self.p.rows('each', window='open')}",
                         lambda: [r["events"] for r in self.p.rows("each", window="open")["rows"]] == [1, 1, 1])


if __name__ == "__main__":
    support.main()
