"""One home, one configuration, and sessions of the real server on them."""

import collections
import contextlib
import fcntl
import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
import time

from dialogue import Dialogue, encode, login
from harness import ROOT, Account, Site
from maildrops import FETCHED

INTERCEPT = os.path.join(ROOT, "tests", "crash", "intercept")
TIMEOUT = 15
SETTLE_SECONDS = 0.06
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

# calls: (name, target) of each with list=True; struck: that of the one; total: how many;
# status: as of wait(), None if it did not end in time.
Run = collections.namedtuple("Run", "dialogue calls struck total status seconds errors")


def build():
    """Make the program that strikes, if it is not up to date."""
    subprocess.run(["make", "-s", "tests/crash/intercept"], check=True, cwd=ROOT)


def converse(argv, commands):
    """Say everything at once, and read to the end: (output, errors, status, seconds).

    A server that has not come to its end after TIMEOUT seconds is killed.
    """
    start = time.monotonic()
    end = start + TIMEOUT
    (in_r, in_w), (out_r, out_w) = os.pipe(), os.pipe()
    # The server never waits for us, which is quicker.
    fcntl.fcntl(out_w, fcntl.F_SETPIPE_SZ, 1 << 20)
    with tempfile.TemporaryFile() as errors, os.fdopen(out_r, "rb", 0) as output, \
            subprocess.Popen(argv, stdin=in_r, stdout=out_w, stderr=errors,
                             env=ENVIRONMENT) as process:
        os.close(in_r)
        os.close(out_w)
        os.write(in_w, encode(commands))
        os.close(in_w)
        chunks = [b""]
        while True:
            if not select.select([output], [], [], max(end - time.monotonic(), 0))[0]:
                process.kill()
                break
            # To be woken for every few octets would take longer than the session.
            time.sleep(0.001)
            chunks.append(output.read(1 << 20))
            if not chunks[-1]:
                break
        status = process.wait()
        errors.seek(0)
        return b"".join(chunks), errors.read(), status, time.monotonic() - start


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

    def __init__(self, tree, base, store, home=None):
        entry = pwd.getpwnam("p3alice")
        self.store = store
        self.home = home or os.path.join(base, "home")
        os.mkdir(self.home, 0o700)
        os.chown(self.home, entry.pw_uid, entry.pw_gid)
        self.account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, self.home)
        self.site = Site(tree, base, {"alice": self.account}, {
            "mail.location": store.location.replace("~", self.home),
            "mail.uid": entry.pw_name, "limits.lock_seconds": "1"})
        # A module that is quick: what it does comes before the session.
        self.site.use_modules("mod_ok")
        self.account.password = "ok"
        self.report = os.path.join(base, "report")

    def empty(self):
        for entry in os.scandir(self.home):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)

    @contextlib.contextmanager
    def policy_of(self, workload):
        """The configuration that it is for; else mail never expires."""
        if workload == FETCHED:
            self.site.set(mail__expire=0)
        yield
        if workload == FETCHED:
            self.site.set(mail__expire="never")

    def lay(self):
        """A fresh maildrop."""
        self.empty()
        with acting_as(self.account):
            self.store.lay(self.home)

    def lay_known(self):
        """A maildrop that a session has seen, so that it has whatever a session leaves."""
        self.lay()
        self.plain(login(self.account) + ["STAT", "UIDL", "QUIT"])

    def settle(self):
        """Wait until a time stamp of what was done last is no longer that of now.

        What looks at them does more as long as it is, so the number of calls would depend
        on how quick we are.
        """
        time.sleep(SETTLE_SECONDS)

    def deliver(self):
        with acting_as(self.account):
            self.store.deliver(self.home)

    def plain(self, commands):
        """A session that nothing happens to."""
        output, errors, status, seconds = converse(self.site.argv(), commands)
        return Run(Dialogue(commands, output), [], None, 0, status, seconds, errors)

    def run(self, commands, options=()):
        """A session whose calls are counted, and struck as the options of intercept say."""
        output, errors, status, seconds = converse(
            [INTERCEPT, "-o", self.report, *options, *self.site.argv()], commands)
        if status == -signal.SIGKILL:
            return Run(Dialogue(commands, output), [], None, 0, None, seconds, errors)
        assert status == 0, (options, errors)
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
        return Run(Dialogue(commands, output), calls, struck, facts["total"], facts["status"],
                   seconds, errors)

    def log_tail(self):
        with open(self.site.log, "rb") as f:
            return f.read()[-2000:].decode("latin-1")
