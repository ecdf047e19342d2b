"""Deadlines: before login, for output, for a lock that is held."""

import os
import select
import time

import pytest

from harness import roles, wait_role
from patience import patient
from stores import message
from tls_client import context, stls


def big_file(path, octets):
    """A message of so many octets that no socket buffer holds it; lines of 64 octets."""
    line = b"x" * 63 + b"\n"
    with open(path, "ab") as f:
        f.write(b"Subject: big\n\n")
        block = line * 16384
        for _ in range(octets // len(block)):
            f.write(block)


def talk(client, pieces, pause):
    """Send piece after piece, until the deadline of two seconds ends the connection."""
    start = time.monotonic()
    try:
        for piece in pieces:
            client.send(piece)
            time.sleep(pause)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert 1.5 < time.monotonic() - start < 3.5
    client.close()
    client.wait()


def test_login_deadline_is_absolute(site):
    """A client that keeps talking gains no time."""
    site.set(limits__login_seconds=2)
    client = site.inetd()
    talk(client, [b"CAPA\r\n"] * 50, 0.1)


def test_login_deadline_for_a_dribbler(site):
    site.set(limits__login_seconds=2)
    client = site.inetd()
    talk(client, [bytes([byte]) for byte in b"USER " + b"x" * 100], 0.05)


def test_login_deadline_for_a_dribbled_answer(site):
    """To a challenge, too, that a process waits for."""
    site.set(limits__login_seconds=2)
    client = site.inetd()
    client.send(b"AUTH PLAIN\r\n")
    assert client.line().startswith(b"+ ")
    talk(client, [b"A"] * 100, 0.05)
    assert roles("auth") == roles("front") == []
    assert site.wait_log("disconnect", reason="timeout")


@pytest.mark.parametrize("transport", ["inetd", "pipes"])
def test_login_deadline_for_a_client_that_reads_nothing(site, transport):
    """It asks for so much that the front is stuck in its answers."""
    site.set(limits__login_seconds=2, limits__login_commands=1000000,
             limits__login_octets=100000000)
    client = getattr(site, transport)()
    start = time.monotonic()
    try:
        while time.monotonic() - start < 8:
            if select.select([], [client.wfd], [], 0.05)[1]:
                os.write(client.wfd, b"CAPA\r\n" * 100)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert 1.5 < time.monotonic() - start < 6
    client.wait()
    assert roles("front") == []


@pytest.mark.parametrize("transport", ["inetd", "pipes"])
def test_login_deadline_for_a_silent_client(site, transport):
    site.set(limits__login_seconds=1)
    client = getattr(site, transport)()
    start = time.monotonic()
    client.eof()
    assert 0.7 < time.monotonic() - start < 3
    client.wait()


def test_login_deadline_ends_with_login(site, maildir, alice):
    site.set(limits__login_seconds=2)
    client = site.inetd()
    client.login(alice)
    time.sleep(2.5)
    client.cmd_ok("NOOP")
    client.quit()


def test_failed_login_does_not_extend_the_deadline(site, maildir, alice):
    site.set(limits__login_seconds=2, auth__failure_delay=1, auth__max_attempts=100)
    client = site.inetd()
    start = time.monotonic()
    client.send(b"USER x\r\nPASS y\r\n" * 20)
    client.rest()
    assert time.monotonic() - start < 4.5


@pytest.mark.parametrize("transport", ["inetd", "pipes"])
def test_client_that_stops_reading_is_dropped(site, store, alice, transport):
    path = store.put(message(1)) if store.kind == "maildir" else store.path
    if store.kind == "mbox":
        store.append(store.SEPARATOR)
    big_file(path, 32 << 20)
    site.set(limits__output_seconds=2)
    before = os.path.getsize(path)
    client = getattr(site, transport)()
    client.login(alice)
    client.send(b"DELE 1\r\nRSET\r\nRETR 1\r\n")
    start = time.monotonic()
    client.wait(patient(8))
    assert 1.5 < time.monotonic() - start < 6
    assert os.path.getsize(path) == before
    site.wait_log("session-end", user=alice.name)


@pytest.mark.parametrize("way", ["inetd", "stls"])
def test_client_that_reads_octet_by_octet_is_dropped(site, maildir, alice, certificates, way):
    """So little is no progress: it opens no window."""
    big_file(maildir.put(b""), 32 << 20)
    site.use_tls(certificates.server(), limits__output_seconds=2)
    client = raw = site.inetd()
    if way == "stls":
        client = stls(site, raw, context(certificates.ca))
    client.login(alice)
    client.send(b"RETR 1\r\n")
    start = time.monotonic()
    while raw.process.poll() is None:
        assert time.monotonic() - start < 12
        assert raw.sock.recv(1)
        time.sleep(0.2)
    assert time.monotonic() - start > 1.5
    assert site.wait_log("session-end", user=alice.name)[0].endswith("reason=output")


def test_client_that_reads_slowly_is_not_dropped(site, maildir, alice):
    """The stall counts, not the time that the whole message takes."""
    big_file(maildir.put(b""), 24 << 20)
    site.set(limits__output_seconds=2, limits__idle_seconds=1)
    client = site.inetd()
    client.login(alice)
    size = int(client.cmd("LIST 1").split()[2])
    client.cmd_ok("RETR 1")
    for _ in range(12):
        time.sleep(0.3)
        target = len(client.buffer) + (size // 12)
        while len(client.buffer) < min(target, size):
            assert client.fill()
    assert len(client.body()) == size


def test_second_session_is_told_in_use(site, store, alice):
    store.fill([message(1)])
    site.set(limits__lock_seconds=1)
    first = site.inetd()
    first.login(alice)
    second = site.inetd()
    second.cmd_ok("USER " + alice.name)
    start = time.monotonic()
    assert second.cmd("PASS " + alice.password).startswith(b"-ERR [IN-USE] ")
    assert 0.8 < time.monotonic() - start < 3
    second.eof()
    second.wait()
    first.cmd_ok("DELE 1")
    first.quit()
    assert store.messages() == []


def test_second_session_gets_in_when_the_first_ends(site, store, alice):
    store.fill([message(1), message(2)])
    site.set(limits__lock_seconds=8)
    first = site.inetd()
    first.login(alice)
    first.cmd_ok("DELE 1")
    second = site.inetd()
    second.cmd_ok("USER " + alice.name)
    second.send(b"PASS " + alice.password.encode() + b"\r\nSTAT\r\n")
    second.quiet(0.5)
    first.quit()
    second.ok()
    assert second.reply().startswith(b"+OK 1 ")


def test_other_users_do_not_wait(site, maildir, alice, bob):
    site.set(limits__lock_seconds=0)
    first = site.inetd()
    first.login(alice)
    second = site.inetd()
    second.login(bob)


def test_lock_seconds_0_answers_at_once(site, store, alice):
    site.set(limits__lock_seconds=0)
    first = site.inetd()
    first.login(alice)
    second = site.inetd()
    start = time.monotonic()
    second.cmd_ok("USER " + alice.name)
    assert second.cmd("PASS " + alice.password).startswith(b"-ERR [IN-USE] ")
    assert time.monotonic() - start < 1


def test_hanging_module_is_ended(site, alice):
    site.use_modules("mod_hang")
    site.set(auth__timeout=1)
    client = site.inetd()
    for _ in range(2):
        client.cmd_ok("USER " + alice.name)
        start = time.monotonic()
        assert client.cmd("PASS x").startswith(b"-ERR [SYS/TEMP] ")
        assert 0.7 < time.monotonic() - start < 3
        assert roles("auth") == []
    client.multi("CAPA")


def test_client_that_leaves_takes_the_auth_process_along(site, alice):
    """At the latest with the deadline of the attempt."""
    site.use_modules("mod_hang")
    site.set(auth__timeout=2)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS x\r\n")
    wait_role("auth")
    client.reset()
    client.wait(patient(5))
    assert roles("auth") == roles("front") == []
