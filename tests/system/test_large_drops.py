"""Sizes that real maildrops reach: memory stays flat and nothing takes long."""

import os
import time

import pytest

from harness import wait_role
from patience import patient
from stores import message

GIGABYTE = 1 << 30
LINE = b"." + b"x" * 126 + b"\n"


def write_big(path, octets, head):
    """head, then lines of 128 octets, each of which needs a stuffed dot."""
    block = LINE * 8192
    with open(path, "ab") as f:
        f.write(head)
        for _ in range(octets // len(block)):
            f.write(block)
    return octets // len(block) * 8192


def count_body(client):
    """Read a multi-line reply of any size; its octets without stuffing and final dot."""
    total, stuffed, tail = 0, 0, b"\n"
    while not tail.endswith(b"\r\n.\r\n"):
        if client.buffer == b"":
            assert client.fill()
        data, client.buffer = client.buffer, b""
        stuffed += (tail[-2:] + data).count(b"\n..")
        total += len(data)
        tail = (tail + data)[-5:]
    return total - 3 - stuffed


def test_gigabyte_message_in_flat_memory(site, maildir, alice):
    path = maildir.put(b"")
    lines = write_big(path, GIGABYTE, b"Subject: big\n\n")
    client = site.inetd()
    client.login(alice)
    expected = os.path.getsize(path) + lines + 2
    start = time.monotonic()
    assert client.cmd("LIST 1") == b"+OK 1 %d" % expected
    session = wait_role("session")[0]
    before = session.rss_kb()
    client.send(b"RETR 1\r\n")
    client.ok()
    assert count_body(client) == expected
    peak = int(session.status()["VmHWM"].split()[0])
    assert peak - before < 16 << 10
    client.cmd_ok("NOOP")
    assert time.monotonic() - start < patient(40)


def test_gigabyte_mbox(site, mbox, alice):
    """Many messages of one megabyte: open, list, a message from the end, one deletion."""
    body = LINE * 8192
    with open(mbox.path, "ab") as f:
        for n in range(1000):
            f.write(mbox.SEPARATOR + b"Subject: %d\n\n" % n + body + b"\n")
    start = time.monotonic()
    client = site.inetd()
    client.timeout = patient(40)
    client.login(alice)
    lines = client.lines("LIST")
    assert lines[-1] == "1000 %d" % (len(b"Subject: 999\r\n\r\n") + len(body) + 8192)
    assert len(client.lines("UIDL")) == 1000
    assert b"Subject: 999\r\n" in client.multi("TOP 1000 0")
    assert time.monotonic() - start < patient(30)
    session = wait_role("session")[0]
    assert int(session.status()["VmHWM"].split()[0]) < 32 << 10
    client.cmd_ok("DELE 1000")
    client.quit()
    assert time.monotonic() - start < patient(60)
    client = site.inetd()
    client.timeout = patient(40)
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 999 ")


def test_ten_thousand_messages_in_a_maildir(site, maildir, alice):
    count = 10000
    for n in range(count):
        maildir.put(message(n))
    start = time.monotonic()
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK %d " % count)
    assert len(client.lines("LIST")) == count
    ids = {l.split()[1] for l in client.lines("UIDL")}
    assert len(ids) == count
    for n in (1, 5000, count):
        assert client.multi("RETR %d" % n) == maildir.expected(message(n - 1))
    assert time.monotonic() - start < patient(15)
    for n in range(1, count + 1):
        client.send(b"DELE %d\r\n" % n)
        if n % 100 == 0:
            for _ in range(100):
                client.ok()
    client.timeout = patient(30)
    client.quit()
    assert maildir.files() == []
    assert time.monotonic() - start < patient(40)


@pytest.mark.parametrize("count", [100000])
def test_mbox_of_many_small_messages(site, mbox, alice, count):
    one = b"Subject: x\n\nbody\n"
    with open(mbox.path, "ab") as f:
        for n in range(count):
            f.write(mbox.SEPARATOR + b"X-Number: %d\n" % n + one + b"\n")
    start = time.monotonic()
    client = site.inetd()
    client.timeout = patient(30)
    client.login(alice)
    lines = client.lines("LIST")
    assert len(lines) == count
    ids = {l.split()[1] for l in client.lines("UIDL")}
    assert len(ids) == count
    assert b"X-Number: 99999\r\n" in client.multi("RETR 100000")
    client.cmd_ok("DELE 1")
    client.quit()
    assert time.monotonic() - start < patient(30)


def test_size_over_four_gigabytes(site, maildir, alice):
    """A sparse file: the sizes need 64 bits."""
    path = maildir.put(b"Subject: sparse\n\n")
    size = (1 << 32) + 4096
    os.truncate(path, size)
    maildir.put(message(2))
    client = site.inetd()
    client.timeout = patient(60)
    client.login(alice)
    total = size + 2 + 2
    assert client.cmd("LIST 1") == b"+OK 1 %d" % total
    small = len(maildir.expected(message(2)))
    assert client.cmd("STAT") == b"+OK 2 %d" % (total + small)
