"""The CAPA command: RFC 2449 section 5, and what the list says."""

import re

import pytest

BASE = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER",
        "IMPLEMENTATION pop3d"]
PLAINTEXT = ["USER", "SASL PLAIN LOGIN"]


def test_same_list_in_both_states(site, maildir, alice):
    client = site.inetd()
    before = client.lines("CAPA")
    client.cmd_ok("USER " + alice.name)
    assert client.lines("CAPA") == before
    client.login(alice)
    assert client.lines("CAPA") == before
    assert sorted(before) == sorted(BASE + PLAINTEXT)


def test_form_of_each_line(site, maildir, alice):
    client = site.inetd()
    for line in client.lines("CAPA"):
        assert re.fullmatch(r"[\x21-\x2d\x2f-\x7e]+( [\x21-\x7e]+)*", line), line
        assert len(line) <= 510
        assert not line.startswith("X")


@pytest.mark.parametrize("transport", ["inetd", "pipes"])
@pytest.mark.parametrize("policy", ["always", "local", "tls", "never"])
def test_user_is_listed_only_where_it_works(site, maildir, alice, transport, policy):
    site.set(auth__plaintext_login=policy)
    client = getattr(site, transport)()
    allowed = policy in ("always", "local")
    assert sorted(client.lines("CAPA")) == sorted(BASE + PLAINTEXT * allowed)
    if allowed:
        client.login(alice)
    else:
        reply = client.cmd("USER " + alice.name)
        assert reply == b"-ERR Plaintext login is not allowed on this connection"
        client.cmd_err("PASS " + alice.password)
        client.cmd_err("AUTH PLAIN")
        client.cmd_err("STAT")
    assert sorted(client.lines("CAPA")) == sorted(BASE + PLAINTEXT * allowed)


@pytest.mark.parametrize("argument", ["x", "TOP", "1"])
def test_capa_takes_no_argument(site, maildir, alice, argument):
    client = site.inetd()
    client.cmd_err("CAPA " + argument)
    client.login(alice)
    client.cmd_err("CAPA " + argument)
    client.quiet(0.05)
