"""The file of the session lock, as sessions of this host and of others leave it."""

import os
import re
import time

SIZE = 384
LEASE = 30
NAMES = {"maildir": "Maildir/.pop3d-lock", "mbox": ".mbox.pop3d-lock"}


def fnv(data):
    value = 0xcbf29ce484222325
    for octet in data:
        value = (value ^ octet) * 0x100000001b3 & (1 << 64) - 1
    return value


class LockFile:
    """The lock file of one maildrop in an account's home."""

    def __init__(self, store):
        self.account = store.account
        self.path = store.account.path(NAMES[store.kind])
        self.probe = self.path + "-probe"

    def read(self):
        with open(self.path, "rb") as f:
            return f.read()

    def fields(self):
        """The line's fields by name; its state as "state"."""
        text = self.read()
        assert len(text) == SIZE and text.endswith(b"\n"), text
        line, mark, value = text.rstrip(b" \n").rpartition(b" sum=")
        assert mark and value == b"%016x" % fnv(line), text
        match = re.fullmatch(r"pop3d-lock 1 (held|left|free) (.*)", line.decode())
        assert match, line
        return {"state": match.group(1), **dict(w.split("=") for w in match.group(2).split())}

    def write(self, data):
        """In place, as the owner's session would."""
        with open(self.path, "r+b" if os.path.exists(self.path) else "w+b") as f:
            f.write(data)
            f.truncate()
        self.account.own(self.path, 0o600)

    def write_holder(self, age=0, **changes):
        """Name a holder like the last one, but for these fields, and touched so long ago."""
        fields = {"state": "held", "host": "elsewhere", "machine": "0" * 32,
                  "boot": "00000000-0000-0000-0000-000000000000", "pid": "1", "start": "1",
                  "lease": str(LEASE), "generation": "0123456789abcdef", **changes}
        line = "pop3d-lock 1 %s %s" % (fields.pop("state"), " ".join(
            "%s=%s" % pair for pair in fields.items()))
        text = ("%s sum=%016x" % (line, fnv(line.encode()))).ljust(SIZE - 1) + "\n"
        self.write(text.encode())
        self.age(age)

    def age(self, seconds):
        then = time.time() - seconds
        os.utime(self.path, (then, then))
