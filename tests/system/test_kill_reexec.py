"""The listener re-executes itself: after a crash below it, and to take a new configuration."""

import os
import signal
import socket
import time

import pytest

from harness import Listener, Proc, descendants, free_port, wait_role, wait_until
from proxy_headers import v1
from stores import message


def layout(pid):
    """Where the program, the stack and the vdso stand: new with every exec."""
    found = {}
    for line in Proc(pid).maps().splitlines():
        field = line.split()
        name = field[5] if len(field) > 5 else ""
        if name.endswith("/pop3d") or name in ("[stack]", "[vdso]"):
            found.setdefault(name, field[0])
    return found


@pytest.fixture(autouse=True)
def randomized():
    with open("/proc/sys/kernel/randomize_va_space") as f:
        assert f.read().strip() == "2", "these tests need address space randomization"


def moved(pid, before):
    """All of it stands elsewhere; the process is the same."""
    def check():
        now = layout(pid)
        return now.keys() == before.keys() and all(now[k] != before[k] for k in now)
    wait_until(check, what="the listener to re-execute itself")


def test_crashing_module(site, alice):
    site.use_modules("mod_crash")
    listener = site.listener()
    before = layout(listener.pid)
    assert len(before) == 3
    client = listener.connect()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS x").startswith(b"-ERR [SYS/TEMP] ")
    client.multi("CAPA")
    client.quit()
    moved(listener.pid, before)
    assert site.wait_log("crash", role="auth", signal="11")
    listener.connect().quit()


def test_crashing_module_in_inetd_mode(site, alice):
    site.use_modules("mod_crash")
    client = site.inetd()
    for _ in range(2):
        client.cmd_ok("USER " + alice.name)
        assert client.cmd("PASS x").startswith(b"-ERR [SYS/TEMP] ")
    client.quit()
    client.wait()


@pytest.mark.parametrize("role", ["front", "session", "monitor"])
def test_crash_of_a_role(site, maildir, alice, role):
    listener = site.listener()
    before = layout(listener.pid)
    client = listener.connect()
    if role == "session":
        client.login(alice)
    wait_role(role)[0].kill(signal.SIGSEGV)
    assert b"+OK" not in client.rest()
    moved(listener.pid, before)
    if role == "front":
        assert site.wait_log("crash", role="front", signal="11")
    listener.connect().login(alice)


def test_no_crash_no_new_layout(site, maildir, alice):
    """An ordinary death, or one by a wish of the administrator, is no crash."""
    listener = site.listener()
    before = layout(listener.pid)
    client = listener.connect()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS wrong")
    client.login(alice)
    client.quit()
    client = listener.connect()
    client.login(alice)
    wait_role("session")[0].kill(signal.SIGTERM)
    client.rest()
    time.sleep(0.3)
    assert layout(listener.pid) == before


def test_other_sessions_do_not_notice(site, maildir, alice, bob):
    maildir.fill([message(1), message(2)])
    listener = site.listener()
    session, greeted = listener.connect(), listener.connect()
    session.login(alice)
    session.cmd_ok("DELE 1")
    before = layout(listener.pid)
    crash = listener.connect()
    newest = max(wait_role("front", count=2), key=lambda p: p.pid)
    newest.kill(signal.SIGSEGV)
    crash.rest()
    moved(listener.pid, before)
    assert session.cmd("STAT").startswith(b"+OK 1 ")
    greeted.login(bob)
    session.quit()
    assert maildir.messages() == [message(2)]


def test_children_from_before_are_reaped_and_counted(site, maildir, alice):
    """The new image knows the old one's children: no zombie, no lost place."""
    site.set(limits__connections=2)
    listener = site.listener()
    old = listener.connect()
    before = layout(listener.pid)
    listener.process.send_signal(signal.SIGHUP)
    moved(listener.pid, before)
    listener.connect()
    refused = listener.connect(greeting=False)
    assert b"+OK" not in refused.rest()
    old.quit()
    wait_until(lambda: len(wait_role("front")) == 1, what="the old connection to end")

    def another():
        client = listener.connect(greeting=False)
        return client.fill() and client.buffer.startswith(b"+OK")
    wait_until(another, what="a free place")
    wait_until(lambda: all(p.alive() for p in descendants(listener.pid)), what="no zombie")


def test_hangup_takes_a_new_configuration(site, maildir, alice):
    listener = site.listener()
    assert b"pop.example.org" in listener.connect().greeting
    before = layout(listener.pid)
    site.set(server__hostname="other.example.net", auth__plaintext_login="never")
    listener.process.send_signal(signal.SIGHUP)
    moved(listener.pid, before)
    client = listener.connect()
    assert b"other.example.net" in client.greeting
    client.cmd_err("USER " + alice.name)


def test_next_connection_has_the_changed_configuration(site, maildir, alice):
    """No signal is needed; connections from before keep what they had."""
    listener = site.listener()
    old = listener.connect()
    site.set(server__hostname="other.example.net", auth__plaintext_login="never")
    assert b"other.example.net" in listener.connect().greeting
    old.login(alice)


@pytest.mark.parametrize("text", ["[server]\nhostname = broken name\n", "[nonsense]\nx = y\n",
                                  "[auth]\nmodules = does-not-exist\n", "garbage"])
def test_invalid_configuration_keeps_the_old_one(site, maildir, alice, text):
    listener = site.listener()
    with open(site.conf) as f:
        good = f.read()
    site.write_config(good + text)
    listener.process.send_signal(signal.SIGHUP)
    wait_until(lambda: site.log_lines("error") or site.log_lines("warning"),
               what="a complaint in the log")
    time.sleep(0.2)
    for _ in range(2):
        client = listener.connect()
        assert b"pop.example.org" in client.greeting
        client.login(alice)
        client.quit()
    site.write_config(good.replace("pop.example.org", "new.example.org"))
    listener.process.send_signal(signal.SIGHUP)
    wait_until(lambda: b"new.example.org" in listener.connect().greeting,
               what="the repaired configuration")


def test_missing_configuration_file_keeps_the_old_one(site, maildir, alice):
    listener = site.listener()
    os.rename(site.conf, site.conf + ".away")
    listener.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    client = listener.connect()
    assert b"pop.example.org" in client.greeting
    client.login(alice)


def test_many_hangups(site, maildir, alice):
    """Descriptors do not add up, whatever the number of times."""
    listener = site.listener()
    fds = len(Proc(listener.pid).fds())
    for _ in range(10):
        before = layout(listener.pid)
        listener.process.send_signal(signal.SIGHUP)
        moved(listener.pid, before)
        listener.connect().quit()
    wait_role("listen")
    wait_until(lambda: len(Proc(listener.pid).fds()) == fds, what="descriptors")


def test_terminate(site, maildir, alice):
    listener = site.listener()
    greeted, session = listener.connect(), listener.connect()
    session.login(alice)
    assert listener.stop() == 0
    assert b"+OK" not in session.rest()
    greeted.close()


def test_hangup_as_soon_as_it_listens(site):
    """It is read anew later; whoever sends this must not have ended the server."""
    port = free_port()
    process = site.spawn(["strace", "-D", "-qq", "-o", "/dev/null", "-e", "trace=listen", "-e",
                          "inject=listen:signal=HUP"]
                         + site.argv("-l", "127.0.0.1:%d" % port), service=True)
    wait_until(lambda: process.poll() is not None or site.log_lines("info"), what="a start")
    assert process.poll() is None


def handed_over(site, content, gate):
    """As if a program of another version had executed this one in its place."""
    with open(site.path("table"), "wb") as f:
        f.write(content)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    program, *rest = site.argv()
    script = 'exec 3<"$1" %s; shift; exec "$@"' % gate
    with sock:
        process = site.spawn(["sh", "-c", script, "sh", site.path("table"), program, "-R", "3",
                              *rest], service=True, stdin=sock)
        return Listener(site, process, *sock.getsockname())


@pytest.mark.parametrize("content", [b"", b"\1\0\0\0" + bytes(60), b"pop3d children 0\0" * 9],
                         ids=["empty", "headless", "older"])
@pytest.mark.parametrize("gate", ["", "4</dev/null", "4</dev/null 5</dev/null"],
                         ids=["none", "half", "whole"])
def test_what_another_version_handed_over(site, maildir, alice, content, gate):
    """It begins anew, with all its limits, after a warning; an upgrade stops nothing."""
    site.set(limits__connections_per_address=1, server__trusted_networks="127.0.0.0/8",
             server__proxy="v1", auth__plaintext_login="always")
    listener = handed_over(site, content, gate)
    assert site.wait_log("warning") and "another version" in site.log_lines("warning")[0]

    def connect():
        client = listener.connect(greeting=False)
        client.send(v1(("192.0.2.1", 1000), ("192.0.2.2", 110)))
        return client
    client = connect()
    assert client.ok()
    client.login(alice)
    # The gate is there: who asks is told.
    assert b"+OK" not in connect().rest()
    # And so is all that the next one needs.
    listener.process.send_signal(signal.SIGHUP)
    wait_until(lambda: [l for l in site.log_lines() if "still listening" in l][1:],
               what="the next execution")
    assert b"+OK" not in connect().rest()
    client.quit()
    assert len([l for l in site.log_lines() if "another version" in l]) == 1
