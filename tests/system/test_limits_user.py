"""Sessions of one user: counted over all that accept connections, until their processes end."""

import signal
import time

import pytest

from harness import roles, wait_until
from stores import message

IN_USE = b"-ERR [IN-USE] "


def ask(client, account):
    """Log in without waiting for the answer."""
    client.cmd_ok("USER " + account.name)
    client.send(b"PASS " + account.password.encode() + b"\r\n")
    return client


def is_crowded(client, account):
    """At once, where another session of the maildrop is waited for."""
    begin = time.monotonic()
    ask(client, account)
    reply = client.reply()
    assert reply.startswith(IN_USE), reply
    assert time.monotonic() - begin < 2
    client.eof()


@pytest.fixture
def two(site, maildir):
    """Two sessions at once: one in the maildrop and one that waits for it."""
    maildir.fill([message(1)])
    site.set(limits__connections_per_user=2, limits__lock_seconds=30)
    return site


@pytest.mark.parametrize("start", ["inetd", "pipes", "listener"])
def test_one_too_many(two, alice, bob, start):
    listener = two.listener() if start == "listener" else None
    connect = listener.connect if listener else getattr(two, start)
    first = connect()
    first.login(alice)
    second = ask(connect(), alice)
    wait_until(lambda: len(roles("session")) == 2, what="the second to wait")
    third = connect()
    is_crowded(third, alice)
    lines = two.wait_log("session-end", user=alice.name, reason="connections_per_user")
    assert "rip=" in lines[0]
    connect().login(bob)
    # When one ends there is a place again.
    first.quit()
    second.ok()
    second.cmd_ok("DELE 1")
    wait_until(lambda: len(roles("session")) == 2, what="the end of the first")
    ask(connect(), alice)
    wait_until(lambda: len(two.log_lines("login", user=alice.name)) == 4, what="the fourth")
    assert len(two.log_lines("session-end", reason="connections_per_user")) == 1


def test_counted_together(two, alice):
    """By a listener, before and after it has executed itself anew, and by inetd."""
    listener = two.listener()
    first = listener.connect()
    first.login(alice)
    second = ask(two.inetd(), alice)
    wait_until(lambda: len(roles("session")) == 2, what="the second to wait")
    is_crowded(listener.connect(), alice)
    is_crowded(two.inetd(), alice)
    listener.process.send_signal(signal.SIGHUP)
    wait_until(lambda: [l for l in two.log_lines() if "still listening" in l],
               what="the listener to execute itself anew")
    is_crowded(listener.connect(), alice)
    first.quit()
    second.ok()


def test_killed_sessions_do_not_count(two, alice):
    for _ in range(3):
        ask(two.inetd(), alice)
        ask(two.inetd(), alice)
        sessions = wait_until(lambda: len(roles("session")) == 2 and roles("session"),
                              what="two sessions")
        is_crowded(two.inetd(), alice)
        for session in sessions:
            session.kill()
        wait_until(lambda: not roles("session"), what="their end")


def test_closed_without_update(two, alice, maildir):
    """Whatever is pipelined behind the refused login."""
    two.inetd().login(alice)
    ask(two.inetd(), alice)
    wait_until(lambda: len(roles("session")) == 2, what="the second to wait")
    third = two.inetd()
    third.send(b"USER %s\r\nPASS %s\r\nDELE 1\r\nQUIT\r\n"
               % (alice.name.encode(), alice.password.encode()))
    third.ok()
    assert third.reply().startswith(IN_USE)
    third.eof()
    assert maildir.messages() == [message(1)]


def test_session_keeps_nothing_of_it(site, maildir, alice):
    """No descriptor leads to what all sessions share."""
    site.inetd().login(alice)
    session = roles("session")[0]
    assert not [target for target in session.fds().values()
                if site.path("run") in str(target)], session.fds()


def test_none(two, alice):
    two.set(limits__connections_per_user=0, limits__lock_seconds=30)
    two.inetd().login(alice)
    for _ in range(12):
        ask(two.inetd(), alice)
    wait_until(lambda: len(roles("session")) == 13, what="all to wait")
    assert two.log_lines("session-end") == []


def test_no_run_directory(two, alice):
    """No limit; one warning, by whoever looks first, says that there is no such directory."""
    two.set(server__run_directory="/proc/nowhere/run", limits__lock_seconds=0)
    for number in range(1, 4):
        client = two.inetd()
        client.login(alice)
        client.quit()
        client.wait()
        assert len([l for l in two.log_lines() if "run directory" in l]) == number
    two.set(auth__cache_ttl=0, limits__verifications=0)
    client = two.inetd()
    client.login(alice)
    client.quit()
    client.wait()
    assert [l for l in two.log_lines() if "limits.connections_per_user: no limit" in l]
