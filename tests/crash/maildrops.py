"""The maildrops that the sessions of these tests work on, and how a test looks at them.

Nothing here is shared with the server: what a message is in a Maildir or an mbox is said
once more, in the few lines that are enough for messages known beforehand.
"""

import fcntl
import os
import random
import re

COUNT = 40
# What is deleted, by number from 0.
WORKLOADS = {
    "third": tuple(range(2, COUNT, 3)),
    "first": (0,),
    "last": tuple(range(COUNT - 10, COUNT)),
    "all": tuple(range(COUNT)),
    "last-only": (COUNT - 1,),
}
# Beside these: nothing is deleted, and what was read goes at the end (EXPIRE 0).
FETCHED = "fetched"


def marked(workload):
    """What a client deletes in it."""
    return () if workload == FETCHED else WORKLOADS[workload]


def wire(raw):
    """The octets of stored bytes as LIST counts them (RFC 1939 section 11)."""
    text = re.sub(rb"(?<!\r)\n", b"\r\n", raw)
    return text if text.endswith(b"\n") else text + b"\r\n"


def stuff(text):
    """What RETR sends of it, without the last line (RFC 1939 section 3)."""
    return re.sub(rb"(?m)^\.", b"..", text)


def make_message(number, size):
    """A message of about so many octets, like no other, and awkward to copy."""
    chance = random.Random(number)
    lines = [b"Return-Path: <joe@example.org>", b"From: joe@example.org",
             b"Subject: message %d" % number, b"Message-ID: <%d@example.org>" % number, b""]
    length = sum(len(line) + 1 for line in lines)
    while length < size:
        line = b"%x" % chance.getrandbits(4 * chance.randrange(1, 72))
        line = chance.choice((b"", b".", b">From ", b"From: ", b"\xe4")) + line
        lines.append(line)
        length += len(line) + 1
    end = b"\r\n" if number % 7 == 6 else b"\n"
    return end.join(lines) + end


def sizes():
    """From 200 octets to 300 KB, small and large ones side by side."""
    grown = [int(200 * 1500 ** (i / (COUNT - 1))) for i in range(COUNT)]
    random.Random(5).shuffle(grown)
    return grown


MESSAGES = [make_message(number, size) for number, size in enumerate(sizes())]
LATE = make_message(COUNT, 5000)  # what is delivered between two sessions


class Damage(Exception):
    """What a store holds is not what it may hold."""


class Known:
    """Messages by what is in them: no two are of one length, which makes this quick."""

    def __init__(self, raws):
        self.raws = raws
        self.lengths = {len(raw): number for number, raw in enumerate(raws)}
        assert len(self.lengths) == len(raws)

    def number(self, raw):
        """Which message this is; -1: none."""
        number = -1 if raw is None else self.lengths.get(len(raw), -1)
        return number if number >= 0 and self.raws[number] == raw else -1

    def numbers(self, raws):
        """Of a whole maildrop; Damage if it holds anything else, or anything twice."""
        found = []
        for raw in raws:
            found.append(self.number(raw))
            if found[-1] < 0:
                raise Damage("no message: %r ... (%d octets)" % (raw[:80], len(raw)))
        if len(set(found)) != len(found):
            raise Damage("twice: %r" % sorted(n for n in found if found.count(n) > 1))
        return found


class Maildir:
    """~/Maildir: most messages in cur, with and without flags; every fifth is new."""

    kind, location = "maildir", "maildir:~/Maildir"
    # The last message is without a line end, which an mbox cannot keep.
    stored = Known(MESSAGES[:-1] + [MESSAGES[-1].rstrip(b"\r\n"), LATE])
    octets = [len(wire(raw)) for raw in stored.raws]
    sent = Known([stuff(wire(raw)) for raw in stored.raws])

    @staticmethod
    def lay(home):
        top = os.path.join(home, "Maildir")
        for part in ("", "new", "cur", "tmp"):
            os.mkdir(os.path.join(top, part), 0o700)
        for number, raw in enumerate(Maildir.stored.raws[:COUNT]):
            name = "%d.M%dP1.host" % (1700000000 + number, number)
            if number % 5 == 4:
                path = os.path.join(top, "new", name)
            else:
                path = os.path.join(top, "cur", name + ":2," + ("", "S", "RS")[number % 3])
            with open(path, "wb", 0) as f:
                f.write(raw)

    @staticmethod
    def deliver(home):
        top = os.path.join(home, "Maildir")
        path = os.path.join(top, "tmp", "1800000000.M1P1.host")
        with open(path, "wb", 0) as f:
            f.write(LATE)
        os.rename(path, os.path.join(top, "new", "1800000000.M1P1.host"))

    @staticmethod
    def numbers(home):
        """Which messages are there; at any instant they must be whole and single."""
        raws = []
        for part in ("new", "cur"):
            directory = os.path.join(home, "Maildir", part)
            for name in os.listdir(directory):
                with open(os.path.join(directory, name), "rb", 0) as f:
                    raws.append(f.read())
        return Maildir.stored.numbers(raws)

    @staticmethod
    def others(home):
        """Relative paths of all that is no message."""
        found = set()
        for directory, _, names in os.walk(home):
            where = os.path.relpath(directory, home)
            if where not in ("Maildir/new", "Maildir/cur"):
                found.update(os.path.normpath(os.path.join(where, n)) for n in names)
        return found


FROM = b"From joe@example.org Mon Jan  1 00:00:00 2024\n"


class Mbox:
    """~/mbox; every message ends with a line end and an empty line."""

    kind, location = "mbox", "mbox:~/mbox"
    stored = Known(MESSAGES + [LATE])
    octets = [len(wire(raw)) for raw in stored.raws]
    sent = Known([stuff(wire(raw)) for raw in stored.raws])
    blocks = [FROM + raw + b"\n" for raw in stored.raws]

    @staticmethod
    def lay(home):
        with open(os.path.join(home, "mbox"), "wb", 0) as f:
            f.write(b"".join(Mbox.blocks[:COUNT]))
        os.chmod(os.path.join(home, "mbox"), 0o600)

    @staticmethod
    def deliver(home):
        """As a delivery agent does: under a lock of fcntl, at the end."""
        with open(os.path.join(home, "mbox"), "ab", 0) as f:
            fcntl.lockf(f, fcntl.LOCK_EX)
            f.write(Mbox.blocks[COUNT])

    @staticmethod
    def numbers(home):
        """Which messages are there.  It may be torn until the next session has begun."""
        try:
            with open(os.path.join(home, "mbox"), "rb", 0) as f:
                data = f.read()
        except FileNotFoundError:
            data = b""
        found, at = [], 0
        for number, block in enumerate(Mbox.blocks):
            if data.startswith(block, at):
                found.append(number)
                at += len(block)
        if at != len(data):
            raise Damage("at octet %d of the mbox: %r ..." % (at, data[at:at + 80]))
        return found

    @staticmethod
    def others(home):
        found = set()
        for directory, _, names in os.walk(home):
            where = os.path.relpath(directory, home)
            found.update(os.path.normpath(os.path.join(where, n)) for n in names)
        return found - {"mbox"}


STORES = {"maildir": Maildir, "mbox": Mbox}
