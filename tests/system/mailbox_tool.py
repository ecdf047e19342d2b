"""pop3ctl mailbox as the tests run it, and maildrops of every odd kind to run it on."""

import os
import random
import subprocess

from patience import patient


class Answer:
    """What a run said: its exit status, its lines, and those cut at tabs."""

    def __init__(self, run):
        self.status = run.returncode
        self.raw = run.stdout
        self.out, self.err = run.stdout.decode("latin-1"), run.stderr.decode("latin-1")
        self.lines = self.out.splitlines()
        self.rows = [line.split("\t") for line in self.lines]

    def words(self):
        """The first words of the lines, as of findings."""
        return sorted(row[0] for row in self.rows)


def mailbox(site, *args, prefix=(), timeout=patient(60), **kw):
    run = subprocess.run([*prefix, site.tree.pop3ctl, "-c", site.conf, "mailbox", *args],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=timeout, **kw)
    return Answer(run)


def location(store):
    return store.kind + ":" + store.path


# Parts of messages that a conversion could get wrong.
PIECES = [
    b"From x\n", b">From y\n", b">>From Monday\n", b"From a Mon Jan  1 00:00:00 2024\n",
    b"From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n", b"From ", b"F", b"Fr\n", b">", b">>\n",
    b"\n", b"\r\n", b"\n\n\n", b"text\n", b"text\r\n", b"\0\n", b"\xff\xfe\n", b" folded\n",
    b"Status: RO\n", b"X-Status: A\n", b"Status: \n", b"Return-Path: <joe@example.org>\n",
    b"Return-Path: <>\n", b"Subject: z\n", b"X-IMAP: 1\n", b"Content-Length: 99999\n",
    b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n", b"a" * 70000 + b"\n",
]
# An hour that comes twice, and one that never comes, where clocks are changed.
TIMES = [1729987200, 1711846800, 1700000000]


def odd_message(rng):
    data = b"".join(rng.choice(PIECES) for _ in range(rng.randint(0, 9)))
    return data[:-1] if rng.random() < 0.3 else data


def odd_maildir(store, count, seed):
    """Fill a Maildir with messages of PIECES, flags and dates; returns what is in it."""
    rng = random.Random(seed)
    for i in range(count):
        sub = rng.choice(["new", "cur"])
        flags = "".join(c for c in "DFRST" if rng.random() < 0.3)
        name = "%d.M%dP1.host" % (1600000000 + i, i) + (":2," + flags if sub == "cur" else "")
        path = os.path.join(store.path, sub, name)
        with open(path, "wb") as f:
            f.write(odd_message(rng))
        when = rng.choice(TIMES) + i * 60
        os.utime(path, (when, when))
        store.account.own(path, 0o600)
    return maildir_contents(store.path)


def maildir_contents(path):
    """Of each message: bytes, subdirectory, flags, time; in an order of its own."""
    found = []
    for sub in ("new", "cur"):
        for name in os.listdir(os.path.join(path, sub)):
            file = os.path.join(path, sub, name)
            with open(file, "rb") as f:
                data = f.read()
            flags = name.split(":2,")[1] if ":2," in name else ""
            found.append((data, sub, flags, int(os.stat(file).st_mtime)))
    return sorted(found)
