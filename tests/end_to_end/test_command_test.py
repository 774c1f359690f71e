"""`tidemill test`: what it runs, how it tells, and that a wrong expectation fails."""

import os
import re
import unittest

import support

YAML = """\
pipeline: shop
sources:
  clicks:
    type: file
    path: none.ndjson
    schema: {ts: timestamp_s, page: string, status: int}
    time: {field: ts, out_of_order: 5s, idle: 30s}
tables:
  names: {type: csv, path: names.csv, key: page, columns: {name: string}}
streams:
  hits:
    from: clicks
    steps:
      - filter: 'page != "/health"'
      - lookup: {table: names, key: page, set: {name: name}, on_miss: dead}
views:
  pages:
    from: hits
    by: [name]
    window: {size: 10s, lateness: 5s}
    select: {requests: 'count()', errors: 'count_if(status >= 500)'}
tests:
"""


class TestCommand(support.Case):
    def said(self, tests, *flags, beside=None):
        (self.folder / "names.csv").write_text("page,name\n/,home\n/cart,cart\n")
        file = self.folder / "shop.yaml"
        file.write_text(YAML + tests)
        if beside is not None:
            (self.folder / "shop.tests.yaml").write_text(beside)
        return support.run_tool("test", file, *flags, cwd=self.folder)

    def test_rows_events_and_dead_letters_are_compared(self):
        code, text = self.said("""\
  it counts:
    send:
      clicks:
        - {ts: 1000, page: /, status: 200}
        - {ts: 1001, page: /cart, status: 503}
        - {ts: 1002, page: /health, status: 200}
        - {ts: 1003, page: /missing, status: 200}
        - no JSON
    expect:
      rows: {pages: [{name: home, requests: 1, errors: 0, state: sealed}, {name: cart, errors: 1}]}
      events:
        hits: [{page: /cart, name: cart}, {page: /}]
        hits.dead: [{offset: 3, step: 'hits[1] lookup'}]
        clicks.dead: [{code: 2000, raw: no JSON}]
        pages.late: []
""")
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"(?m)^  ok    it counts$")
        self.assertTrue(text.endswith("1 passed, 0 failed\n"), text)

    def test_steps_move_time_tables_and_crashes(self):
        code, text = self.said("""\
  time goes on:
    steps:
      - send: {clicks: [{ts: 1000, page: /, status: 200}], clicks/1: [{ts: 1000, page: /, status: 200}]}
      - expect: {rows: {pages: []}}
      - send: {clicks: [{ts: 1003, page: /, status: 200}, {ts: 1014, page: /, status: 200}, {ts: 1016, page: /, status: 200}]}
      - expect: {rows: {pages: []}}
      - advance: 40s
      - crash: worker
      - crash: view
      - expect: {some_rows: {pages: [{window_start: '1970-01-01T00:16:40Z', requests: 3}]}}
      - table: {names: [{page: /, name: start}]}
      - send: {clicks: [{ts: 1100, page: /, status: 200}, {ts: 1100, page: /cart, status: 200}]}
      - end: true
      - expect:
          some_rows: {pages: [{name: start, requests: 1}]}
          events: {hits.dead: [{offset: 5, step: 'hits[1] lookup'}]}
""")
        self.assertEqual(code, 0, text)

    def test_what_is_not_so_is_told_with_the_nearest(self):
        code, text = self.said("""\
  it is wrong:
    send: {clicks: [{ts: 1000, page: /, status: 200}, {ts: 1000, page: /cart, status: 200}]}
    expect:
      rows: {pages: [{name: home, requests: 2}]}
  it is right:
    send: {clicks: []}
    expect: {rows: {pages: []}}
  nothing is called so:
    send: {clicks: []}
    expect: {rows: {page: []}, events: {hit: []}}
""")
        self.assertEqual(code, 1, text)
        self.assertRegex(text, r'(?m)^  FAIL  it is wrong$')
        self.assertIn('shop.yaml:26:22: rows of pages: expected {"name":"home","requests":2}', text)
        self.assertIn("there requests is 1, expected 2", text)
        self.assertRegex(text, r'rows of pages: not expected:\n +\{.*"name":"cart"')
        self.assertIn('there is no view "page"', text)
        self.assertIn('there is no stream or side output "hit"', text)
        self.assertTrue(text.endswith("1 passed, 2 failed\n"), text)
        code, text = self.said("  it is wrong: {send: {clicks: []}, expect: {rows: {pages: [{}]}}}\n", "--only", "right")
        self.assertEqual(code, 78, text)
        self.assertIn('no test has "right" in its name', text)

    def test_tests_may_lie_beside_the_pipeline(self):
        code, text = self.said("  one: {send: {clicks: []}, expect: {rows: {pages: []}}}\n", beside="""\
tests:
  two: {send: {clicks: [{ts: 1, page: /, status: 1}]}, expect: {rows: {pages: []}}}
""")
        self.assertEqual(code, 1, text)
        self.assertIn("shop.tests.yaml:2:", text)
        text = text.replace(f"{self.folder}/", "")
        self.assertTrue(text.endswith("1 passed, 1 failed\n"), text)
        self.assertEqual(support.run_tool("test", "shop.yaml", "shop.tests.yaml", cwd=self.folder), (code, text))
        code, text = support.run_tool("test", "shop.tests.yaml", cwd=self.folder)
        self.assertEqual(code, 78, text)
        self.assertIn("name its file, shop.yaml", text)
        code, text = self.said("", beside="pipeline: x\n")
        self.assertEqual(code, 78)
        self.assertIn("shop.tests.yaml:1:1: error: pipeline: a file of tests has the key", text)

    def test_a_column_that_the_view_lacks_is_no_null(self):
        code, text = self.said("  one: {send: {clicks: []}, expect: {rows: {pages: [{eror: null}]}}}\n")
        self.assertEqual(code, 1, text)
        self.assertIn('rows of pages have no column "eror"; did you mean "errors"?', text)

    def test_what_was_refused_is_told_with_what_is_missing(self):
        sent = "send: {clicks: [{ts: 1, page: /, status: ok}]}"
        code, text = self.said(f"  one: {{{sent}, expect: {{rows: {{pages: [{{requests: 1}}]}}}}}}\n")
        self.assertEqual(code, 1, text)
        self.assertIn("events of clicks.dead, of which the test says nothing: 1, the first:", text)
        self.assertIn('status: expected int, found string', text)
        code, text = self.said(f"  one: {{{sent}, expect: {{rows: {{pages: []}}}}}}\n")
        self.assertEqual(code, 0, text)

    def test_a_file_with_faults_is_refused(self):
        code, text = self.said("  t: {steps: [{end: false}, {expect: {rows: {pages: []}}}]}\n")
        self.assertEqual(code, 78)
        self.assertIn("an end is true, or not there", text)
        code, text = self.said("  t: {send: {clicks: []}}\n")
        self.assertEqual(code, 78)
        self.assertIn("the test expects nothing", text)
        code, text = support.run_tool("test")
        self.assertEqual(code, 78)
        self.assertIn("which files?", text)

    def test_the_examples_and_golden_cases_pass(self):
        os.environ["ACCESS_LOG"] = "none"
        os.environ["GEOIP"] = str(support.COUNTRIES)
        files = sorted((support.ROOT / "examples").glob("*.yaml")) + sorted((support.ROOT / "tests/golden").glob("*.yaml"))
        files = [f for f in files if not f.name.endswith(".tests.yaml")]
        if not support.COUNTRIES.exists():
            print("without access_log.yaml: no table of addresses is here")
            files = [f for f in files if f.name != "access_log.yaml"]
        code, text = support.run_tool("test", *files, seconds=120)
        self.assertEqual(code, 0, text)
        passed = int(re.search(r"(\d+) passed, 0 failed\n$", text)[1])
        self.assertGreaterEqual(passed, len(files))


if __name__ == "__main__":
    support.main()
