"""kill -9 again and again: the same bytes come out, and no reader ever sees a number fall."""

import asyncio
import json
import os
import random
import threading
import time

import replay
import support

try:
    import websockets
except ImportError:
    support.skip("python3-websockets is not installed")

KILLS = 24
SEED = int(os.environ.get("TIDEMILL_SEED", "20260105"))


class WebSocketReader:
    """Keeps the rows of views by the protocol of docs/websocket.md, coming back with its positions."""

    def __init__(self, url, views):
        self.url, self.views = url, views
        self.seen = support.NeverBack("websocket")
        self.rows = {v: {} for v in views}
        self.position, self.by = {}, {}
        self.pushes = self.sessions = self.resumed = self.snapshots = 0
        self.fault = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)
        self.thread.start()

    def identity(self, view, row):
        return row["window_start"], row["window_end"], json.dumps([row.get(k) for k in self.by[view]])

    async def run(self):
        while not self.stopped.is_set():
            try:
                async with websockets.connect(self.url, open_timeout=2, close_timeout=0.2, max_size=None) as socket:
                    self.sessions += 1
                    await self.session(socket)
            except (OSError, asyncio.TimeoutError, websockets.WebSocketException):
                await asyncio.sleep(0.05)
            except Exception as fault:  # told by stop()
                self.fault = fault
                return

    async def session(self, socket):
        subs = {}
        for i, view in enumerate(self.views):
            subscribe = {"view": view}
            if view in self.position:
                subscribe["from"] = self.position[view]
            await socket.send(json.dumps({"id": i, "subscribe": subscribe}))
        while not self.stopped.is_set():
            try:
                message = json.loads(await asyncio.wait_for(socket.recv(), 0.5))
            except asyncio.TimeoutError:
                continue
            if "error" in message:
                if not message["error"]["temporary"]:
                    raise AssertionError(message)
                await asyncio.sleep(0.05)
                return
            if "subscribed" in message:
                about = message["subscribed"]
                subs[about["sub"]] = about["view"]
                self.by[about["view"]] = about["schema"]["by"]
                self.resumed += about["recovered"]
            elif "sub" in message:
                self.apply(subs[message["sub"]], message)

    def apply(self, view, push):
        rows = self.rows[view]
        self.pushes += 1
        if push.get("snapshot"):
            self.snapshots += 1
            rows.clear()
        if "trim" in push:
            end = support.micros(push["trim"])
            for identity in [i for i in rows if support.micros(i[1]) <= end]:
                del rows[identity]
        for row in push.get("remove", ()):
            rows.pop(self.identity(view, row), None)
        for row in push.get("put", ()):
            identity = self.identity(view, row)
            rows[identity] = row
            self.seen.see(view, row, identity[2])
        self.position[view] = {"epoch": push["epoch"], "offset": push["offset"]}

    def stop(self):
        self.stopped.set()
        self.thread.join(10)
        if self.fault is not None:
            raise self.fault


class Kill(support.Case):
    KEY = {"traffic": "country", "trend": "status"}

    def watch_http(self, p):
        seen = support.NeverBack("http")

        def look():
            for view, key in self.KEY.items():
                for row in p.rows(view, window="all")["rows"]:
                    seen.see(view, row, row[key])
        return support.Watcher(look), seen

    def watch_redis(self, port):
        seen = support.NeverBack("redis")
        connection = []

        def look():
            if not connection:
                connection.append(support.Redis(port))
                self.addCleanup(connection[0].close)
            for view in self.KEY:
                for key, row in connection[0].current(view).items():
                    seen.see(view, row, key)
                for key, rows in connection[0].series(view).items():
                    for row in rows:
                        seen.see(view, row, key)
        return support.Watcher(look), seen

    def test_killed_at_any_moment_nothing_is_lost_doubled_or_taken_back(self):
        support.spread_log(self.folder / "replay.log", step=5)
        undisturbed = self.pipeline(replay.make(self.folder, "undisturbed"), "undisturbed")
        self.assertEqual(undisturbed.run("--exit-at-end"), 0, undisturbed.said())

        redis = support.RedisServer().start()
        self.addCleanup(redis.kill)
        for name, least in ("hits", 9990), ("late", 50), ("dead", 1), ("errors", 500):
            self.assertGreaterEqual(len((self.folder / f"undisturbed/{name}.ndjson").read_text().splitlines()), least)
        port = support.free_port()
        p = self.pipeline(replay.make(self.folder, "killed", pace=1600, port=port, redis=redis.port), "killed")
        p.host, p.port = "127.0.0.1", port
        http, http_seen = self.watch_http(p)
        mirror, redis_seen = self.watch_redis(redis.port)
        socket = WebSocketReader(f"ws://127.0.0.1:{port}/v1/ws", list(self.KEY))
        rng = random.Random(SEED)
        early = 0
        for i in range(KILLS):
            p.start("--exit-at-end")
            time.sleep(rng.choice((rng.uniform(0.0, 0.3), rng.uniform(0.3, 1.6))))
            code = p.process.poll()
            self.assertIsNone(code, f"run {i} ended by itself:\n{p.said()}")
            early += "dashboard:" not in p.said()
            p.kill()
        self.assertEqual(p.run("--exit-at-end", seconds=120), 0, p.said())
        http.stop()
        mirror.stop()
        socket.stop()

        replay.compare(self, self.folder / "undisturbed", self.folder / "killed")
        for reader in (http_seen, redis_seen, socket.seen):
            self.assertEqual(reader.breaches[:5], [])
            self.assertGreater(reader.changes, 500, reader.reader)
        self.compare_mirror(redis.port)
        print(f"seed {SEED}: {KILLS} kills ({early} before it listened), "
              f"{http.looks} polls over HTTP ({http.away} in vain), "
              f"{http_seen.values} values; {socket.sessions} WebSocket sessions, {socket.pushes} pushes "
              f"({socket.snapshots} snapshots), {socket.seen.values} values; {mirror.looks} reads of Redis, "
              f"{redis_seen.values} values; never back, bytes equal")

    def compare_mirror(self, port):
        """At the end Redis has the newest sealed row of every key."""
        newest = {}
        for row in support.ndjson(self.folder / "killed/traffic.ndjson"):
            newest[row["country"]] = row
        with support.Redis(port) as redis:
            found = redis.current("traffic")
        found = {row["country"]: row for row in found.values()}
        missing = [newest[k] for k in found if found[k] != newest[k]]
        self.assertEqual(missing[:3], [])
        ends = [support.micros(r["window_end"]) for r in newest.values()]
        oldest = max(ends) - 100 * 300_000_000
        retained = {k for k, r in newest.items() if support.micros(r["window_end"]) > oldest}
        self.assertLessEqual(retained - {None}, set(found), "keys within what is retained are in Redis")


if __name__ == "__main__":
    support.need_files(support.ACCESS_LOG, support.COUNTRIES)
    support.need_programs("redis-server")
    support.main()
