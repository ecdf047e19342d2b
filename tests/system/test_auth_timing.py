"""How long a refusal takes says nothing: neither the work, nor the answer that is put off."""

import statistics
import time

import pytest

from backends import pop3ctl
from mechanisms import (DENIED, log_in_apop, log_in_cram_md5, log_in_login, log_in_plain,
                        log_in_user)

SAMPLES = 60
TOLERANCE = 1.05


def measure(clients, count):
    """Seconds of each refusal, by kind, one after the other so that all see the same noise."""
    taken = {kind: [] for kind in clients}
    for _ in range(count):
        for kind, (client, name, password) in clients.items():
            client.cmd_ok("USER " + name)
            begin = time.monotonic()
            assert client.cmd("PASS " + password) == DENIED
            taken[kind].append(time.monotonic() - begin)
    return taken


def spread(taken):
    medians = {kind: statistics.median(values) for kind, values in taken.items()}
    return max(medians.values()) / min(medians.values()), medians


@pytest.fixture
def costly(site, maildir, alice, bob, carol):
    """Hashes as pop3ctl makes them: p3alice, p3bob who may not log in."""
    site.write_users([])
    site.set(auth__cache_ttl=0, auth__max_attempts=100, limits__login_seconds=600,
             limits__login_commands=1000000)
    for account in (alice, bob):
        pop3ctl(site, "passwd", "add", "-u", account.uid, "-g", account.gid, "-d",
                account.home, account.name, text=account.password)
    with open(site.users) as f:
        lines = f.read().splitlines()
    lines[1] = ":".join((lines[1].split(":") + [""] * 8)[:7] + ["nologin"])
    site.write_users(lines + ["%s::%d:%d::%s" % (carol.name, carol.uid, carol.gid,
                                                carol.home)])
    return site


@pytest.mark.parametrize("start", ["listener", "inetd"])
def test_work_is_the_same(costly, alice, bob, start):
    """Unknown, wrong, locked out: the medians of the work are equal."""
    kinds = [("unknown", "p3nobody", alice.password), ("wrong", alice.name, "wrong"),
             ("locked", bob.name, "wrong")]
    if start == "listener":
        kinds.append(("locked, right", bob.name, bob.password))
        open_one = costly.listener().connect
    else:
        # With a cache, where a process without libraries tries first.
        costly.set(auth__cache_ttl=3600)
        open_one = costly.inetd

    def connect():
        return {kind: (open_one(), name, password) for kind, name, password in kinds}

    taken = measure(connect(), SAMPLES)
    # More samples where the machine is busy with something else.
    for _ in range(3):
        if spread(taken)[0] <= TOLERANCE:
            break
        for kind, values in measure(connect(), 99).items():
            taken[kind] += values
    ratio, medians = spread(taken)
    assert ratio <= TOLERANCE, medians
    assert min(medians.values()) > 0.02, "a hash takes longer than this: %r" % medians


def test_answers_come_at_the_same_time(costly, alice, bob, carol):
    """With the delay that is the default."""
    del costly.settings["auth.failure_delay"]
    costly.write_config()
    listener = costly.listener()
    cases = [(name, password) for name in ("p3nobody", alice.name, bob.name, carol.name)
             for password in ("wrong", "w" * 200)] + [(bob.name, bob.password)]
    taken = []
    for log_in in (log_in_user, log_in_plain):
        clients = [listener.connect() for _ in cases]
        sent = []
        for client, (name, password) in zip(clients, cases):
            cmd, client.cmd = client.cmd, None
            client.cmd = lambda line, c=client: c.send(line.encode() + b"\r\n") or b"+OK"
            log_in(client, name, password)
            client.cmd = cmd
            sent.append(time.monotonic())
        for client, begin in zip(clients, sent):
            if log_in is log_in_user:
                client.ok()
            assert client.reply() == DENIED
            taken.append(time.monotonic() - begin)
    assert min(taken) >= 1.95 and max(taken) - min(taken) < 0.2, taken


def test_each_refusal_takes_longer_by_the_same(costly, alice):
    """Whichever way they come, and if nothing was asked at all."""
    costly.set(auth__failure_delay=1)
    clients = [costly.inetd(), costly.inetd()]
    for step, log_in in enumerate((log_in_plain, log_in_login, log_in_user), 1):
        taken = []
        for client, name in zip(clients, (alice.name, "p3nobody")):
            begin = time.monotonic()
            assert log_in(client, name, "wrong") == DENIED
            taken.append(time.monotonic() - begin)
        assert all(step - 0.1 <= t < step + 0.5 for t in taken), (step, taken)


def test_cancelling_is_not_sooner(site, maildir):
    site.set(auth__failure_delay=1)
    client = site.inetd()
    begin = time.monotonic()
    client.send(b"AUTH PLAIN\r\n*\r\n")
    assert client.line() == b"+ "
    client.err()
    assert time.monotonic() - begin >= 0.95


@pytest.mark.parametrize("log_in,mechanism", [(log_in_apop, "APOP"),
                                              (log_in_cram_md5, "CRAM-MD5")])
def test_shared_secrets(site, maildir, alice, bob, log_in, mechanism):
    """Hardly any work here: what is left is a process, alike for all."""
    site.use_modules("apop")
    site.set(auth__mechanisms=mechanism, auth__max_attempts=100, limits__login_commands=1000000,
             auth__apop__file=site.path("secrets"), auth__apop__key=site.path("key"))
    pop3ctl(site, "apop", "set", "-u", alice.uid, "-g", alice.gid, "-d", alice.home,
            alice.name, text=alice.password)
    listener = site.listener()
    taken = {}
    for count in (99, 99, 99):
        clients = {name: listener.connect() for name in (alice.name, bob.name)}
        for _ in range(count):
            for name, client in clients.items():
                begin = time.monotonic()
                assert log_in(client, name, "wrong") == DENIED
                taken.setdefault(name, []).append(time.monotonic() - begin)
        ratio, medians = spread(taken)
        if ratio <= 1.1:
            return
    assert ratio <= 1.1, medians
