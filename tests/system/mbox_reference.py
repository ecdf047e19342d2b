"""What the messages of an mbox are, told a second time and in another way than the server.

Python's mailbox module finds every line that begins with "From ".  Ours is stricter: such
a line separates only at the start of the file or behind an empty line, and only if it ends
as delivery agents end it, with a date.  So the pieces that Python finds are put together
again where that rule says so.
"""

import mailbox
import re

from stores import wire

FROM_MAX = 8192  # octets of a From_ line with its line end
ZONE = rb"(?:[+-]\d{4}|[A-Za-z]{1,5})"
TIME = rb"(?:[01]?\d|2[0-3]):[0-5]?\d(?::(?:[0-5]?\d|60))?"
FROM_LINE = re.compile(
    rb"From (?:|[^\n]*[ \t])(?i:sun|mon|tue|wed|thu|fri|sat)[ \t]+"
    rb"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[ \t]+"
    rb"(?:[0-2]?\d|3[01])[ \t]+" + TIME + rb"(?:[ \t]+" + ZONE + rb"){0,2}[ \t]+"
    rb"[12]\d{3}(?:[ \t]+" + ZONE + rb")?(?:[ \t]+(?i:remote)[ \t]+(?i:from)[ \t]+"
    rb"[^ \t\r\n]+)?[ \t]*\r?\n?")


class Alien(Exception):
    """The file does not begin as an mbox does."""


class Message:
    """One message of the file: stored is all of it that a deletion takes away."""

    def __init__(self, stored):
        self.stored = stored
        line_end = stored.find(b"\n") + 1 or len(stored)
        self.from_line, text = stored[:line_end], stored[line_end:]
        # One empty line separates, or ends the file.
        self.raw = re.sub(rb"(?:(?<=\n)|\A)\r?\n\Z", b"", text)
        self.wire = wire(self.raw)


def separates(line):
    return len(line) <= FROM_MAX and FROM_LINE.fullmatch(line) is not None


def python_pieces(path):
    """What Python's module takes for messages, each from its From_ line on.

    It leaves out an empty line before the next one; with these the file is complete.
    """
    with open(path, "rb") as f:
        data = f.read()
    box = mailbox.mbox(path, create=False)
    try:
        pieces = [box.get_bytes(key, from_=True) for key in sorted(box.keys())]
    finally:
        box.close()
    begin = re.search(rb"^From ", data, re.M)
    offset = begin.start() if begin else len(data)
    lead, whole = data[:offset], []
    for piece in pieces:
        assert data.startswith(piece, offset), "Python's piece is not in the file"
        end = offset + len(piece)
        if data[end:end + 1] == b"\n" and data[end + 1:end + 6] in (b"From ", b""):
            end += 1
        whole.append(data[offset:end])
        offset = end
    assert offset == len(data), "Python's pieces are not the file"
    return lead, whole


def messages(path):
    """The messages of the file by our rule; raises Alien for what is no mbox."""
    lead, pieces = python_pieces(path)
    if lead.replace(b"\r\n", b"\n").strip(b"\n"):
        raise Alien()
    found = []
    for piece in pieces:
        line = piece[:piece.find(b"\n") + 1] or piece
        behind_empty_line = not found or re.search(rb"\n\r?\n\Z", found[-1])
        if behind_empty_line and separates(line):
            found.append(piece)
        elif not found:
            raise Alien()
        else:
            found[-1] += piece
    return lead, [Message(stored) for stored in found]
