"""The program and its broker are killed while events come: every event is counted once."""

import os
import random
import time

import kafka_world
import support

SEED = int(os.environ.get("TIDEMILL_SEED", "20260105"))
KILLS = 8


class Failures(kafka_world.Case):
    def check(self, p):
        """Exactly what was sent, nothing was odd, and the group knows where the program is."""
        self.wait_until_counted(p)
        self.wait_ready(p)
        for part in kafka_world.status(p)["partitions"]:
            self.assertEqual((part["late"], part["dead"], part["restarts"]), (0, 0, 0), part)
        self.wait(p, "offsets", lambda: self.broker.committed(self.group, self.topic) == self.broker.ends(self.topic))

    def test_kill_9_of_the_program(self):
        p = self.clicks()
        producer = self.producer()
        rng = random.Random(SEED)
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.2, 1.5))
            p.kill()
            p.start().address(60)
        self.wait_until_read(p, 1)
        producer.end()
        self.check(p)

    def test_kill_9_of_the_broker_and_of_both(self):
        p = self.clicks()
        producer = self.producer()
        self.wait_until_read(p, 500)
        self.broker.kill()
        self.wait_for_problem(p, "sources.clicks", self.broker.address, "not reachable")
        self.not_ready(p, "sources.clicks")
        self.broker.start()
        self.wait_ready(p)
        self.wait_until_read(p, kafka_world.status(p)["events"] + 500)
        self.broker.kill()
        p.kill()
        p.start()
        self.broker.start()
        p.address(60)
        producer.end()
        self.check(p)


if __name__ == "__main__":
    support.main()
