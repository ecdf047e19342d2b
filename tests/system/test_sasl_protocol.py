"""The AUTH command on the wire: RFC 5034, RFC 4422; the greeting's timestamp, RFC 1939."""

import base64
import contextlib
import os
import re
import time

import pytest

from mechanisms import (BAD_BASE64, BAD_OCTET, CANCELLED, DENIED, LOGGED_IN, TOO_LONG, answer,
                        b64, banner_of, challenge, foreign_client, log_in_cram_md5,
                        log_in_login, log_in_plain, plain_command, plain_message, start)
from stores import message
from test_protocol_capa import BASE

OFFERED = "USER PLAIN LOGIN CRAM-MD5 APOP"


@pytest.fixture
def sasl(site, maildir, alice):
    """Mechanisms of every form: client first, server first, of two steps."""
    maildir.fill([message(1)])
    site.use_modules("passwd", "apop")
    site.set(auth__mechanisms=OFFERED, auth__max_attempts=100,
             auth__apop__file=site.path("secrets"), auth__apop__key=site.path("key"))
    with open(site.path("key"), "wb") as f:
        f.write(b"k" * 32)
    open(site.path("secrets"), "wb").close()
    for name in ("key", "secrets"):
        os.chmod(site.path(name), 0o600)
    return site


def assert_fresh(client, alice):
    """Still in the AUTHORIZATION state, as if nothing had been."""
    client.cmd_err("STAT")
    assert client.cmd(plain_command(alice)) == LOGGED_IN
    assert client.cmd("STAT").startswith(b"+OK 1 ")


# Continuations

@pytest.mark.parametrize("mechanism,text", [("PLAIN", b""), ("LOGIN", b"Username:")])
def test_continuation_of_client_first(sasl, mechanism, text):
    client = sasl.inetd()
    client.send(b"AUTH %s\r\n" % mechanism.encode())
    assert client.line() == b"+ " + base64.b64encode(text)


def test_exchange_without_initial_response(sasl, alice):
    client = sasl.inetd()
    assert start(client, "PLAIN") == b""
    answer(client, plain_message(alice.name, alice.password))
    assert client.reply() == LOGGED_IN
    assert client.cmd("STAT").startswith(b"+OK 1 ")


def test_cram_challenges_are_never_the_same(sasl):
    client = sasl.inetd()
    seen = set()
    for _ in range(20):
        text = start(client, "CRAM-MD5")
        assert re.fullmatch(rb"<[0-9a-f]{32}@pop\.example\.org>", text)
        seen.add(text)
        client.send(b"*\r\n")
        assert client.reply() == CANCELLED
    assert len(seen) == 20


@pytest.mark.parametrize("authzid", ["", None])
def test_plain_authorization_identity(sasl, alice, authzid):
    client = sasl.inetd()
    text = plain_message(alice.name, alice.password, alice.name if authzid is None else "")
    assert client.cmd("AUTH PLAIN " + b64(text)) == LOGGED_IN


def test_plain_for_another_user(sasl, alice, bob):
    client = sasl.inetd()
    text = plain_message(alice.name, alice.password, bob.name)
    assert client.cmd("AUTH PLAIN " + b64(text)) == DENIED
    assert_fresh(client, alice)


@pytest.mark.parametrize("text", [
    b"", b"\0", b"\0\0", b"x", b"\0p3alice", b"\0p3alice\0", b"\0\0open sesame",
    b"p3alice\0open sesame", b"\0p3alice\0open sesame\0", b"\0p3alice\0open\0sesame",
    b"\0" + b"x" * 256 + b"\0y", b"\0a\nb\0y", b"\xff" * 300])
def test_malformed_plain_message(sasl, alice, text):
    client = sasl.inetd()
    assert client.cmd("AUTH PLAIN " + (b64(text) or "=")) == DENIED
    start(client, "PLAIN")
    answer(client, text)
    assert client.reply() == DENIED
    assert_fresh(client, alice)


# Initial responses

def test_equals_sign_is_an_empty_response_not_an_absent_one(sasl, alice):
    client = sasl.inetd()
    assert client.cmd("AUTH PLAIN =") == DENIED
    assert client.cmd("AUTH LOGIN =") == DENIED
    assert_fresh(client, alice)


def test_equals_sign_means_nothing_in_a_later_line(sasl, alice):
    client = sasl.inetd()
    start(client, "PLAIN")
    client.send(b"=\r\n")
    assert client.reply() == BAD_BASE64
    assert_fresh(client, alice)


@pytest.mark.parametrize("response", ["=", b64("p3alice 0123")])
def test_initial_response_where_the_server_begins(sasl, alice, response):
    client = sasl.inetd()
    client.cmd_err("AUTH CRAM-MD5 " + response)
    assert_fresh(client, alice)


def test_initial_response_of_login_is_the_name(sasl, alice):
    client = sasl.inetd()
    client.send(b"AUTH LOGIN %s\r\n" % b64(alice.name).encode())
    assert challenge(client) == b"Password:"
    answer(client, alice.password)
    assert client.reply() == LOGGED_IN


# Cancelling

@pytest.mark.parametrize("mechanism,steps", [
    ("PLAIN", []), ("LOGIN", []), ("LOGIN", ["p3alice"]), ("CRAM-MD5", [])])
def test_cancel_at_each_step(sasl, alice, mechanism, steps):
    client = sasl.inetd()
    start(client, mechanism)
    for step in steps:
        answer(client, step)
        challenge(client)
    client.send(b"*\r\n")
    assert client.reply() == CANCELLED
    assert_fresh(client, alice)


def test_commands_are_no_answers(sasl, alice):
    client = sasl.inetd()
    start(client, "PLAIN")
    client.send(b"QUIT\r\n")
    assert client.reply() == DENIED
    start(client, "PLAIN")
    client.send(b"CAPA \r\n")
    assert client.reply() == BAD_BASE64
    assert_fresh(client, alice)


def test_cancelled_and_malformed_exchanges_are_attempts(sasl, alice):
    sasl.set(auth__max_attempts=4)
    client = sasl.inetd()
    for line, reply in ((b"*", CANCELLED), (b"!", BAD_BASE64), (b"\0", BAD_OCTET),
                        (b"", DENIED)):
        start(client, "PLAIN")
        client.send(line + b"\r\n")
        assert client.reply() == reply
    client.eof()
    client.wait()
    assert len(sasl.wait_log("login-failed", mech="PLAIN")) == 4


def test_attempts_of_all_mechanisms_add_up(sasl, alice):
    sasl.set(auth__max_attempts=4)
    client = sasl.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS wrong") == DENIED
    assert log_in_plain(client, alice.name, "wrong") == DENIED
    assert log_in_login(client, alice.name, "wrong") == DENIED
    assert log_in_cram_md5(client, alice.name, "wrong") == DENIED
    client.eof()


def test_last_attempt_may_succeed_after_cancelled_ones(sasl, alice):
    sasl.set(auth__max_attempts=3)
    client = sasl.inetd()
    for _ in range(2):
        start(client, "PLAIN")
        client.send(b"*\r\n")
        assert client.reply() == CANCELLED
    assert_fresh(client, alice)


# Base64

MALFORMED = ["A", "AA", "AAA", "AAAAA", "A===", "====", "=AAA", "A=AA", "AA=A", "AA==AAAA",
             "AAAA=", "AAAA==", "AAA=AAAA", "AAAA====", "AAB=", "AB==", "AA A", " AAAA",
             "AAAA ", "AAAA AAAA", "AA\tA", "A-_A", "AAA-", "AAA_", "AAA!", "AAA*", "**", "* ",
             " *", "\xe9AAA", "AAA.", "AAAA,", "%AAA", "AAA\x7f"]


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_base64(sasl, alice, text):
    client = sasl.inetd()
    start(client, "PLAIN")
    client.send(text.encode("latin-1") + b"\r\n")
    assert client.reply() == BAD_BASE64
    start(client, "LOGIN")
    answer(client, alice.name)
    challenge(client)
    client.send(text.encode("latin-1") + b"\r\n")
    assert client.reply() == BAD_BASE64
    assert_fresh(client, alice)


@pytest.mark.parametrize("text", [t for t in MALFORMED if t != "AAAA "])
def test_malformed_base64_in_an_initial_response(sasl, alice, text):
    client = sasl.inetd()
    client.cmd_err("AUTH PLAIN " + text)
    assert_fresh(client, alice)


@pytest.mark.parametrize("line", [b"AAAA\0AAA", b"AAAA\rAAA", b"\0", b"*\0", b"\r*",
                                  b"AAAA\r\r"])
def test_nul_and_cr_in_an_answer(sasl, alice, line):
    client = sasl.inetd()
    start(client, "PLAIN")
    client.send(line + b"\r\n")
    assert client.reply() == BAD_OCTET
    client.send(b"AUTH PLAIN " + line + b"\r\n")
    client.err()
    assert_fresh(client, alice)


def test_answer_may_end_with_lf_alone(sasl, alice):
    client = sasl.inetd()
    start(client, "PLAIN")
    client.send(b64(plain_message(alice.name, alice.password)).encode() + b"\n")
    assert client.reply() == LOGGED_IN


# Sizes

@pytest.mark.parametrize("octets", [180, 256, 1000])
@pytest.mark.parametrize("initial", [True, False])
def test_long_password(sasl, alice, octets, initial):
    """More than the 255 octets of other command lines."""
    alice.password = "p" * octets
    sasl.write_users()
    client = sasl.inetd()
    if initial:
        assert_fresh(client, alice)
        return
    start(client, "PLAIN")
    answer(client, plain_message(alice.name, alice.password))
    assert client.reply() == LOGGED_IN


@pytest.mark.parametrize("octets", [1025, 20000, 48000])
def test_longer_than_any_password(sasl, alice, octets):
    client = sasl.inetd()
    assert log_in_plain(client, alice.name, "p" * octets) == DENIED
    start(client, "PLAIN")
    answer(client, plain_message(alice.name, "p" * octets))
    assert client.reply() == DENIED
    assert_fresh(client, alice)


@pytest.mark.parametrize("octets", [90113, 1 << 20])
def test_line_of_any_size_gets_one_refusal(sasl, alice, octets):
    """The whole line is swallowed: what stands behind it is the next command."""
    sasl.set(limits__login_octets=10 << 20)
    client = sasl.inetd()
    start(client, "PLAIN")
    client.send(b"A" * octets + b"\r\nSTAT\r\n")
    assert client.reply() == TOO_LONG
    client.err()
    client.send(b"AUTH PLAIN " + b"A" * octets + b"\r\nSTAT\r\n")
    assert client.reply() == TOO_LONG
    client.err()
    client.quiet(0.05)
    assert_fresh(client, alice)


# Names

@pytest.mark.parametrize("name", ["plain", "Plain", "pLaIn"])
@pytest.mark.parametrize("verb", ["AUTH", "auth", "Auth"])
def test_names_in_any_case(sasl, alice, verb, name):
    client = sasl.inetd()
    line = plain_command(alice).replace("AUTH", verb).replace("PLAIN", name, 1)
    assert client.cmd(line) == LOGGED_IN


@pytest.mark.parametrize("name", [
    "FOO", "PLAI", "PLAINX", "PLAIN-", "USER", "APOP", "ANONYMOUS", "EXTERNAL",
    "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "XOAUTH2", "OAUTHBEARER", "GSSAPI", "*", "=", "\"PLAIN\"",
    "X" * 300, "%s%n", "\xe9", "PLAIN\t="])
def test_unknown_or_not_offered(sasl, alice, name):
    client = sasl.inetd()
    client.cmd_err("AUTH " + name)
    client.cmd_err("AUTH " + name + " =")
    client.quiet(0.02)
    assert_fresh(client, alice)


@pytest.mark.parametrize("line", ["AUTH", "AUTH ", "auth"])
def test_auth_alone_lists_mechanisms(sasl, alice, line):
    client = sasl.inetd()
    assert sorted(client.lines(line)) == ["CRAM-MD5", "LOGIN", "PLAIN"]
    assert_fresh(client, alice)


# State

def test_auth_after_login(sasl, alice):
    client = sasl.inetd()
    assert client.cmd(plain_command(alice)) == LOGGED_IN
    for line in ("AUTH", "AUTH PLAIN", plain_command(alice), "AUTH LOGIN", "AUTH CRAM-MD5"):
        client.cmd_err(line)
    client.quiet(0.05)
    assert client.cmd("STAT").startswith(b"+OK 1 ")


def test_second_auth_after_a_failure(sasl, alice, bob):
    """RFC 5034 section 4: as if the first had never been."""
    client = sasl.inetd()
    assert log_in_plain(client, bob.name, "wrong") == DENIED
    assert start(client, "LOGIN") == b"Username:"
    answer(client, bob.name)
    assert challenge(client) == b"Password:"
    answer(client, "wrong")
    assert client.reply() == DENIED
    assert log_in_login(client, alice.name, alice.password) == LOGGED_IN
    assert client.cmd("STAT").startswith(b"+OK 1 ")
    sasl.wait_log("login", user=alice.name, mech="LOGIN")


@pytest.mark.parametrize("line", ["AUTH", "AUTH FOO", "AUTH PLAIN !", "AUTH PLAIN ="])
def test_auth_makes_the_user_forgotten(sasl, alice, line):
    client = sasl.inetd()
    client.cmd_ok("USER " + alice.name)
    if client.cmd(line).startswith(b"+OK"):
        client.body()
    client.cmd_err("PASS " + alice.password)
    assert_fresh(client, alice)


# Pipelining

@pytest.mark.parametrize("transport", ["inetd", "pipes"])
def test_auth_stat_and_quit_in_one_segment(sasl, alice, transport):
    client = getattr(sasl, transport)()
    client.send(plain_command(alice).encode() + b"\r\nSTAT\r\nQUIT\r\n")
    assert client.reply() == LOGGED_IN
    assert client.reply().startswith(b"+OK 1 ")
    client.ok()
    client.eof()


def test_auth_stat_and_quit_split_at_every_byte(sasl, alice):
    listener = sasl.listener()
    data = plain_command(alice).encode() + b"\r\nSTAT\r\nQUIT\r\n"
    for at in range(1, len(data)):
        client = listener.connect()
        client.send(data[:at])
        time.sleep(0.005)
        client.send(data[at:])
        assert client.reply() == LOGGED_IN
        assert client.reply().startswith(b"+OK 1 ")
        client.ok()
        client.eof()
        client.close()


def test_answers_sent_ahead(sasl, alice):
    """Nobody should, but nothing may be lost either."""
    client = sasl.inetd()
    client.send(b"AUTH LOGIN\r\n%s\r\n%s\r\nSTAT\r\n" % (
        b64(alice.name).encode(), b64(alice.password).encode()))
    assert challenge(client) == b"Username:"
    assert challenge(client) == b"Password:"
    assert client.reply() == LOGGED_IN
    assert client.reply().startswith(b"+OK 1 ")


def test_failed_auth_in_a_pipeline(sasl, alice):
    client = sasl.inetd()
    client.send(b"AUTH PLAIN =\r\nSTAT\r\nAUTH PLAIN\r\n*\r\n%s\r\nNOOP\r\n"
                % plain_command(alice).encode())
    assert client.reply() == DENIED
    client.err()
    assert challenge(client) == b""
    assert client.reply() == CANCELLED
    assert client.reply() == LOGGED_IN
    client.ok()


# Ends

@pytest.mark.parametrize("mechanism,steps", [
    ("PLAIN", []), ("LOGIN", ["p3alice"]), ("CRAM-MD5", [])])
@pytest.mark.parametrize("end", ["close", "reset", "half_close"])
def test_client_goes_in_the_middle(sasl, mechanism, steps, end):
    client = sasl.inetd()
    start(client, mechanism)
    for step in steps:
        answer(client, step)
        challenge(client)
    client.send(b"QUJD")
    getattr(client, end)()
    assert client.wait() == 0
    sasl.wait_log("disconnect", reason="disconnect")
    assert sasl.log_lines("login") == sasl.log_lines("crash") == []


@pytest.mark.parametrize("octets", [b"", b"A", b"AAAA\r\n"])
def test_exchange_that_outlasts_the_login_deadline(sasl, octets):
    """Neither waiting, nor dribbling, nor exchange after exchange extends it."""
    sasl.set(limits__login_seconds=2, limits__bad_commands=100000, auth__max_attempts=100)
    begin = time.monotonic()
    client = sasl.inetd()
    start(client, "PLAIN")
    if octets == b"":
        client.eof()
    # In the middle of a reply, maybe.
    with contextlib.suppress(AssertionError, OSError):
        while octets and time.monotonic() - begin < 8:
            client.send(octets)
            if octets.endswith(b"\n"):
                assert client.reply() == DENIED
                start(client, "PLAIN")
            time.sleep(0.1)
    assert 1.8 <= time.monotonic() - begin < 4
    client.close()
    client.wait()
    sasl.wait_log("disconnect", reason="timeout")


# Capabilities

SHOWING = ["USER", "SASL CRAM-MD5 LOGIN PLAIN"]
HIDING = ["SASL CRAM-MD5"]


def in_order(lines):
    """Capabilities, and the mechanisms in one, come in any order."""
    return sorted(" ".join(["SASL"] + sorted(line.split(" ")[1:]))
                  if line.startswith("SASL ") else line for line in lines)


@pytest.mark.parametrize("place", ["local", "foreign"])
@pytest.mark.parametrize("policy", ["never", "tls", "local", "always"])
def test_what_is_listed_is_what_works(sasl, alice, policy, place):
    sasl.set(auth__plaintext_login=policy)
    shown = policy == "always" or (policy == "local" and place == "local")
    client = sasl.inetd() if place == "local" else foreign_client(sasl)
    before = client.lines("CAPA")
    assert in_order(before) == sorted(BASE + (SHOWING if shown else HIDING))
    listed = [l for l in before if l.startswith("SASL ")][0].split(" ")[1:]
    assert client.lines("AUTH") == listed
    assert start(client, "CRAM-MD5") != b""
    client.send(b"*\r\n")
    assert client.reply() == CANCELLED
    if not shown:
        for line in ("USER " + alice.name, "AUTH PLAIN", plain_command(alice), "AUTH LOGIN"):
            assert client.cmd(line).startswith(b"-ERR ")
        client.cmd_err("STAT")
    else:
        assert client.cmd(plain_command(alice)) == LOGGED_IN
    assert client.lines("CAPA") == before


def test_no_mechanism_no_capability(site, maildir, alice):
    site.set(auth__mechanisms="USER")
    client = site.inetd()
    assert not [l for l in client.lines("CAPA") if l.startswith("SASL")]
    assert client.lines("AUTH") == []
    client.cmd_err(plain_command(alice))
    client.login(alice)
    assert not [l for l in client.lines("CAPA") if l.startswith("SASL")]


# The greeting

def test_no_timestamp_without_apop(site, maildir):
    client = site.inetd()
    assert b"<" not in client.greeting
    client.cmd_err("APOP p3alice " + "0" * 32)


@pytest.mark.parametrize("hostname", ["pop.example.org", "under_score.example", "x" * 255])
def test_timestamp_has_the_form_of_a_message_id(sasl, hostname):
    sasl.set(server__hostname=hostname)
    text = banner_of(sasl.inetd().greeting)
    assert re.fullmatch(rb"<[A-Za-z0-9.-]+@[A-Za-z0-9.-]+>", text), text


def test_timestamp_is_never_the_same(sasl):
    sasl.set(limits__connections=2000, limits__connections_per_address=2000)
    listener = sasl.listener()
    seen = set()
    for _ in range(1000):
        client = listener.connect()
        seen.add(banner_of(client.greeting))
        client.close()
    assert len(seen) == 1000 and None not in seen
