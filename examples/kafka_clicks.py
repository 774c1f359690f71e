#!/usr/bin/python3
"""Sends a shop's clickstream to the topic `clicks`, for examples/kafka.yaml.

    examples/kafka_clicks.py [--rate 500] [--seed 1]     until Ctrl-C
    examples/kafka_clicks.py --events 100000 --rate 0    as many as that, as fast as possible
    examples/kafka_clicks.py --read sections             shows a topic as a reader of finished transactions sees it

Topics that are missing are made. Some events come late, a few are broken, and crawlers say so in a header, as in real
life. Needs python3-confluent-kafka; scripts/build --tests installs it.
"""

import argparse
import json
import random
import sys
import time

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

TOPICS = [("clicks", 4, {}), ("hits", 4, {}), ("sections", 1, {"cleanup.policy": "compact"}), ("refused", 1, {})]
PAGES = ["/", "/search", "/category/shoes", "/category/books", "/product/%d", "/cart", "/checkout", "/health"]
WEIGHTS = [20, 15, 10, 10, 30, 8, 4, 3]


def make_topics(brokers):
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 3})
    there = client.list_topics(timeout=10).topics
    wanted = [NewTopic(name, partitions, 1, config=config) for name, partitions, config in TOPICS if name not in there]
    for future in client.create_topics(wanted).values() if wanted else ():
        future.result(30)
    if wanted:
        print("made the topics", ", ".join(t.topic for t in wanted))


class Shop:
    def __init__(self, seed, users=2000):
        self.random = random.Random(seed)
        self.users = users

    def click(self, now_ms):
        """(key, value, headers, time in ms)"""
        r = self.random
        user = f"u{int(r.paretovariate(0.5)) % self.users}"
        page = r.choices(PAGES, WEIGHTS)[0]
        slow = 8 if now_ms // 60_000 % 5 == 0 else 1  # every fifth minute is a bad one
        event = {"ts": now_ms, "user": user, "page": page % r.randint(1, 200) if "%d" in page else page,
                 "took_ms": round(r.lognormvariate(2.5, 0.6) * slow, 2),
                 "status": r.choices([200, 404, 503], [960, 30, 10 * slow])[0]}
        if r.random() < 0.02:
            event["ts"] -= r.randint(100, 60_000)  # a phone in a tunnel
        value = json.dumps(event)
        if r.random() < 0.0005:
            value = value[:-9]  # a broken one
        return user, value, [("crawler", "yes")] if r.random() < 0.05 else None, now_ms


def send(options):
    make_topics(options.brokers)
    producer = confluent_kafka.Producer({
        "bootstrap.servers": options.brokers, "enable.idempotence": True, "linger.ms": 20, "compression.type": "lz4",
        "log_level": 3})
    failed = []

    def delivered(error, _):
        if error is not None:
            failed.append(str(error))

    shop, sent, begun = Shop(options.seed), 0, time.time()
    print(f"sending to {options.brokers}; Ctrl-C ends it")
    try:
        while not failed and (options.events == 0 or sent < options.events):
            ahead = begun + sent / options.rate - time.time() if options.rate else 0
            if ahead > 0:
                time.sleep(min(ahead, 0.1))
                continue
            key, value, headers, at = shop.click(int(time.time() * 1000))
            try:
                producer.produce("clicks", value, key, headers=headers, timestamp=at, on_delivery=delivered)
                sent += 1
            except BufferError:
                producer.poll(0.1)
            producer.poll(0)
    except KeyboardInterrupt:
        pass
    lost = producer.flush(30)
    print(f"sent {sent - lost - len(failed)} events")
    return f"{lost + len(failed)} events were not taken: {failed[:1]}" if lost or failed else 0


def read(options):
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": options.brokers, "group.id": "kafka_clicks.read", "enable.auto.commit": False,
        "isolation.level": "read_committed"})
    partitions = consumer.list_topics(options.read, 10).topics[options.read].partitions
    consumer.assign([confluent_kafka.TopicPartition(options.read, p, confluent_kafka.OFFSET_BEGINNING)
                     for p in partitions])
    try:
        while True:
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                return str(message.error())
            key = message.key().decode() if message.key() else "-"
            value = message.value().decode() if message.value() is not None else "(gone)"
            print(f"{message.partition()}/{message.offset()}  {key}  {value}", flush=True)
    except KeyboardInterrupt:
        return 0
    finally:
        consumer.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--brokers", default="localhost:9092")
    arguments.add_argument("--rate", type=float, default=500, help="events per second; 0: as fast as possible")
    arguments.add_argument("--events", type=int, default=0, help="0: no end")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--read", metavar="TOPIC")
    options = arguments.parse_args()
    return read(options) if options.read else send(options)


if __name__ == "__main__":
    sys.exit(main())
