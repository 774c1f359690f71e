"""Readings of real sensors: sliding statistics of each, against Python's own statistics."""

import csv
import math
import statistics

import support

READINGS = support.DATA / "iot_wsn/multihop.csv"
SIZE, SLIDE = 60, 10

PIPELINE = f"""\
pipeline: sensors
sources:
  readings:
    type: file
    path: '{READINGS}'
    format: csv
    schema:
      at: {{type: timestamp_s, path: reading}}   # readings are numbered, not timed: one a second
      mote: {{type: int, path: mote_id}}
      humidity: double
      temperature: double
      label: int
    # The file holds one sensor after the other.
    time: {{field: at, out_of_order: 3h}}
views:
  climate:
    from: readings
    by: [mote]
    window: {{size: {SIZE}s, slide: {SLIDE}s}}
    select:
      n: 'count()'
      mean: 'avg(temperature)'
      deviation: 'stddev(temperature)'
      variance_of_all: 'variance_pop(humidity)'
      coldest: 'min(temperature)'
      hottest: 'max(temperature)'
      driest_at: 'arg_min(at, humidity)'
      first: 'first(temperature)'
      last: 'last(temperature)'
      median: 'quantile(humidity, 0.5)'
      steps: 'distinct_exact(temperature, 1000)'
      flagged: 'count_if(label == 1)'
sinks:
  out: {{type: file, path: rows.ndjson, from: climate}}
"""


def wanted():
    """{(mote, window end): readings in the order of their times}"""
    windows = {}
    with open(READINGS, newline="") as f:
        for r in csv.DictReader(f):
            at = int(r["reading"])
            reading = (at, float(r["temperature"]), float(r["humidity"]), int(r["label"]))
            first_end = (at // SLIDE + 1) * SLIDE
            for end in range(first_end, first_end + SIZE, SLIDE):
                windows.setdefault((int(r["mote_id"]), end), []).append(reading)
    return {key: sorted(readings) for key, readings in windows.items()}


class Sensors(support.Case):
    def near(self, got, want, what, relative=1e-9):
        self.assertTrue(math.isclose(got, want, rel_tol=relative, abs_tol=1e-9), f"{what}: {got}, not {want}")

    def compare(self, key, row, readings):
        times, temperatures = [r[0] for r in readings], [r[1] for r in readings]
        humidities = [r[2] for r in readings]
        self.assertEqual(row["n"], len(readings), key)
        self.near(row["mean"], statistics.fmean(temperatures), (key, "mean"))
        if len(readings) > 1:
            self.near(row["deviation"], statistics.stdev(temperatures), (key, "deviation"), 1e-6)
        else:
            self.assertIsNone(row["deviation"], key)
        self.near(row["variance_of_all"], statistics.pvariance(humidities), (key, "variance"), 1e-6)
        self.assertEqual((row["coldest"], row["hottest"]), (min(temperatures), max(temperatures)), key)
        driest = min(humidities)
        self.assertIn(support.micros(row["driest_at"]) // 1_000_000, [t for t, h in zip(times, humidities) if h == driest], key)
        self.assertIn(row["first"], [x for t, x in zip(times, temperatures) if t == times[0]], key)
        self.assertIn(row["last"], [x for t, x in zip(times, temperatures) if t == times[-1]], key)
        ranked = sorted(humidities)
        low, high = ranked[(len(ranked) - 1) // 2], ranked[len(ranked) // 2]
        self.assertTrue(low * 0.99 <= row["median"] <= high * 1.01, f"{key}: median {row['median']}, not {low} … {high}")
        self.assertEqual(row["steps"], len(set(temperatures)), key)
        self.assertEqual(row["flagged"], sum(r[3] for r in readings), key)

    def test_sliding_statistics_of_each_sensor_equal_those_of_a_script(self):
        p = self.pipeline(PIPELINE, "sensors")
        self.assertEqual(p.run("--exit-at-end"), 0, p.said())
        want = wanted()
        rows = {(r["mote"], support.micros(r["window_end"]) // 1_000_000): r
                for r in support.ndjson(self.folder / "rows.ndjson")}
        # A sensor that falls silent has one row of zeros.
        empty = {key for key, row in rows.items() if row["n"] == 0}
        self.assertEqual(set(rows) - empty, set(want))
        for key, readings in want.items():
            self.compare(key, rows[key], readings)
        for mote, end in empty:
            self.assertIn((mote, end - SLIDE), want)
            self.assertIsNone(rows[mote, end]["mean"])
        self.assertGreater(len(want), 1500)
        print(f"{len(want)} windows of {len({m for m, _ in want})} sensors")


if __name__ == "__main__":
    support.need_files(READINGS)
    support.main()
