"""Real programs in front of pop3d: whoever the client is, the log and the modules know."""

import time

import pytest

from fronts import (CHECK, IGNORE_BAD, SEND_ALL, dovecot, haproxy, nginx, perdition,
                    stunnel_client_certificate, stunnel_connect, stunnel_exec)
import proxy_headers
from mechanisms import LOGGED_IN
from pam_services import PamServices
from patience import patient
from stores import message
from supervisors import running
from test_tls_login import external
from tls_client import context

HERE = {"rip": "127.0.0.1", "lip": "127.0.0.1"}


@pytest.fixture
def behind(site, maildir):
    """Passwords only inside TLS, ours or that of a front that is believed."""
    maildir.fill([message(1)])
    site.set(auth__plaintext_login="tls")
    return site


def whole_session(site, client, alice, **fields):
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 1 ")
    client.quit()
    assert site.wait_log("session-end", user=alice.name, reason="quit", **fields)


def port_of(client):
    """The client's own port, which only a front can tell pop3d."""
    return client.raw.sock.getsockname()[1]


# stunnel

def test_stunnel_exec(behind, alice, certificates):
    behind.set(server__environment="stunnel", tls__forwarded="yes")
    with running(behind, lambda s: stunnel_exec(s, certificates.server())) as front:
        client = front.tls(context(certificates.ca))
        assert "STLS" not in client.lines("CAPA")
        whole_session(behind, client, alice, rip="127.0.0.1", tls="yes")
        assert behind.log_lines("connect", rip="127.0.0.1", rport=port_of(client))


def test_stunnel_exec_is_believed_only_if_told_so(behind, alice, certificates):
    """Else the environment would be anybody's."""
    with running(behind, lambda s: stunnel_exec(s, certificates.server())) as front:
        client = front.tls(context(certificates.ca))
        client.cmd_err("USER " + alice.name)
        client.quit()
        assert behind.log_lines("connect", rport=port_of(client)) == []
    behind.set(server__environment="stunnel")
    with running(behind, lambda s: stunnel_exec(s, certificates.server())) as front:
        client = front.tls(context(certificates.ca))
        client.cmd_err("USER " + alice.name)
        client.quit()


def test_stunnel_exec_with_a_certificate(behind, alice, certificates):
    behind.set(server__environment="stunnel", tls__forwarded="certificate",
               auth__mechanisms="USER PLAIN EXTERNAL")
    more = stunnel_client_certificate(certificates.client_ca)
    with running(behind, lambda s: stunnel_exec(s, certificates.server(), *more)) as front:
        client = front.tls(context(certificates.ca, pair=certificates.client(alice.name)))
        assert external(client) == LOGGED_IN
        client.quit()


def test_the_environment_of_others(behind, alice):
    """Without an address there nobody is served; without the key it says nothing."""
    env = {"PATH": "/usr/bin", "REMOTE_HOST": "192.0.2.1", "REMOTE_PORT": "7",
           "SSL_CLIENT_DN": "CN=" + alice.name}
    client = behind.inetd(env=env)
    client.quit()
    assert behind.log_lines("connect", **HERE)
    behind.set(server__environment="stunnel")
    client = behind.inetd(env=env)
    client.quit()
    assert behind.log_lines("connect", rip="192.0.2.1", rport="7")
    for host, port in (("", "7"), ("localhost", "7"), ("192.0.2.300", "7"), ("x" * 80, "7"),
                       ("192.0.2.1", "65536"), ("192.0.2.1", "x")):
        env.update(REMOTE_HOST=host, REMOTE_PORT=port)
        client = behind.inetd(env=env, greeting=False)
        assert client.rest() == b"-ERR [SYS/PERM] Server is not configured properly\r\n"


def test_stunnel_with_a_header(behind, alice, certificates):
    behind.set(auth__plaintext_login="local")
    listener = behind.listener(name="pop3+proxy-v1")
    with running(behind, lambda s: stunnel_connect(
            s, certificates.server(), listener.port, True)) as front:
        client = front.tls(context(certificates.ca))
        whole_session(behind, client, alice, **HERE)
        assert behind.log_lines("connect", rport=port_of(client), via="127.0.0.1")


def test_stunnel_plain(behind, alice, certificates):
    behind.set(auth__plaintext_login="local")
    listener = behind.listener()
    with running(behind, lambda s: stunnel_connect(
            s, certificates.server(), listener.port, False)) as front:
        whole_session(behind, front.tls(context(certificates.ca)), alice, **HERE)


# HAProxy

@pytest.mark.parametrize("name,send", [("pop3+proxy-v1", "send-proxy"),
                                       ("pop3+proxy-v2", "send-proxy-v2"),
                                       ("pop3+proxy-any", "send-proxy-v2-ssl"),
                                       ("pop3+proxy-v2", "send-proxy-v2-ssl-cn")])
def test_haproxy_ends_tls(behind, alice, certificates, name, send):
    behind.set(auth__plaintext_login="local")
    listener = behind.listener(name=name)
    with running(behind, lambda s: haproxy(
            s, listener.port, certificates.server(), send)) as front:
        client = front.tls(context(certificates.ca))
        whole_session(behind, client, alice, **HERE)
        assert behind.log_lines("connect", rport=port_of(client), via="127.0.0.1")


def test_haproxy_tells_everything(behind, alice, certificates):
    """TLS, the certificate's name, an id, a checksum."""
    behind.set(tls__forwarded="certificate", auth__mechanisms="USER PLAIN EXTERNAL")
    listener = behind.listener(name="pop3+proxy-v2")
    with running(behind, lambda s: haproxy(
            s, listener.port, certificates.server(), SEND_ALL,
            certificates.client_ca)) as front:
        client = front.tls(context(certificates.ca, pair=certificates.client(alice.name)))
        assert external(client) == LOGGED_IN
        client.quit()
        line, = behind.wait_log("login", user=alice.name, mech="EXTERNAL", tls=client.version)
        for word in ("cipher=" + client.cipher, "tls_end=proxy", "sni=localhost", "session="):
            assert word in line
        assert ":%d_" % port_of(client) in line
        whole_session(behind, front.tls(context(certificates.ca)), alice, **HERE)


def test_haproxy_and_a_certificate_that_is_not_good(behind, alice, certificates):
    """It lets the client in, and says what it found; pop3d believes both."""
    behind.set(tls__forwarded="certificate", auth__mechanisms="USER PLAIN EXTERNAL")
    listener = behind.listener(name="pop3+proxy-v2")
    pair = certificates.client(alice.name, issuer=certificates.others)
    with running(behind, lambda s: haproxy(
            s, listener.port, certificates.server(), SEND_ALL, certificates.client_ca,
            verify=IGNORE_BAD)) as front:
        client = front.tls(context(certificates.ca, pair=pair))
        client.cmd_err("AUTH EXTERNAL =")
        client.login(alice)


def test_haproxy_passes_tls_through(behind, alice, certificates):
    """It ends in pop3d: so there is a channel to bind to."""
    behind.use_tls(certificates.server())
    listener = behind.listener(name="pop3s+proxy-v2")
    with running(behind, lambda s: haproxy(s, listener.port)) as front:
        client = front.tls(context(certificates.ca))
        whole_session(behind, client, alice, tls=client.version, **HERE)
        assert behind.log_lines("connect", rport=port_of(client), via="127.0.0.1")


def test_haproxy_checks_health(behind, certificates):
    """Several a second, each answered, none in the log."""
    listener = behind.listener(name="pop3+proxy-v2")
    with running(behind, lambda s: haproxy(
            s, listener.port, certificates.server(), "send-proxy-v2", checks=CHECK)) as front:
        time.sleep(2)
        assert "DOWN" not in front.text()
        front.tls(context(certificates.ca)).quit()
        assert len(behind.log_lines("connect")) == 1


# Mail proxies

@pytest.mark.parametrize("starttls", ["on", "off"])
def test_nginx(behind, alice, certificates, starttls):
    """It says whom it speaks for by a header, and logs in for them."""
    behind.set(auth__plaintext_login="local")
    listener = behind.listener(name="pop3+proxy-v1")
    with running(behind, lambda s: nginx(
            s, listener.port, certificates.server(), starttls=starttls)) as front:
        offered = context(certificates.ca)
        client = front.stls(offered) if starttls == "on" else front.tls(offered)
        whole_session(behind, client, alice, **HERE)
        assert behind.log_lines("connect", rport=port_of(client), via="127.0.0.1")
        assert front.asked


def test_perdition(behind, alice, certificates):
    behind.set(auth__plaintext_login="local")
    listener = behind.listener()
    with running(behind, lambda s: perdition(
            s, listener.port, certificates.server())) as front:
        client = front.stls(context(certificates.ca))
        client.login(alice)
        assert client.cmd("STAT").startswith(b"+OK 1 ")
        # It ends TLS without saying so.
        client.cmd_ok("QUIT")
        assert client.rest() == b""
        assert behind.wait_log("session-end", user=alice.name, reason="quit", **HERE)


@pytest.mark.parametrize("mode", ["proxy=y", "proxy=y starttls=any-cert"])
def test_dovecot(behind, alice, certificates, mode):
    """Its proxy finds XCLIENT in the greeting and says for whom, before or inside TLS."""
    behind.use_tls(certificates.server(), server__xclient="yes", auth__plaintext_login="local")
    listener = behind.listener()
    with running(behind, lambda s: dovecot(
            s, listener.port, certificates.server(), mode)) as front:
        client = front.stls(context(certificates.ca))
        client.timeout = patient(20)
        whole_session(behind, client, alice, **HERE)
        line, = behind.log_lines("login", user=alice.name)
        assert "session=" in line
        assert behind.log_lines("connect", rport=port_of(client), via="127.0.0.1")
        assert ("tls=no" in line) == (mode == "proxy=y")


# What a module is told

@pytest.fixture
def puppet(behind, maildir):
    """pam_puppet.c writes down what it is called with."""
    services = PamServices(behind.directory)
    behind.use_modules("pam")
    behind.set(auth__pam__service=services.puppet(), auth__plaintext_login="always",
               mail__location="maildir:" + maildir.path)
    yield services
    services.close()


@pytest.mark.parametrize("way", ["header", "xclient"])
def test_pam_rhost(behind, alice, puppet, way):
    if way == "header":
        client = behind.inetd("-o", "server.proxy=v1", greeting=False)
        client.send(proxy_headers.v1())
        client.ok()
    else:
        client = behind.inetd("-o", "server.xclient=yes")
        client.cmd_ok("XCLIENT ADDR=192.0.2.1 PORT=1")
    client.login(alice)
    client.quit()
    calls = puppet.calls()
    assert calls and all("192.0.2.1" in call for call in calls), calls
