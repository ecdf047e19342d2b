"""The module "checkpassword" with programs of every kind, good and bad."""

import base64
import hashlib
import os
import re
import time

import pytest

from harness import Proc, descendants, role_of, wait_role, wait_until
from stores import MaildirStore, MboxStore, message

DENIED, TEMPORARY = b"-ERR [AUTH] ", b"-ERR [SYS/TEMP] "

# What a checkpassword program does, for the accounts of these tests.
ACCEPT = """#!/usr/bin/python3
import os, pwd, sys
data = os.read(3, 513)
os.close(3)
user, password, stamp, rest = data.split(b"\\0")
assert len(data) <= 512 and rest == b"" and stamp == b""
if password != b"open sesame" and password.strip(b"x"):
    sys.exit(1)
try:
    entry = pwd.getpwnam(user.decode())
except KeyError:
    sys.exit(3)
if os.getuid() == 0:
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
os.environ.update(USER=entry.pw_name, HOME="@HOME@")
@MORE@
os.execv(sys.argv[-1], sys.argv[-1:])
"""


class Programs:
    """Writes programs into the directory of a site and configures them."""

    def __init__(self, site):
        self.site = site
        site.use_modules("checkpassword")
        site.set(auth__checkpassword__reply=os.path.join(
            os.path.dirname(site.tree.modules), "checkpassword-reply"))

    def write(self, text, name="program", mode=0o755):
        path = self.site.path(name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def use(self, text, arguments=""):
        path = self.write(text)
        self.site.set(auth__checkpassword__program=path + arguments)
        return path

    def shell(self, *lines):
        return self.use("#!/bin/sh\n" + "".join(l + "\n" for l in lines))

    def accept(self, account, more="", arguments=""):
        return self.use(ACCEPT.replace("@HOME@", account.home).replace("@MORE@", more),
                        arguments)


@pytest.fixture
def programs(site):
    return Programs(site)


@pytest.fixture
def mail(alice):
    store = MaildirStore(alice)
    store.fill([message(1), message(2)])
    return store


def attempt(client, name, password):
    client.cmd_ok("USER " + name)
    return client.cmd("PASS " + password)


def strangers(listener=None):
    """Living processes that are none of pop3d's roles."""
    return [p for p in descendants(listener and listener.pid)
            if p.alive() and role_of(p) is None]


# Good programs


@pytest.mark.parametrize("start", ["inetd", "listener", "pipes"])
def test_right_and_wrong(site, programs, mail, alice, start):
    programs.accept(alice)
    client = site.listener().connect() if start == "listener" else getattr(site, start)()
    refusals = [attempt(client, alice.name, "wrong"), attempt(client, "p3nobody", "x")]
    assert refusals[0] == refusals[1] and refusals[0].startswith(DENIED)
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 2 ")
    session = wait_role("session")[0]
    assert session.ids("Uid") == [alice.uid] * 4 and session.ids("Gid") == [alice.gid] * 4
    wait_until(lambda: strangers() == [], what="all programs to end")
    client.quit()


def test_auth_process_has_no_root(site, programs, mail, alice):
    """The program runs as root; what judges it does not."""
    programs.accept(alice, more="import time; time.sleep(1)")
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS " + alice.password.encode() + b"\r\n")
    auth = wait_role("auth")[0]
    wait_until(lambda: auth.ids("Uid")[0] != 0, what="auth to drop root")
    client.ok()
    client.quit()


def test_environment_and_descriptors(site, programs, alice):
    programs.shell("env | sort >%s" % site.path("env"),
                   "ls /proc/self/fd >%s" % site.path("fds"),
                   "ls -l /proc/self/fd/[012] >%s" % site.path("targets"),
                   "cat /proc/self/status >%s" % site.path("status"),
                   "pwd >%s" % site.path("pwd"), "cat <&3 >%s" % site.path("data"),
                   "exit 1")
    client = site.inetd()
    assert attempt(client, alice.name, "secret word").startswith(DENIED)
    client.quit()

    def text(name):
        with open(site.path(name)) as f:
            return f.read()
    assert text("data") == alice.name + "\0secret word\0\0"
    assert text("env").split() == ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PROTO=TCP",
                                   "PWD=/", "TCPLOCALIP=127.0.0.1",
                                   "TCPREMOTEIP=127.0.0.1"]
    # ls holds the directory itself as 5.
    assert text("fds").split() == ["0", "1", "2", "3", "4", "5"]
    assert text("targets").count("/dev/null") == 2  # and 1 is where this was written
    assert text("pwd") == "/\n"
    for key in ("SigBlk", "SigIgn"):
        mask = re.search(r"%s:\s+(\w+)\n" % key, text("status")).group(1)
        assert int(mask, 16) & ~(3 << 31) == 0, key  # 32 and 33 are glibc's own


def test_arguments(site, programs, mail, alice):
    programs.accept(alice, more="assert sys.argv[1:3] == ['-s', 'a;b$(c)'], sys.argv",
                    arguments="  -s  a;b$(c)")
    client = site.inetd()
    client.login(alice)
    client.quit()


@pytest.mark.parametrize("variables, kind", [
    ("MAILDIR='Mail/box %d/'", "maildir"), ("MAILDIR='@/Mail/box %d'", "maildir"),
    ("MAILDIR='././Mail/box %d'", "maildir"), ("MAIL='mbox:~/mail-file'", "mbox"),
    ("MAIL='mbox:@/mail-file', MAILDIR='/nonexistent'", "mbox"),
    ("MAIL='/var/mail/x', MAILDIR='Mail/box %d'", "maildir"),
])
def test_mail_location(site, programs, alice, variables, kind):
    """What the program says goes before [mail] location."""
    os.mkdir(alice.path("Mail"))
    alice.own(alice.path("Mail"))
    if kind == "maildir":
        store = MaildirStore(alice)
        os.rename(store.path, alice.path("Mail", "box %d"))
        store.path = alice.path("Mail", "box %d")
    else:
        site.set(mail__mbox_locks="fcntl")
        store = MboxStore(alice)
        os.rename(store.path, alice.path("mail-file"))
        store.path = alice.path("mail-file")
    store.put(message(7))
    programs.accept(alice, "os.environ.update(%s)" % variables.replace("@", alice.home))
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 1 ")
    client.quit()


def test_delay_and_expiry(site, programs, mail, alice):
    """Within the bounds, what the program says goes before the configuration."""
    site.set(mail__login_delay_max="600", mail__expire_min="7")
    programs.accept(alice, "os.environ.update(userdb_login_delay='20', userdb_expire='9')")
    client = site.inetd()
    assert {"LOGIN-DELAY 600 USER", "EXPIRE 7 USER"} < set(client.lines("CAPA"))
    client.login(alice)
    assert {"LOGIN-DELAY 20", "EXPIRE 9"} < set(client.lines("CAPA"))
    client.quit()


@pytest.mark.parametrize("length, expected", [(502, b"+OK"), (503, DENIED)])
def test_512_octets(site, programs, mail, alice, length, expected):
    programs.accept(alice)
    client = site.inetd()
    client.send(b"AUTH PLAIN\r\n")
    assert client.line() == b"+ "
    text = "\0%s\0%s" % (alice.name, "x" * length)
    assert client.cmd(base64.b64encode(text.encode()).decode()).startswith(expected)
    client.quit()


def test_without_root(site, vmail):
    """A program that needs no privileges works where pop3d has none."""
    programs = Programs(site)
    site.accounts = {"vmail": vmail}
    site.use_unprivileged(vmail)
    store = MaildirStore(vmail)
    store.put(message(1))
    programs.accept(vmail)
    client = site.inetd()
    assert attempt(client, vmail.name, "wrong").startswith(DENIED)
    client.login(vmail)
    assert wait_role("session")[0].ids("Uid") == [vmail.uid] * 4
    client.quit()


def test_unknown_users_are_left_to_the_next_module(site, programs, mail, alice):
    programs.accept(alice)
    site.use_modules("checkpassword", "passwd")
    site.write_users([site.user_line(alice, name="virtual")])
    client = site.inetd()
    assert attempt(client, "virtual", alice.password).startswith(b"+OK")
    client.quit()


def test_chain_behind_passwd(site, programs, mail, alice, bob):
    """It has a process in wait that is not needed for who stands in the file."""
    programs.accept(alice)
    site.use_modules("passwd", "checkpassword")
    site.write_users([site.user_line(bob)])
    MaildirStore(bob)
    listener = site.listener()
    for account in (bob, alice):
        client = listener.connect()
        client.login(account)
        wait_until(lambda: strangers(listener) == [], what="all helpers to end")
        client.quit()
    wait_until(lambda: descendants(listener.pid) == [], what="everything to be reaped")


# APOP


APOP = """#!/usr/bin/python3
import hashlib, os, sys
user, password, stamp, rest = os.read(3, 513).split(b"\\0")
if password.decode() != hashlib.md5(stamp + b"shared secret").hexdigest():
    sys.exit(1)
os.setgroups([])
os.setgid(%d)
os.setuid(%d)
os.execve(sys.argv[1], sys.argv[1:], {"HOME": "%s"})
"""


def apop(client, account, secret):
    stamp = re.search(rb"<[^>]*>", client.greeting).group()
    digest = hashlib.md5(stamp + secret.encode()).hexdigest()
    return client.cmd("APOP %s %s" % (account.name, digest))


def test_apop(site, programs, mail, alice):
    programs.use(APOP % (alice.gid, alice.uid, alice.home))
    site.set(auth__mechanisms="USER APOP", auth__checkpassword__apop="yes")
    client = site.inetd()
    assert apop(client, alice, "other secret").startswith(DENIED)
    assert apop(client, alice, "shared secret").startswith(b"+OK")
    client.quit()


def test_apop_unless_enabled(site, programs, mail, alice):
    programs.use(APOP % (alice.gid, alice.uid, alice.home))
    site.set(auth__mechanisms="USER APOP")
    client = site.inetd()
    assert apop(client, alice, "shared secret").startswith(DENIED)
    client.quit()


# Bad programs


@pytest.mark.parametrize("lines, reply, detail", [
    (["exit 1"], DENIED, "refused by the program"),
    (["exit 2"], TEMPORARY, "status 2"),
    (["exit 3"], DENIED, "no module knows"),
    (["exit 111"], TEMPORARY, "status 111"),
    (["exit 0"], TEMPORARY, "without running"),
    (["exit 77"], TEMPORARY, "status 77"),
    (["kill -SEGV $$"], TEMPORARY, "signal 11"),
    (["kill -KILL 0"], TEMPORARY, "signal 9"),
    (["exec 3<&-", "exit 1"], DENIED, "refused"),
    (["head -c 100000 /dev/urandom", "head -c 100000 /dev/zero >&2", "exit 1"], DENIED,
     "refused"),
    (["echo garbage >&4", "exit 0"], TEMPORARY, "malformed"),
    (["printf 'a\\0b\\0c\\0d\\0e\\0' >&4"], TEMPORARY, "malformed"),
    (["printf 'a\\0b\\0c\\0d\\0\\0\\0' >&4"], TEMPORARY, "not an absolute path"),
    (["printf 'a\\0/b\\0\\0\\0\\0\\0' >&4", "exit 1"], DENIED, "refused"),
    (["dd if=/dev/zero bs=5000 count=1 >&4"], TEMPORARY, "without running"),
    (["HOME=home exec $1"], TEMPORARY, "not an absolute path"),
    (["HOME=/$(head -c 1500 /dev/zero | tr '\\0' h) exec $1"], TEMPORARY, "HOME is too"),
    (["HOME=/$(head -c 9000 /dev/zero | tr '\\0' h) exec $1"], TEMPORARY, "status 111"),
    (["exec 4>&-", "exec $1"], TEMPORARY, "status 111"),
])
@pytest.mark.parametrize("start", ["inetd"])
def test_exits(site, programs, alice, start, lines, reply, detail):
    programs.shell(*lines)
    client = getattr(site, start)()
    assert attempt(client, alice.name, "secret word").startswith(reply)
    failure = site.log_lines("login-failed")[0]
    assert detail in failure
    client.multi("CAPA")
    client.quit()
    with open(site.log) as f:
        assert "secret word" not in f.read()


def test_root_stays_refused(site, programs, alice):
    """A program that does not become the user would serve root's mail."""
    programs.shell("USER=%s HOME=/root exec $1" % alice.name)
    client = site.inetd()
    assert attempt(client, alice.name, "x").startswith(b"-ERR [SYS/PERM] ")
    client.quit()


def test_kernel_says_who_answered(site, programs, alice, bob):
    """What a user's process writes in place of the helper is taken as that user's."""
    store = MaildirStore(bob)
    store.put(message(5))
    programs.use("#!/usr/bin/python3\nimport os, socket, struct\n"
                 "os.setgroups([]); os.setgid(%d); os.setuid(%d)\n"
                 "s = socket.socket(fileno=4)\n"
                 "try:\n"
                 "    s.sendmsg([b'p3alice\\0/\\0\\0\\0\\0\\0'], [(socket.SOL_SOCKET, 2,\n"
                 "        struct.pack('3i', os.getpid(), %d, %d))])\n"
                 "except PermissionError:\n"
                 "    s.send(b'p3alice\\0%s\\0\\0\\0\\0\\0')\n"
                 "os._exit(0)\n" % (bob.gid, bob.uid, alice.uid, alice.gid, bob.home))
    client = site.inetd()
    client.login(alice)
    assert wait_role("session")[0].ids("Uid") == [bob.uid] * 4
    client.quit()


def test_half_a_change_of_identity(site, programs, alice):
    programs.use("#!/usr/bin/python3\nimport os, sys\nos.seteuid(%d)\n"
                 "os.execv(sys.argv[1], sys.argv[1:])\n" % alice.uid)
    client = site.inetd()
    assert attempt(client, alice.name, "x").startswith(TEMPORARY)
    client.quit()


def test_helper_cannot_be_read(site):
    """So that the user, as whom it runs, cannot trace it."""
    path = os.path.join(os.path.dirname(site.tree.modules), "checkpassword-reply")
    found = os.stat(path)
    assert (found.st_mode & 0o7777, found.st_uid) == (0o711, 0)


HANG = ["trap '' TERM INT HUP", "sleep 1000 &", "setsid sleep 1000 &",
        "(setsid sh -c 'sleep 1000 & sleep 1000' &)", "sleep 1000"]


@pytest.mark.parametrize("start", ["inetd", "listener"])
def test_timeout(site, programs, alice, start):
    """All that the program started goes with it, daemons too."""
    programs.shell(*HANG)
    site.set(auth__checkpassword__timeout=1)
    listener = site.listener() if start == "listener" else None
    client = listener.connect() if listener else site.inetd()
    began = time.monotonic()
    assert attempt(client, alice.name, "x").startswith(TEMPORARY)
    assert 0.9 < time.monotonic() - began < 3
    assert strangers(listener) == []
    assert "took too long" in site.log_lines("login-failed")[0]
    client.quit()
    if listener:
        wait_until(lambda: descendants(listener.pid) == [], what="everything to be reaped")


@pytest.mark.parametrize("start", ["inetd", "listener"])
@pytest.mark.parametrize("end", ["auth.timeout", "kill auth", "kill monitor", "kill front"])
def test_nobody_waits_any_more(site, programs, alice, start, end):
    programs.shell(*HANG)
    site.set(auth__checkpassword__timeout=60)
    if end == "auth.timeout":
        site.set(auth__timeout=1)
    listener = site.listener() if start == "listener" else None
    client = listener.connect() if listener else site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS x\r\n")
    wait_until(lambda: len(strangers(listener)) >= 6, what="the program to start")
    if end.startswith("kill"):
        wait_role(end.split()[1])[0].kill()
    wait_until(lambda: strangers(listener) == [], what="the program to end")
    client.close()
    if listener:
        wait_until(lambda: descendants(listener.pid) == [], what="everything to be reaped")


def test_daemon_that_would_stay(site, programs, mail, alice):
    """What a program that was right leaves behind is killed; nobody waits for it."""
    programs.accept(alice, "if os.fork() == 0:\n    os.setsid()\n"
                           "    os.execv('/bin/sleep', ['sleep', '3'])\n")
    client = site.inetd()
    began = time.monotonic()
    client.login(alice)
    assert time.monotonic() - began < 2
    assert "sleep" not in [p.comm() for p in strangers()]
    client.quit()


# Configuration


def refused(site, alice):
    client = site.inetd()
    reply = attempt(client, alice.name, alice.password)
    client.quit()
    assert reply.startswith(TEMPORARY)
    return site.log_lines("error")


@pytest.mark.parametrize("what, how", [
    ("owner", "must belong to root"), ("group", "must not be writable"),
    ("world", "must not be writable"), ("mode", "Permission denied"),
    ("directory", "not a regular file"), ("missing", "No such file")])
@pytest.mark.parametrize("key", ["program", "reply"])
def test_unsafe_files(site, programs, alice, key, what, how):
    programs.accept(alice)
    path = programs.write("#!/bin/sh\nexit 0\n", name="other")
    if what == "owner":
        os.chown(path, alice.uid, 0)
    elif what == "group":
        os.chown(path, 0, alice.gid)
        os.chmod(path, 0o775)
    elif what in ("world", "mode"):
        os.chmod(path, 0o757 if what == "world" else 0o644)
    else:
        os.unlink(path)
        if what == "directory":
            os.mkdir(path)
    site.set(**{"auth__checkpassword__" + key: path})
    assert any(how in l for l in refused(site, alice))


@pytest.mark.parametrize("key, value, how", [
    ("program", "bin/true", "absolute"), ("program", " ", "program"),
    ("program", "/bin/true" + " x" * 30, "words"), ("timeout", "0", "timeout"),
    ("timeout", "601", "timeout"), ("timeout", "-1", "timeout"), ("timeout", "4 ", None),
    ("timeout", "99999999999999999999", "timeout"), ("apop", "maybe", "apop")])
def test_bad_values(site, programs, mail, alice, key, value, how):
    programs.accept(alice)
    site.set(**{"auth__checkpassword__" + key: value})
    if how is None:
        client = site.inetd()
        client.login(alice)
        client.quit()
    else:
        assert any(how in l for l in refused(site, alice))


def test_program_is_needed(site, programs, alice):
    assert any("program is not set" in l for l in refused(site, alice))
