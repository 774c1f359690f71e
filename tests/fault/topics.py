"""Topics as an independent consumer sees them: read_committed, without a group's offsets."""

import threading

import confluent_kafka
import stream

SETTINGS = {
    "group.id": "observer", "enable.auto.commit": False, "isolation.level": "read_committed",
    "auto.offset.reset": "earliest", "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "log_level": 0,
}
PARTITIONS = {"events": stream.PARTITIONS, "sample": 3, "final": 2, "changes": 2}


def consumer(address, topic, **more):
    c = confluent_kafka.Consumer(SETTINGS | {"bootstrap.servers": address} | more)
    c.assign([confluent_kafka.TopicPartition(topic, p, confluent_kafka.OFFSET_BEGINNING)
              for p in range(PARTITIONS[topic])])
    return c


def everything(address, topic):
    """All messages up to the present end, those of a partition in order."""
    c = consumer(address, topic, **{"enable.partition.eof": True})
    rest = set(range(PARTITIONS[topic]))
    try:
        while rest:
            for m in c.consume(10000, 1.0):
                if m.error() is None:
                    yield m
                elif m.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    rest.discard(m.partition())
                elif not m.error().retriable():
                    raise confluent_kafka.KafkaException(m.error())
    finally:
        c.close()


class Follower:
    """Calls `see` with each message of a topic as it comes, on a thread of its own, through broken brokers."""

    def __init__(self, address, topic, see):
        self.address, self.topic, self.see = address, topic, see
        self.fault = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        c = consumer(self.address, self.topic)
        try:
            while not self.stopped.is_set():
                for m in c.consume(1000, 0.1):
                    if m.error() is None:
                        self.see(m)
        except Exception as fault:  # told by stop()
            self.fault = fault
        finally:
            c.close()

    def stop(self):
        self.stopped.set()
        self.thread.join(30)
        if self.fault is not None:
            raise self.fault
