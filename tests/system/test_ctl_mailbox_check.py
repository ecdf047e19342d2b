"""pop3ctl mailbox check, repair, recover and uidl."""

import os
import subprocess
import time

import pytest

from mailbox_tool import location, mailbox
from patience import patient
from processes import descendants, role_of
from stores import MboxStore, message

EX_USAGE, EX_NOINPUT, EX_CANTCREAT = 64, 66, 73
OLD = 37 * 3600


def tree(path):
    """Everything below a directory, or a file: name, inode, size, mtime, ctime, mode."""
    names = [path] + [os.path.join(d, n) for d, sub, files in os.walk(path)
                      for n in sub + files]
    return sorted((n, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_mode)
                  for n in names for s in [os.lstat(n)]
                  if "pop3d-" not in os.path.basename(n) and not os.path.isdir(n))


# Check


def test_clean(site, store, alice):
    store.fill([message(i) for i in range(20)])
    before = tree(store.path)
    answer = mailbox(site, "check", alice.name)
    assert (answer.status, answer.out, answer.err) == (0, "", "")
    assert tree(store.path) == before


def test_entries_of_every_kind(site, maildir, alice, bob):
    maildir.fill([message(1), message(2)])
    new = os.path.join(maildir.path, "new")
    os.symlink("/etc/shadow", os.path.join(new, "1.link"))
    os.mkfifo(os.path.join(new, "2.fifo"))
    os.mkdir(os.path.join(maildir.path, "cur", "3.directory"))
    for name, mode in (("4.open", 0o666), ("5.unreadable", 0), ("6" * 255, 0o600)):
        with open(os.path.join(new, name), "wb") as f:
            f.write(message(3))
        alice.own(os.path.join(new, name), mode)
    with open(os.path.join(new, "7.\x1b[31m\nforged\t"), "wb") as f:
        f.write(message(4))
    bob.own(os.path.join(new, "7.\x1b[31m\nforged\t"), 0o644)
    before = tree(maildir.path)
    answer = mailbox(site, "check", alice.name)
    assert answer.status == 1
    assert answer.words() == sorted(["not-a-file"] * 3 + ["permissions", "unreadable",
                                    "name-too-long", "foreign-owner"]), answer.out
    assert b"\x1b" not in answer.raw and all(len(row) == 2 for row in answer.rows)
    assert tree(maildir.path) == before


@pytest.mark.parametrize("missing", ["new", "cur", "tmp"])
def test_missing_directory(site, maildir, alice, missing):
    os.rmdir(os.path.join(maildir.path, missing))
    answer = mailbox(site, "check", alice.name)
    assert answer.status == 1 and answer.rows[0][:1] == ["no-directory"]
    assert not os.path.exists(os.path.join(maildir.path, missing))


def test_directory_is_a_link(site, maildir, alice):
    os.rename(os.path.join(maildir.path, "tmp"), alice.path("elsewhere"))
    os.symlink(alice.path("elsewhere"), os.path.join(maildir.path, "tmp"))
    answer = mailbox(site, "check", alice.name)
    assert answer.status == 1 and answer.words() == ["not-a-directory"]


def test_writable_for_others(site, store, alice):
    store.put(message(1))
    os.chmod(store.path, 0o666 if store.kind == "mbox" else 0o777)
    assert mailbox(site, "check", alice.name).words() == ["permissions"]


def test_locks_of_others(site, mbox, alice):
    """A dotlock of a living process, and a lock of the kernel."""
    mbox.put(message(1))
    site.set(limits__lock_seconds=0)
    with open(mbox.path, "rb+") as f:
        import fcntl
        fcntl.lockf(f, fcntl.LOCK_EX)
        answer = mailbox(site, "check", alice.name)
    assert answer.rows[0] == ["fcntl-lock", "held by process %d" % os.getpid()]
    with open(alice.own_file("mbox.lock"), "w") as f:
        f.write("1:%s\n" % os.uname().nodename)
    answer = mailbox(site, "check", alice.name)
    assert answer.rows[0][0] == "dotlock" and "held by 1:" in answer.rows[0][1]
    assert os.path.exists(alice.path("mbox.lock"))


def test_more_than_the_limit(site, store, alice):
    store.fill([message(i) for i in range(4)])
    site.set(limits__messages=3)
    assert mailbox(site, "check", alice.name).words() == ["over-limit"]


def test_not_an_mbox(site, mbox, alice):
    mbox.append(b"This is no mbox.\n")
    answer = mailbox(site, "check", alice.name)
    assert answer.status == 1 and answer.words() == ["unusable"]


@pytest.mark.parametrize("kind", ["fifo", "directory", "hard link"])
def test_hostile_mbox(site, mbox, alice, kind):
    os.unlink(mbox.path)
    if kind == "fifo":
        os.mkfifo(mbox.path)
    elif kind == "directory":
        os.mkdir(mbox.path)
    else:
        alice.own_file("other")
        os.link(alice.path("other"), mbox.path)
    alice.own(mbox.path)
    started = time.monotonic()
    assert mailbox(site, "check", alice.name).status in (1, 77)
    assert time.monotonic() - started < 10


# Repair


def test_repair_never_touches_mail(site, maildir, alice, bob):
    maildir.fill([message(1), message(2)])
    ours = [".pop3d-index", ".pop3d-index-new", ".pop3d-uidl-new"]
    for name in ours:
        with open(alice.own_file("Maildir", name), "w") as f:
            f.write("rubbish")
    os.symlink("/etc/passwd", os.path.join(maildir.path, "tmp", "0.link"))
    for name in ("1.old", "2.new"):
        with open(alice.own_file("Maildir", "tmp", name), "w") as f:
            f.write("torn")
    mail = [s for s in maildir.snapshot()]
    answer = mailbox(site, "repair", alice.name)
    assert answer.status == 0, answer.err
    assert [row[1] for row in answer.rows] == sorted(ours, key=answer.out.index)
    assert maildir.snapshot() == mail
    assert sorted(os.listdir(os.path.join(maildir.path, "tmp"))) == \
        ["0.link", "1.old", "2.new"]


def test_repair_takes_nobody_elses_files(site, mbox, alice, bob):
    """In a directory that all may write to, names prove nothing."""
    mbox.put(message(1))
    link, file = alice.path(".mbox.pop3d-dot-1-link"), alice.path(".mbox.pop3d-dot-1-x")
    os.symlink("/etc/passwd", link)
    with open(bob.own(alice.own_file(file)), "w") as f:
        f.write("x")
    answer = mailbox(site, "repair", alice.name)
    assert answer.status == 0 and answer.rows == []
    assert os.path.lexists(link) and os.path.exists(file)
    assert mailbox(site, "check", alice.name).words() == ["foreign-file"] * 2


def test_old_files_in_tmp(site, maildir, alice):
    """Both time stamps count, so the clock of the program is set forward."""
    maildir.put(message(1))
    alice.own_file("Maildir", "tmp", "1.young")
    assert mailbox(site, "check", alice.name).status == 0
    lie = ["env", "LD_PRELOAD=" + clock_library(site)]
    answer = mailbox(site, "check", alice.name, prefix=lie)
    assert answer.status == 1 and answer.words() == ["old-tmp"], answer.err
    answer = mailbox(site, "repair", alice.name, prefix=lie)
    assert ["removed", "tmp/1.young"] in answer.rows, answer.err
    assert os.listdir(os.path.join(maildir.path, "tmp")) == []


def clock_library(site):
    """time() is 37 hours ahead."""
    source, library = site.path("clock.c"), site.path("clock.so")
    with open(source, "w") as f:
        f.write("#include <time.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n"
                "time_t time(time_t *t) { struct timespec s;\n"
                "  syscall(SYS_clock_gettime, CLOCK_REALTIME, &s);\n"
                "  if (t) *t = s.tv_sec + %d; return s.tv_sec + %d; }\n" % (OLD, OLD))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    os.chmod(site.directory, 0o755)
    return library


def test_repair_makes_directories_only_when_asked(site, maildir, alice):
    for sub in ("new", "tmp"):
        os.rmdir(os.path.join(maildir.path, sub))
    assert mailbox(site, "repair", alice.name).status != 0
    assert sorted(os.listdir(maildir.path)) == ["cur"]
    answer = mailbox(site, "repair", "--create", alice.name)
    assert answer.status == 0 and answer.rows == [["made", "new"], ["made", "tmp"]]
    st = os.stat(os.path.join(maildir.path, "new"))
    assert (st.st_uid, st.st_mode & 0o777) == (alice.uid, 0o700)
    assert mailbox(site, "check", alice.name).status == 0


# Recover


def cut_short(site, mbox, alice, call):
    """An update of which the session was killed at a system call."""
    mbox.fill([message(i, b"x" * 200 * i + b"\n") for i in range(10)])
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("STAT")
    for i in (1, 4, 7):
        client.cmd_ok("DELE %d" % i)
    session = [p for p in descendants(client.process.pid) + [client.process]
               if role_of_pid(p) == "pop3d-session"]
    assert len(session) == 1
    tracer = site.strace(session[0].pid, "-e", "inject=%s:signal=SIGKILL:when=1" % call)
    client.send(b"QUIT\r\n")
    client.eof()
    client.close()
    client.wait()
    tracer.wait(patient(10))
    assert os.path.exists(alice.path(".mbox.pop3d-journal"))
    return [message(i, b"x" * 200 * i + b"\n") for i in range(10) if i not in (0, 3, 6)]


def role_of_pid(process):
    from processes import Proc
    try:
        return role_of(Proc(process.pid))
    except (OSError, ProcessLookupError):
        return None


@pytest.mark.parametrize("command", ["recover", "repair"])
def test_finishes_an_update(site, mbox, alice, command):
    kept = cut_short(site, mbox, alice, "ftruncate")
    before = tree(mbox.path)
    answer = mailbox(site, "check", alice.name)
    assert answer.status == 1 and "journal" in answer.words()
    assert tree(mbox.path) == before, "check changes nothing"
    assert os.path.exists(alice.path(".mbox.pop3d-journal"))
    answer = mailbox(site, command, alice.name)
    assert answer.status == 0 and "finishing an update" in answer.err, answer.err
    assert mbox.messages() == kept
    assert mailbox(site, "check", alice.name).status == 0


def test_saved_journal(site, mbox, alice):
    """Another program rewrote the mbox in between: what was to stay is in the journal."""
    kept = cut_short(site, mbox, alice, "ftruncate")
    journal = alice.path(".mbox.pop3d-journal")
    with open(journal, "r+b") as f:  # as it was before the step that was killed
        f.seek(103)
        assert f.read(1) == b"\1"
        f.seek(103)
        f.write(b"\0")
    with open(mbox.path, "wb") as f:
        f.write(b"")
    mbox.fill([message(50 + i, b"y" * 4000 + b"\n") for i in range(10)])
    answer = mailbox(site, "recover", alice.name)
    assert answer.status == 1 and answer.words() == ["journal-saved"], answer.err
    name = answer.rows[0][1].split(":")[0]
    assert mailbox(site, "check", alice.name).words() == ["journal-saved"]
    assert mailbox(site, "recover", "--saved", "nothing", "--to", alice.path("x"),
                   alice.name).status == EX_NOINPUT
    assert mailbox(site, "recover", "--saved", name, alice.name).status == EX_USAGE
    answer = mailbox(site, "recover", "--saved", name, "--to", alice.path("mbox"), alice.name)
    assert answer.status == EX_CANTCREAT and "exists" in answer.err
    to = alice.path("recovered")
    answer = mailbox(site, "recover", "--saved", name, "--to", "mbox:" + to, alice.name)
    assert answer.status == 0 and answer.words() == ["written"], answer.err
    assert os.stat(to).st_uid == alice.uid and os.stat(to).st_mode & 0o777 == 0o600
    mbox.path = to
    # The first message that stays stood before all that had to be moved.
    assert mbox.messages() == kept or mbox.messages() == kept[1:]


def test_journal_of_the_first_version(site, mbox, alice):
    """Nobody finishes it any more, and nobody removes it."""
    mbox.fill([message(1)])
    with open(mbox.path, "rb") as f:
        mail = f.read()
    with open(alice.path(".mbox.pop3d-journal"), "wb") as f:
        f.write(b"pop3dmj1".ljust(160, b"\0") + mail)
        os.fchown(f.fileno(), alice.uid, alice.uid)
    answer = mailbox(site, "recover", alice.name)
    assert answer.status == 1 and answer.words() == ["journal-saved"], answer.err
    assert "pop3d was replaced" in answer.err, answer.err
    name = answer.rows[0][1].split(":")[0]
    to = alice.path("recovered")
    answer = mailbox(site, "recover", "--saved", name, "--to", "mbox:" + to, alice.name)
    assert answer.words() == ["written"] and "damaged" in answer.err, answer.err
    with open(to, "rb") as f:
        assert f.read() == mail


def test_nothing_to_recover(site, store, alice):
    store.put(message(1))
    answer = mailbox(site, "recover", alice.name)
    assert (answer.status, answer.out, answer.err) == (0, "", "")


# Ids


def x_uidl(mbox, count):
    """Messages that another server wrote its ids into, but for the first."""
    for i in range(count):
        mbox.put(b"X-UIDL: id-%d\n" % i * (i > 0) + message(i))


def test_no_client_downloads_again(site, mbox, alice):
    """By itself pop3d takes over what it finds."""
    x_uidl(mbox, 5)
    answer = mailbox(site, "uidl", "--compare-with", "x-uidl", alice.name)
    assert answer.status == 0
    assert answer.lines == ["messages: 5, with an id of that server: 4, to be downloaded "
                            "again: 0"]


def test_says_who_would_download_again(site, mbox, alice):
    """Unless it is told not to; then that can be made up for, and taken back."""
    x_uidl(mbox, 5)
    site.set(mail__uidl="own")
    own = mailbox(site, "uidl", alice.name).rows
    answer = mailbox(site, "uidl", "--compare-with", "x-uidl", alice.name)
    assert answer.status == 1
    assert answer.rows[:-1] == [[n, "id-%d" % (int(n) - 1), uid] for n, uid in own[1:]]
    assert answer.lines[-1].endswith("again: 4")
    answer = mailbox(site, "uidl", "--import", "x-uidl", alice.name)
    assert answer.status == 0 and answer.lines == ["messages: 5, with another id now: 4"]
    assert mailbox(site, "uidl", "--compare-with", "x-uidl", alice.name).status == 0
    assert mailbox(site, "uidl", alice.name).rows == \
        own[:1] + [[str(i + 1), "id-%d" % i] for i in range(1, 5)]
    assert mailbox(site, "uidl", "--forget", alice.name).status == 0
    assert mailbox(site, "uidl", alice.name).rows == own


def dovecot_list(alice, names):
    with open(alice.own_file("Maildir", "dovecot-uidlist"), "w") as f:
        f.write("3 V1700000000 N9 G0123456789abcdef0123456789abcdef\n")
        f.write("".join("%d :%s\n" % (i + 1, n) for i, n in enumerate(names)))


def test_dovecot_list(site, maildir, alice):
    maildir.fill([message(i) for i in range(3)])
    names = [os.path.basename(f).split(":")[0] for f in maildir.files()]
    dovecot_list(alice, names[:2])
    answer = mailbox(site, "uidl", "--compare-with", "dovecot", alice.name)
    assert answer.status == 0 and "with an id of that server: 2" in answer.lines[-1]
    assert [r[1] for r in mailbox(site, "uidl", alice.name).rows] == \
        ["000000016553f100", "000000026553f100", names[2]]
    answer = mailbox(site, "uidl", "--compare-with", "dovecot", "--format", "%f", alice.name)
    assert answer.status == 1
    assert answer.rows[:2] == [["1", names[0], "000000016553f100"],
                               ["2", names[1], "000000026553f100"]]


def test_list_that_came_too_late(site, maildir, alice):
    """Ids that clients know are not changed by a list that appears; --import does it."""
    maildir.fill([message(i) for i in range(3)])
    names = [os.path.basename(f).split(":")[0] for f in maildir.files()]
    assert [r[1] for r in mailbox(site, "uidl", alice.name).rows] == names
    dovecot_list(alice, names)
    answer = mailbox(site, "uidl", "--compare-with", "dovecot", alice.name)
    assert answer.status == 1 and answer.lines[-1].endswith("again: 3")
    assert mailbox(site, "uidl", "--import", "dovecot", alice.name).status == 0
    assert mailbox(site, "uidl", "--compare-with", "dovecot", alice.name).status == 0
    client = site.inetd()
    client.login(alice)
    assert [line.split()[1] for line in client.lines("UIDL")] == \
        ["%08x6553f100" % i for i in (1, 2, 3)]
    client.quit()


def test_import_forgets_nothing_of_what_is_gone(site, mbox, alice):
    """An id of a message that was deleted is not given to the next one that is alike."""
    for _ in range(3):
        mbox.put(message(1))
    known = [r[1] for r in mailbox(site, "uidl", alice.name).rows]
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 3")
    client.quit()
    mbox.put(b"X-UIDL: id\n" + message(2))
    assert mailbox(site, "uidl", "--import", "x-uidl", alice.name).status == 0
    mbox.put(message(1))
    ids = [r[1] for r in mailbox(site, "uidl", alice.name).rows]
    assert ids[:3] == known[:2] + ["id"] and ids[3] not in known


def test_ids_that_two_servers_gave_alike(site, mbox, alice):
    """An id that another message has already stays unique."""
    mbox.put(message(1))
    own = mailbox(site, "uidl", alice.name).rows[0][1]
    mbox.put(b"X-UIDL: " + own.encode() + b"\n" + message(2))
    assert mailbox(site, "uidl", "--import", "x-uidl", alice.name).status == 0
    ids = [r[1] for r in mailbox(site, "uidl", alice.name).rows]
    assert len(set(ids)) == 2
    assert mailbox(site, "check", alice.name).status == 0


@pytest.mark.parametrize("server", ["dovecot", "courier", "x-uidl"])
def test_nothing_of_that_server(site, store, alice, server):
    store.put(message(1))
    answer = mailbox(site, "uidl", "--compare-with", server, alice.name)
    assert answer.status == EX_NOINPUT and "left no unique-ids" in answer.err


def test_no_such_server(site, store, alice):
    assert mailbox(site, "uidl", "--compare-with", "exchange", alice.name).status == EX_USAGE
    assert mailbox(site, "uidl", "--format", "%z", alice.name).status == EX_USAGE
    assert mailbox(site, "uidl", "--forget", "--import", "dovecot",
                   alice.name).status == EX_USAGE


def test_stores_of_other_names(site, alice):
    """One user's mboxes in one directory do not get in each other's way."""
    stores = []
    for name in ("a", "b"):
        store = MboxStore(alice)
        os.rename(store.path, alice.path(name))
        store.path = alice.path(name)
        store.put(message(1))
        stores.append(store)
    alice.own_file(".a.pop3d-index-new")
    assert mailbox(site, "check", location(stores[0])).words() == ["leftover"]
    assert mailbox(site, "check", location(stores[1])).status == 0
