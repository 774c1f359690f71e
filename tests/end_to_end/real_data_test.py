"""A real access log and a real table of countries, against a second implementation that shares nothing."""

import collections
import zlib

import support
from country_file import CountryFile

HOUR, MINUTE = 3600, 60

COUNTRIES = """\
pipeline: real
sources:
  log:
    type: file
    path: '{log}'
    format: combined_log
    partition_by: ip
    partitions: 4
    time: {{field: ts, out_of_order: 60s}}
tables:
  geo: {{type: mmdb, path: '{mmdb}'}}
streams:
  hits:
    from: log
    steps:
      - lookup: {{table: geo, key: ip, set: {{country: country_code}}}}
views:
  hourly:
    from: hits
    by: [country]
    window: {{size: 1h}}
    select:
      requests: 'count()'
      bytes: 'sum(bytes)'
      missing: 'count_if(status == 404)'
      clients: 'distinct(ip)'
  sliding:
    from: hits
    by: [country]
    window: {{size: 1h, slide: 5m}}
    select:
      requests: 'count()'
      bytes: 'sum(bytes)'
      missing: 'count_if(status == 404)'
      clients: 'distinct(ip)'
sinks:
  hours: {{type: file, path: hourly.ndjson, from: [hourly]}}
  slides: {{type: file, path: sliding.ndjson, from: [sliding]}}
  refused: {{type: file, path: dead.ndjson, from: [log.dead]}}
  late: {{type: file, path: late.ndjson, from: [hourly.late]}}
"""

LATE = """\
pipeline: late
sources:
  log:
    type: file
    path: '{log}'
    format: combined_log
    time: {{field: ts, out_of_order: 0s, max_future: 10d}}
views:
  quick:
    from: log
    by: [status]
    window: {{size: 10s, lateness: 0s}}
    select: {{requests: 'count()'}}
sinks:
  rows: {{type: file, path: rows.ndjson, from: [quick]}}
  late: {{type: file, path: late.ndjson, from: [quick.late]}}
serve: {{http: "127.0.0.1:0"}}
"""


class Numbers:
    def __init__(self):
        self.requests = self.bytes = self.missing = 0
        self.clients = set()

    def add(self, hit):
        self.requests += 1
        self.bytes += hit.bytes
        self.missing += hit.status == 404
        self.clients.add(hit.ip)


def aggregate(hits, countries, size, slide):
    """{(end of window, country): Numbers}, event by event, window by window."""
    found = collections.defaultdict(Numbers)
    for hit in hits:
        country = (countries.find(hit.ip) or {}).get("country_code")
        end = hit.time // slide * slide + slide
        while end - size <= hit.time:
            found[end, country].add(hit)
            end += slide
    return found


def naive_late(hits, slice_length):
    """(late hits in order, {(window, status): requests of all others}) of one partition; no delay, no grace."""
    newest, late, counts = None, [], collections.Counter()
    for hit in hits:
        end = hit.time // slice_length * slice_length + slice_length
        if newest is not None and end <= newest:
            late.append(hit)
        else:
            counts[end, hit.status] += 1
        newest = hit.time if newest is None else max(newest, hit.time)
    return late, counts


class RealData(support.Case):
    @classmethod
    def setUpClass(cls):
        cls.hits, cls.refused = support.read_log(support.ACCESS_LOG)

    def compare(self, path, wanted, size):
        rows = {}
        for row in support.ndjson(path):
            end = support.micros(row["window_end"]) // 1_000_000
            self.assertEqual(end - size, support.micros(row["window_start"]) // 1_000_000)
            self.assertNotIn((end, row["country"]), rows, "a row twice")
            self.assertEqual(row["state"], "sealed")
            rows[end, row["country"]] = row
        filled = {k for k, row in rows.items() if row["requests"]}
        self.assertEqual(filled, set(wanted))
        for key in filled:
            row, naive = rows[key], wanted[key]
            self.assertEqual((row["requests"], row["bytes"] or 0, row["missing"]),
                             (naive.requests, naive.bytes, naive.missing), key)
            self.assertAlmostEqual(row["clients"], len(naive.clients), delta=max(0.5, len(naive.clients) * 0.05),
                                   msg=str(key))
        return rows

    def test_rows_equal_those_of_a_second_implementation(self):
        self.assertEqual((len(self.hits), len(self.refused)), (9999, 1))
        countries = CountryFile(support.COUNTRIES)
        p = self.pipeline(COUNTRIES.format(log=support.ACCESS_LOG, mmdb=support.COUNTRIES))
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())

        hourly = self.compare(self.folder / "hourly.ndjson", aggregate(self.hits, countries, HOUR, HOUR), HOUR)
        self.assertTrue(all(row["requests"] for row in hourly.values()), "tumbling windows have no rows of zeros")
        self.assertEqual(sum(r["requests"] for (_, country), r in hourly.items() if country == "US"), 3895)
        self.assertEqual(sum(r["requests"] for r in hourly.values()), 9999)

        wanted = aggregate(self.hits, countries, HOUR, 5 * MINUTE)
        sliding = self.compare(self.folder / "sliding.ndjson", wanted, HOUR)
        zeros = {k for k, row in sliding.items() if not row["requests"]}
        emptied = {(end + 5 * MINUTE, country) for end, country in wanted} - set(wanted)
        self.assertEqual(zeros, emptied, "one row of zeros when a key's window empties, no other")

        letters = support.ndjson(self.folder / "dead.ndjson")
        self.assertEqual([letter["raw"] for letter in letters], self.refused)
        self.assertEqual((letters[0]["stream"], letters[0]["source"]), ("log.dead", "log"))
        self.assertNotEqual(letters[0]["step"], "")
        self.assertIn("agent", letters[0]["reason"])
        late = self.folder / "late.ndjson"
        self.assertEqual(late.read_text() if late.exists() else "", "")
        print(f"{len(hourly)} hourly and {len(sliding)} sliding rows ({len(zeros)} of zeros) equal")

    def run_late(self, path, parts):
        """Runs over files that are partitions, and compares every partition with the naive computation."""
        p = self.pipeline(LATE.format(log=path))
        p.start()
        p.address()
        def ended():
            about = p.get("/v1/pipeline")
            return about if {x["state"] for x in about["partitions"]} == {"ended"} else None
        about = support.wait_for(lambda: p.said(), ended)
        self.assertEqual(p.run("--exit-at-end") if p.terminate() == 0 else "no clean stop", 0, p.said())

        letters = collections.defaultdict(list)
        for letter in support.ndjson(self.folder / "late.ndjson"):
            letters[letter["partition"]].append(letter)
        counts = collections.Counter()
        for i, part in enumerate(parts):
            late, kept = naive_late(part, 10)
            counts.update(kept)
            found = sorted(letters[i], key=lambda letter: letter["offset"])
            self.assertEqual([letter["raw"] for letter in found], [hit.line for hit in late], f"partition {i}")
            self.assertEqual([support.micros(letter["event_time"]) // 1_000_000 for letter in found],
                             [hit.time for hit in late])
            (reported,) = [x["late"] for x in about["partitions"] if x["partition"] == i]
            self.assertEqual(reported, len(late), f"/v1/pipeline, partition {i}")
        self.assertEqual(about["late"], sum(len(x) for x in letters.values()))
        rows = support.ndjson(self.folder / "rows.ndjson")
        found = {(support.micros(r["window_end"]) // 1_000_000, r["status"]): r["requests"] for r in rows}
        self.assertEqual(len(found), len(rows), "a row twice")
        self.assertEqual(found, dict(counts))
        self.assertEqual(sum(found.values()) + about["late"], sum(map(len, parts)))
        return about["late"]

    def test_late_events_of_one_partition_are_exactly_the_naive_ones(self):
        late = self.run_late(support.ACCESS_LOG, [self.hits])
        self.assertGreater(late, 1000)
        print(f"{late} late events, the same ones")

    def test_late_events_of_four_files_are_exactly_the_naive_ones(self):
        parts = [[], [], [], []]
        for hit in self.hits:
            parts[zlib.crc32(hit.ip.encode()) % 4].append(hit)
        (self.folder / "parts").mkdir()
        for i, part in enumerate(parts):
            (self.folder / f"parts/{i}.log").write_text("".join(hit.line + "\n" for hit in part))
        print(f"{self.run_late('parts/*.log', parts)} late events, the same ones")


if __name__ == "__main__":
    support.need_files(support.ACCESS_LOG, support.COUNTRIES)
    support.main()
