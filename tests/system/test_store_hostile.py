"""What others, or an enemy with this user's rights, may leave in a Maildir.

Whatever it is: the session serves all other mail, or says -ERR; it does not crash, hang or
follow; what was not deleted stays as it was, byte by byte; LIST says what RETR sends.
"""

import itertools
import os
import re
import socket
import stat

import pytest

from serving import ids, leave, listed, retrieve_or_not, serve, session
from stores import message, wire


def put(maildir, name, raw, where="cur"):
    path = os.path.join(os.fsencode(maildir.path), where.encode(), name)
    with open(path, "wb") as f:
        f.write(raw)
    maildir.account.own(path, 0o600)
    return path


# entries

def make_entry(path, kind, target):
    """What is no message, under a name like one."""
    if kind == "fifo":
        os.mkfifo(path, 0o666)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
    elif kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    elif kind == "tty":
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(5, 0))
    elif kind == "block device":
        os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(7, 200))
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "full directory":
        os.mkdir(path)
        make_entry(os.path.join(path, "1700000001.M1.host:2,S"), "fifo", target)
    else:
        os.symlink({"link": target, "dangling link": "/nonexistent", "parent": "..",
                    "loop": os.path.basename(path), "long link": "x" * 4095}[kind], path)


KINDS = ["fifo", "socket", "device", "tty", "block device", "directory", "full directory",
         "link", "dangling link", "parent", "loop", "long link"]


@pytest.mark.parametrize("where", ["cur", "new"])
def test_every_kind_of_entry(site, maildir, alice, where):
    """Beside messages and with the base names of messages; none is touched."""
    target = alice.own_file("target")
    with open(target, "wb") as f:
        f.write(b"TOP SECRET\n")
    paths = []
    for n, kind in enumerate(KINDS):
        base = "%d.M1P1.host" % (1600000000 + n)
        put(maildir, base.encode() + b":2,S", message(n), "cur")
        for name in (base + ":2,", "x" + base):
            paths.append(os.path.join(maildir.path, where, name))
            make_entry(paths[-1], kind, target)
            alice.own(paths[-1])
    before = [os.lstat(path) for path in paths]
    client = session(site, alice)
    found = serve(client)
    assert list(found.values()) == [wire(message(n)) for n in range(len(KINDS))]
    assert len(ids(client)) == len(KINDS)
    for number in found:
        client.cmd_ok("DELE %d" % number)
    leave(client)
    for path, st in zip(paths, before):
        after = os.lstat(path)
        assert (after.st_mode, after.st_ino, after.st_mtime_ns, after.st_nlink) == (
            st.st_mode, st.st_ino, st.st_mtime_ns, st.st_nlink), path
        assert stat.S_ISDIR(st.st_mode) or os.lstat(path).st_atime_ns == st.st_atime_ns or (
            stat.S_ISLNK(st.st_mode)), path
    client = session(site, alice)
    assert client.cmd("STAT") == b"+OK 0 0"
    leave(client)


@pytest.mark.parametrize("kind", KINDS)
def test_message_becomes_something_else(site, maildir, alice, kind):
    """After it was listed and sized."""
    target = alice.own_file("target")
    with open(target, "wb") as f:
        f.write(message(1))
    path = maildir.put(message(1))
    maildir.put(message(2))
    client = session(site, alice)
    assert len(listed(client)) == 2
    os.unlink(path)
    make_entry(path, kind, target)
    alice.own(path)
    client.cmd_err("RETR 1")
    client.cmd_err("TOP 1 0")
    assert client.multi("RETR 2") == wire(message(2))
    client.cmd_ok("DELE 2")
    client.send(b"DELE 1\r\nQUIT\r\n")
    client.rest()
    client.wait()
    assert os.path.exists(target)
    assert message(2) not in [open(p, "rb").read() for p in maildir.files()
                              if stat.S_ISREG(os.lstat(p).st_mode)]


# names

def test_names_of_every_byte(site, maildir, alice):
    """Every byte that a name can have, at its start and within."""
    names = []
    for byte in range(1, 256):
        char = bytes([byte])
        if char not in b"/":
            names.append(b"1700000000.M%dP1.host%sx:2," % (byte, char))
        if char not in b"/.":
            names.append(char + b"1700000000.M%dP1.host:2,S" % byte)
    raws = {put(maildir, name, message(n)): message(n) for n, name in enumerate(names)}
    client = session(site, alice)
    found = serve(client)
    assert sorted(found.values()) == sorted(wire(raw) for raw in raws.values())
    before = ids(client)
    client.cmd_err("RETR %d" % (len(names) + 1))
    leave(client)
    client = session(site, alice)
    assert ids(client) == before
    for number in list(found)[::2]:
        client.cmd_ok("DELE %d" % number)
    leave(client)
    left = sorted(wire(raw) for path, raw in raws.items() if os.path.exists(path))
    assert left == sorted(list(found.values())[1::2])
    with open(site.log, "rb") as f:
        log = f.read()
    assert re.search(rb"[^\x20-\x7e\n]", log) is None


def test_longest_names(site, maildir, alice):
    """255 octets, so that nothing can be appended; half of them differ at the end only."""
    stems = [b"1700000001." + b"x" * 240, b"1700000002." + b"\xff" * 240,
             b"1700000003." + b"\n" * 240]
    names = [(stem + end, where) for stem in stems for end, where in
             ((b"aaaa", "new"), (b"aaab", "new"), (b"aa:2", "cur"), (b":2,S", "cur"))]
    paths = [put(maildir, name, message(n), where)
             for n, (name, where) in enumerate(names)]
    assert all(len(os.path.basename(path)) == 255 for path in paths)
    client = session(site, alice)
    found = serve(client)
    assert sorted(found.values()) == sorted(wire(message(n)) for n in range(len(names)))
    before = ids(client)
    leave(client)
    client = session(site, alice)
    assert ids(client) == before
    gone = [n for n in found if n % 3]
    for number in gone:
        client.cmd_ok("DELE %d" % number)
    leave(client)
    client = session(site, alice)
    assert list(serve(client).values()) == [w for n, w in found.items() if n not in gone]
    assert ids(client) == [i for n, i in enumerate(before, 1) if n not in gone]
    leave(client)


@pytest.mark.parametrize("how", ["same bytes", "other bytes", "hard link", "many"])
def test_duplicates(site, maildir, alice, how):
    """One base name several times: whatever is listed is one message with one id."""
    base = b"1700000001.M1P1.host"
    first = put(maildir, base, message(1), "new")
    names = [base + b":2,S", base + b":2,RS", base + b":2,"]
    if how == "many":
        names += [base + b":2," + bytes(flags) for flags in
                  itertools.permutations(b"DFPRST", 4)]
    for n, name in enumerate(names):
        if how == "hard link":
            os.link(first, os.path.join(os.fsencode(maildir.path), b"cur", name))
        else:
            put(maildir, name, message(1 if how == "same bytes" else n + 2))
    put(maildir, b"1700000002.M1P1.host:2,S", message(0))
    client = session(site, alice)
    found = serve(client)
    assert len(ids(client)) == len(found)
    if how != "hard link":
        assert len(found) == len(names) + 2
    assert found[max(found)] == wire(message(0))
    client.cmd_ok("DELE 1")
    leave(client)
    client = session(site, alice)
    assert list(serve(client).values()) == list(found.values())[1:]
    leave(client)


@pytest.mark.parametrize("mode", ["nobody", "root"])
def test_unreadable_files(site, maildir, alice, mode):
    """They bar the way to no other message, and are not taken for empty ones."""
    paths = [maildir.put(message(n)) for n in range(6)]
    for path in paths[::2]:
        if mode == "root":
            os.chown(path, 0, 0)
        os.chmod(path, 0o600 if mode == "root" else 0)
    client = session(site, alice)
    found = serve(client)
    assert found == {n + 1: wire(message(n)) for n in (1, 3, 5)}
    client.cmd_err("RETR 1")
    client.cmd_err("TOP 3 0")
    assert set(ids(client)) >= {os.path.basename(paths[n]).split(":")[0] for n in (1, 3, 5)}
    client.cmd_ok("DELE 2")
    leave(client)
    assert [os.path.exists(path) for path in paths] == [True, False] + [True] * 4
    assert site.wait_log("error"), "nothing for the administrator"


LIES = [b",S=5", b",S=0", b",W=0", b",S=%d", b",W=%d", b",S=%d,W=%d", b",S=%d,W=1",
        b",S=1,W=%d", b",W=%d,S=%d", b",S=%d,S=1", b",S=%d,W=9999999", b",S=%d,W=-1",
        b",S=%d,W=",
        b",W=18446744073709551615", b",S=18446744073709551616,W=18446744073709551617",
        b",W=99999999999999999999999999", b",S=%d,W=%%d", b",W= %d", b",W=+%d", b",W=0x10",
        b",S=%d,W=4294967296", b",s=%d,w=%d", b",S=%d:2,W=1", b"W=3", b",W=%d,", b",W=%dx"]


@pytest.mark.parametrize("ends", ["lf", "crlf", "mixed"])
def test_sizes_in_names_that_lie(site, maildir, alice, ends):
    """LIST and STAT say what RETR sends, in the first session and in later ones."""
    raw = message(1, b"one\ntwo\r\nthree\n\n.\n" if ends == "mixed" else b"one\ntwo\n\n.\n")
    raw = raw.replace(b"\n", b"\r\n") if ends == "crlf" else raw
    # True of stored size and size as sent, in either place, or one off.
    for n, lie in enumerate(LIES):
        for k, (size, wired) in enumerate(itertools.product(
                (len(raw), len(wire(raw)), len(raw) + 1), repeat=2)):
            values = (size, wired)[:len(re.findall(rb"%d", lie.replace(b"%%", b"")))]
            put(maildir, b"%d.M%dP%d.host%s:2,S" % (1700000000 + n, n, k, lie % values), raw)
    count = len(maildir.files())
    for _ in range(3):
        client = session(site, alice)
        assert client.cmd("STAT") == b"+OK %d %d" % (count, count * len(wire(raw)))
        assert all(sent == wire(raw) for sent in serve(client).values())
        leave(client)


RIGHT = message(1, b"body\n" * 20)
CHANGES = [RIGHT + b"more\n", RIGHT[:-5], b"", RIGHT.replace(b"\n", b"\r\n"),
           RIGHT.replace(b"body\n", b"\nbdy\n"), RIGHT.replace(b"b", b"c")]


@pytest.mark.parametrize("change", CHANGES, ids=[
    "longer", "shorter", "empty", "crlf", "more-lines", "other-bytes"])
def test_file_that_changes_behind_true_sizes(site, maildir, alice, change):
    """Its name was right once, and its time stamp stays, as a restored backup may have it."""
    path = put(maildir, b"1700000000.M1P1.host,S=%d,W=%d:2,S" % (len(RIGHT), len(wire(RIGHT))),
               RIGHT)
    maildir.put(message(2))
    client = session(site, alice)
    assert listed(client) == {1: len(wire(RIGHT)), 2: len(wire(message(2)))}
    st = os.stat(path)
    with open(path, "r+b") as f:
        f.write(change)
        f.truncate()
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
    for _ in range(3):
        assert retrieve_or_not(client, 1, listed(client)[1]) in (None, wire(change))
        client.close()
        client.wait()
        client = session(site, alice)
    assert retrieve_or_not(client, 2, listed(client)[2]) == wire(message(2))
    leave(client)
