"""The index: an unchanged maildrop opens at once, and whatever stands in the file beside the
mail, or is done to it, clients see what is true.
"""

import os
import re
import shutil
import time

import pytest

from stores import MaildirStore, message

SETTLED = 0.1  # seconds; more than a tick of the clock that stamps files


def index_path(store):
    if isinstance(store, MaildirStore):
        return os.path.join(store.path, ".pop3d-index")
    return os.path.join(os.path.dirname(store.path), ".mbox.pop3d-index")


def view(site, alice, settle=True):
    """One session that changes nothing: totals, sizes, ids."""
    if settle:
        time.sleep(SETTLED)
    client = site.inetd()
    client.login(alice)
    seen = client.cmd_ok("STAT"), client.lines("LIST"), client.lines("UIDL")
    client.quit()
    return seen


def read_index(store):
    with open(index_path(store), "rb") as f:
        return f.read()


def trace(site, alice, commands=("STAT",)):
    """The system calls of a session from its login on, one a line."""
    for name in os.listdir(site.directory):
        if name.startswith("trace."):
            os.unlink(site.path(name))
    client = site.inetd(prefix=["strace", "-ff", "-qq", "-o", site.path("trace")])
    client.login(alice)
    for command in commands:
        client.cmd_ok(command)
    client.quit()
    client.wait()
    for name in os.listdir(site.directory):
        if name.startswith("trace."):
            with open(site.path(name), encoding="latin-1") as f:
                text = f.read()
            if "setresuid(%d" % alice.uid in text:
                return text.split("setresuid(%d" % alice.uid, 1)[1].splitlines()
    raise AssertionError("no trace of the session")


def test_unchanged_maildrop_costs_the_same_however_large(site, store, alice):
    calls = []
    for count in (5, 400):
        while len(store.messages()) < count:
            store.fill([message(i) for i in range(count - len(store.messages()))])
        view(site, alice)
        view(site, alice)
        lines = trace(site, alice)
        assert not [l for l in lines if "getdents" in l], "a directory was read"
        assert not [l for l in lines if ".M1P1.host" in l], "a message was looked at"
        calls.append(len(lines))
    assert abs(calls[0] - calls[1]) <= 3


def test_new_mail_costs_only_the_new_mail(site, maildir, alice):
    maildir.fill([message(i) for i in range(50)])
    view(site, alice)
    path = maildir.put(message(99), "new")
    time.sleep(SETTLED)
    opened = [l for l in trace(site, alice) if "openat" in l and ".M1P1.host" in l]
    assert len(opened) == 1 and os.path.basename(path) in opened[0]


def test_only_the_end_of_a_grown_mbox_is_read(site, mbox, alice):
    big = message(1, b"x" * 60 + b"\n") + b"y" * 70 + b"\n"
    mbox.fill([big * 100] * 100)
    view(site, alice)
    mbox.put(message(99))
    time.sleep(SETTLED)
    read = sum(int(n) for n in re.findall(r"pread64\(.* = (\d+)$",
                                          "\n".join(trace(site, alice)), re.M))
    assert read < os.path.getsize(mbox.path) / 10


def test_what_the_index_tells_is_what_reading_tells(site, store, alice):
    store.fill([message(i, b"line\r\n.dot\n" * i) for i in range(20)])
    first = view(site, alice)
    assert view(site, alice) == first
    store.put(message(50, b"no end"))
    second = view(site, alice)
    assert second[1][:20] == first[1] and second[2][:20] == first[2]
    os.unlink(index_path(store))
    assert view(site, alice) == second
    client = site.inetd()
    client.login(alice)
    for i, text in enumerate(store.wires()):
        assert client.multi("RETR %d" % (i + 1)) == text
    client.quit()


def test_deletions_in_between(site, store, alice):
    store.fill([message(i) for i in range(12)])
    first = view(site, alice)
    time.sleep(SETTLED)
    client = site.inetd()
    client.login(alice)
    for i in (1, 5, 12):
        client.cmd_ok("DELE %d" % i)
    client.quit()
    left = [i for i in range(12) if i not in (0, 4, 11)]
    for _ in range(3):
        seen = view(site, alice)
        assert [l.split()[1] for l in seen[2]] == [first[2][i].split()[1] for i in left]
        assert [l.split()[1] for l in seen[1]] == [first[1][i].split()[1] for i in left]
    client = site.inetd()
    client.login(alice)
    for i, text in enumerate(store.wires()):
        assert client.multi("RETR %d" % (i + 1)) == text
    client.quit()


def damage(data, how):
    middle = len(data) // 2
    return {
        "empty": b"", "cut": data[:-3], "cut-header": data[:100], "longer": data + b"x",
        "zeros": bytes(len(data)), "magic": b"X" + data[1:], "version": data[:7] + b"0" + data[8:],
        "header": data[:20] + b"\xff" + data[21:],
        "body": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:],
        "last": data[:-1] + bytes([data[-1] ^ 1]),
    }[how]


@pytest.mark.parametrize("how", ["empty", "cut", "cut-header", "longer", "zeros", "magic",
                                 "version", "header", "body", "last"])
def test_damaged_index_is_rebuilt(site, store, alice, how):
    store.fill([message(i) for i in range(9)])
    view(site, alice)
    seen = view(site, alice)
    good = read_index(store)
    path = index_path(store)
    with open(path, "r+b") as f:
        f.truncate()
        f.write(damage(good, how))
    assert view(site, alice) == seen
    assert not site.log_lines("error")
    if how not in ("body", "last"):
        assert view(site, alice) == seen and read_index(store) == good
    # What is wrong with the body shows only when it is read, and spoils that session at most.
    client = site.inetd()
    client.login(alice)
    for i, text in enumerate(store.wires()):
        assert client.multi("RETR %d" % (i + 1)) == text
    client.quit()


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "socket", "foreign"])
def test_what_is_no_index(site, store, alice, bob, kind):
    store.fill([message(i) for i in range(3)])
    seen = view(site, alice)
    path = index_path(store)
    os.rename(path, path + ".moved")
    if kind == "link":
        os.symlink(path + ".moved", path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "socket":
        os.mknod(path, 0o140600)
    else:
        shutil.copy(path + ".moved", path)
        os.chown(path, bob.uid, bob.gid)
    assert view(site, alice) == seen
    assert view(site, alice) == seen


def test_index_of_another_maildrop(site, store, alice):
    """As a restored backup or a copied home has it."""
    store.fill([message(i) for i in range(3)])
    view(site, alice)
    old = read_index(store)
    store.fill([message(i, b"longer\n" * 50) for i in range(3, 6)])
    seen = view(site, alice)
    with open(index_path(store), "r+b") as f:
        f.truncate()
        f.write(old)
    assert view(site, alice) == seen


def test_none_for_an_empty_maildrop(site, store, alice):
    store.fill([message(1), message(2)])
    view(site, alice)
    assert os.path.exists(index_path(store))
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.cmd_ok("DELE 2")
    client.quit()
    assert view(site, alice)[0] == b"+OK 0 0"
    assert not os.path.exists(index_path(store))


def test_message_that_was_changed_in_place(site, maildir, alice):
    """No mail program does that; all the same LIST and RETR never tell two stories."""
    maildir.fill([message(i) for i in range(3)])
    view(site, alice)
    with open(maildir.files()[1], "ab") as f:
        f.write(b"more\n")
    client = site.inetd()
    client.login(alice)
    listed = client.cmd_ok("LIST 2")
    client.send(b"RETR 2\r\n")
    assert client.line().startswith(b"-ERR")
    client.quit()
    client = site.inetd()
    client.login(alice)
    assert client.cmd_ok("LIST 2") != listed
    assert client.multi("RETR 2") == maildir.wires()[1]
    client.quit()


def test_same_size_rewrite_of_an_mbox(site, mbox, alice):
    """A mail reader sets a Status: nothing moves, and the ids stay."""
    mbox.fill([b"Status: O\n" + message(i) for i in range(5)])
    seen = view(site, alice)
    with open(mbox.path, "r+b") as f:
        data = f.read().replace(b"Status: O\n", b"Status: R\n", 2)
        f.seek(0)
        f.write(data)
    assert view(site, alice) == seen
    client = site.inetd()
    client.login(alice)
    assert client.multi("RETR 1") == mbox.wires()[0]
    client.quit()


def test_first_message_of_an_mbox_is_removed_by_another(site, mbox, alice):
    mbox.fill([message(i, b"z" * i + b"\n") for i in range(6)])
    seen = view(site, alice)
    with open(mbox.path, "r+b") as f:
        data = f.read()
        rest = data[data.index(b"\nFrom joe", 10) + 1:]
        f.seek(0)
        f.truncate()
        f.write(rest)
    now = view(site, alice)
    assert [l.split()[1] for l in now[2]] == [l.split()[1] for l in seen[2]][1:]


def test_no_room_for_an_index(site, alice):
    """A full disk costs speed, not mail."""
    size = "size=1m,mode=0755"
    mount = alice.path("small")
    os.mkdir(mount)
    os.system("mount -t tmpfs -o %s tmpfs %s" % (size, mount))
    try:
        alice.own(mount)
        base = os.path.join(mount, "Maildir")
        for part in ("", "new", "cur", "tmp"):
            os.mkdir(os.path.join(base, part))
            alice.own(os.path.join(base, part))
        for i in range(3):
            path = os.path.join(base, "cur", "17000000%02d.M1P1.host:2," % i)
            with open(path, "wb") as f:
                f.write(message(i))
            alice.own(path)
        with open(os.path.join(base, "tmp", "fill"), "wb", buffering=0) as f:
            with pytest.raises(OSError):
                while True:
                    f.write(b"x" * 4096)
        site.set(mail__location="maildir:~/small/Maildir")
        first = view(site, alice)
        assert view(site, alice) == first and first[0].startswith(b"+OK 3 ")
        assert not os.path.exists(os.path.join(base, ".pop3d-index-new"))
    finally:
        os.system("umount " + mount)


def slow_site(site):
    """A server whose files take a millisecond to open, from the login on."""
    return site.inetd(prefix=[
        "strace", "-ff", "-qq", "-o", site.path("trace"), "-e", "trace=openat,sendto,getdents64",
        "-e", "inject=openat:delay_exit=1000:when=80+"])


def test_slow_store_is_read_by_several_threads(site, maildir, alice):
    raws = [message(i, b"line\n" * (i % 7)) for i in range(1200)]
    expected = maildir.fill(raws)
    client = slow_site(site)
    client.login(alice)
    assert client.cmd_ok("STAT") == b"+OK 1200 %d" % sum(map(len, expected))
    assert client.lines("LIST") == ["%d %d" % (i + 1, len(t)) for i, t in enumerate(expected)]
    client.quit()
    client.wait()
    opened = []
    for name in os.listdir(site.directory):
        if name.startswith("trace."):
            with open(site.path(name), encoding="latin-1") as f:
                opened.append(f.read().count(".M1P1.host"))
    assert len([n for n in opened if n > 10]) >= 4, opened
    line, = [l for l in site.log_lines("info") if "indexed: 1200 messages" in l]
    assert alice.path("Maildir") in line


def test_login_does_not_wait_for_the_scan(site, store, alice):
    store.fill([message(i) for i in range(30)])
    lines = trace(site, alice)
    said = [i for i, l in enumerate(lines) if '"+OK Logged in' in l][0]
    looked = [i for i, l in enumerate(lines)
              if "getdents64" in l or ".M1P1.host" in l or '"From joe@' in l]
    assert looked and min(looked) > said


def swap(mbox, i, j):
    """Another program puts two messages of one size into each other's place."""
    with open(mbox.path, "r+b") as f:
        parts = re.split(rb"(?m)^(?=From joe)", f.read())[1:]
        parts[i], parts[j] = parts[j], parts[i]
        f.seek(0)
        f.write(b"".join(parts))


def test_two_messages_of_one_size_change_places(site, mbox, alice):
    """What the index cannot see is seen before a message is sent or removed."""
    mbox.fill([message(100 + i, b"same size %03d\n" % i) for i in range(60)])
    view(site, alice)
    expected = mbox.wires()
    swap(mbox, 2, 3)
    mbox.put(message(999))
    time.sleep(SETTLED)
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("STAT")
    client.send(b"RETR 3\r\n")
    assert client.line().startswith(b"-ERR")
    client.cmd_ok("DELE 3")
    client.send(b"QUIT\r\n")
    assert client.line().startswith(b"-ERR")
    client.wait()
    assert len(mbox.messages()) == 61
    client = site.inetd()
    client.login(alice)
    assert client.multi("RETR 3") == expected[3]
    client.cmd_ok("DELE 3")
    client.quit()
    assert expected[2] in mbox.wires() and expected[3] not in mbox.wires()


def test_changes_that_make_up_for_each_other(site, mbox, alice):
    """A reader adds a field to one message and takes it from another: no torn message."""
    field = b"X-Status: A\n"
    mbox.fill([(field if i == 5 else b"") + message(100 + i, b"body\n" * 3) for i in range(60)])
    view(site, alice)
    with open(mbox.path, "r+b") as f:
        data = f.read().replace(field, b"", 1)
        at = data.index(b"Subject: message 102")
        f.seek(0)
        f.write(data[:at] + field + data[at:])
    mbox.put(message(999))
    time.sleep(SETTLED)
    for number in range(1, 9):
        client = site.inetd()
        client.login(alice)
        client.send(b"RETR %d\r\n" % number)
        if client.line().startswith(b"+OK"):
            assert client.body() == mbox.wires()[number - 1]
        client.close()
        client.wait()
    client = site.inetd()
    client.login(alice)
    for i, text in enumerate(mbox.wires()):
        assert client.multi("RETR %d" % (i + 1)) == text
    client.quit()


def test_two_files_of_one_base_name_spoil_no_index(site, maildir, alice):
    maildir.fill([message(i) for i in range(40)])
    twin = maildir.files()[7]
    shutil.copy(twin, twin.replace(":2,S", ":2,RS"))
    alice.own(twin.replace(":2,S", ":2,RS"))
    view(site, alice)
    opened = [l for l in trace(site, alice) if "openat" in l and ".M1P1.host" in l]
    assert len(opened) <= 3
