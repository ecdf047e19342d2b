"""A dialogue may take so many instructions: tests/bench/budgets has how many.

The suite named budgets runs this, with a tree of its own.  Whoever makes something slower
learns it here, on a machine however busy; whoever makes it faster is asked to lower the
budget.
"""

import random
import time

import pytest

from callgrind import Callgrind, budgets
from stores import MaildirStore, MboxStore, message

SETTLED = 0.1  # seconds, after which the times of files tell what has changed
# Of accounts.PASSWORD, with the fewest rounds there are; no processor does it in a way of
# its own, as it does with argon2.
HASH = "$5$rounds=1000$pop3d$fnJd7cQHNXiSvPrsC2oWN/O7S.xNIzJTLT40QqTv2l5"
NOTABLE = 10.0  # per cent below the budget


@pytest.fixture
def counted(site, vmail):
    """The site of one user, whose password costs little to check."""
    site.accounts = {"vmail": vmail}
    site.set(auth__cache_ttl=0)
    site.use_unprivileged(vmail)
    site.write_users(["%s:%s:%d:%d::%s::" % (
        vmail.name, HASH, vmail.uid, vmail.gid, vmail.home)])
    return site


def fill(site, store, count, octets):
    """In no order: some file systems list files as they came, and sorting is counted."""
    body = b"The quick brown fox jumps over the lazy dog, again and again.\n"
    for number in random.Random(1939).sample(range(count), count):
        store.count = number  # of which the name is made
        store.put(message(number, body * (octets // len(body))))
    site.set(mail__location=store.location)
    time.sleep(SETTLED)


def visit(site, vmail):
    """What an earlier session leaves: an index of all that it was asked for."""
    client = site.inetd()
    client.login(vmail)
    client.cmd_ok("STAT")
    client.quit()
    time.sleep(SETTLED)


def judge(dialogue, found):
    budget, allowed = budgets()[dialogue]
    over = {role: 100.0 * (found[role] - n) / n for role, n in budget.items()}
    figures = "%s: %d instructions: %s" % (dialogue, sum(found.values()), ", ".join(
        "%s %d (%+.2f %%)" % (role, found[role], over[role]) for role in budget))
    print("budget: " + figures)
    for role, by in over.items():
        if by < -NOTABLE:
            print("budget: %s: %s may be lowered in tests/bench/budgets" % (dialogue, role))
    assert max(over.values()) <= allowed, "%s; %g %% is allowed" % (figures, allowed)


def test_login(counted, vmail):
    """What a client that polls asks of a maildrop that is as it was."""
    fill(counted, MaildirStore(vmail), 1000, 100)
    visit(counted, vmail)
    run = Callgrind(counted)
    run.client.login(vmail)
    run.client.cmd_ok("STAT")
    run.client.quit()
    judge("login", run.instructions())


def test_fetch(counted, vmail):
    """All commands are there before the first is read, so that nothing hangs on timing."""
    count = 2000
    fill(counted, MaildirStore(vmail), count, 20000)
    visit(counted, vmail)
    run = Callgrind(counted)
    client = run.client
    client.cmd_ok("USER " + vmail.name)
    client.send(b"PASS %s\r\n" % vmail.password.encode() +
                b"".join(b"RETR %d\r\n" % (i + 1) for i in range(count)) + b"QUIT\r\n")
    client.ok()
    for _ in range(count):
        client.ok()
        assert len(client.body()) > 20000
    client.ok()
    judge("fetch", run.instructions())


def test_look(counted, vmail):
    """A maildrop that nobody has opened before."""
    fill(counted, MaildirStore(vmail), 10000, 1000)
    run = Callgrind(counted)
    client = run.client
    client.login(vmail)
    client.cmd_ok("STAT")
    assert len(client.lines("UIDL")) == len(client.lines("LIST")) == 10000
    client.quit()
    judge("look", run.instructions())


def test_delete(counted, vmail):
    """The first of an mbox, so that all of it moves."""
    store = MboxStore(vmail)
    fill(counted, store, 1000, 2000)
    run = Callgrind(counted)
    run.client.login(vmail)
    run.client.cmd_ok("DELE 1")
    run.client.quit()
    judge("delete", run.instructions())
    assert len(store.messages()) == 999
