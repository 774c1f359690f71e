"""Steps that remember keys, in the program: what is told of them, their state over a change of the definition, and
a promise about partitions that is broken."""

import json

import support

PIPELINE = """\
pipeline: steps
sources:
  clicks:
    type: file
    path: 'clicks-*.ndjson'
    partitioned_by: [user]
    schema: {ts: timestamp_s, user: string, n: int}
    time: {field: ts, out_of_order: 5s}
streams:
  once: {from: clicks, steps: [{dedup: {by: [user, n], within: 10m}}]}
sinks:
  out: {type: file, path: once.ndjson, from: once}
serve: {http: "127.0.0.1:0"}
"""


def click(ts, user, n):
    return json.dumps({"ts": ts, "user": user, "n": n}) + "\n"


class StatefulSteps(support.Case):
    def write(self, name, *clicks):
        (self.folder / name).write_text("".join(click(*c) for c in clicks))

    def passed(self):
        return sorted((e["user"], e["n"]) for e in support.ndjson(self.folder / "once.ndjson"))

    def all_read(self, p, events):
        p.address()
        support.wait_for("the end of the files", lambda: p.get("/v1/pipeline")["events"] == events)
        return p.get("/v1/pipeline")

    def metric(self, p, name):
        _, text, _ = p.request("GET", "/metrics")
        return [line for line in text.decode().splitlines() if line.startswith("tidemill_" + name + "{")]

    def test_duplicates_are_counted_and_a_kept_promise_is_not_mentioned(self):
        self.write("clicks-a.ndjson", (1, "ann", 1), (2, "ann", 1), (3, "ann", 2), (4, "ann", 1))
        self.write("clicks-b.ndjson", (1, "bob", 1), (2, "bob", 1))
        p = self.pipeline(PIPELINE, "steps")
        state = self.all_read(p.start(), 6)
        steps = {part["partition"]: part["steps"] for part in state["partitions"]}
        self.assertEqual(steps[0], [{"step": "once/dedup", "keys": 2, "dropped": 2}])
        self.assertEqual(steps[1], [{"step": "once/dedup", "keys": 1, "dropped": 1}])
        self.assertEqual(state["sources"][0]["partitioned_by"],
                         {"fields": "user", "misplaced_keys": 0, "breach": None})
        dropped = self.metric(p, "step_dropped_total")
        self.assertEqual(len(dropped), 2)
        self.assertTrue(dropped[0].endswith('source="clicks",partition="0",step="once/dedup"} 2'), dropped)
        p.terminate()
        self.assertNotIn("partitioned_by", p.said())
        self.assertEqual(self.passed(), [("ann", 1), ("ann", 2), ("bob", 1)])

    def test_a_key_in_two_partitions_is_told_in_the_log_in_status_and_in_metrics(self):
        self.write("clicks-a.ndjson", (1, "ann", 1), (2, "eve", 1))
        self.write("clicks-b.ndjson", (1, "bob", 1), (2, "eve", 1))
        p = self.pipeline(PIPELINE, "steps")
        state = self.all_read(p.start(), 4)
        told = state["sources"][0]["partitioned_by"]
        self.assertEqual(told["misplaced_keys"], 1)
        self.assertIn('user "eve" came in partition', told["breach"])
        self.assertIn("key_by", told["breach"])
        self.assertIn(told["breach"], p.said())
        misplaced = self.metric(p, "source_misplaced_keys_total")
        self.assertTrue(misplaced[0].endswith('source="clicks"} 1'), misplaced)

    def test_a_changed_step_starts_anew_with_consent_only(self):
        self.write("clicks-a.ndjson", (1, "ann", 1), (2, "ann", 1))
        p = self.pipeline(PIPELINE, "steps")
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        _, plan = support.run_tool("plan", p.file, "--data", p.data)
        self.assertIn("state restored: step once/dedup", plan)
        p.write(PIPELINE.replace("10m", "20m"))
        _, plan = support.run_tool("plan", p.file, "--data", p.data)
        self.assertIn("state lost: step once/dedup was changed", plan)
        self.assertNotEqual(p.run("--exit-at-end"), 0)
        self.assertIn("step once/dedup was changed", p.said())
        self.assertEqual(p.run("--exit-at-end", "--accept-loss"), 0, p.said())
        self.assertEqual(self.passed(), [("ann", 1)])

    def test_without_a_promise_check_names_three_remedies(self):
        p = self.pipeline(PIPELINE.replace("    partitioned_by: [user]\n", ""), "steps")
        code, said = support.run_tool("check", p.file)
        self.assertEqual(code, 78)
        for remedy in ("partitioned_by: [user, n]", "partition_by", "key_by: [user, n]"):
            self.assertIn(remedy, said)


if __name__ == "__main__":
    support.main()
