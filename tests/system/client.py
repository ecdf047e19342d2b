"""A raw POP3 client: sends what it is told, checks the framing of what it reads."""

import contextlib
import os
import re
import select
import socket
import struct
import time

from patience import TIMEOUT

RESPONSE_CODES = (b"AUTH", b"IN-USE", b"LOGIN-DELAY", b"SYS/TEMP", b"SYS/PERM", b"XCLIENT")


class Client:
    """A client that sends what it is told and checks the framing of what it reads."""

    def __init__(self, rfd, wfd=None, sock=None, process=None, timeout=TIMEOUT):
        self.rfd, self.wfd, self.sock = rfd, rfd if wfd is None else wfd, sock
        self.process, self.timeout = process, timeout
        self.buffer, self.closed = b"", False
        self.greeting = None

    # Bytes

    def send(self, data):
        end = time.monotonic() + self.timeout
        view = memoryview(data)
        while len(view):
            left = end - time.monotonic()
            assert left > 0 and select.select([], [self.wfd], [], left)[1], "send timed out"
            view = view[os.write(self.wfd, view[:65536]):]

    def fill(self, timeout=None):
        """Read once more; False at the end of the stream."""
        left = self.timeout if timeout is None else timeout
        assert select.select([self.rfd], [], [], max(left, 0))[0], (
            "no answer in %.1f s; so far: %r" % (left, self.buffer[-200:]))
        try:
            data = os.read(self.rfd, 1 << 18)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return data != b""

    def quiet(self, seconds=0.3):
        """Nothing may come for a while."""
        assert self.buffer == b"" and not select.select([self.rfd], [], [], seconds)[0], (
            "unexpected: %r" % (self.buffer,))

    def rest(self):
        """All bytes up to the end of the stream."""
        end = time.monotonic() + self.timeout
        while self.fill(end - time.monotonic()):
            pass
        data, self.buffer = self.buffer, b""
        return data

    def eof(self):
        """The server must have closed, without another byte."""
        assert self.rest() == b""

    # Replies

    def line(self):
        """One line without its CRLF; RFC 1939 section 3: CRLF, at most 512 octets."""
        end = time.monotonic() + self.timeout
        while b"\n" not in self.buffer:
            assert self.fill(end - time.monotonic()), (
                "connection closed; so far: %r" % self.buffer)
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), "line ends in a bare LF: %r" % line
        return line[:-1]

    def reply(self):
        """The first line of a reply, its status and length checked."""
        line = self.line()
        assert re.fullmatch(rb"(\+OK|-ERR)( .*)?", line, re.S), line
        assert len(line) <= 510, "reply of %d octets" % (len(line) + 2)
        assert all(0x20 <= b <= 0x7e for b in line), line
        # RFC 2449 section 8: a "[" at the start of the text is a response code.
        text = line.partition(b" ")[2]
        assert not text.startswith(b"[") or text.split(b"]")[0][1:] in RESPONSE_CODES, line
        return line

    def ok(self):
        line = self.reply()
        assert line.startswith(b"+OK"), line
        return line

    def err(self):
        line = self.reply()
        assert line.startswith(b"-ERR"), line
        return line

    def body(self):
        """The rest of a multi-line reply: what stood before the final dot, unstuffed."""
        end = time.monotonic() + self.timeout
        while not (self.buffer.startswith(b".\r\n") or b"\r\n.\r\n" in self.buffer):
            assert self.fill(end - time.monotonic()), (
                "torn multi-line reply: %r" % self.buffer[-200:])
        if self.buffer.startswith(b".\r\n"):
            raw, self.buffer = b"", self.buffer[3:]
        else:
            raw, self.buffer = self.buffer.split(b"\r\n.\r\n", 1)
            raw += b"\r\n"
        return re.sub(rb"(^|\n)\.", rb"\1", raw)

    # Commands

    def cmd(self, line):
        """Send one command; return the first line of the reply."""
        self.send(line.encode("latin-1") + b"\r\n")
        return self.reply()

    def cmd_ok(self, line):
        reply = self.cmd(line)
        assert reply.startswith(b"+OK"), (line, reply)
        return reply

    def cmd_err(self, line):
        reply = self.cmd(line)
        assert reply.startswith(b"-ERR"), (line, reply)
        return reply

    def multi(self, line):
        """Send a command with a multi-line reply; return the body, unstuffed."""
        self.cmd_ok(line)
        return self.body()

    def lines(self, line):
        return self.multi(line).decode("latin-1").split("\r\n")[:-1]

    def login(self, account, password=None):
        self.cmd_ok("USER " + account.name)
        return self.cmd_ok("PASS " + (account.password if password is None else password))

    def quit(self):
        """QUIT, its +OK, and the end of the connection."""
        reply = self.cmd_ok("QUIT")
        self.eof()
        return reply

    # Ends

    def half_close(self):
        if self.sock is not None:
            with contextlib.suppress(OSError):  # the server may have reset it by now
                self.sock.shutdown(socket.SHUT_WR)
        else:
            os.close(self.wfd)
            self.wfd = -1

    def reset(self):
        """End the connection with an RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        if self.closed:
            return
        self.closed = True
        if self.sock is not None:
            self.sock.close()
        else:
            for fd in {self.rfd, self.wfd} - {-1}:
                os.close(fd)

    def wait(self, timeout=TIMEOUT):
        """Wait for the process that serves this client; its exit status."""
        return self.process.wait(timeout)
