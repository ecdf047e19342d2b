"""Maildrops that are not there, are not what they seem, or change under a session."""

import os
import shutil
import socket

import pytest

from stores import message

LOGGED_IN = b"+OK Logged in"


def refusal(site, account):
    """The -ERR that a broken maildrop gets, at PASS or at the first look inside."""
    client = site.inetd()
    client.cmd_ok("USER " + account.name)
    reply = client.cmd("PASS " + account.password)
    if reply == LOGGED_IN:
        reply = client.cmd("STAT")
    assert reply.startswith(b"-ERR"), reply
    client.close()
    client.wait()
    assert site.wait_log("error"), "nothing for the administrator"
    return reply


@pytest.mark.parametrize("location", ["maildir:~/missing/Maildir", "mbox:~/missing/mbox",
                                      "maildir:/nonexistent/%u", "mbox:/nonexistent/%u"])
def test_missing_parent_is_no_empty_maildrop(site, alice, location):
    """An unmounted file system must not look like an empty maildrop."""
    site.set(mail__location=location)
    assert refusal(site, alice).startswith(b"-ERR [SYS/TEMP] ")
    assert os.listdir(alice.home) == []


def test_missing_home(site, alice):
    os.rmdir(alice.home)
    assert refusal(site, alice).startswith(b"-ERR [SYS/")
    assert not os.path.exists(alice.home)


@pytest.mark.parametrize("location", ["maildir:~/Maildir", "mbox:~/mbox"])
def test_missing_maildrop_is_empty_and_not_created(site, alice, location):
    site.set(mail__location=location)
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT") == b"+OK 0 0"
    client.quit()
    client.wait()
    assert not os.path.exists(alice.path(location.split("/")[1]))


def remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def make_symlink(alice, path):
    os.rename(path, path + ".real")
    os.symlink(path + ".real", path)
    alice.own(path)


def make_fifo(alice, path):
    remove(path)
    os.mkfifo(path, 0o600)
    alice.own(path)


def make_socket(alice, path):
    remove(path)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    alice.own(path)


def make_other_kind(alice, path):
    """A file where a directory should be, and the other way round."""
    if os.path.isdir(path):
        shutil.rmtree(path)
        with open(path, "wb"):
            pass
    else:
        os.unlink(path)
        os.mkdir(path)
    alice.own(path)


def make_unreadable(alice, path):
    os.chown(path, 0, 0)
    os.chmod(path, 0o600)


@pytest.mark.parametrize("make", [make_symlink, make_fifo, make_socket, make_other_kind,
                                  make_unreadable])
def test_maildrop_of_the_wrong_kind(site, store, alice, make):
    store.put(message(1))
    make(alice, store.path)
    assert refusal(site, alice).startswith(b"-ERR [SYS/PERM] ")


@pytest.mark.parametrize("part", ["cur", "new"])
def test_part_of_maildir_is_a_symlink(site, maildir, alice, part):
    path = os.path.join(maildir.path, part)
    os.rmdir(path)
    os.symlink(alice.home, path)
    assert refusal(site, alice).startswith(b"-ERR [SYS/")


def test_mbox_that_is_no_mbox(site, mbox, alice):
    mbox.append(b"this is no mailbox\n\nat all\n")
    before = mbox.snapshot()
    refusal(site, alice)
    assert mbox.snapshot() == before


@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory", "dangling"])
def test_message_that_is_no_file(site, maildir, alice, kind):
    """Never followed, never waited for; the other messages are served."""
    secret = site.path("secret")
    with open(secret, "wb") as f:
        f.write(b"TOP SECRET\n")
    os.chmod(secret, 0o644)
    path = maildir.put(message(1))
    os.unlink(path)
    if kind == "symlink":
        os.symlink(secret, path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    else:
        os.symlink("/nonexistent", path)
    alice.own(path)
    maildir.put(message(2))
    client = site.inetd()
    client.login(alice)
    client.send(b"RETR 1\r\nRETR 2\r\nTOP 1 9\r\nQUIT\r\n")
    data = client.rest()
    assert b"SECRET" not in data
    assert b"Subject: message 2\r\n" in data


def test_vanished_message(site, maildir, alice):
    """Another program removed it: -ERR for it, the rest works, QUIT is +OK."""
    paths = [maildir.put(message(n)) for n in (1, 2, 3)]
    client = site.inetd()
    client.login(alice)
    client.multi("LIST")
    os.unlink(paths[1])
    client.cmd_err("RETR 2")
    client.cmd_err("TOP 2 0")
    client.multi("RETR 1")
    client.cmd_ok("DELE 1")
    client.cmd("DELE 2")
    client.quit()
    assert maildir.messages() == [message(3)]


def test_deleted_message_vanished_before_quit(site, maildir, alice):
    """What should go is gone: success."""
    paths = [maildir.put(message(n)) for n in (1, 2)]
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    os.unlink(paths[0])
    client.quit()
    assert maildir.messages() == [message(2)]


def test_renamed_message_is_followed(site, maildir, alice):
    """Another program moved it from new to cur, or changed its flags."""
    one, two = maildir.put(message(1), "new"), maildir.put(message(2), "cur")
    client = site.inetd()
    client.login(alice)
    before = client.lines("UIDL")
    cur = os.path.join(maildir.path, "cur")
    os.rename(one, os.path.join(cur, os.path.basename(one) + ":2,S"))
    os.rename(two, two + "RT")
    assert client.multi("RETR 1") == maildir.expected(message(1))
    assert client.multi("RETR 2") == maildir.expected(message(2))
    assert client.lines("UIDL") == before
    os.rename(two + "RT", two)
    client.cmd_ok("DELE 1")
    client.cmd_ok("DELE 2")
    client.quit()
    assert maildir.files() == []
    maildir.put(message(3), "new")


def test_uidl_and_order_survive_flags_and_new_to_cur(site, maildir, alice):
    paths = [maildir.put(message(n), "new") for n in (1, 2, 3)]
    client = site.inetd()
    client.login(alice)
    before = client.lines("UIDL")
    client.quit()
    cur = os.path.join(maildir.path, "cur")
    path = maildir.files()[1]
    os.rename(path, os.path.join(cur, os.path.basename(paths[1]) + ":2,FRS"))
    client = site.inetd()
    client.login(alice)
    assert client.lines("UIDL") == before


def test_appended_mbox_mail_survives(site, mbox, alice):
    """Delivered while the session runs: after the rewrite it is there, whole."""
    mbox.fill([message(1), message(2)])
    client = site.inetd()
    client.login(alice)
    client.multi("LIST")
    client.cmd_ok("DELE 1")
    mbox.put(message(3))
    assert client.multi("RETR 2") == mbox.expected(message(2))
    client.quit()
    assert mbox.messages() == [message(2), message(3)]


def test_appended_mbox_mail_survives_deletion_of_all(site, mbox, alice):
    mbox.fill([message(1), message(2)])
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.cmd_ok("DELE 2")
    mbox.put(message(3))
    client.quit()
    assert mbox.messages() == [message(3)]


@pytest.mark.parametrize("how", ["in place", "new file"])
def test_mbox_changed_by_another_program(site, mbox, alice, how):
    """Marks must never fall on other messages than those that were marked."""
    mbox.fill([message(n, b"body %d\n" % n * 20) for n in (1, 2, 3, 4)])
    stored = mbox.messages()
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 2")
    rest = b"".join(mbox.SEPARATOR + raw + b"\n" for raw in stored[1:])
    if how == "in place":
        with open(mbox.path, "r+b") as f:
            f.write(rest)
            f.truncate()
    else:
        os.unlink(mbox.path)
        mbox.append(rest)
    client.send(b"QUIT\r\n")
    reply = client.reply()
    client.eof()
    left = mbox.messages()
    if reply.startswith(b"+OK"):
        assert left == stored[2:]
    else:
        assert left == stored[1:]


def test_mbox_changed_before_retr(site, mbox, alice):
    """The right message, an error or the end, but never other bytes as this message."""
    raws = [message(n, b"body %d\n" % n * 20) for n in (1, 2, 3)]
    mbox.fill(raws)
    client = site.inetd()
    client.login(alice)
    client.multi("LIST")
    with open(mbox.path, "r+b") as f:
        f.write(b"".join(mbox.SEPARATOR + raw + b"\n" for raw in raws[1:]))
        f.truncate()
    client.send(b"RETR 2\r\n")
    data = b""
    if client.fill():
        reply = client.reply()
        if reply.startswith(b"+OK"):
            assert client.body() == mbox.expected(raws[1])
        data = reply
    assert data == b"" or data[:1] in b"+-"


def test_emptied_mbox(site, mbox, alice):
    mbox.fill([message(1), message(2)])
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    os.truncate(mbox.path, 0)
    client.cmd("QUIT")
    client.eof()
    client.wait()
    assert mbox.messages() == []
