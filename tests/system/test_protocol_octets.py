"""Messages on the wire: exact sizes, line ends, dot-stuffing, TOP: RFC 1939 sections 3, 7, 11."""

import pytest

from stores import message

HEADER = b"From: joe@example.org\nSubject: x\n\n"
RAWS = {
    "lf": HEADER + b"one\ntwo\n",
    "crlf": (HEADER + b"one\ntwo\n").replace(b"\n", b"\r\n"),
    "mixed": HEADER + b"one\r\ntwo\nthree\r\n\r\n\nfour\n",
    "crlf header, lf body": HEADER.replace(b"\n", b"\r\n") + b"one\ntwo\n",
    "no final line end": HEADER + b"one\ntwo",
    "header only": b"From: joe@example.org\nSubject: x\n",
    "header only, no line end": b"From: joe@example.org\nSubject: x",
    "header and empty line": HEADER,
    "empty header": b"\nbody only\n",
    "empty line only": b"\n",
    "many empty lines": HEADER + b"\n" * 50,
    "bare cr": HEADER + b"a\rb\r\rc\nd\r\r\ne\n",
    "nul": HEADER + b"a\0b\n\0\n\0\0.\n",
    "8-bit": HEADER + bytes(range(128, 256)) + b"\n",
    "all bytes": HEADER + bytes(range(256)) + b"\n",
    "lone dot": HEADER + b".\n",
    "dots": HEADER + b".\n..\n...\n. \n.x\nx.\n .\n\n.\n",
    "dot without line end": HEADER + b"x\n.",
    "dots with crlf": HEADER + b".\r\n..\r\n.\r\n",
    "dot after bare cr": HEADER + b"a\r.\r.\n",
    "starts with dot": b".From: x\n\n.\n",
    "fake end": HEADER + b"x\r\n.\r\n+OK\r\n.\r\n",
    "long line": HEADER + b"x" * 800000 + b"\n",
    "long line of dots": HEADER + b"." * 400000 + b"\n",
    "dots at every border": HEADER + b".\n" * 280000,
    "dots at every other border": HEADER + b"x\n" + b".\r\n" * 200000,
    "line ends at every border": HEADER + b"\n" * 280001,
    "crs at every border": HEADER + b"\r\n" * 280000,
    "long header": b"X: " + b"y" * 360000 + b"\n" * 2 + b"body\n",
}


def top(wire_bytes, lines):
    """What TOP sends: the header, an empty line, so many lines of the body."""
    all_lines = wire_bytes.split(b"\r\n")[:-1]
    if b"" not in all_lines:
        return wire_bytes + b"\r\n"
    border = all_lines.index(b"") + 1
    return b"".join(l + b"\r\n" for l in all_lines[:border + lines])


@pytest.fixture(params=list(RAWS), ids=lambda name: name.replace(" ", "-"))
def one(request, site, store, alice):
    """A session in which this message stands between two plain ones."""
    store.put(message(1))
    store.put(RAWS[request.param])
    store.put(message(3))
    client = site.inetd()
    client.expected = store.expected(RAWS[request.param])
    client.login(alice)
    return client


def test_size_is_what_retr_sends(one):
    plain = len(message(1).replace(b"\n", b"\r\n"))
    assert one.cmd("LIST 2") == b"+OK 2 %d" % len(one.expected)
    assert one.cmd("STAT") == b"+OK 3 %d" % (2 * plain + len(one.expected))
    assert one.multi("RETR 2") == one.expected
    assert one.multi("RETR 3") == message(3).replace(b"\n", b"\r\n")
    assert one.cmd("LIST 2") == b"+OK 2 %d" % len(one.expected)


def test_top(one):
    for lines in (0, 1, 2, 3):
        assert one.multi("TOP 2 %d" % lines) == top(one.expected, lines), lines
    for lines in (1000000, 4294967296, 18446744073709551615, 10 ** 30):
        whole = one.expected if b"\r\n\r\n" in b"\r\n" + one.expected else top(one.expected, 0)
        assert one.multi("TOP 2 %d" % lines) == whole, lines
    assert one.cmd("STAT").startswith(b"+OK 3 ")


def test_empty_file(site, maildir, alice):
    maildir.put(b"")
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT") == b"+OK 1 0"
    assert client.cmd("LIST 1") == b"+OK 1 0"
    assert client.multi("RETR 1") == b""
    assert client.multi("TOP 1 0") in (b"", b"\r\n")
    client.cmd_ok("DELE 1")
    client.quit()
    assert maildir.files() == []


@pytest.mark.parametrize("raw", [b"\r", b"a\r", HEADER + b"x\r", b".\r"])
def test_final_bare_cr(site, maildir, alice, raw):
    """Whatever is made of it, the size is exact and the message ends with CRLF."""
    maildir.put(raw)
    client = site.inetd()
    client.login(alice)
    size = int(client.cmd("LIST 1").split()[2])
    body = client.multi("RETR 1")
    assert len(body) == size
    assert body.endswith(b"\r\n")
    assert body.rstrip(b"\r\n") == raw.rstrip(b"\r").replace(b"\n", b"\r\n")


def test_mbox_without_final_line_end(site, mbox, alice):
    mbox.put(message(1))
    mbox.append(mbox.SEPARATOR + message(2, b"last line"))
    client = site.inetd()
    client.login(alice)
    expected = message(2, b"last line").replace(b"\n", b"\r\n") + b"\r\n"
    assert client.cmd("LIST 2") == b"+OK 2 %d" % len(expected)
    assert client.multi("RETR 2") == expected


def test_mbox_from_lines_in_a_body(site, mbox, alice):
    """A body line that begins with From after no empty line starts no message."""
    raw = message(1, b"x\n>From quoted\nFrom here on\n From there\n")
    expected = mbox.fill([raw, message(2)])
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").split()[1] == b"2"
    assert client.multi("RETR 1") == expected[0]
    assert client.multi("RETR 2") == expected[1]


def test_mbox_separator_at_any_offset(site, mbox, alice):
    """Separators across the borders of read blocks."""
    raws = [message(n, b"y" * (4096 - 80 + n) + b"\n") for n in range(64)]
    expected = mbox.fill(raws)
    client = site.inetd()
    client.login(alice)
    assert client.lines("LIST") == ["%d %d" % (i + 1, len(e)) for i, e in enumerate(expected)]
    for i, e in enumerate(expected):
        assert client.multi("RETR %d" % (i + 1)) == e


@pytest.mark.parametrize("transport", ["inetd", "pipes"])
def test_slow_reader_gets_every_byte(site, store, alice, transport):
    """A reader that takes little at a time, over a message of several socket buffers."""
    raw = message(1, b"".join(b".%07d\n" % n for n in range(1200000)))
    store.put(raw)
    client = getattr(site, transport)()
    client.login(alice)
    client.cmd_ok("RETR 1")
    assert client.body() == store.expected(raw)
