"""The UPDATE state: RFC 1939 section 6.  Only QUIT removes, and only what was marked."""

import os
import signal
import time

import pytest

from harness import Proc, wait_role
from stores import message

RAWS = [message(1), message(2, b"another\n"), message(3, b"x\n.\ny\n"), message(4)]


@pytest.fixture
def drop(site, store, alice):
    store.fill(RAWS)
    client = site.inetd()
    client.login(alice)
    client.store = store
    return client


def untouched(store):
    return store.wires() == [store.expected(r) for r in RAWS]


def can_login_at_once(site, account):
    """The lock of the session before is gone."""
    site.set(limits__lock_seconds=0)
    client = site.inetd()
    client.login(account)
    client.quit()


@pytest.mark.parametrize("numbers", [[1], [4], [2, 3], [1, 2, 3, 4], [1, 4], []])
def test_quit_removes_the_marked_ones(site, drop, store, alice, numbers):
    for n in numbers:
        drop.cmd_ok("DELE %d" % n)
    assert untouched(store)
    drop.quit()
    assert store.wires() == [store.expected(r) for i, r in enumerate(RAWS)
                             if i + 1 not in numbers]
    assert drop.wait() == 0
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").split()[1] == b"%d" % (4 - len(numbers))


def test_quit_with_argument_is_no_quit(drop, store):
    drop.cmd_ok("DELE 1")
    drop.cmd_err("QUIT now")
    assert drop.cmd("STAT").startswith(b"+OK 3 ")
    assert untouched(store)


@pytest.mark.parametrize("end", ["close", "reset", "half_close"])
@pytest.mark.parametrize("state", ["greeting", "user", "transaction", "deleted", "retr",
                                   "torn quit"])
def test_disconnect_removes_nothing(site, store, alice, state, end):
    store.fill(RAWS)
    client = site.inetd()
    if state == "user":
        client.cmd_ok("USER " + alice.name)
    elif state != "greeting":
        client.login(alice)
    if state in ("deleted", "torn quit"):
        client.cmd_ok("DELE 1")
        client.cmd_ok("DELE 3")
    if state == "retr":
        client.cmd_ok("DELE 1")
        client.send(b"RETR 2\r\n")
    if state == "torn quit":
        client.send(b"QUIT")
    getattr(client, end)()
    if end == "half_close":
        assert b"Bye" not in client.rest()
    client.wait()
    assert untouched(store)
    can_login_at_once(site, alice)


def test_pipe_disconnect_removes_nothing(site, store, alice):
    store.fill(RAWS)
    client = site.pipes()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.half_close()
    client.eof()
    client.wait()
    assert untouched(store)


def test_half_close_after_quit_removes(drop, store):
    """QUIT was read: it counts, though the client sends no more."""
    drop.send(b"DELE 1\r\nQUIT\r\n")
    drop.half_close()
    drop.ok()
    drop.ok()
    drop.eof()
    drop.wait()
    assert store.wires() == [store.expected(r) for r in RAWS[1:]]


def test_reset_after_quit_is_all_or_nothing(site, store, alice):
    for _ in range(5):
        for path in [store.path] if store.kind == "mbox" else store.files():
            if os.path.isfile(path):
                os.unlink(path)
        store.fill(RAWS)
        client = site.inetd()
        client.login(alice)
        client.send(b"DELE 1\r\nDELE 3\r\nQUIT\r\n")
        client.reset()
        client.wait()
        left = store.wires()
        assert left in ([store.expected(r) for r in RAWS],
                        [store.expected(RAWS[1]), store.expected(RAWS[3])])


def test_idle_timeout_is_silent_and_removes_nothing(site, store, alice):
    """RFC 1939 section 3: without removing messages or sending any response."""
    store.fill(RAWS)
    site.set(limits__idle_seconds=1)
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    start = time.monotonic()
    client.eof()
    assert 0.9 < time.monotonic() - start < 3
    client.wait()
    assert untouched(store)
    site.wait_log("session-end", user=alice.name, reason="idle")


def test_any_command_resets_the_idle_timer(site, maildir, alice):
    site.set(limits__idle_seconds=3)
    client = site.inetd()
    client.login(alice)
    for line in ("NOOP", "FOO", "STAT", "", "NOOP"):
        time.sleep(0.9)
        client.cmd(line)
    client.quit()


def test_part_of_a_command_does_not_reset_the_idle_timer(site, maildir, alice):
    site.set(limits__idle_seconds=1)
    client = site.inetd()
    client.login(alice)
    start = time.monotonic()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while time.monotonic() - start < 3.5:
            client.send(b"N")
            time.sleep(0.1)
    client.eof()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_removes_nothing(site, store, alice, number):
    store.fill(RAWS)
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    session = wait_role("session")[0]
    session.kill(number)
    if number == signal.SIGTERM:
        assert b"+OK" not in client.rest()
        client.wait()
    else:
        client.close()
        client.wait()
    assert untouched(store)
    can_login_at_once(site, alice)


def test_listener_stop_removes_nothing(site, store, alice):
    store.fill(RAWS)
    listener = site.listener()
    client = listener.connect()
    client.login(alice)
    client.cmd_ok("DELE 1")
    session = wait_role("session")[0]
    listener.stop()
    assert b"+OK" not in client.rest()
    assert not Proc(session.pid).alive()
    assert untouched(store)


@pytest.mark.parametrize("commands", [
    [], ["STAT", "LIST", "UIDL"], ["RETR 1", "TOP 2 0"], ["DELE 1", "RSET"]])
def test_session_without_deletions_writes_nothing(site, store, alice, commands):
    """Not the bytes, not the times: programs that look for new mail go by them."""
    store.fill(RAWS)
    before = store.snapshot()
    time.sleep(0.02)
    client = site.inetd()
    client.login(alice)
    for line in commands:
        client.cmd_ok(line)
        if line in ("LIST", "UIDL") or line[:4] in ("RETR", "TOP "):
            client.body()
    client.quit()
    client.wait()
    assert store.snapshot() == before


def test_no_disconnect_before_the_answer_to_quit(site, store, alice):
    """QUIT is answered, then the connection is closed in order, without RST."""
    store.fill(RAWS)
    for _ in range(10):
        client = site.inetd()
        client.login(alice)
        client.send(b"NOOP\r\nQUIT\r\n")
        client.ok()
        client.ok()
        assert client.sock.recv(1) == b""
        client.close()
        client.wait()
