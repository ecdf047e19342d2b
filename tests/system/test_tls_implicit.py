"""TLS from the first octet (RFC 8314): by configuration, by the name of a socket, by -l."""

import ssl
import time

import pytest

from harness import Client, free_port, roles, tcp_pair, wait_role, wait_until
from patience import patient
from stores import message
from supervisors import running, socket_activate
from tls_client import TlsClient, context, implicit


@pytest.fixture
def tls(site, maildir, certificates):
    maildir.fill([message(1)])
    site.use_tls(certificates.server(), auth__plaintext_login="tls")
    return site


def whole_session(site, client, alice, certificates):
    inside = implicit(site, client, context(certificates.ca))
    assert "STLS" not in inside.lines("CAPA")
    inside.cmd_err("STLS")
    inside.login(alice)
    assert inside.cmd("STAT").startswith(b"+OK 1 ")
    inside.quit()


@pytest.mark.parametrize("way", ["inetd", "pipes"])
def test_for_one_connection(tls, alice, certificates, way):
    client = getattr(tls, way)("-o", "tls.mode=implicit", greeting=False)
    client.quiet()
    whole_session(tls, client, alice, certificates)


def test_listeners_of_both_kinds(tls, alice, certificates):
    plain, inside = tls.listener(), tls.listener(name="pop3s")
    assert "STLS" in plain.connect().lines("CAPA")
    client = inside.connect(greeting=False)
    client.quiet()
    whole_session(tls, client, alice, certificates)
    tls.set(tls__mode="implicit")
    plain, inside = tls.listener(name="pop3"), tls.listener()
    assert "STLS" in plain.connect().lines("CAPA")
    whole_session(tls, inside.connect(greeting=False), alice, certificates)


def test_named_sockets_of_systemd(tls, alice, certificates):
    ports = [free_port(), free_port()]
    with running(tls, lambda s: socket_activate(s, "pop3d.service", "--fdname=pop3:pop3s",
                                                ports=ports)) as server:
        assert "STLS" in server.connect().lines("CAPA")
        server.port = ports[1]
        whole_session(tls, server.connect(greeting=False), alice, certificates)


def passed(site, name):
    """A connection on descriptor 3, with a name, as sd_listen_fds(3) has it."""
    server, sock = tcp_pair()
    with server:
        process = site.spawn(
            ["sh", "-c", 'exec 3<&0 </dev/null; LISTEN_PID=$$ exec "$@"', "sh", *site.argv()],
            stdin=server, env={"PATH": "/usr/bin:/bin", "LISTEN_FDS": "1",
                               "LISTEN_FDNAMES": name})
    return site.adopt(Client(sock.fileno(), sock=sock, process=process), greeting=False)


def test_the_name_of_a_connection_that_is_passed(tls, alice, certificates):
    whole_session(tls, passed(tls, "pop3s"), alice, certificates)
    assert passed(tls, "connection").ok()
    assert passed(tls, "pop3s+x").rest() == (
        b"-ERR [SYS/PERM] Server is not configured properly\r\n")


def test_names_survive_an_execution_anew(tls, alice, certificates):
    listener = tls.listener(name="pop3s")
    tls.wait_log("info", message='"listening on 1 sockets"')
    wait_role("resident")
    listener.process.send_signal(1)
    tls.wait_log("info", message='"still listening on 1 sockets"')
    whole_session(tls, listener.connect(greeting=False), alice, certificates)


@pytest.mark.parametrize("name", ["pop3s", "pop3s+proxy-v9"])
def test_a_name_that_cannot_be_served(site, name):
    """Neither TLS without a certificate, nor a name that means nothing."""
    process = site.spawn(site.argv("-l", "%s:127.0.0.1:%d" % (name, free_port())))
    assert process.wait(patient(10)) == 78
    assert site.log_lines("error")


def test_implicit_without_a_certificate(site):
    client = site.inetd("-o", "tls.mode=implicit", greeting=False)
    assert client.rest() == b"-ERR [SYS/PERM] Server is not configured properly\r\n"


def test_plain_text_where_tls_must_come(tls):
    client = tls.listener(name="pop3s").connect(greeting=False)
    client.send(b"CAPA\r\nQUIT\r\n")
    answer = client.rest()
    assert answer == b"" or answer[0] == 0x15
    tls.wait_log("disconnect", reason="tls")


def test_alpn(tls, certificates):
    listener = tls.listener(name="pop3s")
    offered = context(certificates.ca)
    offered.set_alpn_protocols(["imap", "pop3"])
    inside = implicit(tls, listener.connect(greeting=False), offered)
    assert inside.tls.selected_alpn_protocol() == "pop3"
    offered = context(certificates.ca)
    offered.set_alpn_protocols(["http/1.1"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        implicit(tls, listener.connect(greeting=False), offered)


@pytest.mark.uninstrumented("a sanitizer takes many times the time")
def test_half_open_handshakes_go_and_hinder_nobody(tls, alice, certificates):
    tls.set(limits__handshake_seconds=3, limits__connections_per_address=600,
            limits__connections=600, limits__half_open="none")
    listener = tls.listener(name="pop3s")
    silent = [listener.connect(greeting=False) for _ in range(500)]
    for client in silent[::2]:
        client.send(b"\x16\x03\x01\x02\x00\x01")
    start = time.monotonic()
    inside = implicit(tls, listener.connect(greeting=False), context(certificates.ca))
    inside.login(alice)
    inside.quit()
    assert time.monotonic() - start < 2.5
    for client in silent:
        client.rest()
    assert time.monotonic() - start < 20
    for role in ("monitor", "tls", "front"):
        wait_until(lambda: not roles(role), what="end of role " + role)
    assert len(tls.log_lines("disconnect", reason="tls")) == 500


def test_a_client_that_leaves_in_the_handshake(tls):
    listener = tls.listener(name="pop3s")
    for end in ("close", "reset", "half_close"):
        client = listener.connect(greeting=False)
        client.send(b"\x16\x03\x01")
        getattr(client, end)()
    for _ in range(50):
        if len(tls.log_lines("disconnect", reason="tls")) == 3:
            break
        time.sleep(0.1)
    assert len(tls.log_lines("disconnect", reason="tls")) == 3
    assert tls.log_lines("crash") == []


def test_unprivileged(tls, vmail, certificates):
    """Without root all run as the one user, TLS too."""
    pair = certificates.server().copy(tls.directory, vmail)
    tls.use_unprivileged(vmail)
    tls.use_tls(pair, mail__location="maildir:" + vmail.home)
    client = implicit(tls, tls.inetd("-o", "tls.mode=implicit", greeting=False),
                      context(certificates.ca))
    relay, = wait_role("tls")
    assert set(relay.ids("Uid")) == {vmail.uid}
    assert isinstance(client, TlsClient) and client.cmd_ok("QUIT")
