"""Our messages of an mbox against those of Python's mailbox module, file by file.

mbox_reference.py says where the two rightly differ.  Each file is served; then some of its
messages are deleted, and the others must be there, byte by byte.
"""

import random

import pytest

import mbox_reference

BOXES = 400
DATE = b"Mon Jan  1 00:00:00 2024"
# Of delivery agents and of other times: all separate behind an empty line.
SEPARATORS = [
    b"From joe@example.org " + DATE, b"From joe@example.org  " + DATE, b"From " + DATE,
    b"From MAILER-DAEMON " + DATE, b"From - " + DATE, b"From joe at example.org " + DATE,
    b"From joe Mon Jan 1 00:00 2024", b"From joe mon jan 31 23:59:60 1999",
    b"From joe Mon Jan  1 00:00:00 +0100 2024", b"From joe Mon Jan  1 00:00:00 MET DST 2024",
    b"From joe Mon Jan  1 00:00:00 2024 +0100", b"From joe Mon Jan  1 00:00:00 2024 GMT",
    b"From uucp Mon Jan  1 00:00:00 2024 remote from host", b"From joe\t" + DATE + b" ",
    b"From Mon Tue Wed " + DATE, b'From "joe doe"@example.org ' + DATE,
    b"From \xff\xfe\x01 " + DATE, b"From " + b"x" * 4000 + b" " + DATE]
# Text, wherever it stands.
TEXTS = [
    b"From here on it is text", b"From Monday on", b"From ", b"From", b"from joe " + DATE,
    b"From: joe " + DATE, b">From joe " + DATE, b" From joe " + DATE, b"FROM joe " + DATE,
    b"From joe " + DATE + b" and more words", b"From joe Mon Jan 32 00:00:00 2024",
    b"From joe Mon Jan  1 24:00:00 2024", b"From joe Mon Jan  1 00:60:00 2024",
    b"From joe Mon Jan  1 00:00:61 2024", b"From joe Mon Jan  1 00:00:00 3024",
    b"From joe Mon Jan  1 00:00:00 24", b"From joe Mon Jan  1 2024", b"From joe@example.org",
    b"From joe Jan  1 00:00:00 2024", b"From joe Mon Jnn  1 00:00:00 2024",
    b"From joe Mon Jan  1 00:00:00 TOOLONG 2024", b"From joe Mon, 1 Jan 2024 00:00:00 +0000",
    b"From joe Mon Jan  1 00:00:00 2024 remote by host", b"From joe" + DATE,
    b"From " + b"x" * 9000 + b" " + DATE]
LINES = [b"", b"", b"", b"text", b"Subject: in the body", b".", b"..", b"\0", b"a\0b", b"\t",
         b" ", b"\r", b"x" * 5000, b"\x80\xff", b"--boundary", b"Content-Length: 99999"]
HEADERS = [b"Subject: x", b"From: joe@example.org", b"Content-Length: 10",
           b"Content-Length: 0", b"Status: RO", b"X-UID: 3", b"X: 1\n\tfolded", b"no field",
           b"Content-Length: -1", b"Lines: 3", b">From joe " + DATE]


class Maker:
    """Writes one mbox of any kind, the same for the same number."""

    def __init__(self, number):
        self.source = random.Random(number)
        self.ends = [(b"\n",), (b"\n",), (b"\r\n",), (b"\n", b"\r\n")][number % 4]

    def line(self, text):
        return text + self.source.choice(self.ends)

    def some(self, choice, most):
        return b"".join(self.line(self.source.choice(choice))
                        for _ in range(self.source.randrange(most)))

    def text(self):
        kind = self.source.random()
        if kind < 0.6:
            return self.source.choice(LINES)
        return self.source.choice(TEXTS if kind < 0.85 else SEPARATORS)

    def message(self):
        header = self.some(HEADERS, 5)
        if self.source.random() < 0.1:
            return header
        body = b"".join(self.line(self.text()) for _ in range(self.source.randrange(12)))
        return header + self.line(b"") + body

    def box(self):
        parts = [self.some([b""], 3) if self.source.random() < 0.2 else b""]
        for _ in range(self.source.randrange(1, 12)):
            parts += [self.line(self.source.choice(SEPARATORS)), self.message()]
            if self.source.random() < 0.9:
                parts.append(self.line(b""))
        data = b"".join(parts)
        if self.source.random() < 0.3:
            data = data[:-self.source.randrange(1, 30)]
        return data


def write(path, account, data):
    with open(path, "wb") as f:
        f.write(data)
    account.own(path, 0o600)


def compare(site, alice, mbox, chosen):
    """Serve the file, then delete the chosen; how many messages it has."""
    with open(mbox.path, "rb") as f:
        data = f.read()
    try:
        lead, expected = mbox_reference.messages(mbox.path)
    except mbox_reference.Alien:
        expected = None
    client = site.inetd()
    client.login(alice)
    if expected is None:
        client.cmd_err("STAT")
        client.send(b"QUIT\r\n")
        client.rest()
        client.wait()
        with open(mbox.path, "rb") as f:
            assert f.read() == data
        return 0
    assert client.lines("LIST") == ["%d %d" % (i + 1, len(m.wire))
                                    for i, m in enumerate(expected)]
    for i, message in enumerate(expected):
        assert client.multi("RETR %d" % (i + 1)) == message.wire, message.stored
    with open(mbox.path, "rb") as f:
        assert f.read() == data
    deleted = {i for i in range(len(expected)) if chosen()}
    for i in deleted:
        client.cmd_ok("DELE %d" % (i + 1))
    client.quit()
    client.wait()
    with open(mbox.path, "rb") as f:
        assert f.read() == lead + b"".join(m.stored for i, m in enumerate(expected)
                                           if i not in deleted)
    return len(expected)


@pytest.mark.parametrize("group", range(4))
def test_generated(site, alice, mbox, group):
    """Files of lines that separate, lines that nearly do, and odd ones."""
    count = aliens = 0
    for number in range(group, BOXES, 4):
        maker = Maker(number)
        write(mbox.path, alice, maker.box())
        try:
            found = compare(site, alice, mbox, lambda: maker.source.random() < 0.4)
        except AssertionError as error:
            raise AssertionError("box %d" % number) from error
        count += found
        aliens += not found
    assert count > BOXES and aliens < BOXES / 4 / 3, (count, aliens)


FIRST = b"From joe@example.org " + DATE + b"\n"
BY_HAND = {
    "every separator": b"".join(s + b"\nX: 1\n\nbody\n\n" for s in SEPARATORS),
    "every text": FIRST + b"X: 1\n\n" + b"\n\n".join(TEXTS) + b"\n\n" + FIRST + b"X: 2\n\n",
    "no empty line before": FIRST + b"X: 1\n\nbody\n" + FIRST + b"X: 2\n\nbody\n",
    "separators only": FIRST * 5,
    "separators and empty lines": (FIRST + b"\n") * 5,
    "separators and two empty lines": (FIRST + b"\n\n") * 5,
    "in the header": FIRST + b"X: 1\n" + FIRST + b"X: 2\n\nbody\n",
    "at the end": FIRST + b"X: 1\n\nbody\n\n" + FIRST,
    "at the end, no line end": FIRST + b"X: 1\n\nbody\n\n" + FIRST[:-1],
    "half of one at the end": FIRST + b"X: 1\n\nbody\n\n" + FIRST[:20],
    "empty lines first": b"\n\r\n\n" + FIRST + b"X: 1\n\nbody\n",
    "empty": b"", "one empty line": b"\n", "empty lines": b"\n" * 100000,
    "crlf lines": b"\r\n" * 1000, "many empty lines at the end": FIRST + b"\n" * 1000,
    "no line end": FIRST[:-1], "garbage": bytes(range(256)) * 40, "space first": b" " + FIRST,
    "byte order mark": b"\xef\xbb\xbf" + FIRST + b"X: 1\n\n", "nul first": b"\0" + FIRST,
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xff" * 100,
    "mmdf": b"\1\1\1\1\nX: 1\n\n\1\1\1\1\n",
    "text first": b"From here on\n\n" + FIRST + b"X: 1\n\nbody\n",
    "longest line": b"From " + b"x" * (8192 - len(DATE) - 7) + b" " + DATE + b"\nX: 1\n\n",
    "too long a line": FIRST + b"\n\n" + b"From " + b"x" * (8192 - len(DATE) - 6) + b" " + DATE
                       + b"\nX: 1\n\n",
}


@pytest.mark.parametrize("name", BY_HAND, ids=lambda n: n.replace(" ", "-"))
def test_by_hand(site, alice, mbox, name):
    write(mbox.path, alice, BY_HAND[name])
    compare(site, alice, mbox, lambda: False)
    first = iter([True] + [False] * 100000)
    compare(site, alice, mbox, lambda: next(first))


def test_the_reference_can_tell(tmp_path):
    """It splits at each separator and at no text, so a comparison with it means something."""
    path = str(tmp_path / "box")
    for line in SEPARATORS + TEXTS:
        with open(path, "wb") as f:
            f.write(FIRST + b"X: 1\n\nbody\n\n" + line + b"\nX: 2\n\nbody\n")
        found = mbox_reference.messages(path)[1]
        assert len(found) == 1 + (line in SEPARATORS), line
