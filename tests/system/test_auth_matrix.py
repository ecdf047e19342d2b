"""Every mechanism with every module that can serve it, right and wrong in every way."""

import os

import pytest

from backends import BACK_ENDS, KINDS, ROWS
from mechanisms import (BAD_BASE64, CANCELLED, DENIED, LOG_IN, LOGGED_IN, SASL, TOO_LONG,
                        challenge)
from stores import message


@pytest.fixture
def back_end(request, site, maildir, alice):
    """The back end of the row, installed, as the only module, its mechanism alone offered."""
    mechanism, kind = request.param
    maildir.fill([message(1), message(2)])
    site.use_modules(kind.name)
    site.set(auth__mechanisms=mechanism, auth__max_attempts=100, limits__bad_commands=1000)
    made = kind(site, alice)
    made.mechanism, made.log_in = mechanism, LOG_IN[mechanism]
    made.install()
    yield made
    for client in site.clients:
        client.close()
    made.close()


def rows(condition=lambda mechanism: True):
    chosen = [row for row in ROWS if condition(row[0])]
    return pytest.mark.parametrize("back_end", chosen, indirect=True,
                                   ids=["%s-%s" % (m, b.name) for m, b in chosen])


def outcomes():
    """Each row with each state that its back end can be in."""
    chosen = [(row, kind) for row in ROWS for kind in KINDS
              if kind != "right" and kind not in row[1].never]
    return pytest.mark.parametrize("back_end,kind", chosen, indirect=["back_end"],
                                   ids=["%s-%s-%s" % (m, b.name, k) for (m, b), k in chosen])


def assert_works(client, back_end):
    name, secret = back_end.prepare("right")
    client.cmd_err("STAT")
    assert back_end.log_in(client, name, secret) == LOGGED_IN
    assert client.cmd("STAT").startswith(b"+OK 2 ")
    client.quit()


def expected(back_end, kind):
    # An empty PASS is refused by its form, before anybody is asked.
    if kind == "empty" and back_end.mechanism == "USER":
        return b"-ERR "
    return KINDS[kind]


@outcomes()
def test_every_outcome(site, back_end, kind):
    """The reply of its class, twice, and the connection as good as before."""
    name, secret = back_end.prepare(kind)
    client = site.inetd()
    for _ in range(2):
        reply = back_end.log_in(client, name, secret)
        assert reply.startswith(expected(back_end, kind)), reply
    back_end.repair(kind)
    if kind in back_end.fixed:
        # The configuration is read once a connection.
        client.cmd_err("STAT")
        client = site.inetd()
    assert_works(client, back_end)
    assert site.log_lines("crash") == []


@rows()
def test_first_try(site, back_end):
    assert_works(site.inetd(), back_end)
    assert len(site.wait_log("login", mech=back_end.mechanism)) == 1
    assert site.log_lines("login-failed") == []


@pytest.mark.parametrize("name", ["", " ", "x" * 300, "a\x01b", "\xff\xfe", "p3alice\t"])
@rows()
def test_no_name(site, back_end, name):
    """Names that nobody has, or can have."""
    _, secret = back_end.prepare("unknown")
    client = site.inetd()
    if back_end.mechanism == "APOP" and name == "":
        assert client.cmd("APOP  " + "0" * 32).startswith(b"-ERR")
    else:
        assert back_end.log_in(client, name, secret).startswith(b"-ERR")
    client.cmd_err("STAT")
    client.quit()


@pytest.mark.parametrize("line,reply", [
    (b"*", CANCELLED), (b"A" * 100000, TOO_LONG), (b"!", BAD_BASE64), (b"AAA", BAD_BASE64),
    (b"AB==", BAD_BASE64), (b"AAAA AAAA", BAD_BASE64)],
    ids=["cancelled", "too long", "character", "length", "bits", "space"])
@rows(lambda mechanism: mechanism in SASL)
def test_no_answer(site, back_end, line, reply):
    client = site.inetd()
    for _ in range(3):
        client.send(b"AUTH %s\r\n" % back_end.mechanism.encode())
        challenge(client)
        client.send(line + b"\r\n")
        assert client.reply() == reply
    assert_works(client, back_end)


@pytest.mark.parametrize("line", ["", "x", "p3alice", "p3alice x", "p3alice " + "0" * 31,
                                  "p3alice " + "g" * 32, "p3alice " + "0" * 33,
                                  "p3alice " + "0" * 32 + " x", "p3alice " + "0" * 300])
@rows(lambda mechanism: mechanism == "APOP")
def test_malformed_apop(site, back_end, line):
    client = site.inetd()
    client.cmd_err("APOP " + line)
    assert_works(client, back_end)


@rows(lambda mechanism: mechanism in ("OAUTHBEARER", "XOAUTH2"))
def test_refused_token_says_why(site, back_end):
    """RFC 7628 section 3.2.2: a status, before the refusal."""
    site.set(auth__oauth_scope="mail", auth__oauth_discovery="https://id.example.org/x")
    client = site.inetd()
    assert back_end.log_in(client, *back_end.prepare("right")) == LOGGED_IN
    client.quit()
    name, token = back_end.prepare("wrong")
    client = site.inetd()
    assert back_end.log_in(client, name, token) == DENIED
    assert b'"scope":"mail"' in client.refusal and b"https://id.example.org/x" in client.refusal


@rows(lambda mechanism: mechanism in ("OAUTHBEARER", "XOAUTH2"))
def test_token_of_another_user(site, back_end):
    _, token = back_end.prepare("right")
    client = site.inetd()
    assert back_end.log_in(client, "p3bob", token) == DENIED
    assert_works(client, back_end)


def test_every_module_has_its_row(site):
    """A module that is installed without being in the table would go untested."""
    installed = {name[:-3] for name in os.listdir(site.tree.modules) if name.endswith(".so")}
    assert installed <= {back_end.name for back_end in BACK_ENDS}
