"""How much a client may say, before it has logged in and afterwards."""

import pytest

from harness import roles, wait_until
from stores import message
from tls_client import context, stls

TOO_MANY = b"-ERR Too many commands before login"


def expect_end(site, client, reply, event, reason):
    """This reply, nothing more, and the reason in the log."""
    assert client.reply() == reply
    client.eof()
    assert site.wait_log(event, reason=reason)


@pytest.mark.parametrize("command,replies", [
    (b"USER x", 1), (b"NOOP", 1), (b"x" * 300, 1), (b"\0", 1)])
@pytest.mark.parametrize("transport", ["inetd", "pipes"])
def test_login_commands(site, transport, command, replies):
    """Whatever they are; what comes behind is not served."""
    site.set(limits__login_commands=7, limits__bad_commands=100)
    client = getattr(site, transport)()
    client.send((command + b"\r\n") * 7)
    for _ in range(7 * replies):
        client.reply()
    client.send(b"QUIT\r\n")
    expect_end(site, client, TOO_MANY, "disconnect", "login-commands")


def test_login_commands_default(site):
    """A hundred CAPA are served, and no more."""
    client = site.inetd()
    client.send(b"CAPA\r\n" * 200)
    for _ in range(100):
        client.ok()
        client.body()
    expect_end(site, client, TOO_MANY, "disconnect", "login-commands")


def test_aborted_exchanges_count(site):
    """AUTH and the answer to its challenge are two."""
    site.set(limits__login_commands=9, auth__max_attempts=100)
    client = site.inetd()
    for _ in range(4):
        client.send(b"AUTH PLAIN\r\n*\r\n")
        assert client.line().startswith(b"+ ")
        client.err()
    client.send(b"AUTH PLAIN\r\n")
    assert client.line().startswith(b"+ ")
    client.send(b"*\r\n")
    expect_end(site, client, TOO_MANY, "disconnect", "login-commands")
    assert len(site.log_lines("login-failed")) == 5
    wait_until(lambda: not roles("auth"), what="no auth process")


def test_login_is_the_last_one(site, maildir, alice):
    """Those of the session are counted anew."""
    site.set(limits__login_commands=2)
    client = site.inetd()
    client.login(alice)
    for _ in range(5):
        client.cmd_ok("NOOP")
    client.quit()


def test_stls_begins_nothing_anew(site, certificates):
    site.use_tls(certificates.server(), limits__login_commands=6)
    client = site.inetd()
    for _ in range(3):
        client.multi("CAPA")
    inside = stls(site, client, context(certificates.ca))
    for _ in range(2):
        inside.multi("CAPA")
    inside.send(b"CAPA\r\n")
    expect_end(site, inside, TOO_MANY, "disconnect", "login-commands")


def test_xclient_begins_nothing_anew(site):
    site.set(limits__login_commands=4, server__xclient="yes")
    client = site.inetd()
    client.multi("CAPA")
    client.multi("CAPA")
    client.cmd_ok("XCLIENT ADDR=192.0.2.1 PORT=4711")
    client.multi("CAPA")
    client.send(b"CAPA\r\n")
    expect_end(site, client, TOO_MANY, "disconnect", "login-commands")


@pytest.mark.parametrize("transport", ["inetd", "pipes"])
@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_login_octets(site, transport, end):
    """In one line that does not end, or in many."""
    site.set(limits__login_octets=4000, limits__login_commands=1000, limits__bad_commands=1000)
    client = getattr(site, transport)()
    line = b"x" * 98 + end
    client.send(line * (4000 // len(line)))
    for _ in range(4000 // len(line) if end else 0):
        client.err()
    client.quiet(0.2)
    client.send(line)
    expect_end(site, client, b"-ERR Too many octets before login", "disconnect",
               "login-octets")


def test_octets_before_stls_count(site, certificates):
    site.use_tls(certificates.server(), limits__login_octets=1024)
    client = site.inetd()
    client.send(b"x" * 600 + b"\r\n")
    client.err()
    inside = stls(site, client, context(certificates.ca))
    inside.multi("CAPA")
    inside.send(b"x" * 500)
    expect_end(site, inside, b"-ERR Too many octets before login", "disconnect",
               "login-octets")


def test_session_commands(site, store, alice):
    """Nothing is removed, whatever follows."""
    store.fill([message(1), message(2)])
    site.set(limits__session_commands=5)
    client = site.inetd()
    client.login(alice)
    client.send(b"DELE 1\r\n" + b"NOOP\r\n" * 4 + b"QUIT\r\n")
    for _ in range(5):
        client.ok()
    expect_end(site, client, b"-ERR Too many commands in one session", "session-end",
               "session-commands")
    assert len(store.messages()) == 2


def test_session_commands_up_to_the_limit(site, store, alice):
    store.fill([message(1), message(2)])
    site.set(limits__session_commands=2)
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.quit()
    client.wait()
    assert len(store.messages()) == 1


@pytest.mark.parametrize("command", ["RETR %d", "TOP %d 100"])
def test_session_octets(site, store, alice, command):
    """A further message is refused; what there was can be deleted, and the rest comes next."""
    store.fill([message(n, b"y" * 600 + b"\n") for n in range(4)])
    site.set(limits__session_octets=1000)
    for left in (4, 2):
        client = site.inetd()
        client.login(alice)
        for number in (1, 2):
            client.multi(command % number)
            client.cmd_ok("DELE %d" % number)
        if left > 2:
            assert client.cmd(command % 3).startswith(b"-ERR [SYS/TEMP] ")
            assert client.cmd(command % 4).startswith(b"-ERR [SYS/TEMP] ")
        client.quit()
        client.wait()
        assert len(store.messages()) == left - 2
    assert len([l for l in site.log_lines() if "limits.session_octets" in l]) == 1
