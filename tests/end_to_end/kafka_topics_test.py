"""Topics grow, lose old records, come newly into being, and are read by others."""

import re

import kafka_world
import support

QUICK = "{topic.metadata.refresh.interval.ms: 500}"  # of the client library: what exists is looked at that often


class Retention:
    """Records that the program has not read yet are removed."""

    PARTITIONS = 2

    def counts_without(self, partition, begin, end):
        """Those of all events but the ones at these offsets."""
        rest = kafka_world.Events()
        for i in range(self.events.made):
            rest.value(not (i % 2 == partition and begin <= i // 2 < end))
        return rest.wanted()

    def test_faster_than_the_program(self):
        p = self.clicks(fetch=self.FETCH)
        self.produce(1000)
        self.wait(p, "saved", lambda: [kafka_world.partition(p, i)["checkpoint"] for i in (0, 1)] == [500, 500])
        self.assertEqual(p.terminate(), 0, p.said())
        self.produce(2000)
        self.end()
        self.broker.delete_records(self.topic, 1, 1200)

        p.start().address()
        words = "offset 500 to 1200", "on_gap: continue", "empty data folder"
        self.wait_for_problem(p, "partition clicks/1: ", *words)
        self.wait(p, "the other one goes on", lambda: kafka_world.partition(p)["offset"] == 1501)
        self.not_ready(p, *words)
        halted = kafka_world.partition(p, 1)
        self.assertEqual((halted["state"], halted["offset"], halted["lost"]), ("halted", 500, 0))
        self.assertEqual(p.terminate(), 0, p.said())
        p.start().address()  # it stays so
        self.wait_for_problem(p, "partition clicks/1: ", *words)
        self.assertEqual(p.terminate(), 0, p.said())

        p.write(p.file.read_text().replace("session: 6s", "session: 6s\n    on_gap: continue"))
        p.start().address()
        self.wait_until_counted(p, self.counts_without(1, 500, 1200))
        self.wait(p, "the gap is said", lambda: "partition clicks/1 gap: records from offset 500 to 1200" in p.said())
        self.wait_ready(p)
        self.wait(p, "the gap is counted", lambda: self.lost(p) == [0, 700])
        part = kafka_world.partition(p, 1)
        lost = [kafka_world.START + (i * 2 + 1) * kafka_world.STEP for i in (500, 1199)]
        self.assertLessEqual(support.micros(part["lost_from"]), lost[0] * 1000)
        self.assertGreaterEqual(support.micros(part["lost_until"]), lost[1] * 1000)
        p.kill()
        p.start().address()  # it is not forgotten
        self.wait_until_counted(p, self.counts_without(1, 500, 1200))
        self.wait(p, "the gap is counted", lambda: self.lost(p) == [0, 700])

    def lost(self, p):
        text = p.request("GET", "/metrics")[1].decode()
        return [int(n) for n in re.findall(r"^tidemill_lost_total\{.*\} (\d+)$", text, re.M)]

    def test_just_up_to_the_program(self):
        p = self.clicks(fetch=self.FETCH)
        self.produce(1000)
        self.wait(p, "saved", lambda: [kafka_world.partition(p, i)["checkpoint"] for i in (0, 1)] == [500, 500])
        self.assertEqual(p.terminate(), 0, p.said())
        self.broker.delete_records(self.topic, 0, 500)
        self.produce(1000)
        self.end()
        p.start().address()
        self.wait_until_counted(p)
        self.assertEqual(self.lost(p), [0, 0])


class RetentionForTheClient(Retention, kafka_world.Case):
    FETCH = "client"


class RetentionForUs(Retention, kafka_world.Case):
    FETCH = "wire"


class Growth(kafka_world.Case):
    PARTITIONS = 2

    def test_partitions_are_added(self):
        p = self.clicks(client=QUICK)
        producer = self.producer()
        self.wait_until_read(p, 500)
        producer.slow_down()
        self.broker.add_partitions(self.topic, 4)
        producer.partitions = 4  # so that they have records before the program knows of them
        self.wait(p, "four partitions", lambda: len(kafka_world.status(p)["partitions"]) == 4)
        self.assertIn("a source has more partitions now", p.said())
        self.wait_ready(p)
        p.kill()
        p.start().address()
        producer.end()
        self.wait_until_counted(p)
        for i in range(4):
            self.assertEqual(kafka_world.partition(p, i)["late"], 0)

    def test_a_pattern_finds_new_topics(self):
        name = self.topic
        self.topic = "other_" + name
        self.broker.create_topic(self.topic, 2)
        p = self.clicks(topics=f"['^{self.topic}.*']", client=QUICK)
        producer = self.producer()
        self.wait_until_read(p, 500)
        producer.slow_down()
        self.broker.create_topic(self.topic + "_2", 1)
        self.broker.produce(self.topic + "_2", self.events.records(100))
        self.wait(p, "three partitions", lambda: len(kafka_world.status(p)["partitions"]) == 3)
        self.wait_ready(p)
        producer.end()
        self.broker.produce(self.topic + "_2", self.events.end())
        self.wait_until_counted(p)
        self.assertEqual(kafka_world.partition(p, 2)["events"], 101)


class WhileStopped(kafka_world.Case):
    """The program comes back within its session, when the group still knows what it had."""
    PARTITIONS = 2

    def stop(self, p):
        self.assertEqual(p.terminate(), 0, p.said())

    def start(self, p, **changes):
        for old, new in changes.values():
            p.write(p.file.read_text().replace(old, new))
        p.start().address()
        self.wait_ready(p)

    def wait_until_counted(self, p, wanted=None, seconds=60):
        """Where partitions are silent time goes on, and windows of `end` become final, too."""
        self.wait(p, "counted", lambda: {k: v for k, v in kafka_world.counted(p).items() if k[1] != "end"}
                  == self.events.wanted(), seconds)

    def later(self):
        """A silent partition follows the clock: what comes now is of a time that it can't have reached."""
        self.events.made += 6000

    def test_a_topic_is_added_and_another_one_grows(self):
        more = self.topic + "_2"
        p = self.clicks()
        self.produce(500)
        self.wait_until_read(p, 500)
        self.stop(p)
        self.broker.create_topic(more, 1)
        self.broker.add_partitions(self.topic, 3)
        self.broker.produce(more, self.events.records(100))
        self.produce(300, 3)
        self.start(p, topics=(f"[{self.topic}]", f"[{self.topic}, {more}]"))
        self.end(3)
        self.broker.produce(more, self.events.end())
        self.wait_until_counted(p)

    def test_a_topic_that_is_taken_out_holds_up_nobody_and_may_come_back(self):
        more = self.topic + "_2"
        both, one = f"[{self.topic}, {more}]", f"[{self.topic}]"
        self.broker.create_topic(more, 1)
        p = self.clicks(topics=both)
        self.broker.produce(more, self.events.records(100))
        self.produce(500)
        self.wait_until_read(p, 600)
        self.stop(p)
        self.broker.produce(more, self.events.records(50, counted=False))
        self.start(p, topics=(both, one), idle=("idle: 1h", "idle: 1s"))
        self.later()
        self.produce(500)
        self.end()
        self.wait_until_counted(p)
        self.assertEqual(kafka_world.partition(p, 2)["events"], 100)
        self.stop(p)
        self.start(p, topics=(one, both))
        self.wait(p, "it goes on where it was", lambda: kafka_world.partition(p, 2)["events"] == 150)
        self.later()
        self.broker.produce(more, self.events.records(100))
        self.end()
        self.broker.produce(more, self.events.end())
        self.wait_until_counted(p)

    def test_a_topic_of_a_pattern_is_deleted(self):
        more = self.topic + "_2"
        self.broker.create_topic(more, 2)
        p = self.clicks(topics=f"['^{self.topic}']")
        self.broker.produce(more, self.events.records(100))
        self.produce(500)
        self.wait_until_read(p, 600)
        self.stop(p)
        self.broker.delete_topic(more)
        self.start(p, idle=("idle: 1h", "idle: 1s"))
        self.later()
        self.produce(500)
        self.end()
        self.wait_until_counted(p)
        self.assertRegex(p.request("GET", "/metrics")[1].decode(), r"tidemill_source_retired_partitions\{.*\} 2\n")


class Others(kafka_world.Case):
    PARTITIONS = 2

    def members(self):
        group, = self.broker.client_of_admin().list_groups(self.group, 10)
        return group.members

    def test_a_second_data_folder_is_refused(self):
        p = self.clicks()
        self.produce(1000)
        self.wait_until_read(p, 1000)
        second = self.pipeline(p.file.read_text(), "second")
        self.assertEqual(second.run(), 1, second.said())
        self.assertIn(f"group {self.group} is in use by tidemill/clicks@", second.said())
        self.assertIn(f":{p.process.pid} ", second.said())
        self.assertIn("holds another data folder", second.said())

        # It may be gone: what it has read stays its own.
        self.wait(p, "committed", lambda: self.broker.committed(self.group, self.topic) == {0: 500, 1: 500})
        self.assertEqual(p.terminate(), 0, p.said())
        support.wait_for("the group is empty", lambda: not self.members())
        second.start().address()
        for i in (0, 1):
            self.wait_for_problem(second, f"partition clicks/{i}: ", "belongs to another data folder", str(p.data),
                                  "up to offset 500", "choose another group")
        self.not_ready(second, str(p.data))
        self.assertEqual(kafka_world.status(second)["events"], 0)
        self.assertEqual(second.terminate(), 0, second.said())
        support.wait_for("the group is empty", lambda: not self.members())
        self.produce(1000)
        self.end()
        p.start().address()
        self.wait_until_counted(p)


if __name__ == "__main__":
    support.main()
