"""LOGIN-DELAY: announced, and enforced (RFC 2449 sections 6.5 and 8.1.1)."""

import base64
import os
import time

import pytest

from mailbox_tool import mailbox
from stores import message

EARLY = b"-ERR [LOGIN-DELAY] "


def capability(client, name):
    found = [line for line in client.lines("CAPA") if line.split()[0] == name]
    return found[0] if found else None


def attempt(site, account, password=None):
    """The answer to PASS."""
    client = site.inetd()
    client.cmd_ok("USER " + account.name)
    return client.cmd("PASS " + (password or account.password))


def stamp(store):
    parts = (store.path, ".pop3d-login") if store.kind == "maildir" else (
        os.path.dirname(store.path), ".mbox.pop3d-login")
    return os.path.join(*parts)


def age(store, seconds):
    """The last login was so long ago."""
    os.utime(stamp(store), (time.time() - seconds,) * 2)


def log_in(site, account):
    client = site.inetd()
    client.login(account)
    client.quit()


# Announced


def test_not_announced_where_there_is_none(site, store, alice):
    client = site.inetd()
    assert capability(client, "LOGIN-DELAY") is None
    client.login(alice)
    assert capability(client, "LOGIN-DELAY") is None
    client.quit()
    assert not os.path.exists(stamp(store))
    log_in(site, alice)


@pytest.mark.parametrize("settings,extra,before,after", [
    ({"mail__login_delay": 300}, "", "300", "300"),
    ({"mail__login_delay": 300}, "userdb_login_delay=10", "300", "300"),
    ({"mail__login_delay": 300, "mail__login_delay_max": 600}, "", "600 USER", "300"),
    ({"mail__login_delay": 300, "mail__login_delay_max": 600},
     "userdb_login_delay=0", "600 USER", "0"),
    ({"mail__login_delay_max": 600}, "userdb_login_delay=600", "600 USER", "600"),
    ({"mail__login_delay_max": 600}, "userdb_login_delay=3600", "600 USER", "600"),
    ({"mail__login_delay": 300, "mail__login_delay_max": 60}, "", "300 USER", "300")])
def test_announced_in_both_states(site, maildir, alice, settings, extra, before, after):
    site.set(**settings)
    site.write_users([site.user_line(alice, extra=extra)])
    client = site.inetd()
    assert capability(client, "LOGIN-DELAY") == "LOGIN-DELAY " + before
    client.login(alice)
    assert capability(client, "LOGIN-DELAY") == "LOGIN-DELAY " + after
    client.quit()
    warned = "own login delay" in "".join(site.log_lines("warning"))
    assert warned == (extra in ("userdb_login_delay=3600", "userdb_login_delay=10"))
    # What was announced is what holds.
    if after == "0":
        log_in(site, alice)
    else:
        age(maildir, int(after) - 5)
        assert attempt(site, alice).startswith(EARLY)
        age(maildir, int(after) + 1)
        log_in(site, alice)


# Enforced


def test_too_early(site, store, alice):
    site.set(mail__login_delay=1000)
    store.fill([message(1)])
    log_in(site, alice)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + alice.password).startswith(EARLY)
    client.eof()
    end = site.wait_log("session-end", user=alice.name, reason="login-delay")
    assert len(end) == 1
    assert site.log_lines("login-failed") == []
    age(store, 1001)
    log_in(site, alice)


def test_refusal_does_not_restart_it(site, store, alice):
    site.set(mail__login_delay=1000)
    log_in(site, alice)
    age(store, 900)
    before = os.stat(stamp(store)).st_mtime_ns
    for _ in range(3):
        assert attempt(site, alice).startswith(EARLY)
    assert os.stat(stamp(store)).st_mtime_ns == before


def test_wrong_password_tells_nothing(site, maildir, alice):
    """RFC 2449 section 8.1.1: neither USER nor a wrong password meets the delay."""
    site.set(mail__login_delay=1000)
    log_in(site, alice)
    before = os.stat(stamp(maildir)).st_mtime_ns
    nobody = attempt(site, alice, "wrong")
    assert nobody == b"-ERR [AUTH] Invalid user name or password"
    assert os.stat(stamp(maildir)).st_mtime_ns == before


def test_every_way_to_log_in(site, maildir, alice):
    site.set(mail__login_delay=1000)
    log_in(site, alice)
    client = site.inetd()
    plain = ("\0%s\0%s" % (alice.name, alice.password)).encode()
    reply = client.cmd("AUTH PLAIN " + base64.b64encode(plain).decode())
    assert reply.startswith(EARLY)


def test_counts_from_the_login_not_from_its_end(site, store, alice):
    site.set(mail__login_delay=2)
    client = site.inetd()
    client.login(alice)
    time.sleep(2.1)
    client.quit()
    log_in(site, alice)


def test_in_use_does_not_count(site, store, alice):
    """Who was told [IN-USE] has not logged in."""
    site.set(mail__login_delay=1000, limits__lock_seconds=0)
    client = site.inetd()
    client.login(alice)
    age(store, 1001)
    before = os.stat(stamp(store)).st_mtime_ns
    assert attempt(site, alice).startswith(b"-ERR [IN-USE] ")
    client.quit()
    assert os.stat(stamp(store)).st_mtime_ns == before
    log_in(site, alice)


def test_two_at_once(site, store, alice):
    site.set(mail__login_delay=1000, limits__lock_seconds=5)
    clients = [site.inetd() for _ in range(4)]
    for client in clients:
        client.cmd_ok("USER " + alice.name)
    for client in clients:
        client.send(b"PASS %s\r\nQUIT\r\n" % alice.password.encode())
    replies = [client.line() for client in clients]
    assert sorted(r[:4] for r in replies) == [b"+OK ", b"-ERR", b"-ERR", b"-ERR"]
    assert all(r.startswith((b"+OK", EARLY)) for r in replies)


def test_clock_set_back(site, store, alice):
    site.set(mail__login_delay=1000)
    log_in(site, alice)
    age(store, -500000)
    log_in(site, alice)
    assert attempt(site, alice).startswith(EARLY)


def test_session_that_was_killed_counts(site, maildir, alice):
    site.set(mail__login_delay=1000)
    client = site.inetd()
    client.login(alice)
    client.reset()
    site.wait_log("session-end")
    assert attempt(site, alice).startswith(EARLY)


# Where it cannot be


def test_stamp_that_cannot_be(site, store, alice):
    site.set(mail__login_delay=1000)
    os.mkdir(stamp(store))
    log_in(site, alice)
    log_in(site, alice)
    assert len([l for l in site.log_lines("warning") if "not enforced" in l]) == 2


def test_no_maildir_yet(site, alice):
    site.set(mail__location="maildir:~/Maildir", mail__login_delay=1000)
    log_in(site, alice)
    log_in(site, alice)
    assert os.listdir(alice.home) == []


def test_administrator_need_not_wait(site, store, alice):
    store.fill([message(1)])
    site.set(mail__login_delay=1000)
    log_in(site, alice)
    before = os.stat(stamp(store)).st_mtime_ns
    for _ in range(2):
        answer = mailbox(site, "check", alice.name)
        assert answer.status == 0, answer.out + answer.err
    assert os.stat(stamp(store)).st_mtime_ns == before


@pytest.mark.parametrize("value", ["-1", "5m", "never", "86401"])
def test_wrong_value(site, value):
    site.set(mail__login_delay=value)
    client = site.inetd(greeting=False)
    assert not client.rest().startswith(b"+OK")
