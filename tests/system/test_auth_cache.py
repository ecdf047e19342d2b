"""The cache of right passwords: it saves the hash, and nothing else changes for it."""

import os
import shutil
import time

import pytest

from backends import pop3ctl
from harness import Proc, Site, roles
from mechanisms import DENIED, LOGGED_IN, plain_command
from stores import MaildirStore

HASHED_TICKS = 3  # 30 ms of CPU; a hash takes twice as much at the least, the rest a third


def spent(pid):
    """CPU of the ended children of a process, the auth process among them, in ticks."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[13]) + int(fields[14])


def add_user(site, account, *options):
    pop3ctl(site, "passwd", "add", "-u", account.uid, "-g", account.gid, "-d", account.home,
            *options, account.name, text=account.password)


@pytest.fixture
def costly(site, maildir, alice, bob):
    """A user file with hashes as pop3ctl makes them."""
    MaildirStore(bob)
    bob.password = "of bob"
    site.write_users([])
    for account in (alice, bob):
        add_user(site, account)
    return site


def hashed(site, account, start="inetd", listener=None):
    """Log in; True if the hash was computed."""
    client = listener.connect() if listener else getattr(site, start)()
    client.login(account)
    pid = client.process.pid if client.process else roles("session")[0].pid
    ticks = spent(pid)
    client.quit()
    if client.process:
        client.wait()
    else:
        while Proc(pid).alive():
            time.sleep(0.01)
    return ticks >= HASHED_TICKS


def refused(site, account, password):
    client = site.inetd()
    client.cmd_ok("USER " + account.name)
    assert client.cmd("PASS " + password) == DENIED
    client.quit()


def login_seconds(listener, account):
    client = listener.connect()
    client.cmd_ok("USER " + account.name)
    begin = time.monotonic()
    client.cmd_ok("PASS " + account.password)
    taken = time.monotonic() - begin
    client.quit()
    return taken


def table(site):
    return os.path.join(site.settings["server.run_directory"], "auth-cache")


def key(site):
    return table(site) + ".key"


def read(path):
    with open(path, "rb") as f:
        return f.read()


def test_second_login_is_five_times_as_fast(costly, alice):
    costly.set(auth__cache_ttl=0)
    listener = costly.listener()
    slow = min(login_seconds(listener, alice) for _ in range(5))
    listener.stop()
    costly.set(auth__cache_ttl=3600)
    listener = costly.listener()
    login_seconds(listener, alice)
    fast = min(login_seconds(listener, alice) for _ in range(5))
    assert fast * 5 < slow, (fast, slow)


@pytest.mark.parametrize("start", ["inetd", "pipes"])
def test_second_login_computes_no_hash(costly, alice, start):
    assert [hashed(costly, alice, start) for _ in range(3)] == [True, False, False]


def test_mechanisms_share_it(costly, alice):
    """What was proven is the password, whichever way it came."""
    assert hashed(costly, alice)
    client = costly.inetd()
    assert client.cmd(plain_command(alice)) == LOGGED_IN
    assert spent(client.process.pid) < HASHED_TICKS


def test_listener_and_inetd_share_it(costly, alice):
    listener = costly.listener()
    assert hashed(costly, alice, listener=listener)
    assert not hashed(costly, alice)
    assert not hashed(costly, alice, listener=listener)


def test_wrong_password_after_a_right_one(costly, alice):
    assert hashed(costly, alice)
    for wrong in ("wrong", "", "open sesam", "open sesame\t", alice.password * 2):
        if wrong:
            refused(costly, alice, wrong)
    assert not hashed(costly, alice)


def test_wrong_password_is_not_remembered(costly, alice):
    refused(costly, alice, "wrong")
    refused(costly, alice, "wrong")
    assert hashed(costly, alice)


def test_password_changed(costly, alice):
    old = alice.password
    assert hashed(costly, alice)
    alice.password = "another"
    pop3ctl(costly, "passwd", "change", alice.name, text=alice.password)
    refused(costly, alice, old)
    assert hashed(costly, alice)
    assert not hashed(costly, alice)
    refused(costly, alice, old)


def test_hash_changed(costly, alice):
    """The same password again, with another salt."""
    assert hashed(costly, alice)
    pop3ctl(costly, "passwd", "change", alice.name, text=alice.password)
    assert hashed(costly, alice)


def test_user_locked_or_gone(costly, alice):
    assert hashed(costly, alice)
    entries = read(costly.users).decode().splitlines()
    fields = entries[0].split(":") + [""] * 8
    costly.write_users([":".join(fields[:7] + ["nologin"])] + entries[1:])
    refused(costly, alice, alice.password)
    costly.write_users(entries[1:])
    refused(costly, alice, alice.password)


def test_other_user_with_the_same_hash(costly, alice, bob):
    entry = read(costly.users).decode().splitlines()[0].split(":")
    bob.password = alice.password
    other = [bob.name, entry[1], str(bob.uid), str(bob.gid), "", bob.home]
    costly.write_users([":".join(entry), ":".join(other)])
    assert hashed(costly, alice)
    assert hashed(costly, bob)
    assert not hashed(costly, alice)


def test_two_users_in_turns(costly, alice, bob):
    for expected in (True, False, False):
        assert hashed(costly, alice) == expected
        refused(costly, bob, alice.password)
        assert hashed(costly, bob) == expected
        refused(costly, alice, bob.password)


def test_ttl_0_keeps_nothing(costly, alice):
    costly.set(auth__cache_ttl=0)
    assert hashed(costly, alice) and hashed(costly, alice)
    assert not os.path.exists(table(costly)) and not os.path.exists(key(costly))


def test_ttl_ends(costly, alice):
    costly.set(auth__cache_ttl=2)
    assert hashed(costly, alice)
    assert not hashed(costly, alice)
    time.sleep(2.1)
    assert hashed(costly, alice)


def test_lower_ttl_holds_for_what_is_there(costly, alice):
    costly.set(auth__cache_ttl=3600)
    assert hashed(costly, alice)
    costly.set(auth__cache_ttl=60)
    assert hashed(costly, alice)


def test_files_are_for_root_alone(costly, alice):
    hashed(costly, alice)
    stored = read(costly.users).splitlines()[0].split(b":")[1]
    for path in (table(costly), key(costly)):
        found = os.stat(path)
        assert (found.st_mode & 0o7777, found.st_uid) == (0o600, 0)
        text = read(path)
        for secret in (alice.password.encode(), alice.name.encode(), stored, b"argon2id"):
            assert secret not in text
    assert os.stat(os.path.dirname(table(costly))).st_mode & 0o77 == 0
    assert len(read(key(costly))) == 32


def test_table_of_another_host_is_worth_nothing(costly, tree, base, accounts, alice):
    other = Site(tree, base, accounts, {"auth.passwd.file": costly.users,
                                        "mail.location": costly.settings["mail.location"]})
    try:
        assert hashed(costly, alice)
        assert hashed(other, alice)
        assert read(key(costly)) != read(key(other))
        shutil.copyfile(table(costly), table(other))
        assert hashed(other, alice)
    finally:
        assert other.close() == []


# Whatever stands there, a login goes as without it.

def fill(path, data):
    with open(path, "wb") as f:
        f.write(data)


def replace(path, make):
    if os.path.exists(path):
        os.unlink(path)
    make(path)


HOSTILE = {
    "empty": lambda path: fill(path, b""),
    "short": lambda path: os.truncate(path, 31),
    "cut": lambda path: os.truncate(path, max(os.stat(path).st_size - 1, 0)),
    "long": lambda path: os.truncate(path, 1 << 40),
    "ones": lambda path: fill(path, b"\xff" * os.stat(path).st_size),
    "random": lambda path: fill(path, os.urandom(os.stat(path).st_size)),
    "missing": os.unlink,
    "directory": lambda path: replace(path, os.mkdir),
    "fifo": lambda path: replace(path, os.mkfifo),
    "link": lambda path: replace(path, lambda p: os.symlink(p + ".target", p)),
    "readable": lambda path: os.chmod(path, 0o644),
    "writable": lambda path: os.chmod(path, 0o666),
    "owner": lambda path: os.chown(path, 4711, 4711),
}


@pytest.mark.parametrize("which", [table, key], ids=["table", "key"])
@pytest.mark.parametrize("how", sorted(HOSTILE))
def test_hostile_file(costly, alice, which, how):
    hashed(costly, alice)
    target = which(costly) + ".target"
    fill(target, b"k" * 32 if which is key else b"")
    HOSTILE[how](which(costly))
    for _ in range(2):
        client = costly.inetd()
        client.login(alice)
        client.quit()
    refused(costly, alice, "wrong")
    assert read(target) == (b"k" * 32 if which is key else b"")
    assert costly.log_lines("crash") == []


@pytest.mark.parametrize("how", ["missing", "writable", "file", "link"])
def test_no_run_directory(costly, alice, how):
    """Mail is served, with one line in the log for each login."""
    run = costly.path("other")
    if how == "missing":
        run = "/proc/nowhere/run"
    elif how == "writable":
        os.mkdir(run)
        os.chmod(run, 0o777)
    elif how == "file":
        fill(run, b"")
    else:
        os.symlink(costly.path("run"), run)
    costly.set(server__run_directory=run)
    assert hashed(costly, alice)
    assert len([l for l in costly.log_lines() if "no cache" in l]) == 1
    assert hashed(costly, alice)
