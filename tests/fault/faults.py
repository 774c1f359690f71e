"""The faults: each injects itself, lasts a while, and takes itself back.

`KINDS` maps a name to a function of (world, rng). A function that can't do its work on this machine isn't in the deck:
see `deck`.
"""

import signal
import time

import world  # noqa: F401 (finds the modules of the end-to-end tests)
import support


def kill(w, rng):
    """kill -9, and a manager that starts it again at once or a little later."""
    p = w.active()
    p.delay = rng.choice((0, rng.uniform(0, 0.5)))
    p.restart_by(p.kill_hard)


def kill_twice(w, rng):
    """The second time while it starts and replays."""
    p = w.active()
    for _ in range(2):
        p.delay = 0.0
        p.restart_by(p.kill_hard)
        time.sleep(rng.uniform(0, 0.8))


def end_well(w, _rng):
    """SIGTERM: it drains, saves and ends with 0."""
    p = w.active()
    p.delay, p.expected, old = 0.0, True, p.process
    p.signal(signal.SIGTERM)
    support.wait_for(lambda: f"{p.name} ended; it said\n{p.said()}", lambda: old.poll() is not None, 30)
    if old.returncode != 0:
        raise AssertionError(f"SIGTERM: {p.name} ended with {old.returncode}; it said\n{p.said()}")


def standby(w, rng):
    """kill -9 while a standby waits."""
    other, p = w.standby(), w.active()
    p.delay = rng.uniform(0, 2)
    p.kill_hard()
    support.wait_for(lambda: f"{other.name} took over; it said\n{other.said()}", lambda: w.holds(other), 30)


def pause(w, rng):
    """SIGSTOP, shorter than the lease."""
    p = w.active()
    p.signal(signal.SIGSTOP)
    time.sleep(rng.uniform(0.1, 0.7))
    p.signal(signal.SIGCONT)


def zombie(w, rng):
    """SIGSTOP until the standby has taken over; the old process goes on, changes nothing, and ends."""
    w.standby()
    hang(w, rng, w.active())


def zombie_early(w, rng):
    """The same with a process that is just starting, maybe joining the consumer group."""
    w.end_standby()
    p = w.active()
    p.delay = 0.0
    p.restart_by(p.kill_hard)
    time.sleep(rng.uniform(0, 1))
    hang(w, rng, p)


def hang(w, rng, p):
    other = next(q for q in w.processes if q is not p)
    p.expected, old = True, p.process
    p.signal(signal.SIGSTOP)
    other.wanted, other.delay = True, 0.0
    try:
        support.wait_for(lambda: f"{other.name} took over; it said\n{other.said()}",
                         lambda: other.alive() and w.holds(other), 60)
        time.sleep(rng.uniform(0, 2))
    finally:
        p.delay = 0.0
        p.signal(signal.SIGCONT)
    # One that had not got the folder yet is a standby now.
    support.wait_for(lambda: f"the old process of {p.name} ended; it said\n{p.said()}",
                     lambda: old.poll() is not None or w.holds(p) is False, 30)
    if old.poll() is None:
        p.expected = False
    elif old.returncode == 0:
        raise AssertionError(f"{p.name} was taken over and ended with 0")


def exception(w, _rng):
    """A step throws once."""
    w.once.touch()
    support.wait_for("the step has thrown", lambda: not w.once.exists(), 60)


def poison(w, _rng):
    """A step throws at one record, whenever it gets it."""
    w.poisons += 1
    w.producer.say("poison")


def deadly(w, _rng):
    """A step ends the process at one record, whenever it gets it, until the record is known and skipped."""
    w.poisons += 1
    w.deadly = True
    w.producer.say("deadly")
    try:
        support.wait_for(lambda: f"{w.poisons} poisonous records are dead letters, not {w.skipped()}",
                         lambda: w.skipped() == w.poisons, 90)
    finally:
        w.deadly = False


def redis_kill(w, rng):
    w.redis.kill()
    time.sleep(rng.uniform(0, 3))
    w.redis.start()


def redis_emptied(w, rng):
    """It is killed and comes back without data."""
    w.redis.kill()
    time.sleep(rng.uniform(0, 3))
    w.redis.start(keep=False)


def redis_flushall(w, _rng):
    with support.Redis(w.redis.port) as redis:
        redis("FLUSHALL")


def redis_reset(w, _rng):
    w.redis_proxy.reset()


def redis_silent(w, rng):
    """Its connections stay and bring nothing."""
    w.redis_proxy.hold(True)
    time.sleep(rng.uniform(0.5, 3))
    w.redis_proxy.hold(False)


def broker_kill(w, rng):
    w.broker.kill()
    time.sleep(rng.uniform(0, 3))
    w.broker.start()


def broker_silent(w, rng):
    """SIGSTOP of the broker."""
    w.broker.pause()
    time.sleep(rng.uniform(0.5, 4))
    w.broker.resume()


def broker_reset(w, rng):
    """Resets, a few in a row."""
    for _ in range(rng.randrange(1, 6)):
        w.kafka_proxy.reset()
        time.sleep(rng.uniform(0, 0.3))


def broker_refused(w, rng):
    """A reset, and no way back for a while."""
    w.kafka_proxy.refuse(True)
    w.kafka_proxy.reset()
    time.sleep(rng.uniform(0.5, 3))
    w.kafka_proxy.refuse(False)


def disk_full(w, rng):
    w.disk.fill()
    time.sleep(rng.uniform(0.5, 4))
    w.disk.free()


def disk_full_kill(w, rng):
    """kill -9 on a full disk: there it can't start again."""
    p = w.active()
    w.disk.fill()
    time.sleep(rng.uniform(0.2, 1))
    p.hopeless, p.delay = True, 0.1
    p.kill_hard()
    time.sleep(rng.uniform(0.5, 2))
    w.disk.free()
    w.active()
    support.wait_for("it runs again", p.alive)
    p.hopeless = False


KINDS = {
    "kill -9": kill, "kill -9 twice": kill_twice, "SIGTERM": end_well, "kill -9, standby": standby,
    "SIGSTOP, short": pause, "SIGSTOP, standby": zombie, "SIGSTOP at the start": zombie_early,
    "exception": exception, "poisonous record": poison, "deadly record": deadly,
    "Redis kill -9": redis_kill, "Redis emptied": redis_emptied, "FLUSHALL": redis_flushall,
    "Redis reset": redis_reset, "Redis silent": redis_silent, "broker kill -9": broker_kill,
    "broker SIGSTOP": broker_silent, "broker reset": broker_reset, "broker refused": broker_refused,
    "disk full": disk_full, "disk full, kill -9": disk_full_kill,
}
NEEDS_HIDDEN_STEP = ("exception", "poisonous record", "deadly record")
NEEDS_DISK = ("disk full", "disk full, kill -9")


def deck(w, rng, count, only=""):
    """Names of `count` faults: each kind once, in a random order, and so on. Also why some kinds are missing."""
    kinds, missing = [k for k in KINDS if only in k], []
    if not w.hidden:
        kinds = [k for k in kinds if k not in NEEDS_HIDDEN_STEP]
        missing.append("exceptions: the program has no step that throws (build tidemill_throws)")
    if not w.disk.mounted:
        kinds = [k for k in kinds if k not in NEEDS_DISK]
        missing.append("disk full: not allowed to mount a tmpfs")
    names = []
    while len(names) < count:
        names += rng.sample(kinds, len(kinds))
    return names[:count], missing
