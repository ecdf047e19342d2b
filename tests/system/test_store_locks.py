"""Delivery locks of an mbox, and the spool directory of a host."""

import fcntl
import grp
import os
import re
import socket
import time

import pytest

from harness import wait_until
from patience import patient
from stores import message

LOGGED_IN = b"+OK Logged in"


@pytest.mark.parametrize("lock", ["fcntl", "dotlock"])
def test_delivery_holds_the_mbox(site, mbox, alice, lock):
    """A delivery lock delays the session, and one that stays refuses it."""
    mbox.fill([message(1)])
    site.set(limits__lock_seconds=1)

    def take():
        if lock == "fcntl":
            f = open(mbox.path, "r+b")
            fcntl.lockf(f, fcntl.LOCK_EX)
            return f.close
        with open(mbox.path + ".lock", "w") as f:
            f.write("%d\n" % os.getpid())
        alice.own(mbox.path + ".lock")
        return lambda: os.unlink(mbox.path + ".lock")

    release = take()
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    start = time.monotonic()
    reply = client.cmd("PASS " + alice.password)
    if reply == LOGGED_IN:
        reply = client.cmd("STAT")
    assert reply.startswith((b"-ERR [IN-USE] ", b"-ERR [SYS/TEMP] ")), reply
    assert 0.5 < time.monotonic() - start < 5
    client.close()
    client.wait()
    release()
    site.set(limits__lock_seconds=8)
    release = take()
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS " + alice.password.encode() + b"\r\nSTAT\r\n")
    time.sleep(0.5)
    release()
    client.ok()
    assert client.reply().startswith(b"+OK 1 ")
    client.cmd_ok("DELE 1")
    client.quit()
    assert mbox.messages() == []
    assert not os.path.exists(mbox.path + ".lock")


def test_mbox_is_not_locked_during_the_session(site, mbox, alice):
    """Delivery goes on while a client thinks."""
    mbox.fill([message(1)])
    client = site.inetd()
    client.login(alice)
    client.multi("LIST")
    client.cmd_ok("DELE 1")
    assert not os.path.exists(mbox.path + ".lock")
    with open(mbox.path, "r+b") as f:
        fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    client.quit()


@pytest.mark.parametrize("locks,extra", [("fcntl dotlock", "mail"), ("dotlock fcntl", "mail"),
                                         ("fcntl", "")])
def test_mail_spool_directory(site, alice, locks, extra):
    """/var/mail of Debian: root:mail 2775, one file USER:mail 0660 for each user."""
    mail = grp.getgrnam("mail").gr_gid
    spool = site.path("spool")
    os.mkdir(spool)
    os.chown(spool, 0, mail)
    os.chmod(spool, 0o2775)
    path = os.path.join(spool, alice.name)
    with open(path, "wb") as f:
        for n in (1, 2, 3):
            f.write(b"From x Mon Jan  1 00:00:00 2024\n" + message(n) + b"\n")
    os.chown(path, alice.uid, mail)
    os.chmod(path, 0o660)
    values = {"mail__location": "mbox:%s/%%u" % spool, "mail__mbox_locks": locks}
    if extra:
        values["mail__extra_group"] = extra
    site.set(**values)
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 3 ")
    client.cmd_ok("DELE 2")
    client.quit()
    st = os.stat(path)
    assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (alice.uid, mail, 0o660)
    with open(path, "rb") as f:
        assert re.findall(rb"Subject: message (\d)", f.read()) == [b"1", b"3"]
    # The file that sessions lock may stay; a delivery lock or half a rewrite may not.
    assert set(os.listdir(spool)) <= {alice.name, *(
        ".%s.pop3d-%s" % (alice.name, kind) for kind in ("lock", "index", "uidl"))}


def test_dotlock_that_changes_hands(site, mbox, alice):
    """Its owner removes it and ends, and the next one's has the same inode.

    Between the reading of the pid and the question whether that lives, a second passes.
    """
    mbox.fill([message(1)])
    site.set(limits__lock_seconds=5, mail__mbox_locks="dotlock")
    first, second = site.spawn(["sleep", "60"]), site.spawn(["sleep", "60"])
    path = mbox.path + ".lock"

    def own(process):
        with open(path, "w") as f:
            f.write("%d:%s\n" % (process.pid, socket.gethostname()))
        alice.own(path)

    def trace():
        with open(site.path("strace")) as f:
            return f.read()

    own(first)
    client = site.inetd(prefix=["strace", "-f", "-qq", "-o", site.path("strace"), "-e",
                                "trace=openat,kill", "-e", "inject=kill:delay_enter=1000000"])
    client.login(alice)
    client.send(b"STAT\r\n")
    wait_until(lambda: re.search(r'"mbox.lock", O_RDONLY', trace()), what="a look at it")
    first.kill()
    first.wait()
    own(second)
    client.quiet(1.5)
    assert os.path.exists(path)
    os.unlink(path)
    second.kill()
    client.timeout = patient(20)
    assert client.reply().startswith(b"+OK 1 ")
    assert re.search(r"kill\(%d, 0\) += -1 ESRCH" % first.pid, trace())
