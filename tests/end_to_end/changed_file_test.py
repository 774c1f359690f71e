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
    def begin(self, yaml):
        self.p.write(yaml)
        self.p.start().address()
        support.wait_for("ready", lambda: self.p.request("GET", "/readyz")[0] == 200)

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


if __name__ == "__main__":
    support.main()
