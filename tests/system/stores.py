"""Maildrops as the tests write them and look at them, apart from the server's code."""

import os
import re


def wire(raw):
    """What RETR must send for stored bytes, without dot-stuffing.

    RFC 1939 section 11: every line end is CRLF; a last line without one gets it.
    """
    text = re.sub(rb"(?<!\r)\n", b"\r\n", raw)
    return text if not text or text.endswith(b"\n") else text + b"\r\n"


def message(number, body=b"Hello.\n"):
    return (b"Return-Path: <joe@example.org>\nFrom: joe@example.org\n"
            b"Subject: message %d\n\n" % number) + body


class MaildirStore:
    """~/Maildir of an account; names sort in the order in which messages were put."""

    kind, location = "maildir", "maildir:~/Maildir"

    def __init__(self, account):
        self.account = account
        self.path = account.path("Maildir")
        for part in ("", "cur", "new", "tmp"):
            os.mkdir(os.path.join(self.path, part), 0o700)
            account.own(os.path.join(self.path, part))
        self.count = 0

    def put(self, raw, where="cur"):
        """Deliver one message; returns its path."""
        self.count += 1
        name = "%d.M1P1.host" % (1700000000 + self.count)
        name += ":2,S" if where == "cur" else ""
        path = os.path.join(self.path, where, name)
        with open(path, "wb") as f:
            f.write(raw)
        return self.account.own(path, 0o600)

    def fill(self, raws):
        for raw in raws:
            self.put(raw)
        return [self.expected(raw) for raw in raws]

    def expected(self, raw):
        return wire(raw)

    def files(self):
        """Paths of the messages in the order of their names."""
        found = []
        for part in ("cur", "new"):
            base = os.path.join(self.path, part)
            found += [(n, os.path.join(base, n)) for n in os.listdir(base)
                      if not n.startswith(".")]
        return [path for _, path in sorted(found)]

    def messages(self):
        """Stored bytes of every message."""
        found = []
        for path in self.files():
            with open(path, "rb") as f:
                found.append(f.read())
        return found

    def wires(self):
        return [self.expected(raw) for raw in self.messages()]

    def snapshot(self):
        """Everything that a session without deletions must leave as it was."""
        found = []
        for path in self.files():
            st = os.stat(path)
            with open(path, "rb") as f:
                found.append((path, st.st_ino, st.st_mtime_ns, f.read()))
        return found


class MboxStore:
    """~/mbox of an account.  Every message ends with a line end and an empty line."""

    kind, location = "mbox", "mbox:~/mbox"
    SEPARATOR = b"From joe@example.org Mon Jan  1 00:00:00 2024\n"

    def __init__(self, account):
        self.account = account
        self.path = account.path("mbox")
        self.append(b"")

    def append(self, data):
        with open(self.path, "ab") as f:
            f.write(data)
        self.account.own(self.path, 0o600)

    def put(self, raw):
        self.append(self.SEPARATOR + self.stored(raw) + b"\n")

    def fill(self, raws):
        for raw in raws:
            self.put(raw)
        return [self.expected(raw) for raw in raws]

    def stored(self, raw):
        return raw if not raw or raw.endswith(b"\n") else raw + b"\n"

    def expected(self, raw):
        return wire(self.stored(raw))

    def messages(self):
        with open(self.path, "rb") as f:
            data = f.read()
        if not data:
            return []
        assert data.startswith(b"From "), data[:80]
        parts = re.split(rb"(?:\A|(?<=\n\n))From [^\n]*\n", data)[1:]
        assert all(p.endswith(b"\n") for p in parts), "an mbox message without its empty line"
        return [p[:-1] for p in parts]

    def wires(self):
        return [self.expected(raw) for raw in self.messages()]

    def snapshot(self):
        st = os.stat(self.path)
        with open(self.path, "rb") as f:
            return (st.st_ino, st.st_mtime_ns, st.st_ctime_ns, st.st_size, f.read())
