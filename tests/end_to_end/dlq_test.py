"""tidemill dlq: dead letters are listed and shown while the pipeline runs, and replayed once to a file, to a source of
a running pipeline, and to the topic that they came from."""

import json
import subprocess

import kafka_broker
import support

FILE = """\
pipeline: lines
sources:
  log:
    type: file
    path: in.ndjson
    follow: {follow}
    schema: {{ts: timestamp_s, n: int}}
    time: {{field: ts}}
streams:
  hits:
    from: log
    steps:
      - set: {{q: '100 / n'}}
views:
  counts: {{from: hits, window: {{size: 10s}}, select: {{n: 'count()'}}}}
serve: {{http: "127.0.0.1:0"}}
engine: {{checkpoint: 200ms, flush: 20ms}}
"""

POSTED = """\
pipeline: posted
sources:
  again:
    type: http
    schema: {ts: timestamp_s, n: dyn}
    time: {field: ts}
views:
  counts: {from: again, window: {size: 1h}, emit: {every: 50ms}, select: {n: 'count()'}}
serve: {http: "127.0.0.1:0"}
engine: {checkpoint: 200ms, flush: 20ms}
"""

KAFKA = """\
pipeline: topics
sources:
  clicks:
    type: kafka
    brokers: ["%s"]
    topics: [clicks]
    group: dlq
    keep_meta: %s
    schema: {ts: timestamp_s, n: int}
    time: {field: ts}
views:
  counts: {from: clicks, window: {size: 1h}, emit: {every: 50ms}, select: {n: 'sum(n)'}}
serve: {http: "127.0.0.1:0"}
engine: {checkpoint: 200ms, flush: 20ms}
"""

GOOD = b'{"ts":1000,"n":1}'
BROKEN, ZERO, TEXT, BINARY = b"broken\x1b[31m", b'{"ts":1001,"n":0}', b'{"ts":1002,"n":"x"}', b"\xff\xfe"
BAD = [BROKEN, ZERO, TEXT, BINARY]


class DeadLetters(support.Case):
    def dlq(self, command, *arguments, code=0, file=None):
        """(standard output, standard error) of `tidemill dlq`."""
        done = subprocess.run([support.PROGRAM, "dlq", command, file or self.p.file, *arguments, "--data", self.p.data],
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=60, cwd=self.folder)
        said = done.stderr.decode()
        self.assertEqual(done.returncode, code, said + done.stdout.decode(errors="replace"))
        return done.stdout, said

    def summary(self, *arguments):
        return json.loads(self.dlq("list", "--json", *arguments)[0])

    def wait_for_letters(self, n, seconds=60):
        def there():
            code, said = support.run_tool("dlq", "list", self.p.file, "--data", self.p.data, "--json")
            return code == 0 and json.loads(said)["letters"] == n
        support.wait_for(lambda: f"{n} letters; it said\n{self.p.said()}", there, seconds)

    def ended(self):
        """A pipeline that has read all lines of a file."""
        (self.folder / "in.ndjson").write_bytes(b"\n".join([GOOD, *BAD, GOOD, GOOD, GOOD]) + b"\n")
        self.p = self.pipeline(FILE.format(follow="false"))
        self.assertEqual(self.p.run("--exit-at-end"), 0, self.p.said())

    def test_list_and_show(self):
        self.ended()
        all = self.summary()
        self.assertEqual((all["letters"], all["stored"], all["dropped"], all["replayed"]), (4, 4, 0, 0))
        self.assertEqual({(c["stream"], c["step"], c["code"], c["letters"]) for c in all["counts"]},
                         {("hits.dead", "hits[0] set", 2100, 1), ("log.dead", "decode", 2000, 1),
                          ("log.dead", "decode", 2001, 1), ("log.dead", "decode", 2004, 1)})
        self.assertEqual(len(all["newest"]), 4)
        self.assertEqual([l["stream"] for l in self.summary("--stream", "hits.dead")["newest"]], ["hits.dead"])
        self.assertEqual(self.summary("--reason", "2001")["letters"], 1)
        self.assertEqual(self.summary("--since", "1h")["letters"], 4)
        self.assertEqual(self.summary("--since", "0s")["letters"], 0)
        where = 'code == 2004 || raw.startsWith("broken")'
        self.assertEqual(self.summary("--where", where, "--limit", "1")["letters"], 2)
        text = self.dlq("list", file="no-such-file.yaml")[0].decode()  # the folder is enough
        self.assertIn("4 dead letters\n", text)
        self.assertIn(r"broken\x1b[31m", text)  # nothing steers the terminal
        self.assertNotIn("\x1b", text)
        place = f"log/0/{len(GOOD) + 1}"
        shown = self.dlq("show", "log.dead", place)[0].decode()
        for part in ("stream   log.dead", "record   " + place, "code     2000", "bytes    11", r"broken\x1b[31m"):
            self.assertIn(part, shown)
        binary = next(l for l in all["newest"] if l["code"] == 2004)
        self.assertIn("ff fe", self.dlq("show", "log.dead", f"log/0/{binary['offset']}")[0].decode())
        self.assertEqual(json.loads(self.dlq("show", "log.dead", place, "--json")[0])["raw"], "broken\x1b[31m")
        self.assertIn("no letter of log.dead", self.dlq("show", "log.dead", "log/0/0", code=1)[1])

    def test_replay_to_a_file_sends_each_letter_once(self):
        source = self.folder / "in.ndjson"
        source.write_bytes(b"\n".join([GOOD, *BAD, GOOD, GOOD, GOOD]) + b"\n")
        self.p = self.pipeline(FILE.format(follow="true"))
        self.p.start()
        self.wait_for_letters(4)
        out = self.folder / "again.ndjson"
        self.assertIn("4 dead letters, 4 would be written", self.dlq("replay", "--to", out, "--dry-run")[1])
        self.assertFalse(out.exists())
        self.assertIn("1 dead letter, 1 written", self.dlq("replay", "--to", out, "--where", "code == 2001")[1])
        self.assertIn("4 dead letters, 3 written, 1 replayed before", self.dlq("replay", "--to", out)[1])
        lines = out.read_bytes().split(b"\n")
        self.assertEqual(lines[0], TEXT)
        self.assertEqual(sorted(lines[:-1]), sorted(BAD))
        self.assertIn("0 written, 4 replayed before", self.dlq("replay", "--to", out)[1])
        self.assertEqual(self.summary()["replayed"], 4)
        printed = self.dlq("replay", "--to", "-", "--again", "--stream", "hits.dead")[0]
        self.assertEqual(printed, ZERO + b"\n")
        self.assertIn("source log is not of type kafka", self.dlq("replay", "--to", "kafka", "--again", code=1)[1])
        # What comes after is replayed, and nothing else.
        with open(source, "ab") as f:
            f.write(b"later\n")
        self.wait_for_letters(5)
        self.assertEqual(self.dlq("replay", "--to", "-")[0], b"later\n")
        self.assertEqual(self.p.terminate(), 0, self.p.said())

    def test_a_running_pipeline_is_read_and_posted_to(self):
        source = self.folder / "in.ndjson"
        source.write_bytes(GOOD + b"\n")
        self.p = self.pipeline(FILE.format(follow="true"))
        self.p.start()
        posted = self.pipeline(POSTED, "posted").start()
        host, port = posted.address()
        target = f"http://{host}:{port}/v1/sources/again/events"
        sent = 0
        for round in range(1, 6):
            with open(source, "ab") as f:
                f.write(b"\n".join(BAD * 50) + b"\n")
            self.wait_for_letters(200 * round)
            # Two of four are no JSON objects: the server takes the others.
            said = self.dlq("replay", "--to", target, code=1)[1]
            self.assertIn(f"{200 * round} dead letters, 100 written", said)
            sent += 100
        self.assertEqual(self.summary()["replayed"], sent)
        counted = lambda: sum(r["n"] for r in posted.rows("counts", window="open")["rows"])
        support.wait_for("all counted", lambda: counted() == sent)
        said = self.dlq("replay", "--to", target.replace("again", "other"), code=1)[1]
        self.assertIn('no HTTP source is named "other"', said)
        self.assertEqual(self.p.terminate(), 0, self.p.said())
        self.assertEqual(posted.terminate(), 0, posted.said())

    def test_wrong_use_is_told(self):
        self.ended()
        for arguments, text in ((["lst"], "unknown command lst"), (["list"], "needs the file"), ([], "list, show or"),
                                (["replay", self.p.file], "replay needs --to"),
                                (["list", self.p.file, "--since", "5x"], "is no duration"),
                                (["list", self.p.file, "--reason", "x"], "--reason is the number"),
                                (["list", self.p.file, "--data", self.p.data, "--where", "cod > 1"], "did you mean"),
                                (["list", self.p.file, "--again"], "unknown option --again"),
                                (["show", self.p.file, "log.dead"], "show needs a stream and a record"),
                                (["replay", self.p.file, "--data", self.p.data, "--to", "https://x/y"], "http://")):
            code, said = support.run_tool("dlq", *arguments, cwd=self.folder)
            self.assertEqual(code, 78, said)
            self.assertIn(text, said)
        code, said = support.run_tool("dlq", "list", self.p.file, "--data", self.folder / "none")
        self.assertEqual(code, 1)
        self.assertIn("there is no data folder", said)
        code, said = support.run_tool("dlq", "--help")
        self.assertEqual(code, 0)
        self.assertIn("event_time timestamp?", said)

    def test_replay_to_the_topic(self):
        with kafka_broker.Broker() as broker:  # or skipped
            broker.create_topic("clicks", 3)
            headers = [("trace", b"7"), ("none", None)]
            broker.produce("clicks", [(b"k", GOOD, None, None, 0), (b"key", TEXT, headers, None, 1),
                                      (None, BINARY, None, None, 2), (b"gone", None, None, None, 1)])
            self.p = self.pipeline(KAFKA % (broker.address, "true"))
            self.p.start()
            self.wait_for_letters(3)
            shown = self.dlq("show", "clicks.dead", self.place_of(2001))[0].decode()
            for part in ("key       key", "header    trace: 7", "header    none: none"):
                self.assertIn(part, shown)
            self.assertIn("no value: a tombstone", self.dlq("show", "clicks.dead", self.place_of(2002))[0].decode())
            before = broker.consume("clicks")
            origins = {code: self.place_of(code).encode() for code in (2001, 2002, 2004)}
            self.assertIn("3 dead letters, 3 written", self.dlq("replay", "--to", "kafka")[1])
            places = {(r.partition, r.offset) for r in before}
            new = [r for r in broker.consume("clicks") if (r.partition, r.offset) not in places]
            self.assertEqual([(r.partition, r.key, r.value, r.headers) for r in new],
                             [(1, b"key", TEXT, [*headers, ("tidemill-replay", origins[2001])]),
                              (1, b"gone", None, [("tidemill-replay", origins[2002])]),
                              (2, None, BINARY, [("tidemill-replay", origins[2004])])])
            # They die again, and are letters of their own.
            self.wait_for_letters(6)
            self.assertEqual(self.p.terminate(), 0, self.p.said())
            # Letters without their keys are not written by accident.
            self.p = self.pipeline(KAFKA.replace("group: dlq", "group: other") % (broker.address, "false"), "bare")
            self.p.start()
            self.wait_for_letters(6)
            said = self.dlq("replay", "--to", "kafka", "--stream", "clicks.dead", "--where", "code == 2004", code=1)[1]
            self.assertIn("2 not written: it doesn't hold its record's key and headers", said)
            said = self.dlq("replay", "--to", "kafka", "--where", "code == 2004", "--without-key")[1]
            self.assertIn("2 written", said)
            self.assertEqual(self.p.terminate(), 0, self.p.said())

    def place_of(self, code):
        letter = min((l for l in self.summary()["newest"] if l["code"] == code), key=lambda l: l["offset"])
        return f"{letter['source']}/{letter['partition']}/{letter['offset']}"


if __name__ == "__main__":
    support.main()
