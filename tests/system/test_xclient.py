"""XCLIENT: a trusted proxy says for whom it speaks, as Dovecot's does."""

import os
import signal

import pytest

import proxy_headers
from stores import message
from tls_client import context, stls

OFFER = b"+OK [XCLIENT] pop.example.org POP3 server ready"


@pytest.fixture
def fronted(site, maildir):
    maildir.fill([message(1)])
    site.set(server__xclient="yes", auth__plaintext_login="always")
    return site


@pytest.mark.parametrize("way", ["inetd", "pipes", "listener"])
def test_whose_address_the_log_has(fronted, alice, way):
    client = fronted.listener().connect() if way == "listener" else getattr(fronted, way)()
    assert client.greeting == OFFER
    client.cmd_ok("XCLIENT ADDR=192.0.2.7 PORT=4711 SESSION=abc+1 TTL=5 FORWARD=Zm9v")
    client.login(alice)
    client.quit()
    assert fronted.wait_log("connect", rip="192.0.2.7", rport=4711, session="abc+1")
    assert fronted.wait_log("login", rip="192.0.2.7", session="abc+1")
    assert fronted.wait_log("session-end", rip="192.0.2.7", session="abc+1")


def test_pipelined_with_the_login(fronted, alice):
    client = fronted.inetd()
    client.send(b"XCLIENT ADDR=2001:db8::7 PORT=1\r\nUSER %s\r\nPASS %s\r\nQUIT\r\n" % (
        alice.name.encode(), alice.password.encode()))
    for _ in range(4):
        client.ok()
    client.eof()
    assert fronted.wait_log("login", rip="2001:db8::7")


def test_the_other_address_too(fronted):
    client = fronted.inetd()
    client.cmd_ok("xclient addr=192.0.2.7 destaddr=192.0.2.8 destport=995")
    client.quit()
    assert fronted.wait_log("disconnect", rip="192.0.2.7", lip="192.0.2.8")


def test_longer_than_other_commands(fronted):
    """Dovecot fills it with what it forwards."""
    client = fronted.inetd()
    client.cmd_ok("XCLIENT ADDR=192.0.2.7 FORWARD=" + "Zm9v" * 300)
    client.quit()
    assert fronted.wait_log("disconnect", rip="192.0.2.7")


def test_off_by_default(site):
    client = site.inetd()
    assert b"XCLIENT" not in client.greeting
    assert client.cmd_err("XCLIENT ADDR=192.0.2.7") == b"-ERR XCLIENT is not available"


def test_not_from_others(fronted):
    fronted.set(server__trusted_networks="192.0.2.0/24")
    client = fronted.inetd()
    assert b"XCLIENT" not in client.greeting
    client.cmd_err("XCLIENT ADDR=192.0.2.7")
    client.quit()
    assert fronted.log_lines("disconnect", rip="192.0.2.7") == []


def test_once(fronted):
    client = fronted.inetd()
    client.cmd_ok("XCLIENT ADDR=192.0.2.7")
    client.cmd_err("XCLIENT ADDR=192.0.2.8")
    client.quit()
    assert fronted.wait_log("disconnect", rip="192.0.2.7")


def test_not_after_a_login(fronted, alice):
    client = fronted.inetd()
    client.login(alice)
    assert client.cmd_err("XCLIENT ADDR=192.0.2.7") == b"-ERR Logged in already"


@pytest.mark.parametrize("argument", [
    "", "ADDR", "ADDR=", "ADDR=localhost", "ADDR=192.0.2.300", "ADDR=192.0.2.1 PORT=65536",
    "ADDR=192.0.2.1 PORT=-1", "ADDR=192.0.2.1 ADDR=192.0.2.2", "ADDR=/tmp/x",
    "ADDR=192.0.2.1 SESSION=" + "x" * 129])
def test_malformed(fronted, argument):
    client = fronted.inetd()
    assert client.cmd_err("XCLIENT " + argument) == b"-ERR Invalid arguments"
    client.cmd_ok("XCLIENT ADDR=192.0.2.7")


def test_failures_before_count(fronted, alice):
    fronted.set(auth__max_attempts=2)
    client = fronted.inetd()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS wrong")
    client.cmd_ok("XCLIENT ADDR=192.0.2.7")
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS wrong")
    client.eof()
    assert fronted.wait_log("login-failed", rip="192.0.2.7")


def test_how_the_client_came(fronted, alice, certificates):
    """A client elsewhere is no local one any more; its TLS counts if that is configured."""
    fronted.use_tls(certificates.server(), auth__plaintext_login="local")
    client = fronted.inetd()
    client.cmd_ok("XCLIENT ADDR=192.0.2.7 CLIENT-TRANSPORT=TLS")
    client.cmd_err("USER " + alice.name)
    inside = stls(fronted, client, context(certificates.ca))
    inside.login(alice)
    inside.quit()
    fronted.set(tls__forwarded="yes")
    client = fronted.inetd()
    client.cmd_ok("XCLIENT ADDR=192.0.2.7 CLIENT-TRANSPORT=TLS")
    client.login(alice)
    client.quit()
    client = fronted.inetd()
    client.cmd_ok("XCLIENT ADDR=192.0.2.7 CLIENT-TRANSPORT=insecure")
    client.cmd_err("USER " + alice.name)


def test_limit_for_one_address(fronted):
    fronted.set(limits__connections_per_address=1)
    listener = fronted.listener()
    first, second, third = (listener.connect() for _ in range(3))
    first.cmd_ok("XCLIENT ADDR=192.0.2.7")
    assert first.cmd("CAPA").startswith(b"+OK")
    second.cmd_ok("XCLIENT ADDR=192.0.2.7")
    second.eof()
    fronted.wait_log("disconnect", rip="192.0.2.7", reason="connections_per_address")
    third.cmd_ok("XCLIENT ADDR=192.0.2.8")
    assert third.cmd("CAPA").startswith(b"+OK")


def test_not_from_whom_a_proxy_speaks_for(fronted):
    """The proxy is trusted, its client is not."""
    fronted.set(server__proxy="v1", auth__plaintext_login="local")
    client = fronted.inetd(greeting=False)
    client.send(proxy_headers.v1())
    assert b"XCLIENT" not in client.ok()
    client.cmd_err("XCLIENT ADDR=127.0.0.1")
    client.cmd_err("USER x")


def test_what_was_said_in_the_clear_ends_with_it(fronted, certificates):
    """Somebody between the proxy and us could have said it."""
    fronted.use_tls(certificates.server())
    client = fronted.inetd()
    client.cmd_ok("XCLIENT ADDR=203.0.113.7 SESSION=injected")
    inside = stls(fronted, client, context(certificates.ca))
    inside.cmd_ok("XCLIENT ADDR=192.0.2.7 SESSION=right")
    inside.quit()
    assert fronted.wait_log("disconnect", rip="192.0.2.7", session="right")
    client = fronted.inetd()
    client.cmd_ok("XCLIENT ADDR=203.0.113.7 SESSION=injected")
    stls(fronted, client, context(certificates.ca)).quit()
    assert fronted.wait_log("disconnect", rip="127.0.0.1")


def test_a_certificate_before_it_is_another_clients(fronted, alice):
    fronted.set(server__proxy="v2", tls__forwarded="certificate",
                auth__mechanisms="USER PLAIN EXTERNAL")
    client = fronted.inetd(greeting=False)
    client.send(proxy_headers.v2(("127.0.0.1", 7), ("127.0.0.1", 110), tlvs=(
        proxy_headers.tls_certificate(alice.name))))
    assert b"XCLIENT" in client.ok()
    assert "SASL EXTERNAL PLAIN" in client.lines("CAPA")
    client.cmd_ok("XCLIENT ADDR=192.0.2.7")
    assert "SASL PLAIN" in client.lines("CAPA")


def test_while_the_listener_executes_itself_anew(fronted):
    """It has let the connection in already."""
    listener = fronted.listener()
    client = listener.connect()
    os.kill(listener.pid, signal.SIGHUP)
    fronted.wait_log("info", message='"still listening on 1 sockets"')
    client.cmd_ok("XCLIENT ADDR=192.0.2.7")
    assert client.cmd("CAPA").startswith(b"+OK")
