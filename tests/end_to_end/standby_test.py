"""Two processes on one data folder: one works, the other takes over when that is killed or hangs; never both."""

import contextlib
import http.client
import json
import os
import signal
import socket
import time

import support

PIPELINE = """\
pipeline: standby
sources:
  posted:
    type: http
    partition_by: batch
    schema: {ts: timestamp, batch: string, n: int}
    time: {field: ts, out_of_order: 1h}
views:
  batches:
    from: posted
    by: [batch]
    window: {size: 1d}
    emit: {every: 50ms}
    select: {events: 'count()'}
serve: {http: "127.0.0.1:0"}
engine: {checkpoint: 200ms, flush: 20ms, lease: 1s}
"""
SIZE = 20
AWAY = (OSError, http.client.HTTPException)


def batch(name):
    return [{"ts": f"2026-01-05T10:00:{i:02}Z", "batch": name, "n": i} for i in range(SIZE)]


def ready(p):
    with contextlib.suppress(*AWAY):
        return p.request("GET", "/readyz")[0] == 200
    return False


def counts(p):
    return {row["batch"]: row["events"] for row in p.rows("batches", window="all")["rows"]}


class Standby(support.Case):
    def setUp(self):
        super().setUp()
        self.active = self.join("a")
        support.wait_for(lambda: self.active.said(), lambda: ready(self.active))
        self.standby = self.join("b")
        self.accepted = []

    def join(self, name):
        p = self.pipeline(PIPELINE, name, data=self.folder / "data")
        p.start()
        p.address()
        return p

    def send(self, p, count):
        for _ in range(count):
            name = f"batch{len(self.accepted)}"
            status, answer = p.post("posted", batch(name))
            self.assertEqual(status, 202, answer)
            self.accepted.append(name)

    def taken_over(self, p, seconds):
        """How long until `p` is ready; then everything that was ever accepted is counted once."""
        begin = time.monotonic()
        support.wait_for(lambda: p.said(), lambda: ready(p), seconds, 0.01)
        took = time.monotonic() - begin
        wanted = dict.fromkeys(self.accepted, SIZE)
        support.wait_for(lambda: set(counts(p).items()) ^ set(wanted.items()), lambda: counts(p) == wanted)
        return took

    def refuses(self, p, holder):
        status, body, _ = p.request("GET", "/readyz")
        self.assertEqual(status, 503)
        self.assertIn(f"process {holder.process.pid} on host ", body.decode())
        status, answer = p.post("posted", batch("refused"))
        self.assertNotEqual(status, 202, answer)
        self.assertIn("standby", p.rows("batches")["partial"][0]["why"])
        self.assertEqual(p.request("GET", "/v1/views/batches/rows?partial=refuse")[0], 503)

    def test_a_standby_takes_over_from_a_killed_process_again_and_again(self):
        longest = 0
        for i in range(6):
            self.refuses(self.standby, self.active)
            self.send(self.active, 20)
            self.active.kill()
            longest = max(longest, self.taken_over(self.standby, 10))
            self.send(self.standby, 5)
            self.active, self.standby = self.standby, self.join(f"c{i}")
        self.assertLess(longest, 5)

    def test_a_standby_takes_over_from_a_process_that_ends_well(self):
        self.send(self.active, 20)
        self.assertEqual(self.active.terminate(), 0, self.active.said())
        self.assertLess(self.taken_over(self.standby, 10), 5)

    def test_a_standby_ends_well(self):
        self.assertEqual(self.standby.terminate(), 0, self.standby.said())
        self.send(self.active, 5)
        self.taken_over(self.active, 10)

    def test_a_process_that_hung_and_goes_on_changes_nothing_and_ends(self):
        for i in range(3):
            old, new = self.active, self.standby
            self.send(old, 20)
            os.kill(old.process.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, old.process.pid, os.WSTOPPED)
            asked = self.ask_the_stopped(old)
            took = self.taken_over(new, 20)
            self.assertGreater(took, 0.5)
            self.send(new, 20)
            os.kill(old.process.pid, signal.SIGCONT)
            self.assertNotEqual(old.wait(20), 0, old.said())
            # By its lease, or by the first file that it can't open any more, whatever comes first.
            self.assertRegex(old.said(), f"was taken over by process {new.process.pid} |another process has taken over")
            for connection in asked:
                with contextlib.suppress(*AWAY):
                    self.assertNotIn(connection.getresponse().status, (200, 202), old.said())
                connection.close()
            self.taken_over(new, 10)
            self.active, self.standby = new, self.join(f"c{i}")
        self.refuses(self.standby, self.active)

    def ask_the_stopped(self, p):
        """Requests that it finds when it goes on."""
        body = "".join(json.dumps(e) + "\n" for e in batch("too late"))
        asked = []
        for method, path, content in ("POST", "/v1/sources/posted/events", body), ("GET", "/readyz", None), \
                ("POST", "/v1/sources/posted/events", body):
            connection = http.client.HTTPConnection(p.host, p.port, timeout=10)
            with contextlib.suppress(socket.timeout):
                connection.request(method, path, content, {"Content-Type": "application/x-ndjson"})
            asked.append(connection)
        return asked


if __name__ == "__main__":
    support.main()
