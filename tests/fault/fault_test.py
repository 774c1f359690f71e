"""The fault harness in its short form: each kind once."""

import os
import pathlib
import sys
import tempfile
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import world  # noqa: F401 (finds the modules of the end-to-end tests)
import kafka_broker
import support

if __name__ == "__main__":
    kafka_broker.need()
    support.need_programs("redis-server")
    import harness  # skips, too: it needs python3-websockets
    options = types.SimpleNamespace(faults=21, seed=int(os.environ.get("TIDEMILL_SEED", "20260105")), rate=2000,
                                    only="", keep=False)
    sys.exit(harness.run(pathlib.Path(tempfile.mkdtemp(prefix="tidemill-fault-")), options))
