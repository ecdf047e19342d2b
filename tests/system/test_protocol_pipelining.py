"""Many commands at once: RFC 2449 section 6.6, also over the change of roles at PASS."""

import contextlib
import signal
import time

import pytest

from harness import roles, wait_role, wait_until
from stores import message


def dialogue(account, commands):
    lines = ["USER " + account.name, "PASS " + account.password] + commands
    return "".join(l + "\r\n" for l in lines).encode()


def check_answers(client, expected):
    """USER, PASS, STAT, LIST, RETR 1, QUIT answered in order, then the end."""
    client.ok()
    client.ok()
    assert client.reply() == b"+OK %d %d" % (len(expected), sum(map(len, expected)))
    client.ok()
    assert client.body() == b"".join(
        b"%d %d\r\n" % (i + 1, len(e)) for i, e in enumerate(expected))
    client.ok()
    assert client.body() == expected[0]
    client.ok()
    client.eof()


@pytest.mark.parametrize("transport", ["inetd", "pipes", "listener"])
def test_whole_session_in_one_segment(site, store, alice, transport):
    expected = store.fill([message(1), message(2, b".\n..\nx")])
    if transport == "listener":
        client = site.listener().connect(greeting=False)
    else:
        client = getattr(site, transport)(greeting=False)
    client.send(dialogue(alice, ["STAT", "LIST", "RETR 1", "QUIT"]))
    client.ok()
    check_answers(client, expected)


@pytest.mark.uninstrumented("a sanitizer takes many times the time")
def test_split_at_every_byte(site, maildir, alice):
    expected = maildir.fill([message(1)])
    listener = site.listener()
    data = dialogue(alice, ["STAT", "LIST", "RETR 1", "QUIT"])
    for at in range(1, len(data)):
        client = listener.connect()
        client.send(data[:at])
        time.sleep(0.01)
        client.send(data[at:])
        check_answers(client, expected)
        client.close()


def test_failed_login_does_not_lose_what_follows(site, maildir, alice):
    maildir.fill([message(1)])
    client = site.inetd()
    client.send(b"USER x\r\nPASS wrong\r\nSTAT\r\n" + dialogue(alice, ["DELE 1", "RSET", "NOOP"]))
    for status in (True, False, False, True, True, True, True, True):
        assert client.reply().startswith(b"+OK") == status
    client.quiet(0.05)


def test_pipelined_garbage_after_quit_is_not_read(site, store, alice):
    store.fill([message(1), message(2)])
    client = site.inetd()
    client.send(dialogue(alice, ["DELE 1", "QUIT", "DELE 2", "QUIT", "STAT"]))
    for _ in range(4):
        client.ok()
    client.eof()
    client.wait()
    assert store.messages() == [store.stored(message(2)) if store.kind == "mbox" else message(2)]


def test_thousand_retrs(site, store, alice):
    expected = store.fill([message(1, b"line of the body\n" * 3000)])
    client = site.inetd()
    client.login(alice)
    client.send(b"RETR 1\r\n" * 1000 + b"QUIT\r\n")
    time.sleep(0.3)
    for _ in range(1000):
        client.ok()
        assert client.body() == expected[0]
    client.ok()
    client.eof()


@pytest.mark.uninstrumented("strace and the leak sanitizer exclude each other")
def test_front_that_sees_the_others_go_on(site, maildir, alice):
    """What the client has sent is the session's: the front neither answers nor hangs up.

    strace holds the auth process when it has what it needs, and then the monitor between
    closing the front's channels and ending it, which is its third kill(), after two for the
    auth process.
    """
    maildir.fill([message(1)])
    # With a password that is known one auth process answers: the third is the front's end.
    client = site.inetd()
    client.login(alice)
    client.quit()
    client.wait()
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    tracer = site.strace(client.process.pid, "-e", "trace=kill,setgroups", "-e",
                         "inject=setgroups:delay_enter=300000:when=1", "-e",
                         "inject=kill:delay_enter=600000:when=3")
    client.send(b"PASS %s\r\nSTAT\r\nQUIT\r\n" % alice.password.encode())
    front, = wait_role("front")
    wait_role("auth")
    time.sleep(0.1)
    front.kill(signal.SIGSTOP)
    wait_until(lambda: not roles("auth"), what="the verdict")
    time.sleep(0.2)
    with contextlib.suppress(ProcessLookupError):
        front.kill(signal.SIGCONT)
    client.ok()
    assert client.reply().startswith(b"+OK 1 ")
    client.ok()
    client.eof()
    tracer.wait()


@pytest.mark.parametrize("transport", ["inetd", "pipes"])
def test_ten_thousand_small_commands(site, store, alice, transport):
    """More commands than any buffer holds; the client reads while it writes."""
    store.fill([message(1)])
    client = getattr(site, transport)()
    client.login(alice)
    for _ in range(100):
        client.send(b"NOOP\r\n" * 100)
        for _ in range(100):
            client.ok()
    assert client.cmd("STAT").startswith(b"+OK 1 ")


def test_pipelined_before_the_greeting(site, maildir, alice):
    client = site.inetd(greeting=False)
    client.send(b"CAPA\r\nQUIT\r\n")
    client.ok()
    client.ok()
    client.body()
    client.ok()
    client.eof()
