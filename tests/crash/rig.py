"""One home, one configuration, and sessions of the real server on them."""

import collections
import contextlib
import os
import pwd
import shutil
import subprocess
import time

from dialogue import Dialogue, encode
from harness import ROOT, Account, Site

INTERCEPT = os.path.join(ROOT, "tests", "crash", "intercept")
TIMEOUT = 60
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

# calls: (name, target) of each with list=True; struck: that of the one; total: how many.
Run = collections.namedtuple("Run", "dialogue calls struck total status seconds errors")


def build():
    """Make the program that strikes, if it is not up to date."""
    subprocess.run(["make", "-s", "tests/crash/intercept"], check=True, cwd=ROOT)


@contextlib.contextmanager
def acting_as(account):
    """Make files as the mail user does."""
    os.setegid(account.gid)
    os.seteuid(account.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


class Rig:
    """A site of its own, for one worker."""

    def __init__(self, tree, base, store):
        entry = pwd.getpwnam("p3alice")
        self.store = store
        self.home = os.path.join(base, "home")
        os.mkdir(self.home, 0o700)
        os.chown(self.home, entry.pw_uid, entry.pw_gid)
        self.account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, self.home)
        self.site = Site(tree, base, {"alice": self.account},
                         {"mail.location": store.location, "limits.lock_seconds": "2"})
        self.report = os.path.join(base, "report")

    def empty(self):
        for entry in os.scandir(self.home):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)

    def lay(self):
        """A fresh maildrop."""
        self.empty()
        with acting_as(self.account):
            self.store.lay(self.home)

    def deliver(self):
        with acting_as(self.account):
            self.store.deliver(self.home)

    def plain(self, commands):
        """A session that nothing happens to."""
        start = time.monotonic()
        done = subprocess.run(self.site.argv(), input=encode(commands), timeout=TIMEOUT,
                              capture_output=True, env=ENVIRONMENT, check=False)
        return Run(Dialogue(commands, done.stdout), [], None, 0, done.returncode,
                   time.monotonic() - start, done.stderr)

    def run(self, commands, options=()):
        """A session whose calls are counted, and struck as the options of intercept say."""
        start = time.monotonic()
        done = subprocess.run(
            [INTERCEPT, "-o", self.report, *options, *self.site.argv()],
            input=encode(commands), timeout=TIMEOUT, capture_output=True, env=ENVIRONMENT,
            check=False)
        assert done.returncode == 0, (options, done.stderr)
        calls, struck, facts = [], None, {}
        with open(self.report, encoding="latin-1") as f:
            for line in f:
                word, rest = line.rstrip("\n").split(" ", 1)
                if word == "call":
                    calls.append(tuple(rest.split(" ", 2)[1:]))
                elif word == "struck":
                    struck = rest
                else:
                    facts[word] = int(rest)
        return Run(Dialogue(commands, done.stdout), calls, struck, facts["total"],
                   facts["status"], time.monotonic() - start, done.stderr)

    def log_tail(self):
        with open(self.site.log, "rb") as f:
            return f.read()[-2000:].decode("latin-1")
