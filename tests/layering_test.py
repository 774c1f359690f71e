"""Reads every #include line of the program against the rules below: who may know whom, and which folder may use
which library. Also: pure folders use no clock, file, thread or random device, and no header shows a library to a
folder that may not use it. Usage: layering_test.py [root of the repository]"""

import pathlib
import re
import sys

# Folder → folders and single files that it may include, besides itself. A folder of storage/ may also include
# the headers that lie directly in storage/.
ARROWS = {
    "event": [],
    "pipeline": ["event"],
    "storage": ["event", "storage/kafka/kafka_options.hpp"],
    "storage/*": ["event", "storage"],
    "http": ["event"],
    "config": [
        "event",
        "pipeline/registry.hpp",
        "pipeline/step.hpp",
        "pipeline/model/detector.hpp",
        "storage/registry.hpp",
        "http/spec.hpp",
        "actors/spec.hpp",
    ],
    "actors": ["event", "pipeline", "storage", "storage/*", "http"],
    "cli": ["event", "config", "actors/platform.hpp", "actors/dead_letter_tools.hpp", "actors/checkpoint_tools.hpp",
            "actors/tap_tools.hpp", "actors/test_run.hpp", "actors/verify_tools.hpp", "pipeline/cel/expression.hpp", "storage/time_zone_files.hpp"],
}

# Library → prefixes of its headers, and the folders that may use it.
LIBRARIES = {
    "CAF": (["caf/"], ["actors"]),
    "yaml-cpp": (["yaml-cpp/"], ["config"]),
    "Boost.Beast and Asio": (["boost/beast", "boost/asio"], ["http"]),
    "hiredis": (["hiredis/"], ["storage/redis"]),
    "libmaxminddb": (["maxminddb"], ["storage/tables"]),
    "librdkafka": (["librdkafka/"], ["storage/kafka"]),
    "zlib, snappy, lz4 and zstd": (["zlib.h", "snappy", "lz4", "zstd"], ["storage/kafka"]),
    "RE2": (["re2/"], ["event", "pipeline/cel", "pipeline/steps"]),
    "OpenSSL": (["openssl/"], ["pipeline/steps"]),
    "simdjson": (["simdjson"], ["event"]),
    "xxHash": (["xxh"], ["event"]),
    "Boost.System": (["boost/system/"], ["event"]),
    "Boost.Container": (["boost/container/"], ["pipeline"]),
    "Boost.Unordered": (["boost/unordered/"], ["pipeline"]),
}
# What `event/result.hpp` is made of is shown to everybody.
SHOWN = {"Boost.System"}

PURE = ["event", "pipeline"]
IMPURE_HEADERS = re.compile(
    r"^(fstream|iostream|filesystem|thread|mutex|shared_mutex|condition_variable|future|random|semaphore|latch|"
    r"barrier|stop_token|csignal|cstdio|ctime|.*\.h)$"
)
IMPURE_WORDS = re.compile(r"\b(system_clock|steady_clock|high_resolution_clock)::now\b|\bgetenv\b|\brandom_device\b")

# Headers of the C++ library and of POSIX have no folder, or one of these.
SYSTEM_FOLDERS = ("sys/", "netinet/", "arpa/", "linux/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
COMMENT = re.compile(r"//.*$")


def folder_of(path):
    parts = path.split("/")
    if parts[0] == "storage" and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0]


def within(path, folders):
    return any(path.startswith(folder + "/") for folder in folders)


def library_of(header):
    for name, (prefixes, _) in LIBRARIES.items():
        if header.startswith(tuple(prefixes)):
            return name
    return None


def may_include(path, target):
    own, other = folder_of(path), folder_of(target)
    if own == other:
        return True
    group = "storage/*" if own.startswith("storage/") else own
    return any(
        rule == target or rule == other or (rule == "storage/*" and other.startswith("storage/"))
        for rule in ARROWS[group]
    )


class Program:
    def __init__(self, root):
        self.faults = []
        self.files = {}
        for folder in sorted({rule.split("/")[0] for rule in ARROWS}):
            for path in sorted((root / folder).rglob("*.?pp")):
                name = path.relative_to(root).as_posix()
                self.files[name] = path.read_text(encoding="utf-8").splitlines()
        self.own = {}  # file → project headers with their lines
        self.libraries = {}  # file → libraries that it names itself
        for name, lines in self.files.items():
            self.read(name, lines)

    def fault(self, name, line, text):
        self.faults.append(f"{name}:{line}: {text}")

    def read(self, name, lines):
        self.own[name], self.libraries[name] = [], set()
        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            if found and found[1] == '"':
                self.read_project_header(name, number, found[2])
            elif found:
                self.read_other_header(name, number, found[2])
            elif within(name, PURE) and IMPURE_WORDS.search(COMMENT.sub("", line)):
                self.fault(name, number, "a pure folder reads no clock, environment or random device")

    def read_project_header(self, name, number, target):
        if target not in self.files:
            self.fault(name, number, f'"{target}" is no header of the program; others are included with <>')
            return
        self.own[name].append((number, target))
        if not may_include(name, target):
            self.fault(name, number, f"{folder_of(name)} must not know {target}")

    def read_other_header(self, name, number, header):
        library = library_of(header)
        if library:
            self.libraries[name].add(library)
            if not within(name, LIBRARIES[library][1]):
                self.fault(name, number, f"{library} belongs into {', '.join(LIBRARIES[library][1])}")
        elif "/" in header and not header.startswith(SYSTEM_FOLDERS):
            self.fault(name, number, f"<{header}> is of a library without a folder; give it one in {__file__}")
        elif within(name, PURE) and IMPURE_HEADERS.match(header):
            self.fault(name, number, f"a pure folder does without <{header}>")

    def shown_by(self, header, seen):
        """Libraries that come with a header, directly or not."""
        if header in seen:
            return set()
        seen.add(header)
        return self.libraries[header].union(*(self.shown_by(h, seen) for _, h in self.own[header]))

    def check_what_headers_show(self):
        for name, includes in self.own.items():
            for number, target in includes:
                for library in sorted(self.shown_by(target, set()) - SHOWN):
                    if not within(name, LIBRARIES[library][1]):
                        self.fault(name, number, f"{target} shows {library}, which {name} may not see")

    def check_cycles(self):
        state = {}

        def visit(name, trail):
            state[name] = "open"
            for number, target in self.own[name]:
                if state.get(target) == "open":
                    circle = (trail + [name])[(trail + [name]).index(target) :]
                    self.fault(name, number, "headers in a circle: " + " → ".join(circle + [target]))
                elif target not in state:
                    visit(target, trail + [name])
            state[name] = "done"

        for name in self.files:
            if name not in state:
                visit(name, [])


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    program = Program(root)
    if not program.files:
        sys.exit(f"{root}: no sources found")
    program.check_what_headers_show()
    program.check_cycles()
    for text in program.faults:
        print(text)
    print(f"{len(program.files)} files, {len(program.faults)} faults")
    sys.exit(1 if program.faults else 0)


if __name__ == "__main__":
    main()
