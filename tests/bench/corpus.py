"""Mail to serve: generated, the same in every run, of the sizes that mail has."""

import os
import random

COLUMNS = 72
WORDS = ("the of and to in is you that it he was for on are as with his they at be this have "
         "from or one had by word but not what all were we when your can said there use an "
         "each which she do how their if will up other about out many then them these so some "
         "her would make like him into time has look two more write go see number no way could "
         "people my than first water been call who oil its now find long down day did get come "
         "made may part").split()


def _lines(rng, octets):
    text, line = [], ""
    total = 0
    while total < octets:
        word = rng.choice(WORDS)
        if len(line) + len(word) + 1 > COLUMNS:
            text.append(line)
            total += len(line) + 1
            line = ""
        line += (" " if line else "") + word
    # Dots and From lines at the start of lines, as they come in real mail, now and then.
    for i in range(7, len(text), 997):
        text[i] = "." + text[i]
    return "\n".join(text) + "\n"


class Mail:
    def __init__(self):
        rng = random.Random(1939)
        self.bodies = [_lines(rng, 60000) for _ in range(8)]
        self.base64 = "\n".join("".join(rng.choices(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=76))
            for _ in range(1000)) + "\n"

    def message(self, number, octets):
        """One with a header as mail has after some hops, about so many octets."""
        host = "mx%d.example.net" % (number % 7)
        head = "".join([
            "Return-Path: <sender%d@example.net>\n" % number,
            "Delivered-To: user@example.org\n",
            "Received: from %s (%s [192.0.2.%d])\n\tby mail.example.org (Postfix) with ESMTPS"
            " id %08X\n\tfor <user@example.org>; Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\n" % (
                host, host, number % 250, number),
            "Date: Mon, 1 Jan 2024 00:00:00 +0000\n",
            "From: Sender %d <sender%d@example.net>\n" % (number, number),
            "To: user@example.org\n", "Subject: message %d\n" % number,
            "Message-ID: <%d.1939@example.net>\n" % number,
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\n"])
        body = self.bodies[number % len(self.bodies)]
        need = max(octets - len(head), 0)
        if need > len(body):
            body = self.base64 * (need // len(self.base64) + 1)
        body = body[:need]
        return (head + body + ("" if body.endswith("\n") else "\n")).encode()


def maildir(home, uid, messages):
    """Write messages to ~/Maildir; returns how many."""
    path, n = os.path.join(home, "Maildir"), 0
    for part in ("", "cur", "new", "tmp"):
        os.makedirs(os.path.join(path, part), 0o700, exist_ok=True)
        os.chown(os.path.join(path, part), uid, uid)
    for n, raw in enumerate(messages, 1):
        name = os.path.join(path, "cur", "%d.M%dP1.host:2,S" % (1700000000 + n, n))
        with open(name, "wb") as f:
            f.write(raw)
        os.chown(name, uid, uid)
        os.utime(name, (1700000000 + n, 1700000000 + n))
    return n


def mbox(path, uid, messages):
    with open(path, "wb") as f:
        for raw in messages:
            f.write(b"From sender@example.net Mon Jan  1 00:00:00 2024\n" + raw + b"\n")
    os.chown(path, uid, uid)
    os.chmod(path, 0o600)


class Corpora:
    """Every maildrop of the comparison, made once; quick: smaller ones."""

    def __init__(self, world, quick):
        self.world, self.mail = world, Mail()
        self.many = 400 if quick else 2000
        self.ten_thousand = 2000 if quick else 10000
        self.hundred_thousand = 20000 if quick else 100000
        self.box_megabytes = 100 if quick else 1000

    def boxes(self, user):
        """Where servers look for the mbox of a user; each writes to its own."""
        home = self.world.home(user)
        return ["/var/mail/" + user, os.path.join(home, "dovecot.mbox"),
                os.path.join(home, "pop3d.mbox")]

    def messages(self, count, octets):
        return (self.mail.message(i, octets) for i in range(1, count + 1))

    def _maildir(self, user, messages):
        maildir(self.world.home(user), self.world.uids[user], messages)

    def _boxes(self, user, count, octets):
        for path in self.boxes(user):
            mbox(path, self.world.uids[user], self.messages(count, octets))
        directory = os.path.join(self.world.home(user), "dovecot")
        os.makedirs(directory, 0o700, exist_ok=True)
        os.chown(directory, self.world.uids[user], -1)

    def make(self):
        for user in ("small", "argon", "ten", *("idle%d" % i for i in range(50))):
            self._maildir(user, self.messages(10, 4000))
            self._boxes(user, 10, 4000)
        self._maildir("lf", self.messages(1, 50_000_000))
        self._maildir("crlf", (raw.replace(b"\n", b"\r\n")
                               for raw in self.messages(1, 49_000_000)))
        self._boxes("lfbox", 1, 50_000_000)
        self._maildir("many", self.messages(self.many, 20000))
        self._boxes("manybox", self.many, 20000)
        self._maildir("ten-thousand", self.messages(self.ten_thousand, 1000))
        self._maildir("hundred-thousand", self.messages(self.hundred_thousand, 1000))
        self._boxes("bigbox", self.box_megabytes * 50, 20000)
