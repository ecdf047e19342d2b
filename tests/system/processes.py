"""Processes as /proc shows them: which roles run, as whom, with what in their hands."""

import ctypes
import os
import signal
import time

from patience import TIMEOUT

ROLES = ("pop3d-listen", "pop3d-monitor", "pop3d-front", "pop3d-auth", "pop3d-session",
         "pop3d-tls", "pop3d-resident", "pop3d-key", "pop3d-proxy")


def wait_until(condition, timeout=TIMEOUT, what="condition"):
    """Poll until condition() is true and return its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "timed out: " + what
        time.sleep(0.01)


def become_subreaper():
    """Let orphans of the server become our children, so that none goes unseen."""
    PR_SET_CHILD_SUBREAPER = 36
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, os.strerror(
        ctypes.get_errno())


class Proc:
    """One process as /proc shows it now."""

    def __init__(self, pid):
        self.pid = pid

    def _read(self, name):
        with open("/proc/%d/%s" % (self.pid, name), "rb") as f:
            return f.read()

    def alive(self):
        """True unless it is gone or a zombie."""
        try:
            return self.state() not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def state(self):
        return self._read("stat").rsplit(b")", 1)[1].split()[0].decode()

    def comm(self):
        return self._read("comm").rstrip(b"\n").decode()

    def ppid(self):
        return int(self._read("stat").rsplit(b")", 1)[1].split()[1])

    def status(self):
        lines = self._read("status").decode().splitlines()
        return dict((k, v.strip()) for k, v in (l.split(":", 1) for l in lines))

    def ids(self, key):
        """The numbers of Uid, Gid or Groups."""
        return [int(n) for n in self.status()[key].split()]

    def fds(self):
        """Descriptor number to what /proc says it is."""
        base = "/proc/%d/fd" % self.pid
        found = {}
        for n in os.listdir(base):
            try:
                found[int(n)] = os.readlink(os.path.join(base, n))
            except FileNotFoundError:
                pass
        return found

    def root(self):
        return os.readlink("/proc/%d/root" % self.pid)

    def rss_kb(self):
        return int(self.status()["VmRSS"].split()[0])

    def fdinfo(self, fd):
        lines = self._read("fdinfo/%d" % fd).decode().splitlines()
        return dict((k, v.strip()) for k, v in (l.split(":", 1) for l in lines if ":" in l))

    def tracer(self):
        return int(self.status()["TracerPid"])

    def maps(self):
        return self._read("maps").decode()

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)


def descendants(pid=None):
    """Every living or dead process below pid, ourselves by default."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents.setdefault(Proc(int(name)).ppid(), []).append(int(name))
            except (FileNotFoundError, ProcessLookupError):
                pass
    found, todo = [], [pid or os.getpid()]
    while todo:
        below = parents.get(todo.pop(), [])
        found += below
        todo += below
    return [Proc(p) for p in found]


def role_of(proc):
    try:
        comm = proc.comm()
        return next((r for r in ROLES if comm.startswith(r)), None) if proc.alive() else None
    except (FileNotFoundError, ProcessLookupError):
        return None


def roles(name, below=None):
    """Living processes of one role ("front", "auth", ...) below a pid."""
    return [p for p in descendants(below) if role_of(p) == "pop3d-" + name]


def wait_role(name, below=None, count=1):
    return wait_until(lambda: (lambda r: len(r) == count and r)(roles(name, below)),
                      what="%d process(es) of role %s" % (count, name))


def describe(proc):
    try:
        return "%s (%s)" % (proc.comm(), proc.state())
    except (FileNotFoundError, ProcessLookupError):
        return "gone"


def leftovers(processes, timeout):
    """Reap what ended; the descendants of ours that still live after the timeout."""
    end = time.monotonic() + timeout
    while True:
        for process in processes:
            process.poll()
        known = {p.pid for p in processes}
        living = []
        for proc in descendants():
            if proc.alive():
                living.append(proc)
            elif proc.pid not in known:
                try:
                    os.waitpid(proc.pid, os.WNOHANG)
                except ChildProcessError:
                    pass
        if not living or time.monotonic() > end:
            return living
        time.sleep(0.01)
