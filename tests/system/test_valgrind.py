"""Whole dialogues with every process under valgrind's memcheck.

What is read before it was written is found here, and by no other test.  The suite named
valgrind runs this, with a tree of its own.
"""

import gzip

import pytest

import proxy_headers as proxy
from backends import Apop, Jwt, Passwd
from mechanisms import DENIED, LOG_IN, LOGGED_IN
from memcheck import Memcheck
from stores import message
from tls_client import context, implicit, stls

RAWS = [message(1), message(2, b".\n..\n.x\nx."), message(3).replace(b"\n", b"\r\n"), b"\n",
        message(5, b"x" * 99999 + b"\n"), message(6, b"one\n\n\nFrom the sea\r\n" * 2000)]
ROLES = ("auth", "front", "monitor session")
# Of a password that nobody knows yet: the first auth process has no library to check it.
FIRST = ("auth", *ROLES)


@pytest.fixture
def memcheck(site):
    return Memcheck(site)


def top(text, lines):
    head, empty, body = text.partition(b"\r\n\r\n")
    return head + empty + b"".join(body.splitlines(True)[:lines])


def look(client, expected):
    """All that tells something of the maildrop; its unique-ids."""
    sizes = [len(text) for text in expected]
    assert client.cmd("STAT") == b"+OK %d %d" % (len(sizes), sum(sizes))
    assert client.lines("LIST") == ["%d %d" % (i + 1, n) for i, n in enumerate(sizes)]
    assert client.cmd("LIST 2") == b"+OK 2 %d" % sizes[1]
    ids = [line.split(" ")[1] for line in client.lines("UIDL")]
    assert client.cmd("UIDL 1") == b"+OK 1 " + ids[0].encode()
    return ids


def test_transaction(site, store, memcheck, alice):
    """From an unknown maildrop, from its index, and after what an update has left."""
    expected = store.fill(RAWS)
    if store.kind == "maildir":
        store.put(message(7), "new")
        store.put(gzip.compress(message(8)))
        expected += [store.expected(message(7)), store.expected(message(8))]
    client = memcheck.connect()
    client.login(alice)
    ids = look(client, expected)
    for i, text in enumerate(expected):
        assert client.multi("RETR %d" % (i + 1)) == text
        assert client.multi("TOP %d 1" % (i + 1)) == top(text, 1)
    for line in ("DELE 1", "RSET", "DELE 2", "NOOP", "CAPA"):
        client.cmd_ok(line)
    client.body()
    for line in ("RETR 2", "LIST 2", "DELE 2", "TOP 1", "UIDL 0", "LIST x", "XYZZY", "PASS x"):
        client.cmd_err(line)
    client.quit()
    memcheck.check(client.process, *FIRST)
    del expected[1], ids[1]
    for _ in range(2):
        client = memcheck.connect()
        client.login(alice)
        assert look(client, expected) == ids
        client.quit()
        memcheck.check(client.process, *ROLES)


@pytest.mark.parametrize("back_end, mechanism", [
    (Passwd, "PLAIN"), (Passwd, "LOGIN"), (Passwd, "SCRAM-SHA-256"), (Apop, "APOP"),
    (Apop, "CRAM-MD5"), (Jwt, "OAUTHBEARER")])
def test_mechanism(site, maildir, memcheck, alice, back_end, mechanism):
    """A secret that is wrong and one that is right, in one connection."""
    users = back_end(site, alice)
    site.set(auth__modules=users.name, auth__mechanisms=mechanism)
    users.install()
    client = memcheck.connect()
    assert LOG_IN[mechanism](client, *users.prepare("wrong")) == DENIED
    assert LOG_IN[mechanism](client, *users.prepare("right")) == LOGGED_IN
    client.quit()
    tried = ["auth"] * (3 if mechanism == "PLAIN" else 1)
    memcheck.check(client.process, *tried, *ROLES)


def test_refused(site, maildir, memcheck, alice):
    """Nobody logs in, whatever is said."""
    client = memcheck.connect()
    for line in ("STAT", "PASS x", "USER", "X" * 300, "AUTH PLAIN !", "AUTH X", "STLS"):
        client.cmd_err(line)
    client.lines("CAPA")
    client.cmd_ok("USER p3nobody")
    assert client.cmd("PASS x") == DENIED
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS x") == DENIED
    client.quit()
    memcheck.check(client.process, *["auth"] * 4, "front", "monitor")


@pytest.mark.parametrize("where", ["greeting", "password", "transaction", "message"])
def test_cut(site, store, memcheck, alice, where):
    """The client is gone, with a reset; what it deleted stays."""
    store.fill(RAWS + [message(9, b"a line\n" * 300000)])
    before = store.snapshot()
    client = memcheck.connect()
    roles = ["front", "monitor"]
    if where == "password":
        client.cmd_ok("USER " + alice.name)
        client.send(b"PASS half of i")
    elif where in ("transaction", "message"):
        client.login(alice)
        client.cmd_ok("DELE 1")
        roles = FIRST
    if where == "message":
        client.cmd_ok("RETR %d" % (len(RAWS) + 1))
    client.reset()
    memcheck.check(client.process, *roles)
    assert store.snapshot() == before


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_tls(site, maildir, memcheck, alice, certificates, mode):
    expected = maildir.fill(RAWS)
    site.use_tls(certificates.server(), tls__mode=mode)
    client = memcheck.connect(mode == "starttls")
    offered = context(certificates.ca)
    client = (stls if mode == "starttls" else implicit)(site, client, offered)
    client.login(alice)
    look(client, expected)
    assert client.multi("RETR 6") == expected[5]
    client.quit()
    before = ["front"] * (mode == "starttls")
    memcheck.check(client.process, "tls", "key", *before, *FIRST)


@pytest.mark.parametrize("data", [proxy.v1(), proxy.v2(checksum=True)], ids=["v1", "v2"])
def test_proxy_header(site, maildir, memcheck, alice, data):
    site.set(server__proxy="any", auth__plaintext_login="always")
    client = memcheck.connect(greeting=False)
    client.send(data)
    client.ok()
    client.login(alice)
    client.quit()
    memcheck.check(client.process, "proxy", *FIRST)


def test_listener(site, maildir, memcheck, alice, certificates):
    """Its resident and all that it forks; the process without a role is pop3d-tls check,
    which has a key process of its own."""
    site.use_tls(certificates.server())
    listener = site.listener(prefix=memcheck.prefix)
    for offered in (None, context(certificates.ca)):
        client = memcheck.connect(listener=listener)
        if offered:
            client = stls(site, client, offered)
        client.login(alice)
        client.quit()
    listener.process.terminate()
    memcheck.check(listener.process, "listener", "", "resident", "tls", "key", "key", "front",
                   *ROLES * 2)
