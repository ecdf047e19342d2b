"""Mail is delivered by real agents while sessions retrieve, delete and quit: all is counted.

Each message must be retrieved and deleted once, with +OK to that QUIT, or still be there:
none lost, none twice, none torn.
"""

import collections
import concurrent.futures
import grp
import json
import os
import random
import re
import time

import pytest

from delivery import deliver
from harness import TIMEOUT
from numbered import check
from patience import patient
from stores import MaildirStore

pytestmark = pytest.mark.uninstrumented("a sanitizer takes many times the time")

AGENT_SECONDS = patient(40)
LOCK_SECONDS = 10
# How many times as many messages as stand in RACES.
TIMES = float(os.environ.get("POP3D_RACE_TIMES", "1"))
# After this clients come again; where mail is only appended, nothing else is refused.
IN_USE = "PASS -ERR [IN-USE] Maildrop is in use by another session"
# Dovecot writes X-UID fields into messages, so sessions may find their maildrop changed.
# Then nothing is sent that is not what LIST said, and nothing is removed.
CHANGED = {"RETR -ERR Maildrop was changed by another program", "RETR cut off",
           "QUIT -ERR Some deleted messages were not removed"}


class Drop:
    """The maildrop of p3alice, as Debian has it: /var/mail/USER, or ~/Maildir."""

    def __init__(self, site, alice, kind):
        self.site, self.alice = site, alice
        self.spool = site.path("spool")
        mail = grp.getgrnam("mail").gr_gid
        os.mkdir(self.spool)
        os.chown(self.spool, 0, mail)
        os.chmod(self.spool, 0o2775)
        if kind == "maildir":
            store = MaildirStore(alice)
            self.path, self.location = store.path, store.location
        else:
            self.path = os.path.join(self.spool, alice.name)
            self.location = "mbox:%s/%%u" % self.spool
            with open(self.path, "wb") as f:
                os.fchown(f.fileno(), alice.uid, mail)
                os.fchmod(f.fileno(), 0o660)
        site.set(mail__location=self.location, mail__extra_group="mail",
                 limits__lock_seconds=LOCK_SECONDS)

    def numbers(self):
        """What is stored, without the server's code."""
        paths = [self.path]
        if os.path.isdir(self.path):
            paths = [os.path.join(self.path, part, name) for part in ("cur", "new")
                     for name in os.listdir(os.path.join(self.path, part))]
        found = []
        for path in paths:
            with open(path, "rb") as f:
                found += re.findall(rb"(?m)^X-Number: (\d+)$", f.read())
        return [int(n) for n in found]


class Ended(Exception):
    """The session is over before its QUIT."""


class Poller:
    """Sessions one after the other; keeps what they removed and what was refused."""

    def __init__(self, drop, seed):
        self.drop, self.random = drop, random.Random(seed)
        self.removed = collections.Counter()
        self.refused = collections.Counter()
        self.sessions = 0

    def refusal(self, where, reply):
        self.refused[where + " " + re.sub(r"\d+", "N", reply.decode("latin-1"))] += 1

    def command(self, client, line):
        """The reply of a command if it is +OK, else None; Ended if there is none."""
        client.send(line.encode() + b"\r\n")
        if not client.buffer and not client.fill():
            self.refusal(line.split()[0], b"connection closed")
            raise Ended()
        reply = client.reply()
        if reply.startswith(b"+OK"):
            return reply
        self.refusal(line.split()[0], reply)
        return None

    def retrieve(self, client, i, octets):
        """Message i's number, or None if it was refused."""
        if self.command(client, "RETR %d" % i) is None:
            return None
        try:
            wire = client.body()
        except AssertionError:
            # What has ended without its final dot is known as torn to every client.
            assert b"\r\n.\r\n" not in client.buffer
            self.refusal("RETR", b"cut off")
            raise Ended() from None
        assert len(wire) == octets, "LIST said %d, RETR sent %d" % (octets, len(wire))
        return check(wire)

    def choose(self, sizes, everything):
        if everything:
            return range(1, len(sizes) + 1)
        share = self.random.choice((0.1, 0.5, 0.9, 1.0))
        return [i for i in range(1, len(sizes) + 1) if self.random.random() < share]

    def talk(self, client, everything):
        if self.command(client, "LIST") is None:
            return
        sizes = [int(l.split()[1]) for l in client.body().decode().splitlines()]
        marked, seen = [], set()
        for i in self.choose(sizes, everything):
            number = self.retrieve(client, i, sizes[i - 1])
            assert number not in seen, "number %d twice in one session" % number
            if number is None:
                continue
            seen.add(number)
            if everything or self.random.random() < 0.8:
                client.cmd_ok("DELE %d" % i)
                marked.append(number)
        if not everything and self.random.random() < 0.1:
            return  # hangs up: nothing is removed
        if self.command(client, "QUIT") is not None:
            self.removed.update(marked)
            client.eof()

    def session(self, everything=False):
        client = self.drop.site.inetd()
        client.timeout = patient(2 * LOCK_SECONDS)
        self.sessions += 1
        try:
            client.cmd_ok("USER " + self.drop.alice.name)
            if self.command(client, "PASS " + self.drop.alice.password) is not None:
                self.talk(client, everything)
        except Ended:
            pass
        client.close()
        client.wait()

    def run(self, goes_on, pause):
        while goes_on():
            self.session()
            time.sleep(self.random.random() * pause)
        return self


def race(site, drop, agent, count, pause, workers=2):
    """Deliver numbers 0 to count - 1 while two pollers run; these, and what agents said."""
    directory = drop.alice.path("agent")
    os.mkdir(directory)
    drop.alice.own(directory, 0o700)
    agents = [deliver(site, agent, drop.alice.name, drop.path, drop.spool, directory,
                      range(first, count, workers)) for first in range(workers)]
    start = time.monotonic()

    def goes_on():
        assert time.monotonic() - start < AGENT_SECONDS, "deliveries take too long"
        return any(a.poll() is None for a in agents)
    pollers = [Poller(drop, seed) for seed in (1, 2)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for task in [pool.submit(p.run, goes_on, pause) for p in pollers]:
            task.result()
    reports = []
    for process in agents:
        out, err = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, err
        reports.append(json.loads(out))
    assert sum(r["delivered"] for r in reports) == count
    return pollers, sum((r["again"] for r in reports), []), time.monotonic() - start


def count_all(drop, pollers, count):
    """Each number removed once or there once; then remove what is there, the same way."""
    removed = sum((p.removed for p in pollers), collections.Counter())
    there = collections.Counter(drop.numbers())
    total = removed + there
    lost = sorted(set(range(count)) - set(total))
    twice = sorted(n for n in total if total[n] > 1)
    assert (lost, twice) == ([], []), "lost %s, twice %s" % (lost[:20], twice[:20])
    last = Poller(drop, 3)
    last.session(everything=True)
    assert last.removed == there and not last.refused, last.refused
    assert drop.numbers() == []
    return sum(removed.values())


# Of an mbox all deliver fewer: procmail and maildrop sleep a second for each lock that they
# do not get at once.  The pause is that of clients between sessions, in seconds.
RACES = [("procmail", "maildir", None, 2000, 0.02), ("maildrop", "maildir", None, 2000, 0.02),
         ("dovecot", "maildir", None, 1000, 0.02),
         ("procmail", "mbox", "fcntl dotlock", 200, 0.3),
         ("maildrop", "mbox", "fcntl dotlock", 200, 0.3),
         ("mail.local", "mbox", "fcntl dotlock", 1000, 0.02),
         ("dovecot", "mbox", "fcntl dotlock", 500, 0.05),
         ("procmail", "mbox", "dotlock fcntl", 200, 0.3),
         ("dovecot", "mbox", "dotlock fcntl", 500, 0.05)]


@pytest.mark.parametrize("agent,kind,locks,messages,pause", RACES, ids=[
    " ".join(r[:2] + r[2:3] * bool(r[2])).replace(" ", "-") for r in RACES])
def test_nothing_is_lost_and_nothing_comes_twice(site, alice, agent, kind, locks, messages,
                                                 pause):
    if locks:
        site.set(mail__mbox_locks=locks)
    drop, count = Drop(site, alice, kind), int(messages * TIMES)
    pollers, again, seconds = race(site, drop, agent, count, pause)
    refused = sum((p.refused for p in pollers), collections.Counter())
    early = count_all(drop, pollers, count)
    print("%d sessions in %.1f s, %d removed meanwhile, refused: %s" % (
        sum(p.sessions for p in pollers), seconds, early, dict(refused)))
    print("\n".join(["Tried again:"] + again + site.log_lines("warning")))
    assert early > count / 40, "hardly a race"
    assert not any("dotlock" in line for line in site.log_lines("warning"))
    # Each of many would be one that was listed wrongly.
    assert refused["RETR cut off"] <= 3
    assert set(refused) <= {IN_USE} | (CHANGED if (agent, kind) == ("dovecot", "mbox")
                                       else set())
