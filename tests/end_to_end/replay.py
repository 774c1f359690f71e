"""The replay that is killed and stopped: its pipeline, and what must come out of it whatever happens."""

import collections

import support

PIPELINE = """\
pipeline: replay
sources:
  log:
    type: file
    path: replay.log
    format: combined_log
    partition_by: ip
    partitions: 4
{pace}
    time: {{field: ts, out_of_order: 30s}}
  single:
    type: file
    path: replay.log
    format: combined_log
{pace}
    time: {{field: ts, out_of_order: 30s}}
tables:
  geo: {{type: mmdb, path: '{mmdb}'}}
streams:
  hits:
    from: log
    steps:
      - lookup: {{table: geo, key: ip, set: {{country: country_code}}}}
  errors:
    from: single
    steps:
      - filter: 'status >= 300'
views:
  traffic:
    from: hits
    by: [country]
    window: {{size: 5m, lateness: 20s}}
    emit: {{every: 50ms}}
    select:
      requests: 'count()'
      bytes: 'sum(bytes)'
      clients: 'distinct(ip)'
  trend:
    from: hits
    by: [status]
    window: {{size: 30m, slide: 5m}}
    select:
      requests: 'count()'
      size: 'quantile(double(bytes), 0.9)'
sinks:
  rows_traffic: {{type: file, path: {out}/traffic.ndjson, from: [traffic]}}
  rows_trend: {{type: file, path: {out}/trend.csv, format: csv, from: [trend]}}
  events: {{type: file, path: {out}/errors.ndjson, from: [errors]}}
  many: {{type: file, path: {out}/hits.ndjson, from: [hits]}}
  refused: {{type: file, path: {out}/dead.ndjson, from: [log.dead]}}
  late: {{type: file, path: {out}/late.ndjson, from: [traffic.late]}}
{redis}
serve: {{http: "127.0.0.1:{port}"}}
engine: {{checkpoint: 200ms, flush: 20ms}}
"""

IN_ORDER = ("traffic.ndjson", "trend.csv", "errors.ndjson")
AS_A_SET = ("hits.ndjson", "dead.ndjson", "late.ndjson")  # of four partitions, which have no order among them


def make(folder, out, pace=0, port=0, redis=None):
    (folder / out).mkdir()
    return PIPELINE.format(
        mmdb=support.COUNTRIES, out=out, port=port, pace=f"    pace: {pace}" if pace else "",
        redis=f"  served: {{type: redis, url: 'redis://127.0.0.1:{redis}', from: [traffic, trend], series: true}}"
        if redis else "")


def compare(case, wanted, found):
    """All files of two runs; says the first difference, not the whole of them."""
    for name in IN_ORDER:
        a, b = (folder.joinpath(name).read_bytes() for folder in (wanted, found))
        if a != b:
            lines = zip(a.split(b"\n"), b.split(b"\n"))
            first = next((f"line {i}:\n  {x}\n  {y}" for i, (x, y) in enumerate(lines, 1) if x != y), "at its end")
            case.fail(f"{name} differs ({len(a)} and {len(b)} bytes), {first}")
    for name in AS_A_SET:
        a, b = (collections.Counter(folder.joinpath(name).read_text().splitlines()) for folder in (wanted, found))
        if a != b:
            case.fail(f"{name}: {sum((a - b).values())} lines are missing, {sum((b - a).values())} too many; "
                      f"such as {next(iter((a - b) + (b - a)))}")
