"""What TLS proves: certificates of clients (EXTERNAL), channels that SCRAM binds to."""

import os
import ssl

import pytest

from mechanisms import DENIED, LOGGED_IN, b64, log_in_scram
from stores import message
from test_auth_scram import Gsasl, entry, pop3ctl
from tls_client import context, implicit, stls

PLUS = "SCRAM-SHA-256-PLUS"


@pytest.fixture
def tls(site, maildir, certificates):
    maildir.fill([message(1)])
    site.use_tls(certificates.server(), tls__mode="implicit",
                 auth__mechanisms="USER PLAIN EXTERNAL",
                 tls__client_ca=certificates.client_ca, tls__client_certificate="optional")
    return site


def connect(site, certificates, pair=None, version=None, **options):
    return implicit(site, site.inetd(greeting=False),
                    context(certificates.ca, pair=pair, highest=version), **options)


def external(client, name=""):
    client.send(("AUTH EXTERNAL %s\r\n" % (b64(name) or "=")).encode())
    return client.reply()


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("named", [True, False])
def test_external(tls, alice, certificates, version, named):
    pair = certificates.client(alice.name)
    client = connect(tls, certificates, pair, version)
    assert "SASL EXTERNAL PLAIN" in client.lines("CAPA")
    assert external(client, alice.name if named else "") == LOGGED_IN
    assert client.cmd("STAT").startswith(b"+OK 1 ")
    client.quit()
    line, = tls.log_lines("login", user=alice.name, mech="EXTERNAL")
    assert 'cert="CN=%s,O=pop3d tests"' % alice.name in line


def test_external_in_two_steps(tls, alice, certificates):
    client = connect(tls, certificates, certificates.client(alice.name))
    client.send(b"AUTH EXTERNAL\r\n")
    assert client.line() == b"+ "
    client.send(b"\r\n")
    assert client.reply() == LOGGED_IN


def test_another_users_mail(tls, alice, bob, certificates):
    client = connect(tls, certificates, certificates.client(alice.name))
    assert external(client, bob.name) == DENIED
    assert external(client) == LOGGED_IN


def test_without_a_certificate_it_is_not_offered(tls, alice, certificates):
    client = connect(tls, certificates)
    assert "EXTERNAL" not in " ".join(client.lines("CAPA"))
    client.cmd_err("AUTH EXTERNAL =")
    client.login(alice)


def test_not_offered_outside_tls(tls):
    client = tls.inetd("-o", "tls.mode=starttls")
    assert "EXTERNAL" not in " ".join(client.lines("CAPA"))
    client.cmd_err("AUTH EXTERNAL =")


def test_stls_leaves_the_state_authorization(tls, alice, certificates):
    """RFC 2595 section 4: a certificate alone logs nobody in."""
    client = tls.inetd("-o", "tls.mode=starttls")
    inside = stls(tls, client, context(certificates.ca,
                                       pair=certificates.client(alice.name)))
    inside.cmd_err("STAT")
    assert external(inside) == LOGGED_IN


def fails_handshake(site, certificates, pair):
    """In TLS 1.3 the server's alert comes after the client's side is done."""
    with pytest.raises(ssl.SSLError):
        client = connect(site, certificates, pair)
        client.cmd("CAPA")
    site.wait_log("disconnect", reason="tls")


def test_required(tls, alice, certificates):
    tls.set(tls__client_certificate="required")
    fails_handshake(tls, certificates, None)
    assert external(connect(tls, certificates, certificates.client(alice.name))) == LOGGED_IN


def test_of_another_authority(tls, alice, certificates):
    fails_handshake(tls, certificates, certificates.client(
        alice.name, issuer=certificates.others))


def test_expired(tls, alice, certificates):
    fails_handshake(tls, certificates, certificates.client(alice.name, start=-9, end=-1))


def test_of_a_server(tls, certificates):
    """A certificate for servers is none for clients."""
    tls.set(tls__client_ca=certificates.ca)
    fails_handshake(tls, certificates, certificates.server())


def test_revoked(tls, alice, bob, certificates):
    good, bad = certificates.client(alice.name), certificates.client(bob.name)
    tls.set(tls__client_crl=certificates.revocation_list(bad))
    assert external(connect(tls, certificates, good)) == LOGGED_IN
    fails_handshake(tls, certificates, bad)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_revoked_since_the_ticket(tls, alice, certificates, version):
    """A session with a certificate is not resumed: what has changed since must be seen."""
    pair = certificates.client(alice.name)
    offered = context(certificates.ca, pair=pair, highest=version)
    first = implicit(tls, tls.inetd(greeting=False), offered)
    assert external(first) == LOGGED_IN
    first.quit()
    again = implicit(tls, tls.inetd(greeting=False), offered, session=first.session)
    assert not again.session_reused
    tls.set(tls__client_crl=certificates.revocation_list(pair))
    with pytest.raises(ssl.SSLError):
        last = implicit(tls, tls.inetd(greeting=False), offered, session=again.session)
        last.cmd("CAPA")


# Whose certificate it is

@pytest.mark.parametrize("names", [[], ["p3alice", "p3bob"]], ids=["none", "two"])
def test_common_names_that_name_nobody(tls, certificates, names):
    """CVE-2019-3814: without a name in the certificate, the one that is given is no proof."""
    client = connect(tls, certificates, certificates.client(*names, emails=["x@y.org"]))
    assert external(client, "p3alice") == DENIED
    assert external(client) == DENIED


@pytest.mark.parametrize("name", ["p3\uff41lice", "p3al\u00adice"])
def test_a_name_that_looks_the_same(tls, certificates, name):
    """The authority has named another one."""
    client = connect(tls, certificates, certificates.client(name))
    assert external(client) == DENIED


def test_an_address_that_cannot_be_kept_is_one_of_several(tls, alice, certificates):
    tls.set(tls__client_user="email")
    client = connect(tls, certificates, certificates.client(
        "x", emails=["e" * 400 + "@example.org", alice.name]))
    assert external(client) == DENIED


def test_by_address(tls, alice, bob, certificates):
    tls.set(tls__client_user="email")
    tls.write_users([tls.user_line(alice, name="ann@example.org")])
    client = connect(tls, certificates, certificates.client(
        "whoever", emails=["ann@example.org"]))
    assert external(client) == LOGGED_IN
    client = connect(tls, certificates, certificates.client(
        "whoever", emails=["ann@example.org", "root@example.org"]))
    assert external(client) == DENIED
    client = connect(tls, certificates, certificates.client(bob.name))
    assert external(client) == DENIED


def write_map(site, text, mode=0o600):
    with open(site.path("map"), "w") as f:
        os.fchmod(f.fileno(), mode)
        f.write(text)
    site.set(tls__client_user="map", tls__client_map=site.path("map"))


@pytest.mark.parametrize("kind", ["sha256", "email", "cn", "subject"])
def test_by_a_map(tls, alice, certificates, kind):
    pair = certificates.client("Ann Other", emails=["ann@example.org"])
    value = {"sha256": pair.fingerprint.upper(), "email": "ann@EXAMPLE.org",
             "cn": "Ann Other", "subject": "CN=Ann Other,O=pop3d tests"}[kind]
    write_map(tls, "# who is who\n\n%s:%s %s\n" % (kind, value, alice.name))
    client = connect(tls, certificates, pair)
    assert external(client) == LOGGED_IN
    client = connect(tls, certificates, certificates.client(alice.name))
    assert external(client) == DENIED


def test_a_map_that_others_can_write(tls, alice, certificates):
    write_map(tls, "cn:%s %s\n" % (alice.name, alice.name), 0o666)
    client = connect(tls, certificates, certificates.client(alice.name))
    assert external(client) == DENIED
    assert any("tls.client_map" in line for line in tls.log_lines("error"))


def test_who_needs_no_password_and_who_is_locked(tls, alice, certificates):
    pair = certificates.client(alice.name)
    for password, extra, expected in (("", "", LOGGED_IN), ("*", "", DENIED),
                                      ("!", "", DENIED), ("", "nologin", DENIED),
                                      ("", "allow_nets=192.0.2.0/24", DENIED)):
        tls.write_users([entry(tls, alice, password, extra)])
        assert external(connect(tls, certificates, pair)) == expected, (password, extra)


def test_nobody_of_that_name(tls, certificates):
    client = connect(tls, certificates, certificates.client("nobody-here"))
    assert external(client) == DENIED


# Channel binding

@pytest.fixture
def plus(site, maildir, alice, certificates):
    maildir.fill([message(1)])
    site.use_tls(certificates.server(), tls__mode="implicit",
                 auth__mechanisms="USER PLAIN SCRAM-SHA-256 " + PLUS)
    site.write_users([])
    made = pop3ctl(site, "add", "--scram", "-u", str(alice.uid), "-g", str(alice.gid), "-d",
                   alice.home, alice.name, password=alice.password)
    assert made.returncode == 0, made.stderr
    return site


def bindings(client, pair):
    """The kinds that both sides know, with what the client knows of the channel."""
    found = {"tls-server-end-point": pair.end_point}
    if client.version == "TLSv1.3":
        found["tls-exporter"] = client.exporter
    else:
        found["tls-unique"] = client.unique
        found["tls-exporter"] = client.exporter
    return found


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("way", ["inetd", "listener"])
@pytest.mark.parametrize("kind", ["tls-exporter", "tls-unique", "tls-server-end-point"])
def test_plus(plus, alice, certificates, version, way, kind):
    listener = plus.listener() if way == "listener" else None
    raw = listener.connect(greeting=False) if listener else plus.inetd(greeting=False)
    client = implicit(plus, raw, context(certificates.ca, highest=version))
    known = bindings(client, certificates.server())
    assert "SASL %s SCRAM-SHA-256 PLAIN" % PLUS in client.lines("CAPA")
    if kind not in known:
        assert log_in_scram(client, alice.name, alice.password, PLUS, flag="p=" + kind,
                            binding=b"x" * 12) == DENIED
        return
    wrong = bytes(len(known[kind]))
    assert log_in_scram(client, alice.name, alice.password, PLUS, flag="p=" + kind,
                        binding=wrong) == DENIED
    assert log_in_scram(client, alice.name, alice.password, PLUS, flag="p=" + kind,
                        binding=known[kind]) == LOGGED_IN
    assert client.cmd("STAT").startswith(b"+OK 1 ")
    client.quit()


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_plus_in_a_resumed_session(plus, alice, certificates, version):
    """What is bound to is the connection, not the session."""
    offered = context(certificates.ca, highest=version)
    first = implicit(plus, plus.inetd(greeting=False), offered)
    first.cmd_ok("QUIT")
    first.rest()
    client = implicit(plus, plus.inetd(greeting=False), offered, session=first.session)
    assert client.session_reused
    for kind, data in bindings(client, certificates.server()).items():
        if kind == "tls-unique":
            # Python gives the client's Finished message, which comes second here.
            continue
        assert data != bindings(first, certificates.server())[kind] or "end-point" in kind
        assert log_in_scram(client, alice.name, alice.password, PLUS, flag="p=" + kind,
                            binding=data) == LOGGED_IN
        break


def test_plus_with_an_rsa_certificate(plus, alice, certificates):
    pair = certificates.server(kind="rsa")
    plus.use_tls(pair)
    client = implicit(plus, plus.inetd(greeting=False), context(certificates.ca))
    assert log_in_scram(client, alice.name, alice.password, PLUS,
                        flag="p=tls-server-end-point", binding=pair.end_point) == LOGGED_IN


def test_a_list_that_was_cut(plus, alice, certificates):
    """RFC 5802 section 6: "y" says that no -PLUS was offered, which was."""
    client = implicit(plus, plus.inetd(greeting=False), context(certificates.ca))
    assert log_in_scram(client, alice.name, alice.password, flag="y") == DENIED
    assert log_in_scram(client, alice.name, alice.password, flag="n") == LOGGED_IN


def test_where_plus_is_not_offered_y_is_the_truth(plus, alice, certificates):
    plus.set(auth__mechanisms="PLAIN SCRAM-SHA-256")
    client = implicit(plus, plus.inetd(greeting=False), context(certificates.ca))
    assert log_in_scram(client, alice.name, alice.password, flag="y") == LOGGED_IN


def gsasl_plus(client, account, answers):
    """The reply that ends an exchange of gsasl, which asks for the channel's data."""
    peer = Gsasl(account.name, account.password, PLUS, ("--no-client-first",))
    try:
        client.send(b"AUTH %s\r\n" % PLUS.encode())
        assert client.line() == b"+ "
        line = peer.ask("\n" + "\n".join(answers)).rsplit(": ", 1)[-1]
        while True:
            client.send(line.encode() + b"\r\n")
            reply = client.line()
            if not reply.startswith(b"+ "):
                return reply
            line = peer.ask(reply[2:].decode())
    finally:
        peer.close()


@pytest.mark.parametrize("version,kind", [("TLSv1_3", "exporter"), ("TLSv1_2", "exporter"),
                                          ("TLSv1_2", "unique")])
def test_gsasl(plus, alice, certificates, version, kind):
    """Another's client: it is asked for tls-exporter first, then for tls-unique."""
    client = implicit(plus, plus.inetd(greeting=False),
                      context(certificates.ca, highest=version))
    data = bytearray(getattr(client, kind))
    before = [""] * (kind == "unique")
    data[0] ^= 1
    assert gsasl_plus(client, alice, [*before, b64(bytes(data))]) == DENIED
    data[0] ^= 1
    assert gsasl_plus(client, alice, [*before, b64(bytes(data))]) == LOGGED_IN


def test_plus_needs_our_own_tls(plus):
    client = plus.inetd("-o", "tls.mode=starttls")
    assert PLUS not in " ".join(client.lines("CAPA"))
    client.cmd_err("AUTH " + PLUS)
