"""docs/pipeline.schema.json, with which editors complete and check: it accepts what is right, and sees what is wrong."""

import json
import unittest

import support

try:
    import jsonschema
    import yaml
except ImportError:
    support.skip("python3-jsonschema or python3-yaml missing")

SCHEMA = json.loads((support.ROOT / "docs/pipeline.schema.json").read_text())
RIGHT = """\
pipeline: p
sources:
  k: {type: kafka, brokers: 'a:1', topics: [t], group: g, schema: {ts: timestamp, n: {type: int, path: a.n}}, time: {field: ts}}
streams:
  s: {from: k, steps: [{filter: 'n > 0'}, {set: {m: 'n + 1'}}, {lookup: {table: t, key: n, set: {x: x}}}]}
views:
  v: {from: s, window: {size: 1m, slide: 5s}, emit: close, select: {n: 'count()'}, score: {x: {model: seasonal_profile, value: n}}}
sinks:
  f: {type: file, path: x, from: v}
  r: {type: redis, url: 'redis://x', from: [v]}
serve: {http: '127.0.0.1:0'}
engine: {checkpoint: 5s, memory: '${MEMORY:-1GiB}'}
x-anything: [1]
"""


def faults(text):
    return [e for e in jsonschema.Draft7Validator(SCHEMA).iter_errors(yaml.safe_load(text))]


class Schema(unittest.TestCase):
    def test_it_is_a_schema(self):
        jsonschema.Draft7Validator.check_schema(SCHEMA)

    def test_what_the_program_takes_is_right(self):
        self.assertEqual(faults(RIGHT), [])
        files = [*(support.ROOT / "examples").glob("*.yaml"), *(support.ROOT / "tests/golden").glob("*.yaml")]
        looked_at = 0
        for file in files:
            if file.name.endswith(".tests.yaml"):
                continue
            try:
                found = faults(file.read_text())
            except yaml.YAMLError:  # PyYAML takes no `int?` inside braces
                continue
            self.assertEqual(found, [], file)
            looked_at += 1
        self.assertGreater(looked_at, 5)

    def test_what_is_wrong_is_seen(self):
        for was, now in (("topics: [t], ", ""), ("type: kafka", "type: kafak"), ("size: 1m", "size: 1 minute"),
                         ("group: g", "group_id: g"), ("filter:", "fliter:"), ("from: s, window", "form: s, window"),
                         ("emit: close", "emit: often"), ("checkpoint: 5s", "checkpoint: soon"),
                         ("{type: int, path: a.n}", "{path: a.n}"), ("model: seasonal_profile", "model: none"),
                         ("pipeline: p\n", ""), ("x-anything", "anything")):
            self.assertIn(was, RIGHT)
            self.assertNotEqual(faults(RIGHT.replace(was, now)), [], now)


if __name__ == "__main__":
    support.main()
