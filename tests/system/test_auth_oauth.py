"""Bearer tokens: the module jwt, OAUTHBEARER and XOAUTH2 with raw lines and real clients."""

import base64
import json
import os
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness import Proc, descendants, role_of
from test_clients_fetch import Mailbox, assert_fetched, fetched_files

DENIED = b"-ERR [AUTH] Invalid user name or password"
BROKEN = b"-ERR [SYS/TEMP] Authentication failed for now, try again later"
ISSUER = "https://id.example.org/realm"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, octets):
    return b64url(value.to_bytes(octets, "big"))


class Issuer:
    """The keys of an OAuth server, of every kind, and tokens signed with them."""

    def __init__(self):
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.ed = ed25519.Ed25519PrivateKey.generate()

    def jwks(self):
        r, e = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        raw = self.ed.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"keys": [
            {"kty": "RSA", "kid": "r", "use": "sig", "n": number(r.n, 256), "e": number(r.e, 3)},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": number(e.x, 32), "y": number(e.y, 32)},
            {"kty": "OKP", "kid": "d", "crv": "Ed25519", "x": b64url(raw)}]}

    def sign(self, algorithm, data):
        if algorithm == "RS256":
            return self.rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if algorithm == "EdDSA":
            return self.ed.sign(data)
        r, s = utils.decode_dss_signature(self.ec.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, user, algorithm="EdDSA", **members):
        claims = {"iss": ISSUER, "aud": ["web", "pop3d"], "sub": user,
                  "exp": time.time() + 60, "scope": "openid mail"}
        claims.update(members)
        kid = {"RS256": "r", "ES256": "e", "EdDSA": "d"}[algorithm]
        head = json.dumps({"alg": algorithm, "typ": "at+jwt", "kid": kid})
        text = "%s.%s" % (b64url(head.encode()), b64url(json.dumps(claims).encode()))
        return "%s.%s" % (text, b64url(self.sign(algorithm, text.encode())))


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture
def oauth(site, maildir, alice, issuer):
    with open(site.path("jwks"), "w") as f:
        json.dump(issuer.jwks(), f)
    site.set(auth__modules="passwd jwt", auth__mechanisms="USER OAUTHBEARER XOAUTH2",
             auth__oauth_scope="mail", auth__jwt__jwks=site.path("jwks"),
             auth__jwt__issuer=ISSUER, auth__jwt__audience="pop3d", auth__jwt__scope="mail",
             auth__max_attempts=20, mail__uid=alice.uid, mail__gid=alice.gid,
             mail__location="maildir:" + maildir.path)
    return site


def bearer(user, token, extra=""):
    return "n,%s,\x01%sauth=Bearer %s\x01\x01" % ("a=" + user if user else "", extra, token)


def xoauth2(user, token):
    return "user=%s\x01auth=Bearer %s\x01\x01" % (user, token)


def encode(text):
    return base64.b64encode(text.encode()).decode()


def auth(client, mechanism, text, lines=1):
    """In one line, or with an empty challenge first; the answer."""
    if lines == 1:
        client.send(("AUTH %s %s\r\n" % (mechanism, encode(text))).encode())
    else:
        client.send(("AUTH %s\r\n" % mechanism).encode())
        assert client.line() == b"+ "
        client.send((encode(text) + "\r\n").encode())
    return client.line()


def refusal(answer):
    assert answer.startswith(b"+ "), answer
    return json.loads(base64.b64decode(answer[2:], validate=True))


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_right_token(oauth, alice, issuer, mechanism, algorithm, lines):
    form = bearer if mechanism == "OAUTHBEARER" else xoauth2
    client = oauth.inetd()
    text = form(alice.name, issuer.token(alice.name, algorithm))
    assert auth(client, mechanism, text, lines) == b"+OK Logged in"
    assert client.cmd("STAT") == b"+OK 0 0"
    assert oauth.wait_log("login", user=alice.name, mech=mechanism)


def test_token_alone_names_the_user(oauth, alice, issuer):
    client = oauth.inetd()
    assert auth(client, "OAUTHBEARER", bearer("", issuer.token(alice.name))) == b"+OK Logged in"
    assert oauth.wait_log("login", user=alice.name, mech="OAUTHBEARER")


@pytest.mark.parametrize("why, members", [
    ("expired", {"exp": 1000000000}), ("no expiry", {"exp": None}),
    ("early", {"nbf": 4000000000}), ("issued later", {"iat": 4000000000}),
    ("audience", {"aud": "web"}), ("scope", {"scope": "openid"}),
    ("issuer", {"iss": ISSUER + "/"}), ("nobody", {"sub": None}),
    ("other user", {"sub": "p3bob"})])
@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_wrong_token(oauth, alice, issuer, mechanism, why, members):
    form = bearer if mechanism == "OAUTHBEARER" else xoauth2
    status = "invalid_token" if mechanism == "OAUTHBEARER" else "401"
    client = oauth.inetd()
    text = form(alice.name, issuer.token(alice.name, **members))
    assert refusal(auth(client, mechanism, text)) == {
        "status": status, "schemes": "bearer", "scope": "mail"}
    assert client.cmd("AQ==" if mechanism == "OAUTHBEARER" else "") == DENIED
    assert refusal(auth(client, mechanism, text, 2))["status"] == status
    assert client.cmd("*").startswith(b"-ERR")
    assert auth(client, mechanism, form(alice.name, issuer.token(alice.name))) == \
        b"+OK Logged in"


def test_forged_tokens(oauth, alice, issuer):
    head, claims, signature = issuer.token(alice.name).split(".")
    none = b64url(b'{"alg":"none"}')
    forged = [Issuer().token(alice.name), "%s.%s." % (none, claims),
              "%s.%s.%s" % (none, claims, signature), "%s.%s.%s" % (head, claims, "A" * 86),
              "%s.%s.%s" % (head, claims, signature[:-4]), "opaque", claims]
    client = oauth.inetd()
    for token in forged:
        assert refusal(auth(client, "OAUTHBEARER", bearer(alice.name, token)))
        assert client.cmd("AQ==") == DENIED


def test_malformed_messages(oauth, alice, issuer):
    client = oauth.inetd()
    token = issuer.token(alice.name)
    for text in ["\x01", "n,,\x01", bearer(alice.name, token)[:-1], xoauth2(alice.name, token),
                 "p=tls-unique,,\x01auth=Bearer %s\x01\x01" % token]:
        assert auth(client, "OAUTHBEARER", text) == DENIED
    assert auth(client, "XOAUTH2", bearer(alice.name, token)) == DENIED
    client.send(b"AUTH OAUTHBEARER =\r\n")
    assert client.line() == DENIED
    client.send(b"AUTH OAUTHBEARER %%%\r\n")
    client.err()
    assert auth(client, "OAUTHBEARER", bearer(alice.name, token)) == b"+OK Logged in"


@pytest.mark.parametrize("host, right", [
    ("pop.example.org", True), ("POP.example.ORG", True), ("127.0.0.1", True),
    ("pop.example.com", False), ("127.0.0.2", False)])
def test_host(oauth, alice, issuer, host, right):
    client = oauth.inetd()
    text = bearer(alice.name, issuer.token(alice.name), "host=%s\x01port=110\x01" % host)
    answer = auth(client, "OAUTHBEARER", text)
    assert (answer == b"+OK Logged in") == right
    if not right:
        assert refusal(answer)
        assert client.cmd("AQ==") == DENIED


@pytest.mark.parametrize("lines", [1, 2])
def test_large_tokens(oauth, alice, issuer, lines):
    """Up to 64 KiB; above that the client is told, and can go on."""
    def token_of(octets):
        made, n = "", octets * 3 // 4 - 400
        while len(made) < octets:
            made = issuer.token(alice.name, x="x" * n)
            n += max(1, (octets - len(made)) * 3 // 4)
        return made
    client = oauth.inetd()
    for octets in (66500, 90000, 200000):
        client.send(b"AUTH OAUTHBEARER")
        if lines == 2:
            client.send(b"\r\n")
            assert client.line() == b"+ "
        text = encode(bearer(alice.name, "x" * octets))
        client.send((" " if lines == 1 else "").encode() + text.encode() + b"\r\n")
        client.err()
    largest = next(t for t in (token_of(n) for n in range(65536, 65520, -1)) if len(t) <= 65536)
    assert auth(client, "OAUTHBEARER", bearer(alice.name, largest), lines) == b"+OK Logged in"


def test_not_offered_means_refused(oauth, alice, issuer):
    client = oauth.inetd()
    client.cmd_ok("CAPA")
    assert b"SASL OAUTHBEARER XOAUTH2" in client.body()
    oauth.set(auth__mechanisms="USER XOAUTH2")
    client = oauth.inetd()
    client.send(b"AUTH OAUTHBEARER " + encode(bearer("", issuer.token("x"))).encode() + b"\r\n")
    client.err()


@pytest.mark.parametrize("harm", ["missing", "garbage", "empty set", "writable", "unset"])
def test_broken_key_sets_are_a_failure_for_now(oauth, alice, issuer, harm):
    path = oauth.path("jwks")
    if harm == "missing":
        os.unlink(path)
    elif harm == "writable":
        os.chmod(path, 0o666)
    elif harm == "unset":
        oauth.set(auth__jwt__audience="")
    else:
        with open(path, "w") as f:
            f.write("{" if harm == "garbage" else '{"keys":[]}')
    client = oauth.inetd()
    answer = auth(client, "OAUTHBEARER", bearer(alice.name, issuer.token(alice.name)))
    assert answer == BROKEN


def test_changed_keys_hold_at_once(oauth, alice, issuer):
    listener = oauth.listener()
    other = Issuer()
    with open(oauth.path("jwks"), "w") as f:
        json.dump(other.jwks(), f)
    client = listener.connect()
    assert refusal(auth(client, "OAUTHBEARER", bearer("", issuer.token(alice.name))))
    assert client.cmd("AQ==") == DENIED
    assert auth(client, "OAUTHBEARER", bearer("", other.token(alice.name))) == b"+OK Logged in"


def mapped(proc):
    with open("/proc/%d/maps" % proc.pid) as f:
        return {line.split("/")[-1].split(".")[0] for line in f if "/" in line}


def test_only_the_auth_process_has_the_libraries(oauth, alice, issuer):
    client = oauth.inetd()
    client.send(b"AUTH OAUTHBEARER\r\n")
    assert client.line() == b"+ "
    root = Proc(client.process.pid)
    found = {role_of(p): mapped(p) for p in [root, *descendants(root.pid)]}
    assert {"libcrypto", "libjansson"} <= found["pop3d-auth"]
    for role, libraries in found.items():
        assert role == "pop3d-auth" or not {"libcrypto", "libjansson"} & libraries, role
    client.send((encode(bearer("", issuer.token(alice.name))) + "\r\n").encode())
    client.ok()
    assert "libcrypto" not in mapped(root)


# Clients of others.

@pytest.fixture
def mailbox(oauth, maildir, alice, issuer):
    maildir.location = "maildir:" + maildir.path  # a token knows no home
    made = Mailbox(oauth, alice, maildir)
    alice.password = issuer.token(alice.name)
    return made


@pytest.mark.parametrize("mechanism", ["oauthbearer", "xoauth2"])
def test_mpop(mailbox, mechanism):
    folder = mailbox.maildir("mpop")
    mailbox.write("token", mailbox.account.password + "\n")
    rc = mailbox.write("mpoprc", "\n".join([
        "account default", "host 127.0.0.1", "port %d" % mailbox.port, "tls off",
        "auth " + mechanism, "user " + mailbox.account.name,
        "passwordeval cat " + mailbox.path("token"), "received_header off",
        "uidls_file " + mailbox.path("uidls"), "keep on", "delivery maildir " + folder, ""]))
    mailbox.run("mpop", "--file=" + rc, "--quiet")
    assert_fetched(fetched_files(os.path.join(folder, "new")), mailbox.wires)
    assert mailbox.site.wait_log("login", mech=mechanism.upper())


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_curl(mailbox, mechanism):
    """Given both, curl takes OAUTHBEARER whatever it is told."""
    mailbox.site.set(auth__mechanisms=mechanism, auth__modules="jwt")
    mailbox.listener.stop()
    mailbox.port = mailbox.site.listener().port
    url = "pop3://127.0.0.1:%d/3" % mailbox.port
    words = ["curl", "--silent", "--show-error", "--user", mailbox.account.name, "--oauth2-bearer"]
    assert mailbox.run(*words, mailbox.account.password, url) == mailbox.wires[2]
    assert mailbox.site.wait_log("login", mech=mechanism)
    mailbox.run(*words, mailbox.account.password + "x", url, status=67)
