"""Errors while a message is sent or removed: no torn message is ever passed off as whole."""

import os

import pytest

from harness import wait_role
from stores import message

END = b"\r\n.\r\n"
BIG = 24 << 20


def put_big(store):
    """A message that no socket buffer holds, and a small one behind it; its path."""
    body = (b"x" * 63 + b"\n") * (BIG // 64)
    path = store.put(message(1, body)) or store.path
    store.put(message(2))
    return path


def start_retr(client):
    """RETR 1 until the server is held up by full buffers."""
    client.send(b"RETR 1\r\n")
    while len(client.buffer) < 100:
        assert client.fill()
    assert client.buffer.startswith(b"+OK")


@pytest.mark.parametrize("size", [0, 1 << 20, BIG // 2])
def test_truncated_during_retr(site, store, alice, size):
    """The message ends early: no final dot, the connection drops, the log says so."""
    path = put_big(store)
    client = site.inetd()
    client.login(alice)
    client.multi("LIST")
    start_retr(client)
    os.truncate(path, size)
    data = client.rest()
    assert len(data) < BIG and not data.endswith(END), data[-80:]
    client.wait()
    assert site.wait_log("session-end", user=alice.name)


def test_deleted_during_retr(site, maildir, alice):
    """An open file stays whole though its name is gone."""
    path = put_big(maildir)
    client = site.inetd()
    client.login(alice)
    start_retr(client)
    os.unlink(path)
    client.ok()
    assert client.body().endswith(b"x" * 63 + b"\r\n")
    client.cmd_ok("NOOP")


@pytest.mark.parametrize("when", ["1+", "5+"])
def test_read_error_during_retr(site, store, alice, when):
    path = put_big(store)
    client = site.inetd()
    client.login(alice)
    client.multi("LIST")
    client.cmd_ok("DELE 2")
    session = wait_role("session")[0]
    calls = "read,pread64,readv,preadv,sendfile,splice,mmap"
    site.strace(session.pid, "-P", path, "-e", "trace=" + calls,
                "-e", "inject=%s:error=EIO:when=%s" % (calls, when))
    client.send(b"RETR 1\r\n")
    if client.fill() and client.buffer.startswith(b"-ERR"):
        client.reply()
        client.quiet(0.1)
    else:
        data = client.rest()
        assert not data.endswith(END) and len(data) < BIG, data[-80:]
    client.close()
    client.wait()
    assert len(store.messages()) == 2


def test_read_error_in_the_first_look(site, store, alice):
    """The maildrop cannot be read at all: [SYS/TEMP], and nothing looks empty."""
    store.fill([message(1), message(2)])
    client = site.inetd(prefix=["strace", "-f", "-qq", "-o", site.path("strace"), "-P",
                                store.path, "-P", os.path.join(store.path, "cur"), "-e",
                                "trace=read,pread64,getdents64", "-e",
                                "inject=read,pread64,getdents64:error=EIO"])
    client.cmd_ok("USER " + alice.name)
    reply = client.cmd("PASS " + alice.password)
    if reply.startswith(b"+OK"):
        reply = client.cmd("STAT")
    assert reply.startswith(b"-ERR [SYS/TEMP] "), reply
    for line in ("LIST", "UIDL", "RETR 1", "DELE 1"):
        client.send(line.encode() + b"\r\n")
        if not client.fill():
            break
        client.err()


def after_quit(client):
    client.send(b"QUIT\r\n")
    reply = client.reply()
    client.eof()
    client.wait()
    return reply


def test_maildir_that_cannot_be_written(site, maildir, alice):
    """Nothing could be removed: -ERR, and everything is there."""
    maildir.fill([message(1), message(2)])
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    os.chown(os.path.join(maildir.path, "cur"), 0, 0)
    os.chmod(os.path.join(maildir.path, "cur"), 0o755)
    assert after_quit(client).startswith(b"-ERR")
    assert maildir.messages() == [message(1), message(2)]


def test_maildir_that_can_be_written_in_part(site, maildir, alice):
    """One removed, one not: -ERR, and the next session tells the truth."""
    maildir.put(message(1), "new")
    maildir.put(message(2), "cur")
    maildir.put(message(3), "cur")
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.cmd_ok("DELE 3")
    cur = os.path.join(maildir.path, "cur")
    os.chown(cur, 0, 0)
    os.chmod(cur, 0o755)
    assert after_quit(client).startswith(b"-ERR")
    alice.own(cur)
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 2 ")
    assert client.multi("RETR 1") == maildir.expected(message(2))
    assert client.multi("RETR 2") == maildir.expected(message(3))


def test_mbox_that_cannot_be_written(site, mbox, alice):
    mbox.fill([message(1), message(2)])
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    os.chmod(mbox.path, 0o400)
    stored = mbox.messages()
    reply = after_quit(client)
    if reply.startswith(b"+OK"):
        assert mbox.messages() == stored[1:]
    else:
        assert mbox.messages() == stored


@pytest.mark.parametrize("calls,error", [("fsync,fdatasync", "EIO"),
                                         ("unlink,unlinkat,ftruncate,rename,renameat", "EIO")])
def test_update_error_is_told(site, store, alice, calls, error):
    """+OK to QUIT means durable; what was not marked is there in any case."""
    store.fill([message(1), message(2), message(3)])
    stored = store.messages()
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 2")
    session = wait_role("session")[0]
    site.strace(session.pid, "-e", "trace=" + calls,
                "-e", "inject=%s:error=%s" % (calls, error))
    assert after_quit(client).startswith(b"-ERR")
    left = store.messages()
    assert left in (stored, [stored[0], stored[2]])
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").split()[1] == b"%d" % len(left)


def test_full_disk_during_update(site, store, alice):
    store.fill([message(n, b"y" * 3000 + b"\n") for n in range(4)])
    stored = store.messages()
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    session = wait_role("session")[0]
    calls = "pwrite64,writev,pwritev,copy_file_range,fallocate,openat"
    site.strace(session.pid, "-P", store.path, "-P", os.path.dirname(store.path), "-e",
                "trace=" + calls, "-e", "inject=pwrite64,copy_file_range,fallocate:error=ENOSPC")
    reply = after_quit(client)
    left = store.messages()
    assert left == (stored[1:] if reply.startswith(b"+OK") else stored)


def test_message_that_grows_during_retr(site, maildir, alice):
    """The promised octets and not one more, or no final dot."""
    path = put_big(maildir)
    client = site.inetd()
    client.login(alice)
    promised = int(client.cmd("LIST 1").split()[2])
    start_retr(client)
    with open(path, "ab") as f:
        f.write(b"more\n" * 1000)
    client.reply()
    data = client.buffer
    while not data.endswith(END):
        client.buffer = b""
        if not client.fill():
            return
        data += client.buffer
    assert len(data) - 3 == promised


def test_mail_arrives_during_retr_of_the_last_message(site, mbox, alice):
    put_big(mbox)
    client = site.inetd()
    client.login(alice)
    client.multi("LIST")
    client.send(b"RETR 1\r\nRETR 2\r\n")
    while len(client.buffer) < 100:
        assert client.fill()
    mbox.put(message(3))
    client.ok()
    client.body()
    client.ok()
    assert client.body() == mbox.expected(message(2))
    client.quit()
    assert len(mbox.messages()) == 3
