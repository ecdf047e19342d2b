"""A day with attackers: a listener of three sockets, its honest client, and what it costs.

Attackers come from addresses of their own, 127.0.1.x; the limits for one address are theirs
and not the honest client's.
"""

import contextlib
import os
import resource
import select
import socket
import subprocess
import sys
import time

from client import TIMEOUT, Client
from harness import Proc, descendants, free_port, is_listening, role_of, wait_until
from stores import MaildirStore, message

HONEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "honest.py")
ANSWER_SECONDS = 2.0   # the honest client is served within
LISTENER_GROWTH_KB = 2048
CONNECTION_KB = 400    # of memory, what is shared divided, for each connection
TREE_KB = 8192         # of the listener and its residents
SETTLE_SECONDS = 45
RESIDENT = ("pop3d-resident", "pop3d-key")


def pss_kb(pid):
    """Memory of a process, with what it shares divided; 0 if it has ended."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return next(int(l.split()[1]) for l in f if l.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def cpu_seconds(pid):
    """Of a process and its children that it has waited for."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


class Day:
    """The server under attack.  Settings of the test's own go to the constructor."""

    def __init__(self, site, alice, certificates, **settings):
        self.site, self.store = site, MaildirStore(alice)
        self.alice = alice
        self.expected = self.store.fill([message(1, b"This is it.\n" * 50)])[0]
        values = {"limits__connections": 1200, "limits__connections_per_address": 50,
                  "limits__login_seconds": 30, "limits__half_open": "none",
                  "auth__plaintext_login": "always",
                  "mail__location": "maildir:~/Maildir",
                  "server__trusted_networks": "127.0.2.0/24"}
        values.update(settings)
        site.use_tls(certificates.server(), **values)
        self.tls_port, self.proxy_port = free_port(), free_port()
        self.listener = site.listener(
            "-l", "pop3s:127.0.0.1:%d" % self.tls_port,
            "-l", "pop3+proxy-any:127.0.0.1:%d" % self.proxy_port)
        self.port, self.pid = self.listener.port, self.listener.pid
        wait_until(lambda: is_listening(self.proxy_port), what="all sockets")
        self.held = []
        self.honest = None

    # The quiet before, and after

    def begin(self):
        path = self.site.path("expected")
        with open(path, "wb") as f:
            f.write(self.expected)
        self.honest = self.site.spawn(
            [sys.executable, "-B", HONEST, "127.0.0.1", str(self.port), self.alice.name,
             self.alice.password, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.honest.stdout.readline()
        self.residents = self.settled()
        self.descriptors = self.fds()
        self.litter = sorted(os.listdir(self.site.path("run")))
        self.rss = Proc(self.pid).rss_kb()
        self.drop = self.store.snapshot()

    def fds(self):
        return len(Proc(self.pid).fds())

    def tree(self):
        return [p for p in descendants(self.pid) if p.alive()]

    def settled(self):
        """The tree once it serves nobody, seen between two polls of the honest client."""
        def alone():
            found = self.tree()
            return found if all(role_of(p) in RESIDENT for p in found) else None
        return wait_until(alone, SETTLE_SECONDS, "the end of all connections")

    def end(self):
        for sock in self.held:
            sock.close()
        after = self.settled()
        assert sorted(p.pid for p in after) == sorted(p.pid for p in self.residents)
        wait_until(lambda: self.fds() == self.descriptors, what="descriptors of the listener")
        assert sorted(os.listdir(self.site.path("run"))) == self.litter
        growth = Proc(self.pid).rss_kb() - self.rss
        assert growth < LISTENER_GROWTH_KB
        out, err = self.honest.communicate(b"", TIMEOUT + ANSWER_SECONDS)
        assert self.honest.returncode == 0, err.decode()
        times = [float(line) for line in out.split()]
        print("%d polls, the longest %.3f s; the listener grew by %d KB"
              % (len(times), max(times), growth))
        assert times and max(times) < ANSWER_SECONDS, times
        assert self.store.snapshot() == self.drop
        assert self.site.log_lines("crash") == []

    # Attackers

    @staticmethod
    def turns(seconds=4):
        """Once and again for so long that the honest client comes in between."""
        end, turn = time.monotonic() + seconds, 0
        while turn == 0 or time.monotonic() < end:
            yield turn
            turn += 1

    def open(self, host=1, port=None, timeout=TIMEOUT):
        """A connection from 127.0.1.HOST, or another address."""
        source = "127.0.1.%d" % host if isinstance(host, int) else host
        sock = socket.create_connection(("127.0.0.1", port or self.port), timeout,
                                        (source, 0))
        self.held.append(sock)
        return sock

    def client(self, host=1, port=None, greeting=True):
        sock = self.open(host, port)
        sock.settimeout(None)
        return self.site.adopt(Client(sock.fileno(), sock=sock), greeting)

    def crowd(self, count, each=50):
        """So many connections, from as many addresses as the limit makes necessary."""
        return [self.open(1 + i // each) for i in range(count)]

    def memory_of(self, connections):
        """Bounded for each connection; the whole tree, once."""
        total = sum(pss_kb(p.pid) for p in self.tree())
        print("%d connections: %d KB" % (connections, total))
        assert total < TREE_KB + CONNECTION_KB * connections, total


def closed(socks, seconds):
    """How many the server closes in this time; what it says is thrown away."""
    poll = select.poll()
    by_fd = {s.fileno(): s for s in socks}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    end = time.monotonic() + seconds
    while by_fd and time.monotonic() < end:
        for fd, _ in poll.poll(200):
            try:
                data = os.read(fd, 65536)
            except ConnectionResetError:
                data = b""
            if not data:
                poll.unregister(fd)
                del by_fd[fd]
    return len(socks) - len(by_fd)


def send_all(sock, data, times):
    """Send data as often as the server takes it; returns how often it did."""
    sock.setblocking(False)
    sent = 0
    for n in range(times):
        view = memoryview(data)
        while len(view):
            ready = select.select([sock], [sock], [], TIMEOUT)
            if ready[0]:
                with contextlib.suppress(BlockingIOError, ConnectionResetError):
                    if sock.recv(65536) == b"":
                        return n
            if not ready[0] and not ready[1]:
                return n
            try:
                sent = sock.send(view)
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                return n
            view = view[sent:]
    return times


@contextlib.contextmanager
def many_descriptors():
    """Room for a thousand attackers in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
