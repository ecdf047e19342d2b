"""Lines, replies and states: RFC 1939 section 3, RFC 2449 sections 3 and 4."""

import time

import pytest

from stores import message

AUTHORIZATION, TRANSACTION = "authorization", "transaction"


@pytest.fixture(params=[AUTHORIZATION, TRANSACTION])
def session(request, site, maildir, alice):
    """A client in each state; `probe` is a command that is right there."""
    maildir.fill([message(1), message(2)])
    client = site.inetd()
    client.state = request.param
    client.probe = "CAPA"
    if request.param == TRANSACTION:
        client.login(alice)
        client.probe = "STAT"
    return client


def in_step(client):
    """Every earlier command has had exactly one reply, and the state is as it was."""
    client.quiet(0.05)
    if client.state == AUTHORIZATION:
        assert "TOP" in client.lines("CAPA")
        client.cmd_err("STAT")
    else:
        assert client.cmd("STAT").startswith(b"+OK 2 ")


def test_greeting_is_one_line(site):
    client = site.inetd(greeting=False)
    assert client.line() == b"+OK pop.example.org POP3 server ready"
    client.quiet(0.1)


@pytest.mark.parametrize("hostname", ["[192.0.2.1]", "<a@b>", "a b\tc", "x" * 600])
def test_greeting_survives_odd_host_names(site, hostname):
    """RFC 2449: no timestamp without APOP, no false response code, 512 octets."""
    site.set(server__hostname=hostname)
    client = site.inetd(greeting=False)
    if client.fill() and client.buffer.startswith(b"+OK"):
        assert b"<" not in client.buffer
        client.ok()
    else:
        assert b"+OK" not in client.rest()
        assert client.wait() == 78


@pytest.mark.parametrize("capa,quit", [("capa", "quit"), ("cApA", "qUiT"), ("CAPA", "QUIT")])
def test_keywords_are_case_insensitive(session, capa, quit):
    session.multi(capa)
    session.cmd_ok(quit)
    session.eof()


def test_login_keywords_are_case_insensitive(site, maildir, alice):
    client = site.inetd()
    client.cmd_ok("uSer " + alice.name)
    client.cmd_ok("pasS " + alice.password)
    assert client.cmd("sTat") == b"+OK 0 0"
    for command in ("noop", "rSeT"):
        client.cmd_ok(command)
    assert client.multi("lisT") == client.multi("uIdl") == b""


def test_longest_command_is_accepted(site, maildir, alice):
    """RFC 2449 section 4: 255 octets with the CRLF."""
    alice.password = "p" * 248
    site.write_users()
    client = site.inetd()
    client.cmd_ok("USER " + "u" * 248)
    client.login(alice)
    # The longest number that fits is a number of no message, not a line error.
    client.cmd_err("LIST " + "9" * 248)
    client.send(b"NOOP\r\n")
    client.ok()


@pytest.mark.parametrize("size", [256, 257, 300, 511, 512, 513, 1024, 4095, 4096, 4097, 8192,
                                  65536, 300000])
def test_long_command_is_one_error(session, size):
    session.send(b"NOOP " + b"x" * (size - 7) + b"\r\n" + session.probe.encode() + b"\r\n")
    session.err()
    session.ok()
    if session.probe == "CAPA":
        session.body()
    in_step(session)


@pytest.mark.parametrize("offset", list(range(247, 260)) + [509, 510, 511, 512, 513, 1021, 1022,
                                                            1023, 1024, 4095, 4096, 65536])
def test_tail_of_long_command_is_not_a_command(session, offset):
    for tail in (b"QUIT\r\n", b" QUIT\r\n", b"DELE 1\r\n"):
        session.send(b"x" * offset + tail)
        session.err()
    in_step(session)


def test_long_command_in_two_segments(session):
    """What comes after a pause still belongs to the over-long line."""
    session.send(b"x" * 400)
    time.sleep(0.1)
    session.send(b"QUIT\r\n")
    session.err()
    in_step(session)
    session.send(b"x" * 255)
    time.sleep(0.1)
    session.send(b"\r\n")
    session.err()
    in_step(session)


@pytest.mark.parametrize("line", [
    b"", b" ", b"    ", b"\t", b"\0", b"\0\0\0", b"NOOP\0", b"NO\0OP", b"QUIT\0", b"QUIT\0 x",
    b"CAPA\0", b"STAT\0LIST", b" NOOP", b" QUIT", b"\0QUIT", b"QUIT\tx", b"\xff\xfe", b"\x7f",
    b"+OK", b"-ERR", b".", b"QUITX", b"QUI", b"Q", b"%s%n%x", b"CAPA\r", b"QUIT\r\0"],
    ids=lambda line: repr(line)[2:-1])
def test_bad_line_is_one_error(session, line):
    session.send(line + b"\r\n")
    session.err()
    in_step(session)


def test_bare_lf_ends_a_line(session):
    session.send(session.probe.encode() + b"\n")
    session.ok()
    if session.probe == "CAPA":
        session.body()
    in_step(session)


@pytest.mark.parametrize("data", [b"CAPA\rQUIT\r\n", b"STAT\rQUIT\r\n", b"QUIT\r\r\n",
                                  b"QUIT\r\0\n", b"\rQUIT\r\n"])
def test_bare_cr_does_not_end_a_line(session, data):
    session.send(data)
    session.err()
    in_step(session)


def test_bare_cr_alone_is_no_command(session):
    session.send(b"QUIT\r")
    session.quiet(0.2)
    session.send(b"x\r\n")
    session.err()
    in_step(session)


def test_trailing_space_is_accepted(session, alice):
    if session.state == AUTHORIZATION:
        session.multi("CAPA ")
        session.login(alice)
    assert session.cmd("STAT ").startswith(b"+OK 2 ")
    assert session.cmd("LIST 1 ").startswith(b"+OK 1 ")
    session.cmd_ok("QUIT ")
    session.eof()


@pytest.mark.parametrize("line", ["LIST  1", "LIST\t1", " LIST 1", "LIST 1\t"])
def test_odd_separators_never_mean_something_else(site, maildir, alice, line):
    maildir.fill([message(1), message(2, b"longer\n")])
    client = site.inetd()
    client.login(alice)
    one = client.cmd_ok("LIST 1")
    reply = client.cmd(line)
    assert reply == one or reply.startswith(b"-ERR")
    client.quiet(0.05)
    assert client.cmd("STAT").startswith(b"+OK 2 ")


@pytest.mark.parametrize("transport", ["inetd", "pipes"])
def test_one_byte_at_a_time(site, maildir, alice, transport):
    expected = maildir.fill([message(1)])
    client = getattr(site, transport)()
    dialogue = "USER %s\r\nPASS %s\r\nSTAT\r\nRETR 1\r\nQUIT\r\n" % (alice.name, alice.password)
    for byte in dialogue.encode():
        client.send(bytes([byte]))
        time.sleep(0.002)
    client.ok()
    client.ok()
    assert client.reply() == b"+OK 1 %d" % len(expected[0])
    client.ok()
    assert client.body() == expected[0]
    client.ok()
    client.eof()


@pytest.mark.parametrize("line", [
    "STAT", "LIST", "LIST 1", "UIDL", "UIDL 1", "RETR 1", "DELE 1", "TOP 1 0", "NOOP", "RSET",
    "LAST"])
def test_transaction_commands_before_login(site, maildir, alice, line):
    maildir.fill([message(1)])
    client = site.inetd()
    client.cmd_err(line)
    client.cmd_ok("USER " + alice.name)
    client.cmd_err(line)
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 1 ")


@pytest.mark.parametrize("line", [
    "USER p3bob", "PASS open sesame", "USER", "PASS", "APOP p3bob " + "0" * 32, "AUTH PLAIN",
    "AUTH", "STLS", "UTF8"])
def test_login_commands_after_login(site, maildir, alice, line):
    maildir.fill([message(1)])
    client = site.inetd()
    client.login(alice)
    client.cmd_err(line)
    client.cmd_err("PASS " + alice.password)
    assert client.cmd("STAT").startswith(b"+OK 1 ")


@pytest.mark.parametrize("line", [
    "HELP", "XTND XMIT", "LAST", "EHLO x", "GET / HTTP/1.1", "STATX", "ST", "LISTEN 1", "TO 1 0",
    "USERS x", "A" * 250, "STAT" * 60])
def test_unknown_command_keeps_the_connection(session, line):
    for _ in range(3):
        session.cmd_err(line)
    in_step(session)


@pytest.mark.parametrize("keyword", ["USER", "PASS", "STAT", "LIST", "UIDL", "RETR", "DELE",
                                     "TOP", "NOOP", "RSET", "CAPA", "QUIT", "APOP", "FOO"])
@pytest.mark.parametrize("fill", ["x", "[", "%n", "9", " ", "1 "])
def test_replies_to_long_arguments_are_short(session, keyword, fill):
    """At most 512 octets and printable; Client.reply() checks it."""
    argument = (fill * 253)[:252 - len(keyword)]
    reply = session.cmd("%s %s" % (keyword, argument))
    if keyword in ("CAPA", "LIST", "UIDL") and reply.startswith(b"+OK"):
        session.body()
    if keyword == "QUIT" and reply.startswith(b"+OK"):
        session.eof()
    else:
        session.quiet(0.02)


def test_bad_commands_in_a_row_end_the_connection(site):
    site.set(limits__bad_commands=5)
    client = site.inetd()
    for _ in range(3):
        for _ in range(4):
            client.cmd_err("FOO")
        client.multi("CAPA")
    for _ in range(4):
        client.cmd_err("FOO")
    client.send(b"FOO\r\n")
    assert b"+OK" not in client.rest()
    assert client.wait() is not None


def test_bad_commands_after_login_end_without_update(site, store, alice):
    store.fill([message(1)])
    site.set(limits__bad_commands=5)
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.send(b"FOO\r\n" * 20)
    assert client.rest().count(b"-ERR") in (5, 6)
    client.wait()
    assert len(store.messages()) == 1
