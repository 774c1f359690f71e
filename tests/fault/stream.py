"""The known events: a seeded stream of records with all that makes event time hard, and its pipeline's definition.

Event time runs `SPEED` times as fast as the clock of a producer that sends `rate` events a second, but depends on
nothing than the number of the event: the same seed gives the same records.
"""

import json
import random

PARTITIONS = 4
KEYS, REGIONS, USERS = 20, 5, 300
SPEED = 4
BEGIN_MS = 1_767_607_200_000  # 2026-01-05T10:00:00Z
OUT_OF_ORDER_MS = 2_000
END_AHEAD_MS = 30 * 60_000    # of the last events, which seal everything before them
POISON = -1                   # the amount at which the hidden step throws, always
DEADLY = -2                   # … at which it ends the process, always
SAMPLED = 20                  # every so manieth event goes to sinks of events

# View → (key, size, slide, lateness), milliseconds.
VIEWS = {"by_key": ("key", 10_000, 10_000, 5_000), "by_region": ("region", 30_000, 5_000, 2_000)}

PIPELINE = """\
pipeline: faults
sources:
  events:
    type: kafka
    brokers: ["127.0.0.1:{kafka}"]
    topics: [events]
    group: faults
    session: 6s
    client: {{reconnect.backoff.max.ms: 500}}
    schema: {{ts: timestamp_ms, id: int, key: string, region: string, user: string, amount: int}}
    time: {{field: ts, out_of_order: 2s, idle: 10m}}
streams:
  good:
    from: events
    steps:
{hidden}      - filter: 'key != "nobody"'
      - set: {{large: 'amount >= 900'}}
  sample:
    from: good
    steps:
      - filter: 'id % 20 == 0'
      - keep: [ts, id, key, amount]
views:
  by_key:
    from: good
    by: [key]
    window: {{size: 10s, lateness: 5s}}
    emit: {{every: 200ms}}
    select: &columns
      requests: 'count()'
      total: 'sum(amount)'
      least: 'min(amount)'
      most: 'max(amount)'
      large: 'count_if(large)'
      middle: 'quantile(double(amount), 0.5)'
      users: 'distinct(user)'
    retain: 7d
  by_region:
    from: good
    by: [region]
    window: {{size: 30s, slide: 5s, lateness: 2s}}
    select: *columns
    retain: 7d
sinks:
  mirror: {{type: redis, url: "redis://127.0.0.1:{redis}", from: [by_key, by_region], series: true}}
  sample: {{type: file, path: {out}/sample.ndjson, from: [sample]}}
  to_sample: {{type: kafka, brokers: ["127.0.0.1:{kafka}"], topic: sample, from: [sample], key: key}}
  to_final: {{type: kafka, brokers: ["127.0.0.1:{kafka}"], topic: final, from: [by_key], mode: append}}
  to_changes: {{type: kafka, brokers: ["127.0.0.1:{kafka}"], topic: changes, from: [by_region]}}
  rows_by_key: {{type: file, path: {out}/by_key.ndjson, from: [by_key]}}
  rows_by_region: {{type: file, path: {out}/by_region.ndjson, from: [by_region]}}
  late: {{type: file, path: {out}/late.ndjson, from: [by_key.late, by_region.late]}}
  dead: {{type: file, path: {out}/dead.ndjson, from: [events.dead, good.dead]}}
serve: {{http: "127.0.0.1:{http}"}}
engine:
  checkpoint: 500ms
  flush: 50ms
  lease: 1s
  restart: {{initial: 50ms, max: 2s}}
"""
HIDDEN = "      - throw: {{when: 'amount == -1', ends: 'amount == -2', once: '{once}'}}\n"


class Stream:
    """Makes (partition, bytes) one after the other."""

    def __init__(self, seed, rate):
        self.rng = random.Random(seed)
        self.step_ms = 1000 * SPEED / rate
        self.made = 0

    def now_ms(self):
        return BEGIN_MS + int(self.made * self.step_ms)

    def next(self):
        """In order, out of order, late for no view, one or all, or no event at all."""
        rng, at = self.rng, self.now_ms()
        chance = rng.random()
        if chance < 0.002:
            at -= rng.randrange(30_000, 120_000)
        elif chance < 0.02:
            at -= rng.randrange(3_000, 20_000)
        elif chance < 0.7:
            at -= rng.randrange(0, 3_000)
        key = "nobody" if rng.random() < 0.01 else f"k{rng.randrange(KEYS)}"
        record = self.record(at, key, f"r{rng.randrange(REGIONS)}", f"u{rng.randrange(USERS)}", rng.randrange(1000))
        if rng.random() < 0.0005:
            record = record[:rng.randrange(5, len(record) - 1)]
        return rng.randrange(PARTITIONS), record

    def poison(self, amount=POISON):
        """A record that nothing can be done with, in a partition of its own choice."""
        return self.made % PARTITIONS, self.record(self.now_ms() - 1000, "k0", "r0", "u0", amount)

    def ends(self):
        """One for each partition, far ahead."""
        at = self.now_ms() + END_AHEAD_MS
        return [(p, self.record(at, "end", "end", "u0", 0)) for p in range(PARTITIONS)]

    def record(self, at, key, region, user, amount):
        number, self.made = self.made, self.made + 1
        return json.dumps({"ts": at, "id": number, "key": key, "region": region, "user": user, "amount": amount},
                          separators=(",", ":")).encode()
