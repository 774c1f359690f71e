"""The dashboard in a real browser, over the DevTools protocol: numbers, live, and back after a kill."""

import asyncio
import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.request

import support

try:
    import websockets
except ImportError:
    support.skip("python3-websockets is not installed")

EXAMPLE = support.ROOT / "examples/clickstream.yaml"

SWITCHES = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
            "--window-size=1280,1600", "--remote-debugging-port=0")


class Page:
    """A tab: scripts run in it; what its console, network and sockets said is kept."""

    def __init__(self, socket):
        self.socket = socket
        self.commands, self.answers = 0, {}
        self.errors, self.requests, self.documents = [], [], 0
        self.reader = asyncio.ensure_future(self.read())

    async def read(self):
        async for text in self.socket:
            message = json.loads(text)
            if "id" in message:
                self.answers.pop(message["id"]).set_result(message)
            else:
                self.event(message["method"], message["params"])

    def event(self, name, about):
        if name == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(about["exceptionDetails"])[:500])
        elif name == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.errors.append(json.dumps(about["args"])[:500])
        elif name == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(about["entry"]["text"] + " " + about["entry"].get("url", ""))
        elif name == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
            self.documents += about.get("type") == "Document"

    async def command(self, method, **parameters):
        self.commands += 1
        answer = self.answers[self.commands] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"id": self.commands, "method": method, "params": parameters}))
        message = await asyncio.wait_for(answer, 20)
        if "error" in message:
            raise AssertionError(f"{method}: {message['error']}")
        return message["result"]

    async def evaluate(self, script):
        result = await self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(json.dumps(result["exceptionDetails"])[:800])
        return result["result"].get("value")

    async def until(self, script, seconds=20):
        """The first true value of a script."""
        end = asyncio.get_running_loop().time() + seconds
        while True:
            value = await self.evaluate(script)
            if value:
                return value
            if asyncio.get_running_loop().time() > end:
                text = await self.evaluate("document.body.innerText.slice(0, 1500)")
                raise AssertionError(f"not within {seconds} s: {script}\nerrors: {self.errors}\nthe page:\n{text}")
            await asyncio.sleep(0.05)


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tidemill-chromium-")
        self.process = subprocess.Popen(["chromium", *SWITCHES, f"--user-data-dir={self.folder}", "about:blank"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        told = pathlib.Path(self.folder) / "DevToolsActivePort"
        support.wait_for("chromium doesn't start", lambda: told.exists() and "\n" in told.read_text(), 30)
        self.port = int(told.read_text().split()[0])

    def page_url(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/json") as answer:
            return next(t["webSocketDebuggerUrl"] for t in json.load(answer) if t["type"] == "page")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, True)


# Of a card: the texts of its table, row by row.
TABLE = """[...document.querySelectorAll('#view-%s tr.row')].map(
  r => [...r.children].map(c => c.textContent))"""
BADGE = "document.querySelector('#connection')?.dataset.state"


class Dashboard(support.Case):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def test_the_dashboard_is_live_and_comes_back_with_the_rows_of_the_api(self):
        port = support.free_port()
        os.environ["LISTEN"] = f"127.0.0.1:{port}"
        self.addCleanup(os.environ.pop, "LISTEN")
        p = self.pipeline(EXAMPLE.read_text(), "clickstream")
        p.start()
        p.address()
        asyncio.run(self.live(p))

    async def open_page(self, p):
        socket = await websockets.connect(self.browser.page_url(), max_size=None)
        page = Page(socket)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.command(domain + ".enable")
        await page.command("Page.navigate", url=f"http://127.0.0.1:{p.port}/")
        return page

    async def live(self, p):
        page = await self.open_page(p)
        await page.until(f"{BADGE} === 'live'")
        await page.until("document.querySelectorAll('#view-traffic tr.row').length >= 4", 40)
        self.assertEqual(await page.evaluate("document.title"), "clickstream · tidemill")
        first = await page.evaluate(TABLE % "traffic")
        for row in first:
            self.assertTrue(any(cell.replace(",", "").isdigit() and cell != "0" for cell in row[1:]), row)

        # Numbers change, and nobody has loaded anything anew.
        table = f"JSON.stringify({TABLE % 'traffic'})"
        painted = await page.evaluate(table)
        await page.until(f"{table} !== {json.dumps(painted)}")
        figures = "document.querySelector('#figures').innerText"
        shown = await page.until(figures)
        await page.until(f"{figures} !== {json.dumps(shown)}")
        await page.until("!!document.querySelector('#view-traffic .chart svg path.series')")
        self.assertEqual(page.documents, 1)
        await page.until("/of 2 rules fires|firing|pending/.test(document.querySelector('#alerts-count').textContent)")
        await page.until("document.querySelectorAll('.letters code').length > 0", 40)
        letter = await page.evaluate("document.querySelector('.letters code').textContent")
        self.assertRegex(letter, r'^(\{"ts"|base64: |\S)', "the record is shown as it came")
        self.assertEqual(page.errors, [])
        await self.screenshot(page, "live")

        # The program dies. The page says so, and comes back by itself.
        p.kill()
        await page.until(f"{BADGE} !== 'live'")
        kept = await page.evaluate(TABLE % "traffic")
        self.assertGreaterEqual(len(kept), 4, "what is known stays to be seen")
        p.start()
        p.address()
        await page.until(f"{BADGE} === 'live'", 40)
        await page.until("document.querySelector('#view-traffic .badge')?.dataset.state === 'live'", 40)
        await self.same_rows(p, page)
        self.assertEqual(page.documents, 1, "no reload")
        # While the program was away the browser itself reports refused connections; the page reports nothing.
        self.assertEqual([e for e in page.errors if "ERR_" not in e and "WebSocket" not in e], [])
        own = (f"http://127.0.0.1:{p.port}/", "data:", "blob:", "about:")
        self.assertEqual([url for url in page.requests if not url.startswith(own)], [])
        await self.screenshot(page, "back")
        await page.socket.close()
        self.assertEqual(p.terminate(), 0, p.said())

    def test_windows_of_every_kind_say_what_they_are(self):
        view = "{from: clicks, by: [page], select: {n: 'count()'}, window: %s}"
        kinds = {"tumbling": ("{size: 1m}", "1m"), "sliding": ("{size: 1m, slide: 5s}", "1m every 5s"),
                 "visits": ("{session: 30s}", "sessions, 30s apart"),
                 "daily": ("{calendar: day, timezone: Europe/Berlin}", "each day, Europe/Berlin"),
                 "ever": ("global, max_keys: 10", "one row per key")}
        views = "".join(f"  {name}: {view % window}\n" for name, (window, _) in kinds.items())
        p = self.pipeline("pipeline: kinds\nsources:\n  clicks: {type: generate, rate: 50, time: {field: ts}}\n"
                          f"views:\n{views}serve: {{http: '127.0.0.1:{support.free_port()}'}}\n")
        p.start()
        p.address()
        asyncio.run(self.say(p, kinds))

    async def say(self, p, kinds):
        page = await self.open_page(p)
        await page.until(f"{BADGE} === 'live'")
        for name, (_, said) in kinds.items():
            mark = await page.evaluate(f"document.querySelector('#view-{name} .mark').textContent")
            self.assertEqual(mark, said)
        await page.socket.close()
        self.assertEqual(p.terminate(), 0, p.said())

    async def same_rows(self, p, page):
        """The rows of the newest closed window of each key: page and API are equal at some moment."""
        script = """(async () => {
          const answer = await (await fetch('/v1/views/products/rows?limit=100000')).json();
          await new Promise(resume => setTimeout(resume, 400));
          const shown = document.querySelectorAll('#view-products tr.row');
          const after = await (await fetch('/v1/views/products/rows?limit=100000')).json();
          const sum = document.querySelector('#view-products .count').textContent;
          const heads = [...document.querySelectorAll('#view-products thead th')].map(h => h.textContent);
          return {rows: answer.rows, offset: answer.as_of.offset, after: after.as_of.offset, heads, sum,
                  shown: [...shown].map(r => [...r.children].map(c => c.textContent))};
        })()"""
        for _ in range(60):
            now = await page.evaluate(script)
            if now["offset"] == now["after"] and now["rows"]:
                break
        else:
            self.fail("the view never stood still for 400 ms")
        self.assertEqual(now["sum"].split()[0].replace(",", ""), str(len(now["rows"])))
        name, views, visitors = (now["heads"].index(h) for h in ("page", "views", "visitors"))
        rows = {row["page"]: row for row in now["rows"]}
        self.assertGreater(len(now["shown"]), 5)
        for cells in now["shown"]:
            row = rows[cells[name]]
            self.assertEqual(cells[views].replace(",", ""), str(row["views"]), cells)
            self.assertEqual(cells[visitors].replace(",", ""), str(row["visitors"]), cells)

    async def screenshot(self, page, name):
        shot = await page.command("Page.captureScreenshot", format="png")
        path = os.path.join(tempfile.gettempdir(), f"tidemill-dashboard-{name}.png")
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))
        print(f"screenshot: {path}")


if __name__ == "__main__":
    support.need_programs("chromium")
    support.need_files(EXAMPLE)
    support.main()
