"""The quota of a Maildir++: the file maildirsize after sessions, and beside other programs."""

import os
import re
import subprocess

import pytest

from harness import TIMEOUT
from quota_tools import (LIMITS, deliver, doveadm, lines, recount, size_path, small_disk,
                         write_size)
from stores import message


def put_sized(maildir, raw, where, size):
    """A message whose name gives its size, as Courier, maildrop and Dovecot write it."""
    path = maildir.put(raw, where)
    base, _, flags = os.path.basename(path).partition(":")
    name = "%s,S=%d%s" % (base, size, ":" + flags if flags else "")
    os.rename(path, os.path.join(os.path.dirname(path), name))


def delete(site, account, numbers, reply=b"+OK"):
    client = site.inetd()
    client.login(account)
    for number in numbers:
        client.cmd_ok("DELE %d" % number)
    assert client.cmd("QUIT").startswith(reply)
    client.close()
    client.wait()


def test_one_line_for_all(site, maildir, alice):
    """By name where it tells a size, by the file where not; in new and in cur."""
    put_sized(maildir, message(1), "cur", 7000)
    put_sized(maildir, message(2), "new", 800)
    maildir.put(message(3, b"x" * 90), "cur")
    maildir.put(message(4, b"y" * 9), "new")
    maildir.put(message(5), "new")
    write_size(maildir, LIMITS + "\n9999 5\n")
    delete(site, alice, [1, 2, 3, 4])
    size = 7000 + 800 + len(message(3, b"x" * 90)) + len(message(4, b"y" * 9))
    assert lines(maildir) == [LIMITS, "9999 5", "%12d %12d" % (-size, -4)]
    assert maildir.messages() == [message(5)]


def test_nothing_where_nothing_went(site, maildir, alice):
    """No deletion, RSET, no QUIT: no line.  No file: none is made."""
    paths = [maildir.put(message(n)) for n in (1, 2)]
    write_size(maildir, LIMITS + "\n9999 5\n")
    delete(site, alice, [])
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.cmd_ok("RSET")
    client.cmd_ok("QUIT")
    client.wait()
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.close()
    client.wait()
    assert lines(maildir) == [LIMITS, "9999 5"]
    # Another program took it, and has written its own line.
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    os.unlink(paths[0])
    client.cmd_ok("QUIT")
    client.wait()
    assert lines(maildir) == [LIMITS, "9999 5"]
    os.unlink(size_path(maildir))
    delete(site, alice, [1])
    assert maildir.files() == []
    assert not os.path.exists(size_path(maildir))


def test_failed_update_writes_no_line(site, maildir, alice):
    """The directory lets nothing be removed: -ERR, and the quota stays."""
    maildir.put(message(1))
    write_size(maildir, LIMITS + "\n9999 5\n")
    cur = os.path.join(maildir.path, "cur")
    os.chmod(cur, 0o500)
    delete(site, alice, [1], b"-ERR")
    os.chmod(cur, 0o700)
    assert lines(maildir) == [LIMITS, "9999 5"]
    assert maildir.messages() == [message(1)]


def test_partly_failed_update_counts_what_went(site, maildir, alice):
    maildir.put(message(1), "cur")
    maildir.put(message(2), "new")
    write_size(maildir, LIMITS + "\n9999 5\n")
    cur = os.path.join(maildir.path, "cur")
    os.chmod(cur, 0o500)
    delete(site, alice, [1, 2], b"-ERR")
    os.chmod(cur, 0o700)
    assert lines(maildir)[2:] == ["%12d %12d" % (-len(message(2)), -1)]


@pytest.mark.parametrize("kind", ["symlink", "fifo", "hard link", "directory", "foreign",
                                  "binary", "huge", "empty", "read-only"])
def test_hostile_file_never_fails_quit(site, maildir, alice, bob, kind):
    """Left alone, with one line in the log; the mail is gone."""
    maildir.put(message(1))
    path, other = size_path(maildir), alice.path("other")
    with open(other, "wb") as f:
        f.write(LIMITS.encode() + b"\n1 1\n")
    alice.own(other, 0o600)
    contents = {"binary": b"\x7fELF\0\1\2\n1 1\n", "empty": b"", "foreign": b"5S\n1 1\n",
                "read-only": b"5S\n1 1\n", "huge": b"5S\n" + b" " * (1 << 20)}
    if kind == "symlink":
        os.symlink(other, path)
    elif kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "hard link":
        os.link(other, path)
    elif kind == "directory":
        os.mkdir(path)
    else:
        with open(path, "wb") as f:
            f.write(contents[kind])
    os.chown(path, *((bob.uid, bob.gid) if kind == "foreign" else (alice.uid, alice.gid)),
             follow_symlinks=False)
    if kind != "symlink":
        os.chmod(path, {"foreign": 0o666, "read-only": 0o400}.get(kind, 0o600))
    delete(site, alice, [1])
    assert maildir.files() == []
    with open(other, "rb") as f:
        assert f.read() == LIMITS.encode() + b"\n1 1\n"
    if kind in contents:
        with open(path, "rb") as f:
            assert f.read() == contents[kind]
    assert len([l for l in site.log_lines() if "maildirsize" in l]) == 1


def test_full_disk(site, alice, base):
    """Mail is deleted because the disk is full; that the line has no room is no matter."""
    with small_disk(alice, base) as (store, fill):
        for number in (1, 2, 3):
            store.put(message(number))
        # The next line needs another block.
        before = LIMITS + "\n9999 5\n  0  0\n" + 1017 * "0 0\n"
        assert len(before) == 4096
        write_size(store, before)
        fill()
        site.set(mail__location="maildir:" + store.path)
        # The files of a full disk are deleted, but held open: their blocks stay in use.
        held = [open(path, "rb") for path in store.files()]
        delete(site, alice, [1, 2, 3])
        assert store.files() == []
        assert "\n".join(lines(store)) + "\n" == before
        assert [l for l in site.log_lines() if "maildirsize" in l and "space" in l]
        for file in held:
            file.close()


def test_folder_counts_for_its_maildir(site, maildir, alice):
    """A Maildir that has maildirfolder in it has its quota in the directory above."""
    write_size(maildir, LIMITS + "\n9999 5\n")
    for folder in (".Work", ".Trash"):
        top = os.path.join(maildir.path, folder)
        for part in ("", "cur", "new", "tmp"):
            os.mkdir(os.path.join(top, part), 0o700)
            alice.own(os.path.join(top, part))
        for name in ("maildirfolder", "new/1.a"):
            with open(os.path.join(top, name), "wb") as f:
                f.write(b"12345")
            alice.own(os.path.join(top, name), 0o600)
        site.set(mail__location="maildir:~/Maildir/" + folder)
        delete(site, alice, [1])
        assert os.listdir(os.path.join(top, "new")) == []
        assert not os.path.exists(os.path.join(top, "maildirsize"))
    assert lines(maildir)[2:] == ["%12d %12d" % (-5, -1)]


def test_lines_stay_whole(site, maildir, alice):
    """Deliveries write their lines while sessions end: all are there, none is torn."""
    recount(maildir, LIMITS)
    for _ in range(8):
        client = site.inetd()
        client.login(alice)
        agents = [deliver(maildir) for _ in range(4)]
        count = int(client.cmd("STAT").split()[1])
        for number in range(count):
            client.cmd_ok("DELE %d" % (number + 1))
        for agent in agents:
            agent.stdin.close()
        client.cmd_ok("QUIT")
        client.wait()
        assert [agent.wait(TIMEOUT) for agent in agents] == [0] * 4
    found = lines(maildir)
    assert found[0] == LIMITS
    assert all(re.fullmatch(r" *-?\d+ +-?\d+", line) for line in found[1:]), found
    left = maildir.files()
    assert sums(maildir) == (sum(os.path.getsize(path) for path in left), len(left))
    assert any(line.split()[0].startswith("-") for line in found[1:])


def sums(maildir):
    pairs = [line.split() for line in lines(maildir)[1:]]
    return sum(int(p[0]) for p in pairs), sum(int(p[1]) for p in pairs)


def test_courier_agrees(site, maildir, alice):
    """What maildirsize says after sessions is what Courier's own count says."""
    recount(maildir, LIMITS)
    for number in range(6):
        agent = deliver(maildir, message(number, b"x" * 1000 * number))
        agent.stdin.close()
        assert agent.wait(TIMEOUT) == 0
    maildir.put(message(7))
    recount(maildir, LIMITS)
    delete(site, alice, [1, 3, 7])
    said = sums(maildir)
    assert len(lines(maildir)) == 3
    recount(maildir, LIMITS)
    assert sums(maildir) == said and said[1] == 4
    delete(site, alice, [1, 2, 3, 4])
    assert sums(maildir) == (0, 0)


def test_dovecot_agrees(site, maildir, alice):
    """Dovecot takes the file as sessions leave it, and its own count says the same."""
    for number in range(5):
        put_sized(maildir, message(number, b"x" * 4000), "new",
                  len(message(number, b"x" * 4000)))
    write_size(maildir, LIMITS + "\n%d 5\n" % sum(map(len, maildir.messages())))
    delete(site, alice, [2, 4])
    said = sums(maildir)
    assert said == (sum(map(len, maildir.messages())), 3)
    kept = lines(maildir)
    table = [row.split("\t") for row in doveadm(site, maildir, "quota", "get").splitlines()]
    assert ["User quota", "MESSAGE", "3", "100", "3"] in table
    assert ["User quota", "STORAGE", str(-(-said[0] // 1024)), "977", "1"] in table
    assert lines(maildir) == kept
    doveadm(site, maildir, "quota", "recalc")
    assert lines(maildir) == [LIMITS, "%d %d" % said]


def test_room_for_mail_again(site, maildir, alice):
    """Over quota deliverquota refuses; after a session has deleted it delivers at once."""
    recount(maildir, "3000S")
    for size, status in ((2500, 0), (2000, 77)):
        agent = deliver(maildir, message(1, b"x" * size))
        agent.stdin.close()
        assert agent.wait(TIMEOUT) == status
    delete(site, alice, [1])
    agent = deliver(maildir, message(1, b"x" * 2000))
    agent.stdin.close()
    assert agent.wait(TIMEOUT) == 0
    assert len(maildir.files()) == 1


def ctl(site, *args):
    return subprocess.run([site.tree.pop3ctl, "-c", site.conf, "mailbox", "quota", *args],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT,
                          text=True)


def test_ctl_reports(site, maildir, alice):
    put_sized(maildir, message(1), "cur", 250)
    maildir.put(message(2, b"x" * (750 - len(message(2, b"")))), "new")
    done = ctl(site, alice.name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("bytes    1000\nmessages 2\n"
                           "there is no maildirsize, and so no quota\n")
    assert ctl(site, "--recalculate", alice.name).returncode != 0
    assert not os.path.exists(size_path(maildir))
    write_size(maildir, "4000S,10C\n1000 2\n")
    done = ctl(site, "maildir:" + maildir.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("bytes    1000 of 4000, 25.0 %\nmessages 2 of 10, 20.0 %\n"
                           "maildirsize agrees\n")
    for text, words in (("4000S\n1000 1\n", "differs: 1000 bytes, 1 messages"),
                        ("4000S\n-1000 2\n", "damaged"), ("4000S\n" + 5200 * " ", "damaged")):
        write_size(maildir, text)
        done = ctl(site, alice.name)
        assert done.returncode == 1
        assert words in done.stdout
    # Looking changes nothing.
    assert lines(maildir)[0] == "4000S" and len(maildir.files()) == 2
    done = ctl(site, "--recalculate", alice.name)
    assert (done.returncode, done.stderr) == (0, "")
    assert lines(maildir) == ["4000S", "%12d %12d" % (1000, 2)]


def test_ctl_sets_what_courier_obeys(site, maildir, alice):
    """--set makes the file as the user's own, and deliverquota keeps to it."""
    maildir.put(message(1, b"x" * 500))
    done = ctl(site, "--set", "1000S,3C", alice.name)
    assert (done.returncode, done.stderr) == (0, "")
    st = os.stat(size_path(maildir))
    assert (st.st_uid, st.st_mode & 0o777) == (alice.uid, 0o600)
    assert os.listdir(os.path.join(maildir.path, "tmp")) == []
    for size, status in ((1000, 77), (100, 0)):
        agent = deliver(maildir, message(2, b"x" * size))
        agent.stdin.close()
        assert agent.wait(TIMEOUT) == status
    assert ctl(site, alice.name).returncode == 0
    for definition in ("", "5", "0S", "5X", "-5S", "99999999999999999999S"):
        assert ctl(site, "--set", definition, alice.name).returncode == 64
    assert lines(maildir)[0] == "1000S,3C"


def test_ctl_leaves_hostile_files_alone(site, maildir, alice, bob):
    """A link in the place of the file is neither followed nor replaced."""
    secret = bob.path("secret")
    with open(secret, "w") as f:
        f.write("7S\n1 1\n")
    bob.own(secret, 0o666)
    for make in (os.symlink, os.link):
        make(secret, size_path(maildir))
        for args in ((), ("--recalculate",), ("--set", "5S")):
            done = ctl(site, *args, alice.name)
            assert done.returncode not in (0, 1), done
            assert "maildirsize" in done.stderr
        os.unlink(size_path(maildir))
    with open(secret) as f:
        assert f.read() == "7S\n1 1\n"
