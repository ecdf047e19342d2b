"""Messages of a Maildir that are stored with gzip or zstd, between plain ones."""

import gzip
import os
import subprocess
import zlib

import pytest

from harness import wait_role
from patience import patient
from stores import message, wire

END = b"\r\n.\r\n"
HEADER = b"From: joe@example.org\nSubject: x\n\n"
RAWS = {
    "lf": HEADER + b"one\ntwo\n",
    "crlf": (HEADER + b"one\ntwo\n").replace(b"\n", b"\r\n"),
    "mixed": HEADER + b"one\r\ntwo\nthree\r\n\r\n\nfour\n",
    "no final line end": HEADER + b"one\ntwo",
    "header only": b"From: joe@example.org\nSubject: x",
    "empty": b"",
    "dots": HEADER + b".\n..\n...\n. \n.x\nx.\n .\n\n.\n",
    "fake end": HEADER + b"x\r\n.\r\n+OK\r\n.\r\n",
    "8-bit and nul": HEADER + bytes(range(256)) + b"\0\n" + bytes(range(128, 256)),
    "line ends at every border": HEADER + b"\n" * 70001,
    "crs at every border": HEADER + b"\r\n" * 70000,
    "dense": HEADER + b"x" * 999999 + b"\n",
    "sparse": HEADER + b"".join(b"%x\n" % (n ** 7) for n in range(20000)),
}


def zstd(raw, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=raw, check=True,
                          stdout=subprocess.PIPE).stdout


def in_two(pack):
    return lambda raw: pack(raw[:len(raw) // 3]) + pack(b"") + pack(raw[len(raw) // 3:])


KINDS = {
    "gzip": gzip.compress,
    "zstd": zstd,
    "zstd-without-checksum": lambda raw: zstd(raw, "--no-check"),
    "zstd-large-window": lambda raw: zstd(raw, "-1", "--long=27"),
    "gzip-members": in_two(gzip.compress),
    "zstd-frames": in_two(zstd),
}


def top(wire_bytes, lines):
    """What TOP sends of a message that has a body."""
    all_lines = wire_bytes.split(b"\r\n")[:-1]
    return b"".join(l + b"\r\n" for l in all_lines[:all_lines.index(b"") + 1 + lines])


@pytest.mark.parametrize("kind", list(KINDS))
def test_sizes_and_text_are_exact(site, maildir, alice, kind):
    """STAT, LIST, RETR and TOP of compressed messages with plain ones between them."""
    raws = []
    for raw in RAWS.values():
        maildir.put(KINDS[kind](raw))
        maildir.put(message(len(raws)), "new")
        raws += [raw, message(len(raws))]
    expected = [wire(raw) for raw in raws]
    before = maildir.snapshot()
    client = site.inetd()
    client.login(alice)
    # In the order of delivery; the names tell it.
    assert client.cmd("STAT") == b"+OK %d %d" % (len(raws), sum(map(len, expected)))
    assert client.lines("LIST") == ["%d %d" % (i + 1, len(e)) for i, e in enumerate(expected)]
    for i, e in enumerate(expected, 1):
        assert client.multi("RETR %d" % i) == e
        if b"\r\n\r\n" in e:
            for lines in (0, 1, 3):
                assert client.multi("TOP %d %d" % (i, lines)) == top(e, lines), (i, lines)
    client.quit()
    assert site.log_lines("error") == []
    client.wait()
    assert sorted(s[1:] for s in maildir.snapshot()) == sorted(s[1:] for s in before)


def test_deleted_like_any_other(site, maildir, alice):
    maildir.put(gzip.compress(message(1)))
    maildir.put(zstd(message(2)))
    client = site.inetd()
    client.login(alice)
    ids = client.lines("UIDL")
    client.cmd_ok("DELE 1")
    client.quit()
    client.wait()
    assert len(maildir.files()) == 1
    client = site.inetd()
    client.login(alice)
    assert client.lines("UIDL") == ["1 " + ids[1].split()[1]]
    assert client.multi("RETR 1") == wire(message(2))


def flip(data, back):
    """One bit of a byte, counted from the end."""
    at = len(data) - back
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


GZIP, ZSTD = gzip.compress(message(2)), zstd(message(2))
BROKEN = {
    "gzip-cut": GZIP[:-1], "gzip-cut-in-half": GZIP[:len(GZIP) // 2], "gzip-head": GZIP[:3],
    "gzip-crc": flip(GZIP, 8), "gzip-length": flip(GZIP, 4), "gzip-garbage": GZIP + b"x\n",
    "zstd-cut": ZSTD[:-1], "zstd-cut-in-half": ZSTD[:len(ZSTD) // 2], "zstd-head": ZSTD[:4],
    "zstd-checksum": flip(ZSTD, 1), "zstd-garbage": ZSTD + b"x\n",
    "chance": b"\x1f\x8b\x08From: nobody\n\nSubject: x\n", "xz": b"\xfd7zXZ\0 and more\n",
    "window": b"\x28\xb5\x2f\xfd\0\x90\x11\0\0hi",
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_broken_one_is_left_out_and_kept(site, maildir, alice, name):
    """It bars nobody from the others, is never sent, never removed, and is logged."""
    maildir.put(message(1))
    path = maildir.put(BROKEN[name])
    maildir.put(gzip.compress(message(3)))
    sizes = [len(wire(message(n))) for n in (1, 3)]
    for session in (1, 2):
        client = site.inetd()
        client.login(alice)
        assert client.cmd("STAT") == b"+OK 2 %d" % sum(sizes)
        assert client.lines("LIST") == ["1 %d" % sizes[0], "3 %d" % sizes[1]]
        assert client.multi("RETR 3") == wire(message(3))
        for command in ("RETR 2", "TOP 2 0", "LIST 2", "DELE 2"):
            client.cmd_err(command)
        assert client.multi("RETR 1") == wire(message(1))
        client.quit()
        client.wait()
        with open(site.log, encoding="latin-1") as f:
            logged = [l for l in f if os.path.basename(path).split(":")[0] in l]
        assert len(logged) == session and "is not served" in logged[-1], logged
    with open(path, "rb") as f:
        assert f.read() == BROKEN[name]


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_damage_after_it_was_counted_is_torn(site, maildir, alice, kind):
    """No final dot: the client must not take it for whole.  Once, even with an index."""
    path = maildir.put(KINDS[kind](message(1)))
    maildir.put(message(2))
    sizes = [len(wire(message(n))) for n in (1, 2)]
    for _ in range(2):
        client = site.inetd()
        client.login(alice)
        assert client.lines("LIST") == ["1 %d" % sizes[0], "2 %d" % sizes[1]]
        client.quit()
        client.wait()
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT") == b"+OK 2 %d" % sum(sizes)
    assert client.cmd("LIST 1") == b"+OK 1 %d" % sizes[0]
    st = os.stat(path)
    with open(path, "r+b") as f:
        data = flip(f.read(), 1)
        f.seek(0)
        f.write(data)
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
    client.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
    assert END not in client.rest()
    client.wait()
    assert len(maildir.files()) == 2
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT") == b"+OK 1 %d" % sizes[1]
    client.quit()
    client.wait()
    assert len(maildir.files()) == 2


BLOCK = (b"The same line again and again, as long as most lines are: it is one.\n") * 16384


def put_large(maildir, pack_block, finish):
    """A message of 1 GB and a bit; the octets that it has on the wire."""
    head = message(1)
    blocks = (1 << 30) // len(BLOCK) + 1
    path = maildir.put(b"")
    with open(path, "wb") as f:
        f.write(pack_block(head))
        for _ in range(blocks):
            f.write(pack_block(BLOCK))
        f.write(finish())
    assert os.stat(path).st_size < 16 << 20
    return len(wire(head)) + blocks * len(wire(BLOCK))


def put_large_gzip(maildir):
    z = zlib.compressobj(1, zlib.DEFLATED, 31)
    return put_large(maildir, z.compress, z.flush)


def put_large_zstd(maildir):
    """One frame for each block: that is made once."""
    frames = {}

    def pack(raw):
        if raw not in frames:
            frames[raw] = zstd(raw)
        return frames[raw]
    return put_large(maildir, pack, lambda: b"")


def put_large_frame(maildir):
    """All in one frame, with the window of a higher level."""
    path = maildir.put(b"")
    head, blocks = message(1), (1 << 30) // len(BLOCK) + 1
    with open(path, "wb") as f:
        process = subprocess.Popen(["zstd", "-q", "-c", "-3"], stdin=subprocess.PIPE, stdout=f)
        with process.stdin as pipe:
            pipe.write(head)
            for _ in range(blocks):
                pipe.write(BLOCK)
        assert process.wait() == 0
    return len(wire(head)) + blocks * len(wire(BLOCK))


def drain(client):
    """Octets of the body of a reply in which no line begins with a dot."""
    total, tail = len(client.buffer), client.buffer[-5:]
    client.buffer = b""
    while tail != END:
        data = os.read(client.rfd, 1 << 20)
        assert data, "torn after %d octets" % total
        total += len(data)
        tail = (tail + data)[-5:]
    return total - 3


@pytest.mark.uninstrumented("a sanitizer takes many times the memory")
@pytest.mark.parametrize("put", [put_large_gzip, put_large_zstd, put_large_frame])
def test_large_one_takes_no_memory(site, maildir, alice, put):
    octets = put(maildir)
    assert octets > 1 << 30
    client = site.inetd()
    client.timeout = patient(80)
    client.login(alice)
    session = wait_role("session")[0]

    def peak():
        return int(session.status()["VmHWM"].split()[0])
    before = peak()
    assert client.cmd("STAT") == b"+OK 1 %d" % octets
    assert client.cmd_ok("RETR 1") == b"+OK %d octets" % octets
    assert drain(client) == octets
    assert peak() - before < 4096, "grew by %d KiB" % (peak() - before)
    assert client.multi("TOP 1 1") == top(wire(message(1)), 1)


def test_limit(site, maildir, alice):
    """A bomb is left out; limits.decompressed_octets says what one is."""
    maildir.put(gzip.compress(HEADER + b"\n" * 1000000))
    maildir.put(HEADER + b"\n" * 1000000)
    maildir.put(zstd(message(3)))
    site.set(limits__decompressed_octets=1000000)
    client = site.inetd()
    client.login(alice)
    assert [l.split()[0] for l in client.lines("LIST")] == ["2", "3"]
    client.cmd_err("RETR 1")
    client.quit()
    client.wait()
    with open(site.log, encoding="latin-1") as f:
        assert "too large" in f.read()
    assert len(maildir.files()) == 3


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_mbox_is_refused(site, mbox, alice, kind):
    mbox.fill([message(1)])
    with open(mbox.path, "rb") as f:
        packed = KINDS[kind](f.read())
    with open(mbox.path, "wb") as f:
        f.write(packed)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    reply = client.cmd("PASS " + alice.password)
    if reply.startswith(b"+OK"):
        reply = client.cmd("STAT")
    assert reply.startswith(b"-ERR [SYS/PERM] "), reply
    client.close()
    client.wait()
    with open(site.log, encoding="latin-1") as f:
        assert "is compressed" in f.read()
    with open(mbox.path, "rb") as f:
        assert f.read() == packed
