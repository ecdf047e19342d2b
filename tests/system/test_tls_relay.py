"""pop3d-tls: what it holds, what becomes of it, what it costs."""

import os
import signal
import time

import pytest

from certificates import write_file
from harness import ROOT, Proc, roles, wait_role, wait_until
from patience import patient
from stores import message
from test_large_drops import GIGABYTE, count_body, write_big
from test_limits_time import big_file
from test_roles_secrets import SECRET, memory_holds
from tls_client import context, implicit, stls

WAYS = ["inetd", "listener"]


@pytest.fixture
def tls(site, maildir, certificates):
    site.use_tls(certificates.server(), tls__mode="implicit")
    return site


def connect(site, certificates, way="inetd", listener=None):
    if way == "listener":
        listener = listener or site.listener()
    raw = listener.connect(greeting=False) if listener else site.inetd(greeting=False)
    return implicit(site, raw, context(certificates.ca))


# Who holds what

@pytest.mark.uninstrumented("a sanitizer needs files that roles give up")
@pytest.mark.parametrize("way", WAYS)
def test_privileges(tls, certificates, way):
    connect(tls, certificates, way)
    relay, = wait_role("tls")
    front, = wait_role("front")
    assert relay.ids("Uid") == front.ids("Uid") and 0 not in relay.ids("Uid")
    assert relay.ids("Gid") == front.ids("Gid") and relay.ids("Groups") == []
    assert relay.root() == tls.tree.empty
    assert relay.status()["NoNewPrivs"] == "1"
    assert relay.status()["CapEff"] == "0" * 16
    # The connection, nothing, nothing, nothing, (the monitor's, gone), the inner stream.
    fds = relay.fds()
    assert set(fds) <= {0, 1, 2, 3, 5}
    assert fds[0] == fds[1] and fds[0].startswith("socket:")


@pytest.mark.parametrize("way", WAYS)
def test_nobody_else_holds_the_network(tls, alice, certificates, way):
    client = connect(tls, certificates, way)
    client.login(alice)
    relay, = wait_role("tls")
    network = relay.fds()[0]
    for role in ("session", "listener", "monitor", "resident"):
        for proc in roles(role if role != "listener" else "listen"):
            assert network not in proc.fds().values(), role


@pytest.mark.parametrize("way", WAYS)
def test_openssl_is_mapped_nowhere_else(tls, alice, certificates, way):
    client = connect(tls, certificates, way)
    found = {}
    for logged_in in (False, True):
        if logged_in:
            client.login(alice)
        for role in ("listen", "monitor", "front", "session", "tls", "resident"):
            for proc in roles(role):
                maps = proc.maps()
                found[role] = "libssl" in maps, "libcrypto" in maps
    assert found.pop("tls") == (True, True)
    if way == "listener":
        assert found.pop("resident") == (True, True)
    assert "session" in found and "front" in found
    assert set(found.values()) == {(False, False)}


@pytest.mark.uninstrumented("a sanitizer keeps memory that was freed")
def test_no_password_stays_behind(tls, alice, certificates):
    alice.password = SECRET
    tls.write_users()
    client = connect(tls, certificates)
    client.login(alice)
    client.cmd_ok("STAT")
    for role in ("tls", "session"):
        assert not memory_holds(wait_role(role)[0], SECRET.encode()), role


def test_a_session_holds_no_channel_to_others(tls, alice, certificates):
    listener = tls.listener()
    client = connect(tls, certificates, listener=listener)
    client.login(alice)
    session, = wait_role("session")
    sockets = [fd for fd, name in session.fds().items() if name.startswith("socket:")]
    assert set(sockets) == {0, 1}


def test_an_auth_process_holds_no_channel_to_others(tls, alice, certificates):
    """Its own two lead to the front and to the monitor."""
    tls.use_modules("mod_hang")
    tls.set(auth__timeout=2)
    listener = tls.listener()
    client = connect(tls, certificates, listener=listener)
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS x\r\n")
    auth, = wait_role("auth")
    time.sleep(0.3)
    sockets = [fd for fd, name in auth.fds().items() if name.startswith("socket:")]
    assert len(sockets) == 2, auth.fds()
    assert client.err().startswith(b"-ERR [SYS/TEMP]")


# What becomes of it

def test_a_crash_in_a_relay_of_the_resident_one(tls, alice, certificates):
    listener = tls.listener()
    resident, = wait_role("resident")
    other = connect(tls, certificates, listener=listener)
    survivor, = wait_role("tls")
    client = connect(tls, certificates, listener=listener)
    relay, = [p for p in roles("tls") if p.pid != survivor.pid]
    before = tls_layout(resident.pid)
    relay.kill(signal.SIGSEGV)
    client.rest()
    assert tls.wait_log("crash", role="tls", signal=11)
    wait_until(lambda: moved(before, tls_layout(resident.pid)), what="a new layout")
    # Who was there goes on, who comes is served.
    other.login(alice)
    other.quit()
    connect(tls, certificates, listener=listener).login(alice)
    assert [p.pid for p in roles("resident")] == [resident.pid]


def tls_layout(pid):
    found = {}
    for line in Proc(pid).maps().splitlines():
        field = line.split()
        name = field[5] if len(field) > 5 else ""
        if name.endswith("/pop3d-tls") or name in ("[stack]", "[vdso]"):
            found.setdefault(name, field[0])
    return found


def moved(before, now):
    return len(now) == 3 and all(now[name] != before[name] for name in now)


def test_a_crash_in_a_relay_of_inetd(tls, alice, certificates):
    client = connect(tls, certificates)
    client.login(alice)
    wait_role("tls")[0].kill(signal.SIGSEGV)
    client.rest()
    client.close()
    assert client.process.wait(patient(10)) == 70
    assert tls.wait_log("crash", role="tls", signal=11)
    assert tls.wait_log("session-end", reason="disconnect")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_the_resident_one_is_started_again(tls, alice, certificates, number):
    listener = tls.listener()
    first, = wait_role("resident")
    held = connect(tls, certificates, listener=listener)
    first.kill(number)
    wait_until(lambda: not first.alive(), what="its end")
    # Meanwhile each connection has one of its own.
    client = connect(tls, certificates, listener=listener)
    client.login(alice)
    client.quit()
    wait_until(lambda: [p for p in roles("resident") if p.pid != first.pid],
               what="another resident")
    client = connect(tls, certificates, listener=listener)
    client.login(alice)
    client.quit()
    held.login(alice)
    held.quit()


def test_it_ends_with_the_listener(tls, alice, certificates):
    listener = tls.listener()
    client = connect(tls, certificates, listener=listener)
    client.login(alice)
    listener.stop()
    client.rest()
    for role in ("tls", "resident"):
        wait_until(lambda: not roles(role), what="the end of role " + role)


def test_it_ends_with_a_service(tls, certificates):
    """systemd tells every process of one to end: that is no crash."""
    listener = tls.listener()
    connect(tls, certificates, listener=listener)
    for proc in [*roles("resident"), *roles("tls"), Proc(listener.pid)]:
        proc.kill(signal.SIGTERM)
    assert listener.process.wait(patient(10)) == 0
    for role in ("tls", "resident"):
        wait_until(lambda: not roles(role), what="the end of role " + role)
    assert [l for l in tls.log_lines("crash") if "signal=15" not in l] == []
    assert not [l for l in tls.log_lines("crash") if "role=tls" in l]


def test_it_is_renewed_with_the_listener(tls, alice, bob, certificates):
    """SIGHUP: the new program starts a new one; who is inside the old one stays."""
    listener = tls.listener()
    old, = wait_role("resident")
    client = connect(tls, certificates, listener=listener)
    client.login(alice)
    os.kill(listener.pid, signal.SIGHUP)
    tls.wait_log("info", message='"still listening on 1 sockets"')
    connect(tls, certificates, listener=listener).login(bob)
    assert client.cmd_ok("NOOP")
    client.quit()
    client.close()
    wait_until(lambda: old.pid not in [p.pid for p in roles("resident")], what="end of the old")


@pytest.mark.parametrize("role", ["session", "tls"])
def test_kill_in_the_middle_deletes_nothing(tls, maildir, alice, certificates, role):
    maildir.fill([message(1), message(2)])
    before = maildir.snapshot()
    client = connect(tls, certificates)
    client.login(alice)
    client.cmd_ok("DELE 1")
    wait_role(role)[0].kill()
    client.rest()
    assert client.ended != "close_notify" or role == "session"
    assert maildir.snapshot() == before


# What a relay that was taken over may say

TAKEN_OVER = """#!/usr/bin/python3
import re, socket, struct, time
header = open(%r).read()
order = re.findall(r"IPC_[A-Z_]+", header[header.index("IPC_AUTH = 1"):])
text = lambda b: struct.pack("=I", len(b)) + b
names = text(b"p3alice") + text(b"CN=p3alice") + text(b"a" * 64) if %d else text(b"") * 3
message = (bytes([order.index("IPC_TLS_UP") + 1]) + text(b"TLSv1.3") + text(b"X") + text(b"") +
           struct.pack("=I", 0) + text(b"") * 3 + struct.pack("=I", %d) + names +
           struct.pack("=II", 0, 0))
socket.socket(fileno=4).send(message)
time.sleep(0.5)
"""


@pytest.mark.parametrize("asked,claimed,reason", [
    ("none", 0, "disconnect"), ("none", 1, "tls"), ("optional", 1, "disconnect")])
def test_a_certificate_that_nobody_was_asked_for(tls, certificates, asked, claimed, reason):
    program = write_file(tls.path("relay"), (TAKEN_OVER % (
        os.path.join(ROOT, "pop3d", "ipc.h"), claimed, claimed)).encode(), 0o755)
    tls.set(tls__program=program, tls__client_certificate=asked,
            tls__client_ca=certificates.client_ca)
    client = tls.inetd(greeting=False)
    client.rest()
    line, = tls.wait_log("disconnect", reason=reason)
    assert ("the relay broke the protocol" in line) == (reason == "tls")


def test_relays_that_outlive_their_connections_are_counted(tls, certificates):
    """A relay waits a second for its client to close; there may be two a connection."""
    tls.set(limits__connections=1)
    listener = tls.listener()
    wait_role("resident")
    held = []
    for _ in range(2):
        client = connect(tls, certificates, listener=listener)
        client.cmd_ok("QUIT")
        held.append(client)
        wait_until(lambda: not roles("monitor"), what="the end of the monitor")
    raw = listener.connect(greeting=False)
    assert raw.rest() == b""
    assert [l for l in tls.log_lines("warning") if "too many relays" in l]
    wait_until(lambda: not roles("tls"), what="their end")
    connect(tls, certificates, listener=listener).quit()


# What it costs

def peak_kb(proc):
    return int(proc.status()["VmHWM"].split()[0])


@pytest.mark.uninstrumented("a sanitizer takes many times the memory")
@pytest.mark.parametrize("way", WAYS)
def test_gigabyte_message_in_flat_memory(tls, maildir, alice, certificates, way):
    path = maildir.put(b"")
    lines = write_big(path, GIGABYTE, b"Subject: big\n\n")
    expected = os.path.getsize(path) + lines + 2
    client = connect(tls, certificates, way)
    client.login(alice)
    session, relay = wait_role("session")[0], wait_role("tls")[0]
    before = session.rss_kb(), relay.rss_kb()
    client.send(b"RETR 1\r\n")
    client.ok()
    assert count_body(client) == expected
    assert peak_kb(session) - before[0] < 16 << 10
    assert peak_kb(relay) - before[1] < 4 << 10
    client.cmd_ok("NOOP")
    client.quit()


def test_who_stops_reading_is_dropped(tls, maildir, alice, certificates):
    """By the stall timer; whoever reads slowly, but does, is not."""
    big_file(maildir.put(b""), 64 << 20)
    tls.set(limits__output_seconds=1)
    client = connect(tls, certificates)
    client.login(alice)
    start = time.monotonic()
    client.send(b"RETR 1\r\n")
    tls.wait_log("session-end", user=alice.name, reason="output")
    assert time.monotonic() - start < 5
    client.close()
    client.wait()
    for role in ("session", "tls"):
        assert roles(role) == []


def test_who_reads_slowly_is_served(tls, maildir, alice, certificates):
    path = maildir.put(b"")
    big_file(path, 16 << 20)
    tls.set(limits__output_seconds=4)
    client = connect(tls, certificates)
    client.login(alice)
    client.send(b"RETR 1\r\n")
    client.ok()
    # A record of 16 KiB at a time, for longer than the timer.
    for _ in range(250):
        time.sleep(0.02)
        client.fill()
    assert count_body(client) == os.path.getsize(path) + (16 << 20) // 64 + 2
    client.quit()


def test_everything_at_once_both_ways(tls, maildir, alice, certificates):
    """A long pipeline: neither side waits for the other for ever."""
    maildir.fill([message(n, b"x" * 3000) for n in range(20)])
    client = connect(tls, certificates)
    client.login(alice)
    count = 2000
    client.send(b"".join(b"RETR %d\r\n" % (n % 20 + 1) for n in range(count)))
    for n in range(count):
        client.ok()
        assert client.body()
    client.quit()


def test_idle_sessions_stay(tls, alice, certificates):
    """An idle client is no stalled one."""
    tls.set(limits__output_seconds=1)
    client = connect(tls, certificates)
    client.login(alice)
    time.sleep(2.5)
    assert client.cmd_ok("NOOP")
    client.quit()


def test_a_half_closed_client_gets_its_answers(tls, maildir, alice, certificates):
    expected = maildir.fill([message(1)])
    client = connect(tls, certificates)
    client.login(alice)
    client.send(b"RETR 1\r\nQUIT\r\n")
    client.half_close()
    client.ok()
    assert client.body() == expected[0]
    client.ok()
    client.eof()


def test_a_client_that_closes_without_close_notify(tls, maildir, alice, certificates):
    """Its mail is deleted on QUIT, so it must get it."""
    expected = maildir.fill([message(1)])
    client = connect(tls, certificates)
    client.login(alice)
    client.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
    client.raw.half_close()
    client.ok()
    assert client.body() == expected[0]
    client.ok()
    client.ok()
    client.eof()


def test_a_client_that_only_changes_keys(tls, certificates):
    """No deadline is put off by what is no data."""
    tls.set(limits__login_seconds=1, limits__output_seconds=1)
    client = connect(tls, certificates)
    library, found = client.openssl()
    start = time.monotonic()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while time.monotonic() - start < 10:
            assert library.SSL_key_update(found, 0) == 1
            client.tls.do_handshake()
            client.raw.send(client.outgoing.read())
    wait_until(lambda: not roles("tls"), what="the end of the relay")
    assert time.monotonic() - start < 6


def test_stls_after_the_end_of_the_resident_one(site, maildir, alice, certificates):
    """A connection that began before has a relay of its own then."""
    site.use_tls(certificates.server())
    listener = site.listener()
    client = listener.connect()
    resident = wait_role("resident")[0]
    resident.kill()
    wait_until(lambda: not resident.alive(), what="its end")
    inside = stls(site, client, context(certificates.ca))
    inside.login(alice)
    inside.quit()
