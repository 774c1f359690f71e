"""Topics that are deleted, and others of the same name: never are offsets of one taken for those of the other."""

import time

import kafka_world
import support

OTHER = 100_000  # number of the first event of an exchanged topic
QUICK = "{topic.metadata.refresh.interval.ms: 500}"  # of the client library: what exists is looked at that often


class Exchanged:
    BROKER = {"properties": {"file.delete.delay.ms": "100"}}
    PARTITIONS = 1

    def recreate(self, count):
        """Another topic of this name, with other records, as many as `count`; the rest of the world stays."""
        self.broker.delete_topic(self.topic)
        time.sleep(0.5)  # with the client library, what takes less than 0.25 s is not noticed
        self.broker.create_topic(self.topic)
        if count:
            self.broker.produce(self.topic, kafka_world.Events(OTHER).records(count))

    def halted(self, p, *words):
        """It has read nothing of the new topic, says so, and goes on with the other topic."""
        self.wait_for_problem(p, "partition clicks/0: ", self.topic, *words)
        self.not_ready(p, *words)
        self.assertEqual(kafka_world.partition(p)["state"], "halted")
        self.assertEqual(kafka_world.partition(p)["offset"], 1000)
        other = self.topic + "_other"
        self.broker.produce(other, self.events.records(500))
        self.wait(p, "the other topic", lambda: kafka_world.partition(p, 1)["offset"] == self.broker.ends(other)[0])

    def run_and_read(self):
        self.broker.create_topic(self.topic + "_other", 1)
        p = self.clicks(topics=f"[{self.topic}, {self.topic}_other]", fetch=self.FETCH, client=QUICK)
        self.produce(1000)
        self.wait(p, "read and saved", lambda: kafka_world.partition(p)["checkpoint"] == 1000)
        return p

    def exchanged_while_it_runs(self, count):
        p = self.run_and_read()
        self.recreate(count)
        self.halted(p)
        p.kill()
        p.start().address()
        self.halted(p, "deleted and created again", "choose another group and data folder")
        self.assertEqual(p.terminate(), 0, p.said())

    def exchanged_while_it_is_away(self, count, *words):
        p = self.run_and_read()
        self.assertEqual(p.terminate(), 0, p.said())
        self.recreate(count)
        p.start().address()
        self.halted(p, "deleted and created again", *words)
        # As it says.
        self.events = kafka_world.Events(OTHER)
        p = self.clicks(topics=f"[{self.topic}]", group=self.group + "_new", fetch=self.FETCH, name="another")
        self.events.records(count)
        self.broker.produce(self.topic, self.events.end())
        self.wait_until_counted(p)

    def test_gone_while_it_runs(self):
        p = self.run_and_read()
        self.broker.delete_topic(self.topic)
        self.wait_for_problem(p, "partition clicks/0", self.topic)
        self.not_ready(p, self.topic)
        p.kill()
        p.start().address()
        self.wait_for_problem(p, f"topic {self.topic} does not exist", "create it, or fix `topics`")
        self.not_ready(p, self.topic)

    def test_shorter_while_it_runs(self):
        self.exchanged_while_it_runs(10)

    def test_longer_while_it_runs(self):
        self.exchanged_while_it_runs(2000)

    def test_empty_while_it_is_away(self):
        self.exchanged_while_it_is_away(0, "ends at offset 0")

    def test_longer_while_it_is_away(self):
        self.exchanged_while_it_is_away(2000, "offset 999")


class ExchangedForTheClient(Exchanged, kafka_world.Case):
    FETCH = "client"


class ExchangedForUs(Exchanged, kafka_world.Case):
    FETCH = "wire"


if __name__ == "__main__":
    support.main()
