"""A broker that isn't there yet, or is away for long: the program says so, waits, and loses nothing."""

import os
import time

import kafka_world
import support

AWAY = int(os.environ.get("TIDEMILL_AWAY", "20"))  # seconds; the session of the group is 6


class Absence(kafka_world.Case):
    def broker_up(self, p):
        source, = kafka_world.status(p)["sources"]
        return source.get("broker_up")

    def test_absent_at_the_start_and_away_later(self):
        self.broker.kill()
        p = self.clicks()
        self.wait_for_problem(p, "sources.clicks", self.broker.address, "not reachable")
        self.not_ready(p, "sources.clicks", "not open yet")
        source, = kafka_world.status(p)["sources"]
        self.assertFalse(source["open"])
        self.broker.start()
        producer = self.producer()
        self.wait_ready(p)
        self.wait_until_read(p, 500)

        self.broker.kill()
        self.wait_for_problem(p, "sources.clicks", "not reachable")
        self.wait(p, "broker_up is 0", lambda: self.broker_up(p) == 0)
        held = kafka_world.status(p)["events"]
        end = time.monotonic() + AWAY
        while time.monotonic() < end:
            self.not_ready(p, "not reachable")
            self.assertEqual(self.broker_up(p), 0)
            time.sleep(0.5)
        self.broker.start()
        self.wait_ready(p)
        self.wait(p, "broker_up is 1", lambda: self.broker_up(p) == 1)
        self.wait_until_read(p, held + 500)
        producer.end()
        self.wait_until_counted(p)
        self.assertEqual(kafka_world.status(p)["problems"], [])
        for part in kafka_world.status(p)["partitions"]:
            self.assertEqual((part["late"], part["dead"], part["restarts"]), (0, 0, 0), part)
        self.assertEqual(p.terminate(), 0, p.said())

    def test_final_rows_are_served_while_the_broker_is_away(self):
        p = self.clicks()
        self.produce(4000)
        self.end()
        self.wait_until_counted(p)
        before = p.rows("users", window="all")["rows"]
        self.broker.kill()
        p.kill()
        p.start().address()
        self.wait_for_problem(p, "sources.clicks", "not reachable")
        self.wait(p, "final rows", lambda: p.rows("users", window="all")["rows"] == before)
        self.assertIn("isn't open yet", str(p.rows("users", window="all")["partial"]))
        self.not_ready(p, "not open yet")
        self.broker.start()
        self.wait_ready(p)
        self.wait(p, "all rows", lambda: p.rows("users", window="all")["partial"] == [])
        self.wait_until_counted(p)

    def test_stopped_while_the_broker_is_away(self):
        p = self.clicks()
        self.produce(1000)
        self.wait_until_read(p, 1000)
        self.broker.kill()
        for _ in range(2):  # while it runs, and while it opens the source
            self.wait_for_problem(p, "not reachable")
            self.assertEqual(p.terminate(20), 0, p.said())
            p.start().address()
        self.broker.start()
        self.produce(1000)
        self.end()
        self.wait_until_counted(p)


if __name__ == "__main__":
    support.main()
