"""Readers that look all the time while faults happen: what they were shown may never go back, and must go on."""

import json
import sys
import time

import world  # noqa: F401 (finds the modules of the end-to-end tests)
import kill_test
import stream
import support
import topics

FULL_EVERY = 15.0  # seconds between looks at all rows; else at the newest minute
NEWEST = 60        # seconds of event time


class Seen(support.NeverBack):
    """More columns that can only grow, or fall, as a window gets more events."""

    def __init__(self, reader):
        super().__init__(reader, "requests")
        self.shown = {}

    def see(self, view, row, key):
        super().see(view, row, key)
        if not row["requests"]:
            return
        identity = (view, row["window_start"], row["window_end"], key)
        now = row["requests"], row["total"], row["most"], -row["least"], row["large"], row["users"]
        before = self.shown.get(identity, now)
        # Never a count of one moment with the sum of another.
        if any(b > n for b, n in zip(before, now)) or (now != before and now[0] == before[0]):
            self.breaches.append(f"{self.reader}: {identity} had {before}, now {now}")
        self.shown[identity] = now


class Gaps:
    """Moments at which something was well, and how long it wasn't between two of them."""

    def __init__(self):
        self.moments = [time.monotonic()]

    def good(self):
        self.moments.append(time.monotonic())

    def longest(self, begin, end):
        """The longest gap between these two moments."""
        inside = [begin, *(m for m in self.moments if begin < m < end), end]
        return max(after - before for before, after in zip(inside, inside[1:]))


def moment(watermark):
    """Microseconds since 1970; -1 where there is none yet, or no more."""
    return -1 if watermark in (None, "-infinity", "infinity") else support.micros(watermark)


class Http:
    """A client that asks whichever process answers, and takes no answer older than one that it has had."""

    def __init__(self, processes):
        self.processes, self.current = processes, processes[0]
        self.seen = Seen("http")
        self.answers, self.news = Gaps(), Gaps()
        self.epoch = self.stale = self.polls = 0
        self.watermark = -1
        self.full_at = 0.0
        self.watcher = support.Watcher(self.look, 0.04)

    def look(self):
        for view, (key, *_) in stream.VIEWS.items():
            answer = self.ask(view)
            if answer is not None:
                for row in answer["rows"]:
                    self.seen.see(view, row, row[key])

    def ask(self, view):
        more = {}
        if time.monotonic() - self.full_at > FULL_EVERY:
            self.full_at = time.monotonic() if view == "by_region" else self.full_at
        elif self.watermark > 0:
            more = {"from": support.rfc3339(self.watermark / 1e6 - NEWEST)}
        for p in sorted(self.processes, key=lambda p: p is not self.current):
            self.polls += 1
            try:
                answer = p.ask(view, limit=100000, window="all", **more)
            except support.Watcher.AWAY:
                continue
            if self.accept(p, answer["as_of"]):
                return answer
        return None

    def accept(self, p, as_of):
        if as_of["epoch"] == 0:
            return False  # it starts, or is a standby, and says so
        if as_of["epoch"] < self.epoch:
            # Of a process that was taken over. That must not call itself ready.
            self.stale += 1
            if p.ready():
                self.seen.breaches.append(f"http: {p.name} is ready at epoch {as_of['epoch']}, after {self.epoch}")
            return False
        self.current, self.epoch = p, as_of["epoch"]
        self.answers.good()
        watermark = moment(as_of["watermark"])
        if watermark > self.watermark:
            self.watermark = watermark
            self.news.good()
        return True


class Mirror:
    """A reader of Redis, which needs nobody else."""

    def __init__(self, port):
        self.port, self.connection = port, None
        self.seen = Seen("redis")
        self.news = Gaps()
        self.watermark = -1
        self.series_at = 0.0
        self.watcher = support.Watcher(self.look, 0.05)

    def look(self):
        try:
            if self.connection is None:
                self.connection = support.Redis(self.port, 0.5)
            series = time.monotonic() - self.series_at > FULL_EVERY
            for view in stream.VIEWS:
                rows = list(self.connection.current(view).values())
                if series:
                    rows += [row for several in self.connection.series(view).values() for row in several]
                for row in rows:
                    self.seen.see(view, row, row[stream.VIEWS[view][0]])
            self.series_at = time.monotonic() if series else self.series_at
            marks = [self.connection("HGET", f"tm:{{{view}}}:meta", "watermark") for view in stream.VIEWS]
            if min(map(moment, marks)) > self.watermark:
                self.watermark = min(map(moment, marks))
                self.news.good()
        except support.Watcher.AWAY:
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            raise


class Changelog:
    """A consumer of the topic of changes; keeps what a compacted topic says."""

    def __init__(self, address):
        self.seen = Seen("changelog")
        self.rows = {}
        self.tombstones = 0
        self.follower = topics.Follower(address, "changes", self.see)

    def see(self, message):
        if message.value() is None:
            self.tombstones += 1
            self.rows.pop(message.key(), None)
            return
        row = json.loads(message.value())
        self.rows[message.key()] = row
        self.seen.see("by_region", row, row["region"])


class Observers:
    def __init__(self, w):
        sys.setswitchinterval(0.001)
        self.http = Http(w.processes)
        self.redis = Mirror(w.redis.port)
        self.changelog = Changelog(w.broker.address)
        self.sockets = [kill_test.WebSocketReader(f"ws://127.0.0.1:{p.port}/v1/ws", list(stream.VIEWS))
                        for p in w.processes]
        for p, socket in zip(w.processes, self.sockets):
            socket.seen = Seen(f"websocket of {p.name}")

    def check(self):
        """Fails as soon as anything was wrong: it needn't be looked for at the end of a long run."""
        wrong = self.breaches()
        for reader in self.readers():
            if reader.fault is not None:
                raise reader.fault
        if wrong:
            raise AssertionError(f"{len(wrong)} values went back:\n" + "\n".join(wrong[:5]))

    def breaches(self):
        return [b for seen in self.all() for b in seen.breaches]

    def readers(self):
        return [self.http.watcher, self.redis.watcher, self.changelog.follower, *self.sockets]

    def all(self):
        return [self.http.seen, self.redis.seen, self.changelog.seen, *(s.seen for s in self.sockets)]

    def stop(self):
        for reader in self.readers():
            reader.stop()
        if self.redis.connection is not None:
            self.redis.connection.close()
