"""pop3ctl mailbox convert: nothing changes but the form, whatever happens on the way."""

import os
import shutil
import subprocess

import pytest

from mailbox_tool import location, mailbox, maildir_contents, odd_maildir
from patience import patient
from processes import wait_until
from stores import MaildirStore, MboxStore, message

EX_USAGE, EX_CANTCREAT, EX_TEMPFAIL = 64, 73, 75


def target(account, kind, name):
    return kind + ":" + account.path(name)


def session(site, account, kind, name):
    """What a session on this maildrop serves: message after message."""
    site.set(mail__location="%s:~/%s" % (kind, name))
    client = site.inetd()
    client.login(account)
    count = int(client.cmd_ok("STAT").split()[1])
    found = [client.multi("RETR %d" % (i + 1)) for i in range(count)]
    client.quit()
    return found


def uids(site, where):
    return [row[1] for row in mailbox(site, "uidl", where).rows]


def convert(site, *args, **kw):
    return mailbox(site, "convert", *args, **kw)


def converted(site, *args):
    answer = convert(site, *args)
    assert answer.status == 0, answer.err
    assert answer.err == ""
    return answer


def fill_new(store, raws):
    """Fill with mail that nobody has seen: it has no flags to become fields of an mbox."""
    for raw in raws:
        store.put(raw, *(["new"] if store.kind == "maildir" else []))
    return [store.expected(raw) for raw in raws]


def leftovers(account):
    return [n for n in os.listdir(account.home) if n.startswith(".pop3d-convert")]


# There and back


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
@pytest.mark.parametrize("seed", range(3))
def test_maildir_to_mbox_and_back(site, maildir, alice, zone, seed):
    """Bytes, flags, dates and what is new: all of it the same."""
    expected = odd_maildir(maildir, 150, seed)
    env = dict(os.environ, TZ=zone)
    for source, destination in (("maildir:Maildir", "mbox:box"), ("mbox:box", "maildir:M")):
        source, destination = (w.replace(":", ":" + alice.home + "/")
                               for w in (source, destination))
        answer = convert(site, source, destination, env=env)
        assert answer.status == 0, answer.err
    known = uids(site, location(maildir))
    assert len(set(known)) == 150
    assert uids(site, target(alice, "mbox", "box")) == known
    assert sorted(uids(site, target(alice, "maildir", "M"))) == sorted(known)
    assert maildir_contents(alice.path("M")) == expected
    assert maildir_contents(maildir.path) == expected
    assert leftovers(alice) == []


def test_mbox_to_maildir_and_back(site, mbox, alice):
    """As it was served, it is served; and the mbox comes back byte by byte."""
    for i in range(40):
        status = [b"", b"Status: RO\n", b"Status: O\nX-Status: AF\n"][i % 3]
        mbox.put(b"Return-Path: <joe@example.org>\nSubject: %d\n" % i + status +
                 b"\nText\n>From here\n>>From there\n\n" * (i % 4))
    before = mbox.snapshot()[-1]
    served = session(site, alice, "mbox", "mbox")
    converted(site, location(mbox), target(alice, "maildir", "M"))
    converted(site, target(alice, "maildir", "M"), target(alice, "mbox", "again"))
    with open(alice.path("again"), "rb") as f:
        assert f.read() == before
    assert mbox.snapshot()[-1] == before
    assert session(site, alice, "maildir", "M") == served


def test_ids_of_another_server_and_of_twins(site, mbox, alice):
    """What another server gave, and what tells two that are the same apart."""
    for i in range(3):
        mbox.put(b"X-UIDL: id-%d\n" % i + message(i))
        mbox.put(message(9))
    known = uids(site, location(mbox))
    assert known[::2] == ["id-0", "id-1", "id-2"] and len(set(known)) == 6
    converted(site, location(mbox), target(alice, "maildir", "M"))
    assert uids(site, target(alice, "maildir", "M")) == known
    site.set(mail__location="maildir:~/M")
    client = site.inetd()
    client.login(alice)
    assert [line.split()[1] for line in client.lines("UIDL")] == known
    client.quit()
    assert uids(site, alice.name) == known


def test_old_ids_of_the_same_path_do_not_count(site, maildir, alice):
    """The home is looked at first: of an mbox that was there before it has other ids."""
    fill_new(maildir, [message(1), message(2)])
    known = uids(site, location(maildir))
    converted(site, location(maildir), target(alice, "mbox", "box"))
    with open(alice.path(".box.pop3d-uidl")) as f:
        key = f.read().splitlines()[1].split()[0]
    os.unlink(alice.path("box"))
    import hashlib
    path = alice.path("box")
    stale = alice.own_file(".pop3d-mbox-box-%s-uidl" %
                           hashlib.sha256(path.encode()).hexdigest()[:8])
    with open(stale, "w") as f:
        f.write("pop3d-uidl 1\n%s stale\n end 1\n" % key)
    converted(site, location(maildir), target(alice, "mbox", "box"))
    assert uids(site, target(alice, "mbox", "box")) == known


def test_no_other_program_splits_a_message(site, maildir, alice):
    """Python's reader takes every line of this kind for the start of a message."""
    import mailbox as python_mailbox
    for i in range(20):
        maildir.put(b"Subject: %d\n\nFrom me\n\nFrom joe@x Mon Jan  1 00:00:00 2024\n" % i)
    converted(site, location(maildir), target(alice, "mbox", "box"))
    box = python_mailbox.mbox(alice.path("box"))
    assert [m["Subject"] for m in box] == [str(i) for i in range(20)]
    box.close()


def test_flags_for_other_programs(site, maildir, alice):
    import mailbox as python_mailbox
    for flags in ("", "S", "RS", "FS", "DST"):
        path = maildir.put(message(1), "cur")
        os.rename(path, path.split(":2,")[0] + ":2," + flags)
    converted(site, location(maildir), target(alice, "mbox", "box"))
    box = python_mailbox.mbox(alice.path("box"))
    assert ["".join(sorted(m.get_flags())) for m in box] == ["O", "OR", "AOR", "FOR", "DORT"]
    box.close()


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_empty(site, alice, kind):
    store = (MaildirStore if kind == "maildir" else MboxStore)(alice)
    other = "mbox" if kind == "maildir" else "maildir"
    converted(site, location(store), target(alice, other, "new"))
    assert session(site, alice, other, "new") == []


def test_pseudo_message_is_no_mail(site, mbox, alice):
    mbox.append(b"From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n"
                b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
                b"X-IMAP: 1 1\nStatus: RO\n\nData\n\n")
    mbox.put(message(1))
    converted(site, location(mbox), target(alice, "maildir", "M"))
    assert [m[0] for m in maildir_contents(alice.path("M"))] == [message(1)]


def test_new_files_are_the_owners_alone(site, store, alice):
    store.put(message(1))
    other = "mbox" if store.kind == "maildir" else "maildir"
    converted(site, alice.name, target(alice, other, "new"))
    for path, _, files in os.walk(alice.path("new")) if other == "maildir" else \
            [(alice.home, [], ["new"])]:
        for name in ["."] + files:
            st = os.lstat(os.path.join(path, name))
            assert (st.st_uid, st.st_gid) == (alice.uid, alice.gid)
            assert st.st_mode & 0o077 == 0 or name == "."


# What is refused


@pytest.mark.parametrize("what", ["file", "empty file", "full directory", "link"])
def test_never_over_anything(site, store, alice, what):
    store.put(message(1))
    other = "mbox" if store.kind == "maildir" else "maildir"
    path = alice.path("there")
    if what == "full directory":
        os.makedirs(os.path.join(path, "sub"))
        alice.own(path)
    elif what == "link":
        os.symlink(alice.path("nowhere"), path)
    else:
        alice.own_file("there")
        with open(path, "wb") as f:
            f.write(b"x" if what == "file" else b"")
    answer = convert(site, alice.name, target(alice, other, "there"))
    assert answer.status == EX_CANTCREAT and "move it away" in answer.err
    assert leftovers(alice) == [] and os.path.lexists(path)


def test_over_an_empty_directory(site, mbox, alice):
    mbox.put(message(1))
    os.mkdir(alice.path("M"))
    alice.own(alice.path("M"))
    converted(site, alice.name, target(alice, "maildir", "M"))


def test_same_form(site, store, alice):
    assert convert(site, alice.name, target(alice, store.kind, "new")).status == EX_USAGE


def test_not_where_the_owner_may_not_write(site, mbox, alice, bob):
    mbox.put(message(1))
    answer = convert(site, alice.name, target(bob, "maildir", "M"))
    assert answer.status == EX_CANTCREAT and os.listdir(bob.home) == []


def test_another_users_directory_to_build_in(site, mbox, alice, bob, base):
    """Where anybody may make files, somebody makes this one first."""
    mbox.put(message(1))
    shared = os.path.join(base, "shared")
    os.mkdir(shared)
    os.chmod(shared, 0o1777)
    trap = os.path.join(shared, ".pop3d-convert-M")
    os.mkdir(trap)
    os.chmod(bob.own(trap), 0o777)
    answer = convert(site, alice.name, "maildir:%s/M" % shared)
    left = os.listdir(trap)
    shutil.rmtree(shared)
    assert answer.status == EX_CANTCREAT and left == []


def test_message_that_cannot_be_read(site, maildir, alice):
    maildir.fill([message(i) for i in range(3)])
    os.chmod(maildir.files()[1], 0)
    answer = convert(site, alice.name, target(alice, "mbox", "box"))
    assert answer.status != 0 and "message 2" in answer.err
    assert leftovers(alice) == [] and not os.path.exists(alice.path("box"))


def test_hostile_entries_are_no_messages(site, maildir, alice):
    maildir.put(message(1), "new")
    os.symlink("/etc/passwd", os.path.join(maildir.path, "new", "1.link"))
    os.mkfifo(os.path.join(maildir.path, "new", "2.fifo"))
    os.mkdir(os.path.join(maildir.path, "cur", "3.directory"))
    answer = convert(site, alice.name, target(alice, "mbox", "box"))
    assert answer.status == 0, answer.err
    assert session(site, alice, "mbox", "box") == [maildir.expected(message(1))]


# The source


def test_source_goes_only_when_asked(site, store, alice):
    expected = fill_new(store, [message(i) for i in range(9)])
    other = "mbox" if store.kind == "maildir" else "maildir"
    converted(site, "--remove-source", alice.name, target(alice, other, "new"))
    assert store.messages() == []
    assert session(site, alice, other, "new") == expected


def test_mail_that_comes_meanwhile_is_told_and_stays(site, maildir, alice):
    """strace holds the conversion where all is read, and mail comes."""
    maildir.fill([message(i) for i in range(9)])
    process = site.spawn(["strace", "-qq", "-o", "/dev/null", "-e",
                          "inject=syncfs,fsync:delay_enter=2000000", site.tree.pop3ctl, "-c",
                          site.conf, "mailbox", "convert", "--remove-source", alice.name,
                          target(alice, "mbox", "box")], stderr=subprocess.PIPE)
    wait_until(lambda: os.path.exists(alice.path(".pop3d-convert-box")), what="building")
    maildir.put(message(99))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and b"1 messages were delivered" in err, err
    assert maildir.messages() == [message(99)]


# Cut short


def kill_points(site, store, alice, call, destination, step):
    """Kill at the n-th call, n = 1, 1 + step, ...; then again, to the end."""
    when, killed = 1, 0
    while True:
        answer = convert(site, location(store), destination, prefix=[
            "strace", "-qq", "-o", "/dev/null", "-e",
            "inject=%s:signal=SIGKILL:when=%d" % (call, when)])
        if answer.status == 0:
            return killed
        if answer.status == EX_CANTCREAT and killed > 0:
            assert "exists" in answer.err  # killed when all was done
            return killed
        assert answer.status in (-9, 137), (when, answer.status, answer.err)
        killed += 1
        when += step


@pytest.mark.parametrize("call,step", [("renameat", 1), ("mkdirat", 1), ("openat", 7),
                                       ("write", 3), ("unlinkat", 1), ("fsync,syncfs", 1),
                                       ("flock", 1)])
def test_killed_anywhere_on_the_way_to_a_maildir(site, mbox, alice, call, step):
    served = mbox.fill([message(i, b"x" * 300 * i + b"\n") for i in range(25)])
    before = mbox.snapshot()[-1]
    assert 0 < kill_points(site, mbox, alice, call, target(alice, "maildir", "M"), step)
    assert session(site, alice, "maildir", "M") == served
    assert mbox.snapshot()[-1] == before
    assert os.listdir(alice.path("M", "tmp")) == [] and leftovers(alice) == []


@pytest.mark.parametrize("call,step", [("renameat2", 1), ("mkdirat", 1), ("openat", 7),
                                       ("write", 1), ("unlinkat", 1), ("fsync,syncfs", 1)])
def test_killed_anywhere_on_the_way_to_an_mbox(site, maildir, alice, call, step):
    served = fill_new(maildir, [message(i, b"x" * 3000 * i + b"\n") for i in range(25)])
    before = maildir.snapshot()
    assert 0 < kill_points(site, maildir, alice, call, target(alice, "mbox", "box"), step)
    assert session(site, alice, "mbox", "box") == served
    assert maildir.snapshot() == before
    assert leftovers(alice) == []


def test_goes_on_where_it_was_cut(site, mbox, alice):
    """What is written is not written again, and what does not belong there goes."""
    mbox.fill([message(i) for i in range(30)])
    answer = convert(site, location(mbox), target(alice, "maildir", "M"), prefix=[
        "strace", "-qq", "-o", "/dev/null", "-e", "inject=renameat:signal=SIGKILL:when=20"])
    assert answer.status in (-9, 137)
    build = alice.path(".pop3d-convert-M", "Maildir")
    done = {n: os.stat(os.path.join(build, "new", n)).st_ino
            for n in os.listdir(os.path.join(build, "new"))}
    os.mkdir(alice.path("kept"))
    for name in done:  # so that no new file gets an old one's number
        os.link(os.path.join(build, "new", name), alice.path("kept", name))
    assert len(done) > 15
    torn = sorted(done)[3]
    with open(os.path.join(build, "new", torn), "r+b") as f:
        when = os.fstat(f.fileno()).st_mtime
        f.seek(10)
        f.write(b"?")  # of the right size, and wrong
    os.utime(os.path.join(build, "new", torn), (when, when))
    short = sorted(done)[4]
    os.truncate(os.path.join(build, "new", short), 5)
    alice.own_file(".pop3d-convert-M", "Maildir", "cur", "1.stranger")
    converted(site, location(mbox), target(alice, "maildir", "M"))
    assert sorted(m[0] for m in maildir_contents(alice.path("M"))) == \
        sorted(message(i) for i in range(30))
    kept = [n for n in done if os.stat(alice.path("M", "new", n)).st_ino == done[n]]
    assert sorted(kept) == sorted(set(done) - {torn, short})


def test_source_that_changed_between_two_runs(site, mbox, alice):
    mbox.fill([message(i) for i in range(30)])
    convert(site, location(mbox), target(alice, "maildir", "M"), prefix=[
        "strace", "-qq", "-o", "/dev/null", "-e", "inject=renameat:signal=SIGKILL:when=20"])
    os.truncate(mbox.path, 0)
    mbox.fill([message(i) for i in range(5, 40)])
    converted(site, location(mbox), target(alice, "maildir", "M"))
    assert sorted(m[0] for m in maildir_contents(alice.path("M"))) == \
        sorted(message(i) for i in range(5, 40))


def test_one_conversion_at_a_time(site, store, alice):
    store.put(message(1))
    other = "mbox" if store.kind == "maildir" else "maildir"
    os.mkdir(alice.path(".pop3d-convert-M"))
    alice.own(alice.path(".pop3d-convert-M"), 0o700)
    theirs = alice.own_file(".pop3d-convert-M", "mbox")
    holder = site.spawn(["flock", "-x", alice.path(".pop3d-convert-M"), "cat"],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdin.write(b"locked\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == b"locked\n"
    assert convert(site, location(store), target(alice, other, "M")).status == EX_TEMPFAIL
    assert os.path.exists(theirs)
    holder.stdin.close()
    holder.wait(patient(10))
    holder.stdout.close()
    converted(site, location(store), target(alice, other, "M"))


# Disk full


SMALL = """
set -e
mount -t tmpfs -o size=%(size)s,mode=755 none %(where)s
chown %(uid)d:%(gid)d %(where)s
set +e
%(command)s %(source)s %(destination)s
echo "status=$?"
ls -A %(where)s
mount -o remount,size=64m %(where)s
%(command)s %(source)s %(destination)s
echo "status=$?"
ls -A %(where)s
cp -a %(where)s/new %(copy)s
"""


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_disk_full(site, alice, kind):
    """An error that says so, nothing half made in its place; then, with room, all of it."""
    store = (MboxStore if kind == "maildir" else MaildirStore)(alice)
    served = fill_new(store, [message(i, b"x" * 20000 + b"\n") for i in range(40)])
    where = alice.path("small")
    os.mkdir(where)
    script = SMALL % {
        "size": "256k", "where": where, "uid": alice.uid, "gid": alice.gid,
        "command": "%s -c %s mailbox convert" % (site.tree.pop3ctl, site.conf),
        "source": location(store), "destination": "%s:%s/new" % (kind, where),
        "copy": alice.path("copy")}
    run = subprocess.run(["unshare", "--mount", "sh", "-c", script], timeout=patient(60),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = run.stdout.decode().splitlines(), run.stderr.decode()
    assert "No space left on device" in err, err
    first = out[out.index("status=%d" % EX_CANTCREAT) + 1:out.index("status=0")]
    left = [n for n in first if not n.startswith("messages:")]
    assert left == ([".pop3d-convert-new"] if kind == "maildir" else []), out
    assert session(site, alice, kind, "copy") == served


# On a terminal


def test_progress_on_a_terminal_only(site, mbox, alice):
    mbox.fill([message(i) for i in range(3000)])
    command = "%s -c %s mailbox convert %s %s" % (
        site.tree.pop3ctl, site.conf, location(mbox), target(alice, "maildir", "M"))
    run = subprocess.run(["script", "-qec", command, "/dev/null"], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, timeout=patient(60))
    assert run.returncode == 0
    assert b"/3000" in run.stdout and b"reading [" in run.stdout
    assert run.stdout.rstrip().split(b"\x1b[K")[-1].startswith(b"messages: 3000")
