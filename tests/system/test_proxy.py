"""PROXY headers: whole, in time, from who is trusted; else a close without a word."""

import signal
import time

import pytest

import proxy_headers as proxy
from harness import roles, wait_role, wait_until
from mechanisms import LOGGED_IN
from patience import patient
from stores import message
from tls_client import context, implicit

TLS_TLV = proxy.ssl(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256")
OUTER = {"rip": "192.0.2.1", "lip": "192.0.2.2"}


@pytest.fixture
def fronted(site, maildir):
    maildir.fill([message(1)])
    site.set(server__proxy="any", auth__plaintext_login="always")
    return site


def send(site, data, *args):
    client = site.inetd(*args, greeting=False)
    client.send(data)
    return client


HEADERS = {
    "v1": (proxy.v1(), "192.0.2.1", "192.0.2.2"),
    "v1 IPv6": (proxy.v1(proxy.CLIENT6, proxy.SERVER6), "2001:db8::1", "2001:db8::2"),
    "v1 unknown": (proxy.v1_unknown(), "127.0.0.1", "127.0.0.1"),
    "v2": (proxy.v2(), "192.0.2.1", "192.0.2.2"),
    "v2 IPv6": (proxy.v2(proxy.CLIENT6, proxy.SERVER6), "2001:db8::1", "2001:db8::2"),
    "v2 checksum": (proxy.v2(checksum=True), "192.0.2.1", "192.0.2.2"),
    "v2 unspecified": (proxy.v2_unspec(), "127.0.0.1", "127.0.0.1"),
    "v2 UNIX": (proxy.v2_unix(b"/a", b"/b"), "127.0.0.1", "127.0.0.1"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_whose_address_the_log_has(fronted, alice, name):
    data, rip, lip = HEADERS[name]
    client = send(fronted, data)
    client.ok()
    client.login(alice)
    client.quit()
    for event in ("connect", "login", "session-end"):
        assert fronted.wait_log(event, rip=rip, lip=lip)
    via = fronted.log_lines("connect", via="127.0.0.1")
    assert len(via) == (0 if rip == "127.0.0.1" else 1)


@pytest.mark.parametrize("data", [proxy.v1(), proxy.v2(tlvs=TLS_TLV, checksum=True)],
                         ids=["v1", "v2"])
@pytest.mark.parametrize("way", ["inetd", "pipes"])
def test_octet_by_octet_and_nothing_before_its_end(fronted, data, way):
    client = getattr(fronted, way)(greeting=False)
    for octet in data[:-1]:
        client.send(bytes([octet]))
    client.quiet()
    client.send(data[-1:])
    client.ok()
    client.cmd_ok("QUIT")


@pytest.mark.parametrize("data", [proxy.v1(), proxy.v2()], ids=["v1", "v2"])
def test_what_comes_in_the_same_segment_is_kept(fronted, alice, data):
    client = send(fronted, data + b"USER %s\r\nPASS %s\r\nQUIT\r\n" % (
        alice.name.encode(), alice.password.encode()))
    for _ in range(4):
        client.ok()
    client.eof()


def test_only_the_version_that_is_asked_for(fronted):
    for versions, good in (("v1", [proxy.v1()]), ("v2", [proxy.v2()]),
                           ("any", [proxy.v1(), proxy.v2()])):
        fronted.set(server__proxy=versions)
        for data in (proxy.v1(), proxy.v2()):
            client = send(fronted, data)
            if data in good:
                client.ok()
                client.quit()
            else:
                client.eof()


@pytest.mark.parametrize("name", proxy.MALFORMED)
def test_malformed(fronted, name):
    client = send(fronted, proxy.MALFORMED[name])
    client.half_close()
    client.eof()
    client.wait()
    assert fronted.wait_log("disconnect", reason="proxy-header")
    assert fronted.log_lines("crash") == [] and fronted.log_lines("login") == []


def test_a_client_that_sends_none(fronted):
    client = send(fronted, b"CAPA\r\n")
    client.eof()
    fronted.wait_log("disconnect", reason="proxy-header")


@pytest.mark.parametrize("start", [b"", proxy.v1()[:-1], proxy.v2()[:-1]])
def test_three_seconds(fronted, start):
    client = send(fronted, start)
    begun = time.monotonic()
    client.eof()
    assert 2.5 < time.monotonic() - begun < 5
    client.close()
    client.wait()


@pytest.mark.parametrize("data", [proxy.v1_unknown(), proxy.v2_unspec(), proxy.v2_unix()])
def test_who_is_unknown_is_not_local(fronted, data):
    fronted.set(auth__plaintext_login="local")
    client = send(fronted, data)
    client.ok()
    client.cmd_err("USER x")


def test_a_header_where_none_is_expected(site):
    """It is a wrong command, as any other."""
    client = site.inetd()
    assert client.cmd_err("PROXY TCP4 192.0.2.1 192.0.2.2 1 2") == b"-ERR Unknown command"
    assert site.log_lines("connect", rip="127.0.0.1")


def test_from_who_is_not_trusted(fronted):
    fronted.set(server__trusted_networks="192.0.2.0/24")
    client = send(fronted, proxy.v1())
    client.eof()
    fronted.wait_log("disconnect", reason="proxy-untrusted")


@pytest.mark.parametrize("name,good", [("pop3+proxy-v1", proxy.v1()),
                                       ("pop3+proxy-v2", proxy.v2()),
                                       ("pop3+proxy-none", b"")])
def test_for_one_listener(fronted, name, good):
    listener = fronted.listener(name=name)
    client = listener.connect(greeting=False)
    client.send(good)
    client.ok()
    client.quit()


def test_health_checks_leave_no_line(fronted):
    client = send(fronted, proxy.v2_local())
    client.ok()
    client.quit()
    client.wait()
    assert fronted.log_lines() == []


@pytest.mark.uninstrumented("a sanitizer needs files that roles give up")
def test_the_process_that_reads_it(fronted):
    """The uid of the front, an empty root, and three descriptors that lead nowhere else."""
    client = fronted.inetd(greeting=False)
    reader, = wait_role("proxy")
    wait_until(lambda: reader.status()["Seccomp"] == "2", what="the process to be confined")
    assert 0 not in reader.ids("Uid") and 0 not in reader.ids("Gid")
    assert reader.ids("Groups") == []
    assert reader.root() == fronted.tree.empty
    assert set(reader.fds()) == {0, 1, 2, 3}
    assert reader.status()["NoNewPrivs"] == "1"
    client.send(proxy.v1())
    client.ok()
    wait_until(lambda: not roles("proxy"), what="its end")
    client.quit()


def test_a_crash_of_it(fronted):
    client = fronted.inetd(greeting=False)
    wait_role("proxy")[0].kill(signal.SIGABRT)
    client.eof()
    assert client.process.wait(patient(10)) == 70
    assert fronted.wait_log("crash", role="proxy", signal=6)


# Limits count whom it is really from

def test_limit_for_one_address(fronted):
    fronted.set(limits__connections_per_address=2)
    listener = fronted.listener()

    def connect(data):
        client = listener.connect(greeting=False)
        client.send(data)
        return client

    held = [connect(proxy.v1()), connect(proxy.v1())]
    for client in held:
        client.ok()
    connect(proxy.v1()).eof()
    fronted.wait_log("disconnect", rip="192.0.2.1", reason="connections_per_address")
    others = [connect(proxy.v1(("192.0.2.%d" % n, 1))) for n in range(10, 20)]
    for client in others:
        client.ok()
    held[0].quit()
    wait_until(lambda: len(fronted.log_lines("disconnect", reason="quit")) == 1, what="end")
    time.sleep(0.2)
    connect(proxy.v2()).ok()


# TLS that has ended in front

def test_forwarded_tls_is_believed_only_if_told_so(fronted):
    fronted.set(auth__plaintext_login="tls")
    for belief, counts in (("no", False), ("yes", True), ("certificate", True)):
        fronted.set(tls__forwarded=belief)
        client = send(fronted, proxy.v2(tlvs=TLS_TLV))
        client.ok()
        assert ("USER" in client.lines("CAPA")) == counts
        client.quit()
    client = send(fronted, proxy.v2())
    client.ok()
    assert "USER" not in client.lines("CAPA")


def test_forwarded_tls_in_the_log(fronted, alice, certificates):
    """Neither STLS nor -PLUS where TLS has ended elsewhere (R122)."""
    fronted.use_tls(certificates.server(), tls__forwarded="yes", auth__plaintext_login="tls",
                    auth__mechanisms="USER PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS")
    client = send(fronted, proxy.v2(tlvs=TLS_TLV + proxy.authority("mail.example.org") +
                                    proxy.unique_id(b"id-4711")))
    client.ok()
    lines = client.lines("CAPA")
    assert "STLS" not in lines and "PLUS" not in " ".join(lines)
    client.login(alice)
    client.quit()
    line, = fronted.wait_log("login", user=alice.name, session="id-4711")
    for word in ("tls=TLSv1.3", "cipher=TLS_AES_128_GCM_SHA256", "tls_end=proxy",
                 "sni=mail.example.org"):
        assert word in line


def certified(name, verify=0):
    return proxy.v2(tlvs=proxy.ssl(client=proxy.CLIENT_SSL | proxy.CLIENT_CERT_CONN,
                                   verify=verify, name=name))


def test_forwarded_certificate(fronted, alice):
    fronted.set(auth__mechanisms="USER PLAIN EXTERNAL", tls__forwarded="certificate")
    client = send(fronted, certified(alice.name))
    client.ok()
    client.send(b"AUTH EXTERNAL =\r\n")
    assert client.reply() == LOGGED_IN


@pytest.mark.parametrize("belief,verify", [("yes", 0), ("no", 0), ("certificate", 1)])
def test_forwarded_certificate_that_does_not_count(fronted, alice, belief, verify):
    fronted.set(auth__mechanisms="USER PLAIN EXTERNAL", tls__forwarded=belief)
    client = send(fronted, certified(alice.name, verify))
    client.ok()
    client.cmd_err("AUTH EXTERNAL =")


def test_tls_passed_through(fronted, alice, certificates):
    """The header stands in the clear, in front of the handshake."""
    fronted.use_tls(certificates.server(), auth__plaintext_login="tls", tls__mode="implicit")
    client = send(fronted, proxy.v2(checksum=True))
    client.quiet()
    inside = implicit(fronted, client, context(certificates.ca))
    inside.login(alice)
    inside.quit()
    assert fronted.wait_log("login", user=alice.name, tls="TLSv1.3", **OUTER)
