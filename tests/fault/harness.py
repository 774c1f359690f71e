"""One run: a world under load, a schedule of faults, the end of the stream, the verdict, the report."""

import random
import shutil
import signal
import sys
import time
import traceback

import world  # first: it finds the modules of the end-to-end tests
import faults
import observers
import oracle
import report
import support
import verdict

RECOVERY = 90.0      # seconds: longer than that is a failure, not an outage
OVERLAP = 0.25       # the part of the faults after which the next one comes before all is well


class Run:
    def __init__(self, folder, options):
        self.options, self.folder = options, folder
        self.rng = random.Random(options.seed)
        self.world = world.World(folder, options.seed, options.rate)
        self.observers = observers.Observers(self.world)
        self.report = report.Report(options)

    def behind(self):
        now = self.world.producer.state["time_ms"] / 1000
        http, redis = (now - reader.watermark / 1e6 for reader in (self.observers.http, self.observers.redis))
        return f"seconds of event time behind: HTTP {http:.0f}, Redis {redis:.0f}"

    def wait_until_well(self):
        """Until something is served, over HTTP and in Redis, that was produced after this call."""
        goal = self.world.producer.state["time_ms"] * 1000

        def there():
            self.observers.check()
            return min(self.observers.http.watermark, self.observers.redis.watermark) >= goal
        support.wait_for(lambda: f"all is well again; {self.behind()}\n{self.state()}", there, RECOVERY)

    def state(self):
        """What the processes say of themselves."""
        lines = []
        for p in self.world.processes:
            try:
                lines.append(f"{p.name}: {p.request('GET', '/readyz', timeout=1)[1].decode(errors='replace')}")
            except support.Watcher.AWAY as away:
                lines.append(f"{p.name}: {away!r}")
        return "\n".join(lines)

    def inject(self):
        names, missing = faults.deck(self.world, self.rng, self.options.faults, self.options.only)
        self.report.missing = missing
        for i, name in enumerate(names):
            rng = random.Random(self.rng.randrange(1 << 60))
            say(f"{i + 1:3} {name}")
            self.report.fault(name)
            faults.KINDS[name](self.world, rng)
            self.report.undone()
            say(f"    done; {self.behind()}")
            if i + 1 == len(names) or rng.random() >= OVERLAP:
                self.wait_until_well()
                say(f"    well; {self.behind()}")
                self.report.well()
                if rng.random() < 0.5:
                    self.world.end_standby()
                time.sleep(rng.uniform(0, 0.5))
            self.observers.check()

    def judge(self):
        state = self.world.producer.end()
        self.report.events = state["stored"]
        say(f"{state['stored']} events are stored; reading them for the oracle")
        truth = oracle.read_topic(self.world.broker.address, "events", state["stored"])
        say("comparing")
        found = verdict.Verdict(truth, self.observers).reach(self.world, RECOVERY)
        self.observers.stop()
        return self.report.tell(self.world, self.observers, truth, found)

    def go(self):
        self.world.active()
        self.wait_until_well()
        self.report.begin()
        self.inject()
        return self.judge()


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run(folder, options):
    """Exit code: 0 if all is well."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    it, well = None, False
    try:
        it = Run(folder, options)
        well = it.go()
    except Exception:
        traceback.print_exc()
    finally:
        if it is not None:
            it.world.close(keep=not well or options.keep)
        if well and not options.keep:
            shutil.rmtree(folder, True)
        else:
            say(f"what is left is in {folder}")
    return 0 if well else 1
