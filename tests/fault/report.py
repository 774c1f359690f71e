"""The table at the end of a run."""

import collections
import time


class Report:
    def __init__(self, options):
        self.options = options
        self.spells = []      # (names, begin, undone, end): faults up to the moment when all was well again
        self.open = None      # (names, begin) of a spell that goes on
        self.undone_at = 0.0
        self.missing = []
        self.events = 0
        self.started = time.monotonic()

    def begin(self):
        self.started = time.monotonic()

    def fault(self, name):
        if self.open is None:
            self.open = [], time.monotonic()
        self.open[0].append(name)

    def undone(self):
        """The fault is taken back; from here on it is up to the pipeline."""
        self.undone_at = time.monotonic()

    def well(self):
        names, begin = self.open
        self.spells.append((names, begin, self.undone_at, time.monotonic()))
        self.open = None

    def tell(self, w, observers, truth, found):
        """Prints it; true if all is well."""
        self.table(observers)
        for text in self.missing:
            print(f"left out: {text}")
        breaches = observers.breaches()
        rows = sum(len(truth.sealed(view)) for view in truth.rows)
        late = sum(len(ids) for ids in truth.late.values())
        seen = observers.all()
        print(f"seed {self.options.seed}, {time.monotonic() - self.started:.0f} s, {self.events} events, "
              f"{rows} sealed rows, {late} late, {len(truth.refused)} unreadable, {len(truth.poisonous)} poisonous")
        print(f"{sum(s.values for s in seen)} values read over HTTP, WebSocket and Redis, "
              f"{sum(s.changes for s in seen)} of them changes; {observers.http.stale} answers of a replaced process; "
              f"{observers.changelog.tombstones} tombstones")
        print(f"ended though nobody had asked for it: {len(w.ends)}")
        for end in w.ends[:10]:
            print(f"  process {end['process']}, code {end['code']}, {end['log']}: {end['said'][-300:].strip()}")
        print(f"lost {found.lost}, double-counted {found.doubled}, went back {len(breaches)}")
        for text in found.wrong[:20] + breaches[:20]:
            print("  " + text)
        return not found.wrong and not breaches and not w.ends

    def table(self, observers):
        """How long readers went without, by kind: an answer over HTTP, a newer one, a newer one in Redis. Where one fault came before the last one was over, nobody can
        say whose fault it was."""
        injected, worst = collections.Counter(), collections.defaultdict(lambda: [0.0] * 4)
        for names, begin, undone, end in self.spells:
            injected.update(names)
            now = (observers.http.answers.longest(begin, end), observers.http.news.longest(begin, end),
                   observers.redis.news.longest(begin, end), end - undone)
            kind = names[0] if len(names) == 1 else "several at once"
            worst[kind] = [max(pair) for pair in zip(worst[kind], now)]
        print(f"\n{'':22}{'':>9}  longest, in seconds, without\n"
              f"{'fault':22}{'injected':>9}{'an answer':>11}{'news':>8}{'Redis':>8}{'well after':>12}")
        for kind in sorted(injected.keys() | worst.keys()):
            figures = "".join(f"{x:{width}.2f}" for x, width in zip(worst[kind], (11, 8, 8, 12)))
            print(f"{kind:22}{injected[kind] or '':>9}{figures if any(worst[kind]) else ''}")
        print(f"{'all':22}{injected.total():9}\n")
