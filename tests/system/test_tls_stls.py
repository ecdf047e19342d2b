"""STLS (RFC 2595): what is said before it, and with it, counts for nothing inside."""

import re
import signal
import ssl
import time

import pytest

import tls_client
from harness import roles, wait_role
from patience import patient
from stores import message
from test_protocol_capa import BASE, PLAINTEXT
from tls_client import context, stls

WAYS = ["inetd", "listener", "pipes"]


@pytest.fixture
def tls(site, maildir, certificates):
    maildir.fill([message(1)])
    site.use_tls(certificates.server(), auth__plaintext_login="tls")
    return site


def connect(site, way):
    return site.listener().connect() if way == "listener" else getattr(site, way)()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_session(tls, alice, certificates, way, version):
    client = connect(tls, way)
    assert "STLS" in client.lines("CAPA") and "USER" not in client.lines("CAPA")
    inside = stls(tls, client, context(certificates.ca, highest=version))
    assert inside.version.replace(".", "_") == version
    lines = inside.lines("CAPA")
    assert "STLS" not in lines and "USER" in lines and "SASL PLAIN LOGIN" in lines
    inside.login(alice)
    assert "STLS" not in inside.lines("CAPA")
    assert inside.cmd_err("STLS") == b"-ERR Logged in already"
    assert inside.cmd("STAT").startswith(b"+OK 1 ")
    inside.quit()
    line, = tls.log_lines("login", user=alice.name)
    assert "tls=" + inside.version + " " in line and "cipher=" + inside.cipher + " " in line
    assert "resumed=no" in line and "sni=localhost" in line


def test_not_announced_and_not_taken_without_a_certificate(site):
    client = site.inetd()
    assert sorted(client.lines("CAPA")) == sorted(BASE + PLAINTEXT)
    assert client.cmd_err("STLS") == b"-ERR STLS is not available now"
    client.quit()


def test_off(tls):
    tls.set(tls__mode="off")
    client = tls.inetd()
    assert "STLS" not in client.lines("CAPA")
    client.cmd_err("STLS")


def test_not_twice_and_without_arguments(tls, certificates):
    client = tls.inetd()
    assert client.cmd_err("STLS now") == b"-ERR Invalid arguments"
    inside = stls(tls, client, context(certificates.ca))
    assert inside.cmd_err("STLS") == b"-ERR STLS is not available now"
    assert inside.cmd("CAPA").startswith(b"+OK")


def test_passwords_only_inside(tls, alice, certificates):
    client = tls.inetd()
    client.cmd_err("USER " + alice.name)
    client.cmd_err("AUTH PLAIN AGEAYg==")
    stls(tls, client, context(certificates.ca)).login(alice)


def test_the_user_before_is_forgotten(tls, alice, certificates):
    """Session fixation, CVE-2021-37845."""
    tls.set(auth__plaintext_login="always")
    client = tls.inetd()
    client.cmd_ok("USER " + alice.name)
    inside = stls(tls, client, context(certificates.ca))
    assert inside.cmd_err("PASS " + alice.password) == b"-ERR USER first"
    inside.login(alice)


def test_failures_before_count(tls, alice, certificates):
    """Else STLS would be a way to more guesses."""
    tls.set(auth__plaintext_login="always", auth__max_attempts=2)
    client = tls.inetd()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS wrong")
    inside = stls(tls, client, context(certificates.ca))
    inside.cmd_ok("USER " + alice.name)
    inside.cmd_err("PASS wrong")
    inside.eof()
    tls.wait_log("disconnect", reason="attempts", attempts=2)


# Commands behind STLS (CVE-2011-0411 and all its kin): never executed, in the clear or
# inside.  Here they are taken for TLS, which they are not, and the connection ends.

# Less than the head of a record says nothing yet.

INJECTED = [b"CAPA\r\n", b"USER x\r\n", b"QUIT\r\n", b"\r\n\r\nX", b"A" * 300]


def assert_nothing_executed(client):
    answer = client.rest()
    assert re.fullmatch(rb"(\+OK Begin TLS negotiation\r\n)?(\x15\x03.*)?", answer, re.S), answer


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("injected", INJECTED)
def test_injected_in_one_segment(tls, way, injected):
    client = connect(tls, way)
    client.send(b"STLS\r\n" + injected)
    assert_nothing_executed(client)
    tls.wait_log("disconnect", reason="tls")


def test_injected_split_at_every_byte(tls):
    listener = tls.listener()
    data = b"STLS\r\nCAPA\r\nQUIT\r\n"
    for at in range(1, len(data)):
        client = listener.connect()
        client.send(data[:at])
        time.sleep(0.005)
        client.send(data[at:])
        assert_nothing_executed(client)


def test_a_partial_line_does_not_survive(tls, alice, certificates):
    """"DEL" in the clear and "E 1" inside are no DELE."""
    client = tls.inetd()
    client.send(b"STLS\r\nDEL")
    assert client.ok() == b"+OK Begin TLS negotiation"
    with pytest.raises((ssl.SSLError, AssertionError)):
        tls_client.TlsClient(client, context(certificates.ca))
    tls.wait_log("disconnect", reason="tls")


def test_pipelining_inside_goes_on_across_the_login(tls, alice, certificates):
    inside = stls(tls, tls.inetd(), context(certificates.ca))
    inside.send(b"USER %s\r\nPASS %s\r\nSTAT\r\nQUIT\r\n" % (
        alice.name.encode(), alice.password.encode()))
    for _ in range(4):
        inside.ok()
    inside.eof()


# Handshakes that fail end the connection; nothing is said in the clear again.

@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.0\r\n\r\n", b"\x80\x2e\x01\x00\x02", b"\x15\x03\x01\x00\x02\x02\x28",
    b"\x16\x03\x01\xff\xff" + b"\x01" * 4096, b"\x00" * 512, b"\x16\x03\x01\x00\x05\x01\x00"
    b"\x00\x01\x00"], ids=["http", "sslv2", "alert", "too long", "zeros", "short hello"])
def test_garbage_for_a_handshake(tls, data):
    client = tls.inetd()
    client.cmd_ok("STLS")
    client.send(data)
    client.half_close()
    answer = client.rest()
    assert answer == b"" or answer[0] == 0x15
    client.wait()
    tls.wait_log("disconnect", reason="tls")
    assert tls.log_lines("crash") == []


def test_a_handshake_that_does_not_end(tls):
    tls.set(limits__handshake_seconds=1)
    client = tls.inetd()
    client.cmd_ok("STLS")
    start = time.monotonic()
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    client.rest()
    # The relay's own deadline: the monitor's would come a second later.
    assert 0.7 < time.monotonic() - start < 1.9
    line, = tls.wait_log("disconnect", reason="tls")
    assert "detail=timeout" in line


def test_a_handshake_counts_in_the_login_deadline(tls):
    tls.set(limits__login_seconds=1)
    client = tls.inetd()
    client.cmd_ok("STLS")
    start = time.monotonic()
    client.rest()
    assert time.monotonic() - start < 4


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_versions(tls, version):
    client = tls.inetd()
    offered = context(None, lowest=version, highest=version, ciphers=tls_client.EVERY_CIPHER)
    with pytest.raises(ssl.SSLError):
        stls(tls, client, offered)
    tls.wait_log("disconnect", reason="tls")


def test_a_certificate_that_cannot_be_used(tls):
    """The client is told nothing but that there is no TLS; the log is told why."""
    tls.set(tls__certificate="/no/such/file")
    client = tls.inetd()
    client.cmd_ok("STLS")
    client.eof()
    line, = tls.wait_log("disconnect", reason="tls")
    assert "/no/such/file" in line


def test_a_program_that_is_not_there(tls):
    tls.set(tls__program="/no/such/program")
    client = tls.inetd()
    client.cmd_ok("STLS")
    client.eof()
    tls.wait_log("disconnect", reason="tls")


def test_a_crash_in_a_handshake(tls):
    client = tls.inetd()
    client.cmd_ok("STLS")
    wait_role("tls")[0].kill(signal.SIGABRT)
    client.rest()
    assert client.process.wait(patient(10)) == 70
    assert tls.wait_log("crash", role="tls", signal=6)


# Ends

@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", ["close", "half_close", "raw close", "reset"])
def test_the_end_of_a_client_deletes_nothing(tls, maildir, alice, certificates, way, end):
    before = maildir.snapshot()
    raw = connect(tls, way)
    inside = stls(tls, raw, context(certificates.ca))
    inside.login(alice)
    inside.cmd_ok("DELE 1")
    if end == "reset" and way == "pipes":
        end = "close"
    (inside.raw.close if end == "raw close" else getattr(inside, end))()
    tls.wait_log("session-end", user=alice.name, reason="disconnect")
    assert maildir.snapshot() == before


def test_the_process_waits_for_its_relay(tls, alice, certificates):
    """systemd ends what a service leaves behind: the last reply must be out by then."""
    inside = stls(tls, tls.inetd(), context(certificates.ca))
    relay, = wait_role("tls")
    inside.login(alice)
    inside.cmd_ok("QUIT")
    assert relay.alive()
    assert inside.process.poll() is None
    inside.eof()
    inside.close()
    inside.wait()
    assert roles("tls") == []
