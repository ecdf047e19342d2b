"""Messages that say which they are and whether they are whole, however they were stored.

Each carries its number and the checksum of its body.  Bodies hold what delivery agents
quote or leave alone, so quoting is undone before the sum is taken.
"""

import hashlib
import random
import re

# Neither is a separator: the first has no date, the second no empty line before it.
TRAPS = (b"\nFrom here on it is text.\n",
         b"A line.\nFrom joe@example.org Mon Jan  1 00:00:00 2024\nAnother one.\n",
         b".\n", b"..\n.\n", b"\n\n\n", b"\t\n")


class Torn(AssertionError):
    """A message that is not what was delivered."""


def checksum(body):
    """Of a body with LF line ends; empty lines at its end are no part of it."""
    body = re.sub(rb"(?m)^>+From ", b"From ", body)
    return hashlib.sha256(body.rstrip(b"\n")).hexdigest()


def numbered(number):
    """Message `number`: most are small, some are larger than any pipe or buffer."""
    source = random.Random(number)
    lines = source.choice((1, 5, 20, 20, 40, 60)) if number % 50 else 1500
    parts = [b"Number %d begins.\n" % number]
    for line in range(lines):
        parts.append(b"%06d " % line + b"%0*x\n" % (source.choice((1, 30, 60)),
                                                    source.getrandbits(100)))
        if source.random() < 0.1:
            parts.append(source.choice(TRAPS))
    parts.append(b"Number %d ends.\n" % number)
    body = b"".join(parts)
    return (b"From: Joe <joe@example.org>\nTo: alice@example.org\n"
            b"Subject: message %d\nX-Number: %d\nX-Sum: %s\n\n"
            % (number, number, checksum(body).encode())) + body


def check(wire):
    """The number of a message as RETR sends it; raises Torn if it is not whole."""
    header, _, body = wire.replace(b"\r\n", b"\n").partition(b"\n\n")
    numbers = re.findall(rb"(?m)^X-Number: (\d+)$", header)
    sums = re.findall(rb"(?m)^X-Sum: ([0-9a-f]{64})$", header)
    if len(numbers) != 1 or len(sums) != 1:
        raise Torn("no header of one message: %r" % wire[:400])
    if checksum(body).encode() != sums[0]:
        raise Torn("number %s is torn: %r ... %r" % (numbers[0], wire[:200], wire[-200:]))
    return int(numbers[0])
