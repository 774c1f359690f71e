"""A reader of MaxMind DB files, as small as it gets: https://maxmind.github.io/MaxMind-DB/"""

import functools
import ipaddress


class CountryFile:
    MARKER = b"\xab\xcd\xefMaxMind.com"

    def __init__(self, path):
        self.bytes = path.read_bytes()
        at = self.bytes.rindex(self.MARKER) + len(self.MARKER)
        self.base = at
        self.about, _ = self.decode(at)
        self.nodes, self.width = self.about["node_count"], self.about["record_size"]
        if self.about["ip_version"] != 4 or self.width not in (24, 32):
            raise ValueError("not a file of IPv4 networks with records of 24 or 32 bits")
        self.base = self.nodes * self.width // 4 + 16  # of the data section

    @functools.lru_cache(maxsize=None)
    def find(self, ip):
        """The record of an address, or None."""
        bits, node = int(ipaddress.IPv4Address(ip)), 0
        for i in range(31, -1, -1):
            size = self.width // 8
            at = (node * 2 + (bits >> i & 1)) * size
            node = int.from_bytes(self.bytes[at:at + size], "big")
            if node == self.nodes:
                return None
            if node > self.nodes:
                return self.decode(self.base + node - self.nodes - 16)[0]
        return None

    def decode(self, at):
        """(value, where it ends)"""
        control = self.bytes[at]
        kind, size, at = control >> 5, control & 31, at + 1
        if kind == 1:  # a pointer
            more = size >> 3
            start = {0: size & 7, 1: size & 7, 2: size & 7, 3: 0}[more]
            value = int.from_bytes(self.bytes[at:at + more + 1], "big") | start << 8 * (more + 1)
            value += {0: 0, 1: 2048, 2: 526336, 3: 0}[more]
            return self.decode(self.base + value)[0], at + more + 1
        if kind == 0:
            kind, at = self.bytes[at] + 7, at + 1
        if size >= 29:
            more = size - 28
            size = {1: 29, 2: 285, 3: 65821}[more] + int.from_bytes(self.bytes[at:at + more], "big")
            at += more
        if kind == 7:
            found = {}
            for _ in range(size):
                key, at = self.decode(at)
                found[key], at = self.decode(at)
            return found, at
        if kind == 11:
            items = []
            for _ in range(size):
                item, at = self.decode(at)
                items.append(item)
            return items, at
        if kind == 14:
            return bool(size), at
        raw = self.bytes[at:at + size]
        return (raw.decode() if kind == 2 else int.from_bytes(raw, "big")), at + size
