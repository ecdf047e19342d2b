"""Certificates: which one is sent, and that files may change under a running server."""

import os
import shutil

import pytest

from harness import wait_until
from patience import patient
from supervisors import run_program
from tls_client import context, implicit, stls
from certificates import write_file, read_file


@pytest.fixture
def tls(site, certificates):
    site.use_tls(certificates.server(), tls__mode="implicit")
    return site


def connector(server):
    """For sent(): connections to one server."""
    return lambda: server.connect(greeting=False)


def sent(site, offered, name="localhost", connect=None):
    """The certificate that a client gets who asks for a name."""
    connect = connect or (lambda: site.inetd(greeting=False))
    inside = implicit(site, connect(), offered, name=name)
    inside.cmd_ok("QUIT")
    inside.rest()
    inside.close()
    return inside.certificate


def test_rsa_and_ecdsa(tls, certificates):
    ec, rsa = certificates.server(), certificates.server(kind="rsa")
    tls.use_tls(ec, rsa)
    only = {"ECDHE-ECDSA-AES128-GCM-SHA256": ec, "ECDHE-RSA-AES128-GCM-SHA256": rsa}
    for cipher, pair in only.items():
        offered = context(certificates.ca, highest="TLSv1_2", ciphers=cipher)
        assert sent(tls, offered) == pair.der


def sni_directory(site, certificates):
    """NAME.pem with the key inside, and NAME/ as certbot has it."""
    directory = site.path("sni")
    os.makedirs(os.path.join(directory, "b.example.org"))
    pairs = {name: certificates.server(name) for name in
             ("a.example.org", "b.example.org", "*.example.com")}
    for name in ("a.example.org", "*.example.com"):
        pair = pairs[name]
        write_file(os.path.join(directory, name + ".pem"),
                   read_file(pair.certificate) + read_file(pair.key), 0o600)
    shutil.copy(pairs["b.example.org"].certificate,
                os.path.join(directory, "b.example.org", "fullchain.pem"))
    write_file(os.path.join(directory, "b.example.org", "privkey.pem"),
               read_file(pairs["b.example.org"].key), 0o600)
    write_file(os.path.join(directory, "README"), b"certbot leaves this here\n")
    return directory, pairs


def sni_file(site, certificates):
    pairs = {name: certificates.server(name) for name in
             ("a.example.org", "b.example.org", "*.example.com")}
    text = "# names\n\n" + "".join("%s %s\t%s\n" % (name, p.certificate, p.key)
                                   for name, p in pairs.items())
    return write_file(site.path("sni"), text.encode()), pairs


@pytest.mark.parametrize("way", ["inetd", "listener"])
@pytest.mark.parametrize("make", [sni_directory, sni_file])
def test_names(tls, certificates, make, way):
    path, pairs = make(tls, certificates)
    tls.set(tls__sni=path)
    server = tls.listener() if way == "listener" else None
    connect = server and (lambda: server.connect(greeting=False))
    main = certificates.server().der
    offered = context(None)
    expected = {"a.example.org": pairs["a.example.org"].der,
                "A.Example.ORG": pairs["a.example.org"].der,
                "b.example.org": pairs["b.example.org"].der,
                "x.example.com": pairs["*.example.com"].der,
                "y.x.example.com": main, "example.com": main, "localhost": main,
                "c.example.org": main, None: main}
    for name, certificate in expected.items():
        assert sent(tls, offered, name, connect) == certificate, name


def test_a_name_that_is_added_to_a_running_server(tls, certificates):
    path, _ = sni_directory(tls, certificates)
    tls.set(tls__sni=path)
    server = tls.listener()
    connect = connector(server)
    offered = context(None)
    assert sent(tls, offered, "new.example.org", connect) == certificates.server().der
    pair = certificates.server("new.example.org")
    write_file(os.path.join(path, "new.example.org.pem"),
               read_file(pair.certificate) + read_file(pair.key), 0o600)
    assert sent(tls, offered, "new.example.org", connect) == pair.der


def test_a_name_that_is_spoilt_under_a_running_server(tls, certificates):
    """The others are served, and the log tells."""
    path, pairs = sni_directory(tls, certificates)
    tls.set(tls__sni=path)
    server = tls.listener()
    connect = connector(server)
    offered = context(None)
    assert sent(tls, offered, "b.example.org", connect) == pairs["b.example.org"].der
    spoilt = os.path.join(path, "b.example.org", "fullchain.pem")
    write_file(spoilt, b"no certificate\n")
    assert sent(tls, offered, "b.example.org", connect) == certificates.server().der
    assert sent(tls, offered, "a.example.org", connect) == pairs["a.example.org"].der
    assert wait_until(lambda: [l for l in tls.log_lines("error") if spoilt in l],
                      what="a line about it")


def test_a_changed_certificate_is_used_at_once(tls, certificates):
    pair = certificates.server().copy(tls.directory)
    tls.use_tls(pair)
    server = tls.listener()
    connect = connector(server)
    offered = context(certificates.ca)
    old = sent(tls, offered, connect=connect)
    for _ in range(3):
        pair.renew()
        new = sent(tls, offered, connect=connect)
        assert new == pair.der != old
        old = new


def test_a_connection_that_began_before_the_change(tls, certificates):
    """It is the handshake that counts."""
    pair = certificates.server().copy(tls.directory)
    tls.use_tls(pair, tls__mode="starttls")
    listener, offered = tls.listener(), context(certificates.ca)
    # The files have been read.
    stls(tls, listener.connect(), offered).quit()
    client = listener.connect()
    pair.renew()
    assert stls(tls, client, offered).certificate == pair.der


def test_a_change_for_the_worse_leaves_the_old_in_force(tls, certificates):
    pair = certificates.server().copy(tls.directory)
    tls.use_tls(pair)
    server = tls.listener()
    connect = connector(server)
    offered = context(certificates.ca)
    old = sent(tls, offered, connect=connect)
    write_file(pair.certificate, b"no certificate\n")
    for _ in range(3):
        assert sent(tls, offered, connect=connect) == old
    assert any("the old ones stay in force" in line for line in tls.log_lines("error"))
    write_file(pair.certificate, read_file(certificates.server().certificate))
    pair.renew()
    assert wait_until(lambda: sent(tls, offered, connect=connect) == pair.der,
                      what="the new certificate")


def test_the_configuration_itself_can_change(tls, certificates):
    server = tls.listener()
    offered = context(certificates.ca)
    assert sent(tls, offered, connect=lambda: server.connect(greeting=False)) == (
        certificates.server().der)
    tls.use_tls(certificates.server(kind="rsa"))
    assert wait_until(lambda: sent(
        tls, offered, connect=lambda: server.connect(greeting=False)) ==
        certificates.server(kind="rsa").der, what="the other certificate")


# pop3d -t

def check(site):
    done = run_program(site, "-t", "-c", site.conf)
    return done.returncode, done.stderr


def test_check_of_a_good_configuration(tls, certificates):
    path, _ = sni_directory(tls, certificates)
    pair = certificates.server()
    tls.set(tls__sni=path, tls__client_ca=certificates.client_ca,
            tls__client_certificate="optional", tls__ocsp=certificates.ocsp(pair),
            tls__client_crl=certificates.revocation_list())
    assert check(tls) == (0, "")


SPOILT = {
    "no file": (lambda s, c: {"tls__certificate": "/no/such"}, "tls.certificate: /no/such"),
    "another's key": (lambda s, c: {"tls__key": c.server(kind="rsa").key}, "tls.key: "),
    "a key too few": (lambda s, c: {"tls__certificate": " ".join(
        [c.server().certificate, c.server(kind="rsa").certificate])}, "has no file in tls.key"),
    "a key too many": (lambda s, c: {"tls__key": " ".join(
        [c.server().key, c.server(kind="rsa").key])}, "has no file in tls.certificate"),
    "no certificate": (lambda s, c: {"tls__certificate": c.server().key}, "tls.certificate: "),
    "expired": (lambda s, c: dict(zip(("tls__certificate", "tls__key"), (
        lambda p: (p.certificate, p.key))(c.server(start=-10, end=-1)))), "has expired on "),
    "protocols": (lambda s, c: {"tls__protocols": "TLSv1.1 TLSv1.2"}, "tls.protocols: "),
    "ciphers": (lambda s, c: {"tls__ciphers": "NONSENSE"}, "tls.ciphers: NONSENSE"),
    "groups": (lambda s, c: {"tls__groups": "P-999"}, "tls.groups: P-999"),
    "ocsp": (lambda s, c: {"tls__ocsp": c.server().certificate}, "tls.ocsp: "),
    "client ca": (lambda s, c: {"tls__client_certificate": "required"}, "tls.client_ca: "),
    "crl": (lambda s, c: {"tls__client_certificate": "required",
                          "tls__client_ca": c.client_ca,
                          "tls__client_crl": c.client_ca}, "tls.client_crl: "),
    "sni": (lambda s, c: {"tls__sni": "/no/such"}, "tls.sni: /no/such"),
    "sni line": (lambda s, c: {"tls__sni": write_file(s.path("sni"), b"name\n")},
                 "a line is not NAME CERTIFICATE KEY"),
    "map": (lambda s, c: {"tls__client_user": "map"}, "tls.client_map: "),
    "who wrote the program": (lambda s, c: {"tls__program": write_file(
        s.path("program"), b"#!/bin/sh\n", 0o775)}, "must be owned by root and writable"),
    "program": (lambda s, c: {"tls__program": "/no/such"}, "tls.program: /no/such"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_check_tells_what_is_wrong(tls, certificates, name):
    change, expected = SPOILT[name]
    tls.set(**change(tls, certificates))
    status, text = check(tls)
    assert status == 78 and expected in text, text
    # Who listens refuses to begin; who serves one connection says so in the log.
    process = tls.spawn(tls.argv("-l", "127.0.0.1:1"))
    assert process.wait(patient(20)) == 78


@pytest.mark.parametrize("mode,owner,good", [
    (0o600, 0, True), (0o400, 0, True), (0o640, 0, True), (0o644, 0, False),
    (0o604, 0, False), (0o660, 0, False), (0o602, 0, False), (0o600, 65534, False)])
def test_who_may_read_a_key(tls, certificates, mode, owner, good):
    pair = certificates.server().copy(tls.directory)
    os.chmod(pair.key, mode)
    os.chown(pair.key, owner, 0)
    tls.use_tls(pair)
    status, text = check(tls)
    assert (status == 0) == good, text
    assert good or "tls.key: " + pair.key in text
    client = tls.inetd(greeting=False)
    if good:
        assert implicit(tls, client, context(certificates.ca)).cmd_ok("QUIT")
    else:
        client.eof()


def test_a_key_with_a_password(tls, certificates):
    """Nobody is asked for it."""
    from cryptography.hazmat.primitives import serialization
    pair = certificates.server().copy(tls.directory)
    key = serialization.load_pem_private_key(read_file(pair.key), None)
    write_file(pair.key, key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret")), 0o600)
    tls.use_tls(pair)
    status, text = check(tls)
    assert status == 78 and "tls.key: " + pair.key in text


def test_it_warns_of_the_end(tls, certificates):
    tls.use_tls(certificates.server(end=5))
    status, text = check(tls)
    assert status == 0 and text.startswith("pop3d: warning: tls.certificate: ")
    assert "expires on 20" in text


def test_no_certificate_is_no_mistake(site):
    """Nobody has asked for the default file."""
    assert check(site) == (0, "")


# Stapling: openssl shows what was sent.

def staple_of(site, certificates, name="localhost"):
    server = site.listener()
    done = site.spawn(["openssl", "s_client", "-status", "-CAfile", certificates.ca,
                       "-servername", name, "-connect", "127.0.0.1:%d" % server.port],
                      stdout=-1)
    out = done.communicate(timeout=10)[0].decode()
    server.stop()
    return out


@pytest.mark.parametrize("status,word", [("GOOD", "good"), ("REVOKED", "revoked")])
def test_stapling(tls, certificates, status, word):
    pair = certificates.server()
    tls.set(tls__ocsp=certificates.ocsp(pair, status))
    assert "Cert Status: " + word in staple_of(tls, certificates)


def test_nothing_to_staple(tls, certificates):
    assert "OCSP response: no response sent" in staple_of(tls, certificates)


def test_a_response_for_a_name(tls, certificates):
    path, pairs = sni_directory(tls, certificates)
    shutil.copy(certificates.ocsp(pairs["a.example.org"]),
                os.path.join(path, "a.example.org.ocsp"))
    tls.set(tls__sni=path)
    assert "Cert Status: good" in staple_of(tls, certificates, "a.example.org")
    assert "no response sent" in staple_of(tls, certificates, "b.example.org")
