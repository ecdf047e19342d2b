"""What stands in a Maildir or an mbox, and what of it is a message."""

import os
import re

import pytest

from stores import message


def put_named(maildir, name, raw, where="cur"):
    path = os.path.join(os.fsencode(maildir.path), where.encode(),
                        name if isinstance(name, bytes) else name.encode())
    with open(path, "wb") as f:
        f.write(raw)
    maildir.account.own(path, 0o600)


def uidl(client):
    return [l.split(" ", 1)[1] for l in client.lines("UIDL")]


def test_unique_ids_of_odd_names(site, maildir, alice):
    """1 to 70 characters 0x21-0x7E, distinct, the same next time (RFC 1939 section 7)."""
    names = ["1700000001.plain.host:2,S", "1700000002." + "x" * 59 + ":2,", "1700000003.a b:2,",
             "1700000004." + "y" * 200 + ":2,", "1700000005." + "y" * 201 + ":2,",
             b"1700000006.\xff\xfe:2,", "1700000007.tab\there:2,", "1700000008.nl\nhere:2,",
             "1700000009.x,S=5,W=6:2,"]
    for name in names:
        put_named(maildir, name, message(1))
    client = site.inetd()
    client.login(alice)
    ids = uidl(client)
    assert len(ids) == len(set(ids)) == len(names)
    assert all(re.fullmatch(r"[\x21-\x7e]{1,70}", i) for i in ids)
    assert ids[0] == "1700000001.plain.host"
    client.quit()
    client = site.inetd()
    client.login(alice)
    assert uidl(client) == ids


@pytest.mark.parametrize("suffix", [",S=5,W=6:2,", ",W=999999:2,S", ",S=0:2,", ",W=-1:2,",
                                    ",S=18446744073709551617:2,", ",S=:2,", ",W=1x:2,"])
def test_sizes_in_names_are_not_trusted(site, maildir, alice, suffix):
    """Whatever a delivery agent wrote there: LIST is what RETR sends."""
    raw = message(1, b"body\n" * 20)
    put_named(maildir, "1700000001.M1.host" + suffix, raw)
    client = site.inetd()
    client.login(alice)
    expected = maildir.expected(raw)
    assert client.cmd("LIST 1") == b"+OK 1 %d" % len(expected)
    assert client.multi("RETR 1") == expected


def test_what_is_no_message(site, maildir, alice):
    """Dot files, tmp, Maildir++ folders and other files beside."""
    maildir.fill([message(1)])
    put_named(maildir, ".hidden", message(2))
    put_named(maildir, ".nfs000000", message(2))
    put_named(maildir, "1700000000.half", message(2), "tmp")
    for part in (".Sent", ".Sent/cur", ".Sent/new"):
        os.mkdir(os.path.join(maildir.path, part))
        alice.own(os.path.join(maildir.path, part))
    put_named(maildir, "1700000009.sent:2,S", message(3), ".Sent/cur")
    for name in ("maildirsize", "dovecot-uidlist", "subscriptions"):
        with open(os.path.join(maildir.path, name), "w") as f:
            f.write("x\n")
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").split()[1] == b"1"
    client.cmd_ok("DELE 1")
    client.quit()
    assert os.listdir(os.path.join(maildir.path, "tmp")) == ["1700000000.half"]
    assert os.listdir(os.path.join(maildir.path, ".Sent", "cur")) == ["1700000009.sent:2,S"]


def test_same_base_name_twice(site, maildir, alice):
    """In new and in cur, as a crash leaves it: never one unique-id for two messages."""
    put_named(maildir, "1700000001.M1.host", message(1), "new")
    put_named(maildir, "1700000001.M1.host:2,S", message(1), "cur")
    client = site.inetd()
    client.login(alice)
    ids = uidl(client)
    assert len(ids) == len(set(ids)) >= 1


def test_order_is_that_of_delivery(site, maildir, alice):
    for second in (5, 3, 9, 1, 7):
        put_named(maildir, "170000000%d.M%d.host" % (second, second), message(second),
                  "new" if second % 3 == 0 else "cur")
    client = site.inetd()
    client.login(alice)
    for number, second in enumerate((1, 3, 5, 7, 9)):
        assert b"Subject: message %d\r\n" % second in client.multi("RETR %d" % (number + 1))


@pytest.mark.parametrize("kind", ["symlink", "hard link", "fifo", "directory"])
def test_lock_file_that_is_something_else(site, maildir, alice, kind):
    """The user, or whoever writes to the directory, may not make it a trap."""
    maildir.fill([message(1)])
    victim = alice.own_file("victim")
    with open(victim, "wb") as f:
        f.write(b"precious\n")
    path = os.path.join(maildir.path, ".pop3d-lock")
    if kind == "symlink":
        os.symlink(victim, path)
    elif kind == "hard link":
        os.link(victim, path)
    elif kind == "fifo":
        os.mkfifo(path, 0o600)
    else:
        os.mkdir(path, 0o700)
    alice.own(path)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS " + alice.password)
    client.close()
    client.wait()
    with open(victim, "rb") as f:
        assert f.read() == b"precious\n"


@pytest.mark.parametrize("kind", ["symlink", "directory"])
def test_dotlock_that_is_something_else(site, mbox, alice, kind):
    mbox.fill([message(1)])
    site.set(limits__lock_seconds=1)
    victim = alice.own_file("victim")
    path = mbox.path + ".lock"
    if kind == "symlink":
        os.symlink(victim, path)
    else:
        os.mkdir(path)
    alice.own(path)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    reply = client.cmd("PASS " + alice.password)
    if reply.startswith(b"+OK"):
        reply = client.cmd("STAT")
    assert reply.startswith(b"-ERR [")
    assert os.path.exists(victim) and os.path.lexists(path)


def test_stale_dotlock_is_taken_over(site, mbox, alice):
    """Of a delivery agent that died long ago."""
    mbox.fill([message(1), message(2)])
    path = alice.own_file("mbox.lock")
    with open(path, "w") as f:
        f.write("999999\n")
    os.utime(path, (1600000000, 1600000000))
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.quit()
    assert mbox.messages() == [message(2)]
    assert not os.path.exists(path)


def test_mbox_with_crlf(site, mbox, alice):
    raws = [message(n, b"line\n.\n").replace(b"\n", b"\r\n") for n in (1, 2)]
    separator = mbox.SEPARATOR.replace(b"\n", b"\r\n")
    mbox.append(b"".join(separator + raw + b"\r\n" for raw in raws))
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT") == b"+OK 2 %d" % sum(map(len, raws))
    assert client.multi("RETR 1") == raws[0]
    assert client.multi("RETR 2") == raws[1]
    client.cmd_ok("DELE 1")
    client.quit()
    with open(mbox.path, "rb") as f:
        assert f.read() == separator + raws[1] + b"\r\n"


def test_content_length_is_not_trusted(site, mbox, alice):
    raws = [b"Subject: 1\nContent-Length: 100000\n\nbody\n",
            b"Subject: 2\nContent-Length: 0\n\nbody\n", b"Subject: 3\n\nbody\n"]
    expected = mbox.fill(raws)
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").split()[1] == b"3"
    for number, e in enumerate(expected):
        assert client.multi("RETR %d" % (number + 1)) == e


def test_mbox_unique_ids_ignore_what_readers_write(site, mbox, alice):
    """Status lines change while mail is read; the message is the same."""
    mbox.fill([message(1), message(2)])
    client = site.inetd()
    client.login(alice)
    before = uidl(client)
    client.quit()
    with open(mbox.path, "rb") as f:
        data = f.read()
    with open(mbox.path, "wb") as f:
        f.write(data.replace(b"Subject: message 1\n", b"Subject: message 1\nStatus: RO\n"))
    client = site.inetd()
    client.login(alice)
    assert uidl(client) == before


def test_internal_message_of_imap_servers_is_hidden(site, mbox, alice):
    """c-client keeps its data in a first message that no user should see or delete."""
    internal = (b"Date: 1 Jan 2024 00:00:00 +0000\n"
                b"From: Mail System Internal Data <MAILER-DAEMON>\n"
                b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
                b"X-IMAP: 1700000000 0000000003\nStatus: RO\n\nThis text is part of the internal"
                b" format of your mail folder.\n")
    mbox.append(b"From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n" + internal + b"\n")
    mbox.fill([message(1), message(2)])
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").split()[1] == b"2"
    assert client.multi("RETR 1") == mbox.expected(message(1))
    client.cmd_ok("DELE 1")
    client.cmd_ok("DELE 2")
    client.quit()
    assert mbox.messages() == [internal]


def test_no_mail_can_look_internal(site, mbox, alice):
    """What came through a mail transport is shown, whatever it says."""
    mail = (b"Received: from there by here\n"
            b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
            b"X-IMAP: 1700000000 0000000003\n\ntext\n")
    mbox.append(b"From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n" + mail + b"\n")
    client = site.inetd()
    client.login(alice)
    assert client.multi("RETR 1") == mbox.expected(mail)


def test_mail_of_two_users_with_like_names(site, accounts):
    """The mbox of a user "NAME.lock" is no dotlock of NAME's, and no mbox to pop3d."""
    alice, bob = accounts["alice"], accounts["bob"]
    spool = site.path("spool")
    os.mkdir(spool)
    os.chmod(spool, 0o1777)
    own, other = os.path.join(spool, alice.name), os.path.join(spool, alice.name + ".lock")
    mail = b"From x Mon Jan  1 00:00:00 2024\n" + message(1) + b"\n"
    for path, account in ((own, alice), (other, bob)):
        with open(path, "wb") as f:
            f.write(mail)
        account.own(path, 0o600)
        os.utime(path, (1, 1))
    site.set(mail__location="mbox:%s/%%u" % spool, mail__mbox_locks="fcntl dotlock",
             limits__lock_seconds=0)
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"-ERR [SYS/TEMP] ")
    client.close()
    client.wait()
    assert os.path.getsize(other) == len(mail)
    site.set(mail__location="mbox:%s/%%u.lock" % spool)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + alice.password).startswith(b"-ERR [SYS/PERM] ")
