"""Second parts of modules: loaded where they are needed, and nobody sees the difference."""

import os
import time

import pytest

from mechanisms import (DENIED, DOWN, LOGGED_IN, answer, log_in_login, plain_command,
                        plain_message, start)
from patience import patient
from stores import MaildirStore, message

ONCE, TWICE = (1, 0), (2, 1)  # auth processes, and those that load the part


@pytest.fixture
def warm(site, maildir, alice, bob):
    """The cache knows alice's password, and nothing of bob's."""
    maildir.fill([message(1)])
    MaildirStore(bob)
    site.use_modules("passwd")
    site.set(auth__max_attempts=10)
    client = site.inetd()
    client.login(alice)
    client.quit()
    client.wait()
    return site


def user(name, secret):
    def say(client):
        client.cmd_ok("USER " + name)
        return client.cmd("PASS " + secret)
    return say


def plain(name, secret):
    def say(client):
        assert start(client, "PLAIN") == b""
        answer(client, plain_message(name, secret))
        return client.reply()
    return say


def login(name, secret):
    return lambda client: log_in_login(client, name, secret)


def watched(site, say, client=None, module="passwd"):
    """(auth processes, those that loaded the second part) of one attempt, and its reply."""
    client = client or site.inetd()
    trace = site.strace(client.process.pid, "-e", "trace=openat")
    reply = say(client)
    client.quit()
    client.wait()
    trace.wait(patient(10))
    with open(site.path("strace"), encoding="latin-1") as f:
        opened = [line.split('"')[1] for line in f if "O_NOFOLLOW" in line]
    return (opened.count(module + ".so"), opened.count(module + ".part")), reply


def test_known_password_needs_no_part(warm, alice):
    for say in (user, plain):
        assert watched(warm, say(alice.name, alice.password)) == (ONCE, LOGGED_IN)
    assert watched(warm, lambda c: c.cmd(plain_command(alice))) == (ONCE, LOGGED_IN)


def test_all_else_needs_it(warm, alice, bob):
    """A wrong password as much as a user who is not there."""
    for say in (user, plain):
        for name in (alice.name, bob.name, "nobody", "j\u00f6"):
            assert watched(warm, say(name, "wrong")) == (TWICE, DENIED)
    assert watched(warm, user(bob.name, bob.password)) == (TWICE, LOGGED_IN)
    assert watched(warm, user(bob.name, bob.password)) == (ONCE, LOGGED_IN)


def test_what_is_said_in_pieces_is_asked_once(warm, alice):
    assert watched(warm, login(alice.name, alice.password)) == ((1, 1), LOGGED_IN)
    assert watched(warm, login(alice.name, "wrong")) == ((1, 1), DENIED)


def test_without_a_cache_it_comes_at_once(warm, alice):
    warm.set(auth__cache_ttl=0)
    for secret, reply in ((alice.password, LOGGED_IN), ("wrong", DENIED)):
        assert watched(warm, user(alice.name, secret)) == ((1, 1), reply)


def test_modules_before_it_are_asked_once(warm, alice, bob):
    """So it has its part at once where it is not the first."""
    warm.use_modules("mod_ok", "passwd")
    for account in (alice, bob):
        assert watched(warm, user(account.name, "wrong")) == ((1, 1), DENIED)
    warm.use_modules("passwd", "mod_ok")
    assert watched(warm, user(alice.name, alice.password)) == (ONCE, LOGGED_IN)
    assert watched(warm, user("nobody", "wrong")) == (TWICE, DENIED)


def test_listener_has_loaded_it(warm, alice, bob):
    listener = warm.listener()
    trace = warm.strace(listener.process.pid, "-e", "trace=openat")
    for account in (alice, bob):
        client = listener.connect()
        client.login(account)
        client.quit()
    listener.stop()
    trace.wait(patient(10))
    with open(warm.path("strace"), encoding="latin-1") as f:
        assert "passwd." not in f.read()


def test_attempts_after_one_that_was_asked_twice(warm, alice, bob):
    """What the first attempts said is not taken for the last one's."""
    client = warm.inetd()
    for name, secret in ((bob.name, "wrong"), ("nobody", alice.password)):
        assert user(name, secret)(client) == DENIED
        assert plain(name, secret)(client) == DENIED
    assert login(bob.name, "wrong")(client) == DENIED
    assert user(alice.name, "wrong")(client) == DENIED
    assert user(alice.name, alice.password)(client) == LOGGED_IN
    client.quit()
    client.wait()
    assert len(warm.log_lines("login-failed")) == 6
    assert len(warm.log_lines("login")) == 2


def test_pipelined_behind_a_password_that_is_asked_about_twice(warm, bob):
    client = warm.inetd()
    client.send(b"USER %s\r\nPASS %s\r\nSTAT\r\nQUIT\r\n" % (
        bob.name.encode(), bob.password.encode()))
    for _ in range(4):
        client.ok()
    client.eof()
    client.wait()


def test_client_leaves_between(warm, bob):
    """The second process is not begun, or is ended; the login is nobody's."""
    client = warm.inetd()
    client.cmd_ok("USER " + bob.name)
    warm.strace(client.process.pid, "-e", "trace=setsid", "-e",
                "inject=setsid:delay_enter=300000")
    client.send(b"PASS %s\r\n" % bob.password.encode())
    time.sleep(0.4)
    client.reset()
    client.wait()
    assert not warm.log_lines("login", user=bob.name)


def test_warnings_come_once(warm, bob):
    os.chmod(warm.users, 0o644)
    assert watched(warm, user(bob.name, "wrong"))[0] == TWICE
    with open(warm.log, encoding="latin-1") as f:
        assert f.read().count("mode 0644") == 1


def test_part_is_missing(warm, alice, bob):
    """Who needs it is told to come back, and the log says why; others are served."""
    part = os.path.join(warm.settings["auth.module_directory"], "passwd.part")
    os.rename(part, part + ".away")
    assert watched(warm, user(bob.name, bob.password))[1].startswith(DOWN)
    assert watched(warm, user(alice.name, alice.password)) == (ONCE, LOGGED_IN)
    with open(warm.log, encoding="latin-1") as f:
        assert "passwd.part: cannot open module" in f.read()
    os.rename(part + ".away", part)
    os.chmod(part, 0o666)
    assert watched(warm, user(bob.name, bob.password))[1].startswith(DOWN)
    os.chmod(part, 0o644)
    assert watched(warm, user(bob.name, bob.password)) == (TWICE, LOGGED_IN)


@pytest.mark.parametrize("name, loads, reply", [
    ("plain", ONCE, LOGGED_IN), ("other", TWICE, LOGGED_IN), ("greedy", TWICE, DOWN)])
def test_module_cannot_ask_for_ever(warm, alice, name, loads, reply):
    """Where it has its part, a module that wants it has no answer."""
    warm.use_modules("mod_part")
    warm.set(mail__uid=str(alice.uid), mail__gid=str(alice.gid),
             mail__location="maildir:" + alice.path("Maildir"))
    got = watched(warm, user(name, "any"), module="mod_part")
    assert got[0] == loads
    assert got[1].startswith(reply)
