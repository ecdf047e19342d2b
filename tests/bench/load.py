"""The client side of the comparison: POP3 spoken as clients do, in whole or in part."""

import socket
import ssl
import time

SECONDS = 300.0
BLOCK = 1 << 18
END = b"\r\n.\r\n"
PASSWORD = "open sesame"
WINDOW = 100  # commands that are sent ahead when pipelining


class Pop:
    """One connection.  Replies are read whole and checked to be +OK."""

    def __init__(self, port, address="127.0.0.1", tls=None, session=None):
        self.sock = socket.create_connection((address, port), SECONDS)
        self.buffer, self.memory = b"", memoryview(bytearray(BLOCK))
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, session=session)
        self.line()

    def line(self):
        while b"\n" not in self.buffer:
            more = self.sock.recv(65536)
            assert more, "closed after %r" % self.buffer[-200:]
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.startswith(b"+OK"), line
        return line

    def command(self, text):
        self.sock.sendall(text.encode() + b"\r\n")
        return self.line()

    def body(self):
        """Octets of a multi-line reply after its first line, the end included."""
        seen, tail = 0, self.buffer
        self.buffer = b""
        while True:
            at = (b"\r\n" + tail).find(END) if seen == 0 else tail.find(END)
            if at >= 0:
                end = at + len(END) - (2 if seen == 0 else 0)
                self.buffer = tail[end:]
                return seen + end
            keep = tail[-4:]
            seen += len(tail) - len(keep)
            n = self.sock.recv_into(self.memory)
            assert n > 0, "closed in a message"
            tail = keep + bytes(self.memory[:n])

    def login(self, user):
        self.command("USER " + user)
        self.command("PASS " + PASSWORD)

    def stls(self, context, session=None):
        self.command("STLS")
        self.sock = context.wrap_socket(self.sock, session=session)

    def stat(self):
        return int(self.command("STAT").split()[1])

    def multi(self, text):
        self.command(text)
        return self.body()

    def quit(self):
        self.command("QUIT")
        self.wait_end()

    def wait_end(self):
        try:
            while self.sock.recv_into(self.memory) > 0:
                pass
        except (ConnectionResetError, ssl.SSLError):
            pass
        self.sock.close()

    def retrieve_each(self, count):
        for i in range(1, count + 1):
            self.multi("RETR %d" % i)

    def pipeline(self, verb, count, body):
        """verb 1..count, a window of commands ahead."""
        sent = 0
        for i in range(1, count + 1):
            if sent < i:
                ahead = range(sent + 1, min(sent + WINDOW, count) + 1)
                self.sock.sendall("".join("%s %d\r\n" % (verb, n) for n in ahead).encode())
                sent = ahead[-1]
            self.line()
            if body:
                self.body()


def context():
    """TLS 1.3 with what the benchmark's certificate needs: no questions asked."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def is_up(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def wait_up(port, process):
    deadline = time.monotonic() + 20
    while not is_up(port):
        assert process.poll() is None, "%r has ended: %r" % (process.args, process.returncode)
        assert time.monotonic() < deadline, "%r does not listen" % (process.args,)
        time.sleep(0.05)
