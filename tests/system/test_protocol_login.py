"""The AUTHORIZATION state: RFC 1939 sections 4 and 7, RFC 3206."""

import os
import time

import pytest

from harness import roles
from stores import message

DENIED = b"-ERR [AUTH] Invalid user name or password"


def test_quit_before_login(site, store):
    store.fill([message(1)])
    before = store.snapshot()
    client = site.inetd()
    client.quit()
    assert client.wait() == 0
    assert store.snapshot() == before


def test_login_reply(site, store, alice):
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + alice.password) == b"+OK Logged in"


def test_pass_needs_user(site, maildir, alice):
    client = site.inetd()
    client.cmd_err("PASS " + alice.password)
    client.login(alice)


@pytest.mark.parametrize("between", [["CAPA"], ["NOOP"], ["FOO"], [""], ["STAT"],
                                     ["PASS wrong"], ["x" * 300], ["USER"]])
def test_pass_only_right_after_user(site, maildir, alice, between):
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    for line in between:
        if client.cmd(line).startswith(b"+OK"):
            client.body()
    client.cmd_err("PASS " + alice.password)
    client.cmd_err("STAT")
    client.login(alice)


def test_second_user_replaces_the_first(site, maildir, alice, bob):
    bob.password = "of another"
    site.write_users()
    client = site.inetd()
    client.cmd_ok("USER " + bob.name)
    client.login(alice)
    assert client.cmd("STAT") == b"+OK 0 0"
    site.wait_log("login", user=alice.name)


def test_second_user_keeps_nothing_of_the_first(site, maildir, alice, bob):
    bob.password = "of another"
    site.write_users()
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.cmd_ok("USER " + bob.name)
    assert client.cmd("PASS " + alice.password) == DENIED


@pytest.mark.parametrize("password", [
    " ", "  ", " leading", "trailing ", "in the  middle", "  both  ", "\ttab\t", "%s%n%x",
    "[AUTH]", "+OK", ".", "a:b:c", "\\", "\"quoted\"", "\x01\x7f", "caf\xe9", "\xff\xfe",
    "p" * 248])
def test_password_is_everything_after_the_space(site, maildir, alice, password):
    raw = password.encode("latin-1")
    site.write_users([site.user_line(alice, password=raw)])
    client = site.inetd()
    client.login(alice, password)
    assert client.cmd("STAT") == b"+OK 0 0"


@pytest.mark.parametrize("wrong", ["open sesame ", " open sesame", "open  sesame", "open",
                                   "OPEN SESAME", "open sesam", "open sesamee", "open sesame\r"])
def test_nearly_right_password_is_wrong(site, maildir, alice, wrong):
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS " + wrong.encode() + b"\r\n")
    client.err()
    client.cmd_err("STAT")


@pytest.mark.parametrize("line", ["PASS", "PASS "])
@pytest.mark.parametrize("entry", ["hash", "empty"])
def test_empty_password_never_opens(site, maildir, alice, line, entry):
    if entry == "empty":
        site.write_users(["%s::%d:%d::%s::" % (alice.name, alice.uid, alice.gid, alice.home)])
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err(line)
    client.cmd_err("STAT")


@pytest.mark.parametrize("line", ["USER", "USER ", "USER  "])
def test_user_needs_a_name(site, maildir, alice, line):
    client = site.inetd()
    client.cmd_err(line)
    client.cmd_err("PASS " + alice.password)
    client.login(alice)


def test_failure_says_nothing_about_the_user(site, maildir, alice):
    client = site.inetd()
    assert client.cmd("USER " + alice.name) == client.cmd("USER nobody-knows").replace(
        b"nobody-knows", alice.name.encode())
    assert client.cmd("PASS wrong") == DENIED
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS wrong") == DENIED


def test_failure_takes_the_same_time(site, maildir, alice):
    """Refusals come failure_delay after the request at the least, whoever was named."""
    site.set(auth__failure_delay=1)
    clients = [site.inetd(), site.inetd()]
    for names in ((alice.name, "nobody-knows"), ("nobody-knows", alice.name)):
        start, taken = time.monotonic(), []
        for client, name in zip(clients, names):
            client.send(b"USER %s\r\nPASS wrong\r\n" % name.encode())
        for client in clients:
            client.ok()
            assert client.reply() == DENIED
            taken.append(time.monotonic() - start)
        assert min(taken) >= 0.95 and max(taken) < 2.5, taken
        assert abs(taken[0] - taken[1]) < 0.15, taken


def test_first_failure_takes_failure_delay(site, maildir, alice):
    site.set(auth__failure_delay=1)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    start = time.monotonic()
    assert client.cmd("PASS wrong") == DENIED
    assert 0.95 <= time.monotonic() - start < 1.5


def test_success_is_not_delayed(site, maildir, alice):
    site.set(auth__failure_delay=5)
    client = site.inetd()
    start = time.monotonic()
    client.login(alice)
    assert time.monotonic() - start < 2


def test_max_attempts(site, maildir, alice):
    site.set(auth__max_attempts=3)
    client = site.inetd()
    for _ in range(3):
        client.cmd_ok("USER " + alice.name)
        assert client.cmd("PASS wrong") == DENIED
    client.eof()
    client.wait()
    assert len(site.wait_log("login-failed", user=alice.name)) == 3


def test_last_attempt_may_succeed(site, maildir, alice):
    site.set(auth__max_attempts=3)
    client = site.inetd()
    for _ in range(2):
        client.cmd_ok("USER " + alice.name)
        client.cmd_err("PASS wrong")
    client.login(alice)


@pytest.mark.parametrize("module,octets", [
    ("mod_ok", sorted(set(range(1, 256)) - {10, 13})),
    ("passwd", [1, 9, 27, 32, 58, 64, 127, 128, 160, 195, 255])])
def test_every_byte_in_a_name(site, maildir, module, octets):
    """An error each time, the connection goes on, and the log stays clean."""
    site.use_modules(module)
    site.set(auth__max_attempts=100, limits__bad_commands=10000, limits__login_commands=10000)
    client = site.inetd()
    for octet in octets:
        if octet % 90 == 0:
            client.quit()
            client = site.inetd()
        client.cmd("USER a" + chr(octet) + "b")
        reply = client.cmd("PASS x")
        assert reply.startswith(b"-ERR"), (octet, reply)
    client.multi("CAPA")
    with open(site.log, "rb") as f:
        for line in f.read().split(b"\n"):
            assert all(0x20 <= b <= 0x7e for b in line), line


@pytest.mark.parametrize("name", [
    "%n%n%n%n%s%s%s%s", "%u", "%%", "[x]", "[AUTH]", "[SYS/TEMP] x", "../../etc/passwd",
    "/etc/passwd",
    ".", "..", "root", "p3alice\\", "p3alice:x", "p3alice@", "@p3alice",
    "'; DROP TABLE users; --",
    "*", "x" * 248, "x y", "p3alice\t", "<p3alice>", "\"p3alice\""])
def test_odd_names_are_refused(site, maildir, alice, name):
    client = site.inetd()
    client.cmd("USER " + name)
    reply = client.cmd("PASS " + alice.password)
    assert reply.startswith(b"-ERR"), reply
    client.login(alice)


@pytest.mark.parametrize("name", ["../p3bob", ".", "..", ".hidden", "a/b", "/p3bob", "-",
                                  "%h%u", "a@../x"])
def test_names_cannot_climb_out_of_the_location(site, alice, bob, name):
    """An entry of the user file itself with such a name opens no maildrop above."""
    base = site.path("spool")
    for part in ("", "in", "in/u", "p3bob", "in/p3bob"):
        os.mkdir(os.path.join(base, part))
        os.chmod(os.path.join(base, part), 0o777)
    template = base + ("/in/%d/%n" if "@" in name else "/in/u/%u")
    site.set(mail__location="maildir:" + template)
    site.write_users([site.user_line(alice, name=name)])
    client = site.inetd()
    client.cmd("USER " + name)
    reply = client.cmd("PASS " + alice.password)
    if name in ("-", "%h%u"):
        assert reply.startswith(b"+OK"), reply
        return
    assert reply.startswith(b"-ERR"), reply
    client.close()
    client.wait()
    for part in ("", "in", "p3bob", "in/p3bob"):
        assert set(os.listdir(os.path.join(base, part))) <= {"in", "u", "p3bob"}


@pytest.mark.parametrize("uid", [0, 1, 999])
def test_uid_below_min_uid_is_refused(site, maildir, alice, uid):
    line = site.user_line(alice).split(":")
    line[2] = str(uid)
    site.write_users([":".join(line)])
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS " + alice.password)
    assert roles("session") == []


def test_gid_0_is_refused(site, maildir, alice):
    line = site.user_line(alice).split(":")
    line[3] = "0"
    site.write_users([":".join(line)])
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS " + alice.password)


def test_broken_back_end_is_not_a_wrong_password(site, maildir, alice):
    os.unlink(site.users)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + alice.password).startswith(b"-ERR [SYS/TEMP] ")


def test_users_file_change_needs_no_restart(site, maildir, alice):
    listener = site.listener()
    alice.password = "another"
    client = listener.connect()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS another") == DENIED
    site.write_users()
    client.login(alice)


@pytest.mark.parametrize("extra,location", [
    ("userdb_mail=maildir:~/other", "other"), ("userdb_mail=mbox:~/inbox", "inbox")])
def test_location_of_an_entry_goes_first(site, maildir, alice, extra, location):
    maildir.fill([message(1)])
    if location == "inbox":
        with open(alice.own_file("inbox"), "wb") as f:
            f.write(b"From x Mon Jan  1 00:00:00 2024\n" + message(7) + b"\n")
    else:
        for part in ("", "cur", "new", "tmp"):
            os.mkdir(alice.path(location, part))
            alice.own(alice.path(location, part))
        with open(alice.own_file(location, "cur", "1.x.y:2,"), "wb") as f:
            f.write(message(7))
    site.write_users([site.user_line(alice, extra=extra)])
    client = site.inetd()
    client.login(alice)
    assert b"Subject: message 7\r\n" in client.multi("RETR 1")


def test_nologin_entry_is_refused(site, maildir, alice):
    site.write_users([site.user_line(alice, extra="nologin")])
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + alice.password).startswith(b"-ERR [")
    client.cmd_err("STAT")


@pytest.mark.parametrize("home", ["relative", "", "~/x"])
def test_home_that_is_no_path(site, maildir, alice, home):
    line = site.user_line(alice).split(":")
    line[5] = home
    site.write_users([":".join(line)])
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS " + alice.password)


def test_home_behind_a_symlink(site, maildir, alice):
    """/home may be a link; only the maildrop itself must not be one."""
    maildir.fill([message(1)])
    link = site.path("homes")
    os.symlink(os.path.dirname(alice.home), link)
    line = site.user_line(alice).split(":")
    line[5] = os.path.join(link, os.path.basename(alice.home))
    site.write_users([":".join(line)])
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 1 ")
