"""RETR of large messages in a Maildir that are stored as they are sent, which the kernel
takes from their files by itself, and of those that only look like it.
"""

import os
import signal
import time

import pytest

from harness import wait_role, wait_until
from patience import patient
from stores import message
from test_index import SETTLED
from tls_client import context, stls

SMALLEST = 65536  # octets of a file that goes by itself, and those that are counted at once
CHUNK = 4 * SMALLEST  # octets that are read at once to be sent
LARGE = 24 << 20  # more than socket buffers hold
LINE = b"x" * 62 + b"\r\n"
HEAD = b"Subject: large\r\n\r\n"


def lines(octets, end=b""):
    """A message of so many octets, lines of 64 where they fit, that ends with `end`."""
    left = octets - len(HEAD) - len(end)
    first = left % 64 or 64
    text = b"y" * (first - 2) + b"\r\n" if first > 1 else b"\r\n" + LINE[:62] + b"z\r\n"
    made = HEAD + text + LINE * ((left - len(text)) // 64) + end
    return made


def at(octets, text):
    """A large message with this text so many octets from its beginning."""
    before = lines(octets) if octets else b""
    return before + text + lines(2 * CHUNK)


CASES = {
    "plain": lines(3 * CHUNK + 100),
    "smallest exactly": lines(SMALLEST),
    "smallest less one": lines(SMALLEST - 1),
    "smallest and one": lines(SMALLEST + 1),
    "two chunks exactly": lines(2 * CHUNK),
    "dot first": b".\r\n" + lines(2 * CHUNK),
    "dot first, text": b".x\r\n" + lines(2 * CHUNK),
    "dot last": lines(2 * CHUNK, b".\r\n"),
    "dot last, no end": lines(2 * CHUNK, b"\r\n."),
    "dots only": b".\r\n" * 100000,
    "dots only, one line": b"." * 300000 + b"\r\n",
    "dot in the middle": at(1000, b".\r\n+OK torn\r\n"),
    "dot in a line": at(1000, b"a.b\r\n"),
    "dot at the chunk": at(CHUNK, b".hidden\r\n"),
    "dot where counting goes on": at(SMALLEST, b".hidden\r\n"),
    "dot before the chunk": at(CHUNK - 1, b".hidden\r\n"),
    "dot at the second chunk": at(2 * CHUNK, b".\r\n"),
    "CR ends the chunk": lines(CHUNK + 1) + lines(2 * CHUNK),
    "CR ends the chunk, then dot": lines(CHUNK + 1) + b".\r\n" + lines(2 * CHUNK),
    "CR ends the chunk, no LF": lines(CHUNK - 3) + b"ab\rcd\r\n" + lines(2 * CHUNK),
    "CR last": lines(2 * CHUNK, b"x\r"),
    "no end": lines(2 * CHUNK, b"x"),
    "bare LF": at(1000, b"a\nb\r\n"),
    "bare LF first": b"\n" + lines(2 * CHUNK),
    "bare LF at the chunk": lines(CHUNK) + b"\n" + lines(2 * CHUNK),
    "bare LF last": lines(2 * CHUNK, b"\r\n\n"),
    "CR CR LF": at(1000, b"a\r\r\nb\r\n"),
    "CRs": at(1000, b"\r\r\r\r\n"),
    "CR before a dot": at(1000, b"\r.\r\n"),
    "NULs": b"\0" * 300000 + b"\r\n",
}


def stuffed(wire):
    return (b"." if wire.startswith(b".") else b"") + wire.replace(b"\r\n.", b"\r\n..")


def expect(client, number, wire):
    """LIST and RETR of a message, octet by octet, and the session goes on behind it."""
    assert client.cmd("LIST %d" % number) == b"+OK %d %d" % (number, len(wire))
    client.send(b"RETR %d\r\nNOOP\r\n" % number)
    assert client.ok() == b"+OK %d octets" % len(wire)
    whole = stuffed(wire) + b".\r\n"
    while len(client.buffer) < len(whole):
        assert client.fill()
    assert client.buffer[:len(whole)] == whole
    client.buffer = client.buffer[len(whole):]
    assert client.ok() == b"+OK Done nothing"


def sent_by_kernel(site, alice, wire):
    """Whether a RETR of message 1 made sendfile() calls; it is compared as well."""
    client = site.inetd()
    client.login(alice)
    trace = site.strace(wait_role("session")[0].pid, "-e", "trace=sendfile")
    expect(client, 1, wire)
    client.quit()
    trace.wait(patient(10))
    with open(site.path("strace"), encoding="latin-1") as f:
        return "sendfile" in f.read()


@pytest.mark.parametrize("way", ["inetd", "stls", "pipes"])
def test_every_octet(site, maildir, alice, certificates, way):
    """Counted for it, then again from the index."""
    site.use_tls(certificates.server(), limits__output_seconds=10)
    wires = maildir.fill(CASES.values())
    for _ in range(2):
        time.sleep(SETTLED)
        client = site.pipes() if way == "pipes" else site.inetd()
        if way == "stls":
            client = stls(site, client, context(certificates.ca))
        client.login(alice)
        assert client.lines("LIST") == ["%d %d" % (i, len(w)) for i, w in enumerate(wires, 1)]
        for number, wire in enumerate(wires, 1):
            expect(client, number, wire)
        client.quit()


@pytest.mark.parametrize("case,wanted", [
    ("plain", True), ("smallest exactly", True), ("smallest less one", False),
    ("CR ends the chunk", True), ("dot in a line", True), ("CR before a dot", True),
    ("CR CR LF", True), ("dot at the chunk", False), ("dot first", False), ("no end", False),
    ("bare LF first", False)])
@pytest.mark.uninstrumented("strace and the leak sanitizer exclude each other")
def test_what_goes_by_itself(site, maildir, alice, case, wanted):
    wire, = maildir.fill([CASES[case]])
    assert sent_by_kernel(site, alice, wire) == wanted
    time.sleep(SETTLED)
    assert sent_by_kernel(site, alice, wire) == wanted


def test_pipelined(site, maildir, alice):
    """All replies in order, with small ones between large ones."""
    wires = maildir.fill([lines(3 * CHUNK), message(2), lines(2 * CHUNK, b".\r\n"),
                          lines(5 * CHUNK)])
    client = site.inetd()
    client.login(alice)
    client.send(b"RETR 1\r\nSTAT\r\nRETR 2\r\nRETR 3\r\nTOP 4 1\r\nRETR 4\r\nDELE 1\r\nQUIT\r\n")
    top = HEAD + wires[3][len(HEAD):].split(b"\r\n")[0] + b"\r\n"
    expected = [b"+OK %d octets\r\n" % len(w) + stuffed(w) + b".\r\n" for w in wires]
    expected.insert(1, b"+OK 4 %d\r\n" % sum(map(len, wires)))
    expected.insert(4, b"+OK Top of message follows\r\n" + top + b".\r\n")
    expected.append(b"+OK Message 1 deleted\r\n+OK Bye\r\n")
    assert client.rest() == b"".join(expected)
    assert len(maildir.messages()) == 3


# Files that change


def rewrite(path, raw, keep_time=False):
    """In place, as no program should."""
    before = os.stat(path)
    with open(path, "r+b") as f:
        f.write(raw)
        f.truncate()
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(maildir, path, raw):
    """Another file of the same name, as from a backup."""
    with open(path + ".new", "wb") as f:
        f.write(raw)
    maildir.account.own(path + ".new", 0o600)
    os.rename(path + ".new", path)


CHANGES = {
    "truncated": lambda path: os.truncate(path, LARGE // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "grown": lambda path: os.truncate(path, LARGE + 10),
    "other content": lambda path: rewrite(path, lines(LARGE // 2, b".\r\n") + lines(
        LARGE - LARGE // 2)),
}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("way", ["inetd", "stls"])
def test_changed_while_it_is_sent(site, maildir, alice, certificates, way, how):
    """A slow reader never takes it for whole, and nothing is removed."""
    site.use_tls(certificates.server())
    path = maildir.put(lines(LARGE))
    client = site.inetd()
    if way == "stls":
        client = stls(site, client, context(certificates.ca))
    client.login(alice)
    client.send(b"LIST 1\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
    client.ok()
    client.ok()
    time.sleep(0.3)
    CHANGES[how](path)
    got = client.rest()
    assert not got.endswith((b".\r\n+OK Message 1 deleted\r\n+OK Bye\r\n", b"\r\n.\r\n"))
    assert b"deleted" not in got
    assert len(got) <= LARGE
    assert maildir.files() == [path]
    assert site.wait_log("session-end")[0].endswith("reason=torn-message")
    with open(site.log, encoding="latin-1") as f:
        assert ("shrank while it was read" in f.read()) == (how in ("truncated", "emptied"))


@pytest.mark.parametrize("error,whole", [("EINVAL", True), ("EIO", True), ("EIO:when=2+", False),
                                         ("EPIPE", False), ("EINTR:when=1..5", True)])
@pytest.mark.uninstrumented("strace and the leak sanitizer exclude each other")
def test_file_that_cannot_be_sent_so(site, maildir, alice, error, whole):
    """It is read instead, unless some of it has gone already."""
    wire, = maildir.fill([lines(3 << 20)])
    client = site.inetd()
    client.login(alice)
    session, = wait_role("session")
    site.strace(session.pid, "-e", "trace=sendfile", "-e", "inject=sendfile:error=" + error)
    if whole:
        expect(client, 1, wire)
        client.quit()
    else:
        client.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
        assert not client.rest().endswith(b"\r\n.\r\n")
        reason = "torn-message" if error.startswith("EIO") else "output"
        assert site.wait_log("session-end")[0].endswith("reason=" + reason)
    assert len(maildir.files()) == 1


def test_replaced_while_it_is_sent(site, maildir, alice):
    """The file that was opened goes on to the end; the next RETR is refused."""
    wire, = maildir.fill([lines(LARGE)])
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("RETR 1")
    replace(maildir, maildir.files()[0], lines(LARGE // 2))
    assert client.body() == wire
    client.cmd_err("RETR 1")
    client.quit()


def test_renamed_and_removed_while_it_is_sent(site, maildir, alice):
    wire, = maildir.fill([lines(LARGE)])
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("RETR 1")
    path, = maildir.files()
    os.rename(path, path + "T")
    time.sleep(0.1)
    os.unlink(path + "T")
    assert client.body() == wire
    client.quit()


def test_restored_with_other_content(site, maildir, alice):
    """The same size, counted anew: what could go by itself before cannot now, and back."""
    size = 3 * CHUNK
    plain, dotted = lines(size), lines(size - 9, b"\r\n") + b".x\r\n123\r\n"
    assert len(dotted) == size
    path = maildir.put(plain)
    for raw in (plain, dotted, plain):
        replace(maildir, path, raw)
        time.sleep(SETTLED)
        for _ in range(2):
            client = site.inetd()
            client.login(alice)
            expect(client, 1, raw)
            client.quit()
            time.sleep(SETTLED)


def test_restored_during_a_session(site, maildir, alice):
    size = 3 * CHUNK
    dotted = lines(size - 9, b"\r\n") + b".x\r\n123\r\n"
    path = maildir.put(lines(size))
    client = site.inetd()
    client.login(alice)
    expect(client, 1, lines(size))
    time.sleep(SETTLED)
    replace(maildir, path, dotted)
    expect(client, 1, dotted)
    replace(maildir, path, lines(size) + b"more\r\n")
    client.cmd_err("RETR 1")
    client.quit()


def test_grown_since_it_was_counted(site, maildir, alice):
    path = maildir.put(lines(2 * CHUNK))
    client = site.inetd()
    client.login(alice)
    client.lines("LIST")
    with open(path, "ab") as f:
        f.write(LINE)
    client.cmd_err("RETR 1")
    client.quit()


@pytest.mark.parametrize("claim", [0, 2])
def test_claims_in_names(site, maildir, alice, claim):
    """Right or wrong, a name does not say that no line begins with a dot."""
    raw = lines(2 * CHUNK, b".\r\n")
    path = maildir.put(raw)
    named = "%s,S=%d,W=%d:2,S" % (path.split(":")[0], len(raw), len(raw) + claim)
    os.rename(path, named)
    client = site.inetd()
    client.login(alice)
    client.lines("LIST")
    if claim:
        client.cmd_err("RETR 1")
    else:
        expect(client, 1, raw)
    client.quit()
    time.sleep(SETTLED)
    client = site.inetd()
    client.login(alice)
    expect(client, 1, raw)
    client.quit()


# Readers


@pytest.mark.parametrize("way", ["inetd", "stls"])
def test_stalled_reader_is_dropped(site, maildir, alice, certificates, way):
    site.use_tls(certificates.server(), limits__output_seconds=2)
    path = maildir.put(lines(LARGE))
    client = raw = site.inetd()
    if way == "stls":
        client = stls(site, raw, context(certificates.ca))
    client.login(alice)
    start = time.monotonic()
    client.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
    raw.wait(patient(8))
    assert 1.5 < time.monotonic() - start < 6
    assert maildir.files() == [path]
    assert site.wait_log("session-end")[0].endswith("reason=output")


def test_slow_reader_is_not_dropped(site, maildir, alice):
    site.set(limits__output_seconds=2, limits__idle_seconds=1)
    wire, = maildir.fill([lines(LARGE)])
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("RETR 1")
    for part in range(1, 13):
        time.sleep(0.3)
        while len(client.buffer) < part * LARGE // 12:
            assert client.fill()
    assert client.body() == wire


def test_reader_that_leaves(site, maildir, alice):
    path = maildir.put(lines(LARGE))
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("RETR 1")
    client.reset()
    assert client.wait(patient(5)) == 0
    assert maildir.files() == [path]
    assert site.wait_log("session-end")[0].endswith("reason=output")


@pytest.mark.parametrize("way", ["inetd", "stls"])
def test_termination_while_a_slow_reader_reads(site, maildir, alice, certificates, way):
    """It takes something now and then, so that there is always some room."""
    site.use_tls(certificates.server())
    maildir.put(lines(LARGE))
    client = raw = site.inetd()
    if way == "stls":
        client = stls(site, raw, context(certificates.ca))
    client.login(alice)
    client.cmd_ok("RETR 1")
    session, = wait_role("session")
    time.sleep(0.3)
    os.kill(session.pid, signal.SIGTERM)
    start = time.monotonic()
    while not site.log_lines("session-end") and time.monotonic() - start < 8:
        raw.sock.recv(100000)
        time.sleep(0.1)
    assert time.monotonic() - start < 2
    wait_until(lambda: site.log_lines("session-end"), what="the end")


def test_octets_of_a_session(site, maildir, alice):
    """limits.session_octets counts them like all others."""
    wires = maildir.fill([lines(2 * CHUNK), lines(2 * CHUNK)])
    site.set(limits__session_octets=CHUNK)
    client = site.inetd()
    client.login(alice)
    expect(client, 1, wires[0])
    assert client.cmd("RETR 2").startswith(b"-ERR [SYS/TEMP] ")
    client.quit()
    assert "retr=1/%d" % len(wires[0]) in site.wait_log("session-end")[0]
