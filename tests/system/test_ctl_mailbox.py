"""pop3ctl mailbox: how a maildrop is found, as whom it is opened, and what is shown."""

import os
import subprocess

import pytest

from mailbox_tool import location, mailbox
from patience import patient
from processes import Proc, wait_until
from stores import MaildirStore, MboxStore, message

EX_USAGE, EX_NOINPUT, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 64, 66, 75, 77, 78


# Finding it


def test_by_user_and_by_location(site, store, alice):
    expected = store.fill([message(1), message(2)])
    by_user = mailbox(site, "show", "--plain", alice.name)
    by_location = mailbox(site, "show", "--plain", location(store))
    assert by_user.status == 0 and by_location.status == 0, by_user.err + by_location.err
    assert by_user.out == by_location.out
    assert [row[1] for row in by_user.rows] == [str(len(w)) for w in expected]


def test_says_what_a_client_is_told(site, store, alice):
    store.fill([message(1), message(2, b"x" * 5000 + b"\n")])
    rows = mailbox(site, "show", "--plain", alice.name).rows
    client = site.inetd()
    client.login(alice)
    listed = [line.split() for line in client.lines("LIST")]
    uids = [line.split() for line in client.lines("UIDL")]
    client.quit()
    assert [row[:2] for row in rows] == listed
    assert [[row[0], row[2]] for row in rows] == uids
    assert mailbox(site, "uidl", alice.name).rows == uids


def test_mail_of_the_entry(site, alice):
    """A user's entry may name a location of its own, and a name of its own."""
    os.mkdir(alice.path("of"))
    alice.own(alice.path("of"))
    box = MboxStore(alice)
    os.rename(box.path, alice.path("of", "ann"))
    box.path = alice.path("of", "ann")
    box.put(message(1))
    site.write_users([site.user_line(alice, name="virtual",
                                     extra="userdb_mail=mbox:%s/of/%%u user=ann"
                                     % alice.home)])
    answer = mailbox(site, "show", "--plain", "virtual")
    assert answer.status == 0 and len(answer.rows) == 1, answer.err


def test_user_who_cannot_log_in_has_mail(site, maildir, alice):
    maildir.put(message(1))
    site.write_users([site.user_line(alice, extra="nologin")])
    assert len(mailbox(site, "show", "--plain", alice.name).rows) == 1


def test_no_such(site, alice):
    answer = mailbox(site, "show", "nobody-knows")
    assert answer.status == 1 and "no such user" in answer.err
    site.set(mail__location="maildir:~/Maildir")
    assert mailbox(site, "show", alice.name).status == EX_NOINPUT
    assert mailbox(site, "show", "maildir:" + alice.path("Maildir")).status == EX_NOINPUT
    assert mailbox(site, "show", "maildir:relative").status == EX_USAGE
    assert mailbox(site, "show", "imap:/x").status == EX_USAGE
    assert mailbox(site, "show").status == EX_USAGE


def test_percent_is_a_letter(site, alice):
    path = alice.path("50%u")
    with open(path, "wb") as f:
        f.write(MboxStore.SEPARATOR + message(1) + b"\n")
    alice.own(path)
    assert len(mailbox(site, "show", "--plain", "mbox:" + path).rows) == 1


# As whom


def test_becomes_the_owner_for_good(site, mbox, alice):
    """While it waits for a lock it can be looked at."""
    mbox.put(message(1))
    lock = alice.own_file("mbox.lock")
    with open(lock, "w") as f:
        f.write("1\n")
    site.set(limits__lock_seconds=5)
    process = site.spawn([site.tree.pop3ctl, "-c", site.conf, "mailbox", "show",
                          location(mbox)])
    proc = Proc(process.pid)

    def ids():
        with open("/proc/%d/status" % proc.pid) as f:
            fields = dict(line.split(":", 1) for line in f)
        return fields["Uid"].split(), fields["Gid"].split(), fields["Groups"].split(), \
            fields["NoNewPrivs"].strip()
    wait_until(lambda: ids()[0][0] != "0", what="the uid")
    wait_until(lambda: ids()[3] == "1", what="no new privileges")
    assert ids()[:3] == ([str(alice.uid)] * 4, [str(alice.gid)] * 4, [])
    os.unlink(lock)
    assert process.wait(patient(10)) == 0


def test_refuses_roots(site, base):
    path = os.path.join(base, "root-mbox")
    with open(path, "wb") as f:
        f.write(MboxStore.SEPARATOR + message(1))
    answer = mailbox(site, "show", "mbox:" + path)
    os.unlink(path)
    assert answer.status == EX_NOPERM and "root" in answer.err
    assert mailbox(site, "show", "root").status == EX_CONFIG


def test_refuses_links(site, alice, bob):
    store = MaildirStore(bob)
    box = MboxStore(bob)
    os.symlink(store.path, alice.path("m"))
    os.symlink(box.path, alice.path("b"))
    assert mailbox(site, "show", "maildir:" + alice.path("m")).status == EX_NOPERM
    assert mailbox(site, "show", "mbox:" + alice.path("b")).status == EX_NOPERM


@pytest.mark.parametrize("kind", ["link", "directory", "open directory"])
def test_nobody_else_turns_the_way(site, alice, bob, kind):
    """Root must not become bob because alice made a path lead to bob's mail."""
    store = MaildirStore(bob)
    store.put(message(1))
    if kind == "link":
        os.symlink(bob.home, alice.path("way"))
        path = alice.path("way", "Maildir")
    else:
        os.mkdir(alice.path("way"))
        path = alice.path("way", "Maildir")
        os.rename(store.path, path)
        os.chmod(alice.home, 0o711)
        if kind == "directory":
            alice.own(alice.path("way"), 0o755)
        else:
            os.chown(alice.home, 0, 0)
            os.chmod(alice.path("way"), 0o777)
    answer = mailbox(site, "show", "maildir:" + path)
    assert answer.status == EX_NOPERM and "name of a user" in answer.err, answer.err


def test_roots_own_links_are_followed(site, alice, base):
    store = MaildirStore(alice)
    store.put(message(1))
    way = os.path.join(base, "way")
    os.symlink(alice.home, way)
    answer = mailbox(site, "show", "--plain", "maildir:" + way + "/Maildir")
    os.unlink(way)
    assert answer.status == 0 and len(answer.rows) == 1, answer.err


def test_without_root_only_ones_own(site, alice, bob):
    own, other = MaildirStore(alice), MaildirStore(bob)
    os.chmod(bob.home, 0o755)
    os.chmod(other.path, 0o755)
    os.chmod(site.directory, 0o755)
    own.put(message(1))
    as_alice = {"user": alice.uid, "group": alice.gid, "extra_groups": []}
    answer = mailbox(site, "show", "--plain", location(own), **as_alice)
    assert answer.status == 0 and len(answer.rows) == 1, answer.err
    assert mailbox(site, "show", location(other), **as_alice).status == EX_NOPERM


# In use


@pytest.mark.parametrize("command", ["show", "check", "repair", "recover", "uidl"])
def test_in_use(site, store, alice, command):
    store.put(message(1))
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("STAT")
    site.set(limits__lock_seconds=0)
    answer = mailbox(site, command, alice.name)
    assert answer.status == EX_TEMPFAIL and "[IN-USE]" in answer.err
    if command == "check":
        assert "pid=" in answer.rows[-1][1] and answer.rows[-1][0] == "session-lock"
    client.quit()
    assert mailbox(site, command, alice.name).status == 0


# Showing


ESCAPES = [b"\x1b[31mred\x1b[0m", b"\x1b]0;title\x07", b"\xc2\x9b31m", b"a\rb", b"\x9b31m",
           b"\xe2\x80\xaegnp.exe", b"\x7f\x08\x08", b"\xff\xfe", b"tab\tbed", b"nul\0byte"]


@pytest.mark.parametrize("option", [[], ["--plain"]])
def test_nothing_that_a_terminal_obeys(site, store, alice, option):
    store.fill([b"From: " + e + b" <x@y>\nSubject: " + e + b"\n " + e + b"\n\nbody\n"
                for e in ESCAPES])
    answer = mailbox(site, "show", *option, alice.name)
    assert answer.status == 0, answer.err
    text = answer.raw.decode()  # UTF-8 throughout
    assert not [c for c in text if c != "\n" and c != "\t" and
                (ord(c) < 32 or 127 <= ord(c) < 160 or 0x202a <= ord(c) <= 0x202e)]
    lines = text.splitlines()
    assert len(lines) == len(ESCAPES) + (0 if option else 2)
    if option:
        assert all(line.count("\t") == 5 for line in lines)


def test_table(site, store, alice):
    store.fill([message(1), message(2)])
    lines = mailbox(site, "show", alice.name).lines
    assert len(lines) == 4 and lines[0].split()[:2] == ["NUMBER", "OCTETS"]
    assert "joe@example.org" in lines[1] and "message 1" in lines[1]
    assert lines[3].startswith("messages: 2, octets: ")


def test_empty(site, store, alice):
    answer = mailbox(site, "show", alice.name)
    assert answer.status == 0 and answer.lines == ["messages: 0, octets: 0"]
    assert mailbox(site, "show", "--plain", alice.name).lines == []


def test_one_message_that_cannot_be_read(site, maildir, alice):
    maildir.fill([message(1), message(2), message(3)])
    os.chmod(maildir.files()[1], 0)
    answer = mailbox(site, "show", "--plain", alice.name)
    assert answer.status == 1 and len(answer.rows) == 3
    assert [row[1] == "-" for row in answer.rows] == [False, True, False]


def test_output_that_cannot_be_written(site, store, alice):
    store.put(message(1))
    with open("/dev/full", "wb") as full:
        run = subprocess.run([site.tree.pop3ctl, "-c", site.conf, "mailbox", "show",
                              alice.name], stdout=full, stderr=subprocess.DEVNULL)
    assert run.returncode == 74


def test_more_than_a_session_may_have(site, store, alice):
    store.fill([message(i) for i in range(5)])
    site.set(limits__messages=3)
    assert len(mailbox(site, "show", "--plain", alice.name).rows) == 5
