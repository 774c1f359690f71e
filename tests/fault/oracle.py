"""What a batch job over the topic says: rows, late events, dead letters, a sample.

Reads the topic with a client of its own, in the order of its partitions, as what is late depends on that.
"""

import array
import collections
import json

import stream
import topics


class Row:
    """The aggregates of one key and window, naively."""

    __slots__ = ("requests", "total", "least", "most", "large", "amounts", "users")

    def __init__(self):
        self.requests = self.total = self.large = 0
        self.least, self.most = 1 << 60, -1 << 60
        self.amounts, self.users = array.array("h"), 0  # a bit for each user

    def add(self, event):
        amount = event["amount"]
        self.requests += 1
        self.total += amount
        self.least, self.most = min(self.least, amount), max(self.most, amount)
        self.large += amount >= 900
        self.amounts.append(amount)
        self.users |= 1 << int(event["user"][1:])

    def differs(self, row):
        """In which column a served row is wrong; None if in none."""
        for column in ("requests", "total", "least", "most", "large"):
            if row[column] != getattr(self, column):
                return f"{column}: {row[column]}, not {getattr(self, column)}"
        # Sketches: quantiles within 1 % of a value next to that rank, distinct within 5 %.
        amounts, half = sorted(self.amounts), len(self.amounts) // 2
        low, high = amounts[max(half - 1, 0)], amounts[min(half + 1, len(amounts) - 1)]
        if not low * 0.98 - 1 <= row["middle"] <= high * 1.02 + 1:
            return f"middle: {row['middle']}, not {low} … {high}"
        users = self.users.bit_count()
        if abs(row["users"] - users) > 0.05 * users + 1:
            return f"users: {row['users']}, not {users}"
        return None


class Oracle:
    def __init__(self):
        self.rows = {view: collections.defaultdict(Row) for view in stream.VIEWS}  # (key, end in ms) → Row
        self.late = {view: set() for view in stream.VIEWS}                        # ids
        self.sample = set()
        self.refused = set()                # (partition, offset) of records that are no events
        self.poisonous = set()
        self.ids = bytearray()
        self.twice = 0
        self.watermarks = [0] * stream.PARTITIONS
        self.records = 0

    def take(self, partition, offset, value):
        self.records += 1
        try:
            event = json.loads(value)
        except ValueError:
            self.refused.add((partition, offset))
            return
        self.note(event["id"])
        if event["amount"] in (stream.POISON, stream.DEADLY):
            self.poisonous.add((partition, offset))
            return
        before = self.watermarks[partition]
        self.watermarks[partition] = max(before, event["ts"] - stream.OUT_OF_ORDER_MS)
        if event["key"] == "nobody":
            return
        if event["id"] % stream.SAMPLED == 0:
            self.sample.add(event["id"])
        for view, (key, size, slide, lateness) in stream.VIEWS.items():
            slice_end = (event["ts"] // slide + 1) * slide
            if slice_end + lateness <= before:
                self.late[view].add(event["id"])
                continue
            rows = self.rows[view]
            for end in range(slice_end, slice_end + size, slide):
                rows[event[key], end].add(event)

    def note(self, number):
        if number >= len(self.ids):
            self.ids.extend(bytes(number + 1 - len(self.ids) + (1 << 16)))
        self.twice += self.ids[number]
        self.ids[number] = 1

    def sealed(self, view):
        """The rows whose windows are final: the last events', far ahead, are not."""
        _, _, _, lateness = stream.VIEWS[view]
        final = min(self.watermarks) - lateness
        return {identity: row for identity, row in self.rows[view].items() if identity[1] <= final}

    def end(self):
        """The end in ms of the last window that is final."""
        return max(end for view in stream.VIEWS for _, end in self.sealed(view))


def read_topic(address, topic, stored):
    """The oracle of all records, of which there must be as many as the producer has stored."""
    oracle = Oracle()
    for m in topics.everything(address, topic):
        oracle.take(m.partition(), m.offset(), m.value())
    if oracle.records != stored or oracle.twice:
        raise AssertionError(f"the producer is wrong: {stored} stored, {oracle.records} in the topic, "
                             f"{oracle.twice} of them twice")
    return oracle
