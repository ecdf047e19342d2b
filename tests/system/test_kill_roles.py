"""kill -9 of each role in each state: one connection ends, nothing else, nothing is left.

That no process is left is checked for every test by the fixture `site`.
"""

import os
import signal
import time

import pytest

from harness import descendants, roles, wait_role, wait_until
from patience import patient
from stores import message

RAWS = [message(1), message(2), message(3)]


def all_mail_is_there(site, store, account):
    """No deleted mail, and no lock in the way of the next login."""
    assert store.wires() == [store.expected(r) for r in RAWS]
    site.set(limits__lock_seconds=0)
    client = site.inetd()
    client.login(account)
    assert client.cmd("STAT").startswith(b"+OK 3 ")
    client.quit()


@pytest.mark.parametrize("start", ["inetd", "listener"])
@pytest.mark.parametrize("role", ["front", "monitor"])
@pytest.mark.parametrize("state", ["greeting", "user", "auth", "delay"])
def test_before_login(site, store, alice, start, role, state):
    store.fill(RAWS)
    if state == "auth":
        site.use_modules("mod_hang")
    if state == "delay":
        site.set(auth__failure_delay=30)
    client = site.inetd() if start == "inetd" else site.listener().connect()
    if state != "greeting":
        client.cmd_ok("USER " + alice.name)
    if state in ("auth", "delay"):
        client.send(b"PASS wrong\r\n")
        if state == "auth":
            wait_role("auth")
        else:
            site.wait_log("login-failed")
    wait_role(role)[0].kill()
    assert b"+OK" not in client.rest()
    wait_until(lambda: not any(roles(r) for r in ("front", "monitor", "auth")),
               what="the other roles to end")
    if role == "front":
        assert site.wait_log("crash", role="front", signal="9")
    if state == "auth":
        site.settings["auth.modules"] = "passwd"
        site.settings["auth.module_directory"] = site.tree.modules
    site.set(auth__failure_delay=0)
    all_mail_is_there(site, store, alice)


@pytest.mark.parametrize("start", ["inetd", "listener"])
def test_auth_in_mid_verification(site, alice, start):
    """One attempt fails with [SYS/TEMP]; the connection goes on."""
    site.use_modules("mod_hang")
    client = site.inetd() if start == "inetd" else site.listener().connect()
    for _ in range(2):
        client.cmd_ok("USER " + alice.name)
        client.send(b"PASS x\r\n")
        wait_role("auth")[0].kill()
        assert client.reply().startswith(b"-ERR [SYS/TEMP] ")
    client.multi("CAPA")
    client.quit()
    assert site.wait_log("crash", role="auth", signal="9")


@pytest.mark.parametrize("start", ["inetd", "listener"])
@pytest.mark.parametrize("state", ["idle", "deleted", "retr"])
def test_session(site, store, alice, start, state):
    store.fill(RAWS)
    client = site.inetd() if start == "inetd" else site.listener().connect()
    client.login(alice)
    if state == "deleted":
        for n in (1, 2, 3):
            client.cmd_ok("DELE %d" % n)
    if state == "retr":
        client.send(b"RETR 1\r\n" * 200)
    session = wait_role("session")[0]
    session.kill()
    client.rest()
    wait_until(lambda: not roles("session"), what="session to end")
    all_mail_is_there(site, store, alice)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_session_in_update(site, store, alice, at, number):
    """Every message that was not marked is there, whole, once; no one is torn."""
    raws = [message(n, b"z" * 200 + b"\n") for n in range(6)]
    store.fill(raws)
    client = site.inetd()
    client.login(alice)
    for n in (1, 3, 5):
        client.cmd_ok("DELE %d" % n)
    session = wait_role("session")[0]
    calls = "unlink,unlinkat,fsync,fdatasync,rename,renameat,ftruncate,pwrite64"
    site.strace(session.pid, "-e", "trace=" + calls, "-e",
                "inject=%s:delay_enter=700000:when=%d" % (calls, at))
    client.send(b"QUIT\r\n")
    time.sleep(0.3)
    session.kill(number)
    data = client.rest()
    client.wait()
    stored = [store.stored(r) if store.kind == "mbox" else r for r in raws]
    kept, marked = stored[1::2], stored[0::2]
    site.set(limits__lock_seconds=0)
    client = site.inetd()
    client.login(alice)
    left = [client.multi("RETR %d" % (n + 1)) for n in range(len(client.lines("LIST")))]
    expected = [store.expected(r) for r in raws]
    assert [m for m in left if m in [store.expected(r) for r in kept]] == [
        store.expected(r) for r in kept]
    assert all(m in expected for m in left) and len(left) == len(set(left))
    if data.startswith(b"+OK") or number == signal.SIGTERM:
        # A signal that asks for the end waits for the end of the update.
        assert len(left) == len(kept), marked


def test_listener(site, store, alice):
    """Its sessions are on their own; a new listener takes the port at once."""
    store.fill(RAWS)
    listener = site.listener()
    session, waiting = listener.connect(), listener.connect()
    session.login(alice)
    session.cmd_ok("DELE 1")
    os.kill(listener.pid, signal.SIGKILL)
    listener.process.wait(patient(10))
    session.send(b"NOOP\r\n")
    if session.fill():
        session.ok()
    session.reset()
    waiting.close()
    wait_until(lambda: not roles("session") and not roles("front"), what="sessions to end")
    process = site.spawn(site.argv("-l", "127.0.0.1:%d" % listener.port), service=True)
    listener.process = process
    wait_role("listen")
    wait_until(lambda: site_answers(listener), what="the new listener")
    all_mail_is_there(site, store, alice)


def site_answers(listener):
    try:
        client = listener.connect()
    except ConnectionRefusedError:
        return False
    client.quit()
    return True


def test_listener_leaves_no_zombies(site, maildir, alice):
    listener = site.listener()
    for _ in range(5):
        client = listener.connect()
        client.login(alice)
        wait_role("session")[0].kill()
        client.rest()
    wait_until(lambda: descendants(listener.pid) == [], what="children to be reaped")
    listener.connect().quit()
