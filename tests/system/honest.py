"""The honest client of the attacker's day: polls once a second, in a process of its own.

honest.py ADDRESS PORT NAME PASSWORD FILE: fetches message 1, which must be FILE's octets, on
a new connection each time, until standard input ends.  One line for each poll: its seconds.
"""

import select
import socket
import sys
import time

SOURCE, INTERVAL, PATIENCE = "127.0.0.1", 1.0, 20.0


def poll(address, commands, expected):
    start = time.monotonic()
    with socket.create_connection(address, PATIENCE, (SOURCE, 0)) as sock:
        stream = sock.makefile("rb")
        greeting = stream.readline()
        assert greeting.startswith(b"+OK"), greeting
        for command in commands:
            sock.sendall(command + b"\r\n")
            reply = stream.readline()
            assert reply.startswith(b"+OK"), (command.split()[0], reply)
            if command.startswith((b"UIDL", b"RETR")):
                lines = list(iter(stream.readline, b".\r\n"))
                assert command == b"UIDL" or b"".join(lines) == expected, "not the message"
        assert stream.read() == b""
    return time.monotonic() - start


def main():
    address = (sys.argv[1], int(sys.argv[2]))
    commands = [b"USER " + sys.argv[3].encode(), b"PASS " + sys.argv[4].encode(), b"STAT",
                b"UIDL", b"RETR 1", b"QUIT"]
    with open(sys.argv[5], "rb") as f:
        expected = f.read()
    over = False
    while True:
        took = poll(address, commands, expected)
        print("%.3f" % took, flush=True)
        if over:
            return
        # Once more when the day has ended.
        over = bool(select.select([sys.stdin], [], [], max(INTERVAL - took, 0.01))[0])


if __name__ == "__main__":
    main()
