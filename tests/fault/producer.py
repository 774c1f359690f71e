"""Sends the stream to the topic, each record once whatever the broker does, and says how far it is.

producer.py ADDRESS TOPIC SEED RATE; runs until its standard input says `end`. `poison` sends a record that stops the
worker which reads it. A JSON line on standard output each 100 ms: {"made", "stored", "time_ms"}; the last one, when all
is stored, has "ended": true.

Idempotent, without a limit on time or tries: what the broker acknowledged is there once, in the order sent. One
request at a time: with several, one that is refused by a broker that has just come back lets librdkafka 2.0 give up.
"""

import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import stream

import confluent_kafka

SETTINGS = {
    "enable.idempotence": True, "acks": "all", "message.timeout.ms": 0, "message.send.max.retries": 2_147_483_647,
    "max.in.flight": 1, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000, "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 200, "log_level": 0,
}


class Sender:
    def __init__(self, address, topic, seed, rate):
        self.topic, self.rate = topic, rate
        self.stream = stream.Stream(seed, rate)
        self.client = confluent_kafka.Producer(SETTINGS | {"bootstrap.servers": address})
        self.stored = 0
        self.told = 0.0

    def arrived(self, error, _message):
        if error is not None:
            raise confluent_kafka.KafkaException(error)
        self.stored += 1

    def send(self, place):
        partition, value = place
        while True:
            try:
                return self.client.produce(self.topic, value, partition=partition, on_delivery=self.arrived)
            except BufferError:
                self.client.poll(0.1)
                self.tell()

    def tell(self, **more):
        now = time.monotonic()
        if more or now - self.told > 0.1:
            self.told = now
            print(json.dumps({"made": self.stream.made, "stored": self.stored, "time_ms": self.stream.now_ms()} | more),
                  flush=True)

    def run(self, words):
        begin = time.monotonic()
        while True:
            for word in words.take():
                if word == "poison":
                    self.send(self.stream.poison())
                elif word == "deadly":
                    self.send(self.stream.poison(stream.DEADLY))
                elif word == "end":
                    return
            due = int((time.monotonic() - begin) * self.rate)
            # After a standstill of the machine it does not all come at once.
            for _ in range(min(due - self.stream.made, self.rate)):
                self.send(self.stream.next())
            self.client.poll(0.01)
            self.tell()

    def finish(self):
        for place in self.stream.ends():
            self.send(place)
        while self.client.flush(0.5):
            self.tell()
        self.tell(ended=True)


class Words:
    """What standard input has said since the last look; its end means `end`."""

    def __init__(self):
        self.said = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in sys.stdin:
            self.said.append(line.strip())
        self.said.append("end")

    def take(self):
        taken, self.said = self.said, []
        return taken


def main():
    address, topic, seed, rate = sys.argv[1:]
    sender = Sender(address, topic, int(seed), int(rate))
    sender.run(Words())
    sender.finish()


if __name__ == "__main__":
    main()
