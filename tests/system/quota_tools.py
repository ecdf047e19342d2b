"""The file maildirsize, the programs of maildrop that keep it, and a disk that is full."""

import contextlib
import os
import subprocess
import tempfile

from fronts import over_usr
from harness import TIMEOUT
from stores import MaildirStore, message
from supervisors import tool

LIMITS = "1000000S,100C"


def size_path(maildir):
    return os.path.join(maildir.path, "maildirsize")


def write_size(maildir, text):
    with open(size_path(maildir), "w") as f:
        f.write(text)
    maildir.account.own(size_path(maildir), 0o600)


def lines(maildir):
    with open(size_path(maildir)) as f:
        return f.read().splitlines()


def libraries():
    """Where the libraries are that maildrop's programs need, unpacked as they are."""
    base = os.path.dirname(os.path.dirname(
        tool("libcourier-unicode4", "usr/share/doc/libcourier-unicode4")))
    return os.path.join(os.path.dirname(base), "lib", "x86_64-linux-gnu")


def as_user(account, argv, **kw):
    return subprocess.Popen(argv, user=account.uid, group=account.gid, extra_groups=[],
                            **kw)


def recount(maildir, limits):
    """Courier's own count of all files, under these limits."""
    program = tool("maildrop", "usr/bin/maildirmake.maildrop")
    done = as_user(maildir.account, [program, "-q", limits, maildir.path],
                   env={"LD_LIBRARY_PATH": libraries()})
    assert done.wait(TIMEOUT) == 0
    assert lines(maildir)[0] == limits


def deliver(maildir, raw=message(0)):
    """A delivery that ends once its standard input is closed."""
    program = tool("maildrop", "usr/sbin/deliverquota.maildrop")
    agent = as_user(maildir.account, [program, maildir.path], stdin=subprocess.PIPE,
                    stderr=subprocess.DEVNULL)
    agent.stdin.write(raw)
    return agent


def doveadm(site, maildir, *args):
    """What Dovecot's doveadm prints, with its quota in the files of this Maildir."""
    conf, account = site.path("doveadm.conf"), maildir.account
    with open(conf, "w") as f:
        f.write("protocols =\nssl = no\nlog_path = /dev/stderr\nfirst_valid_uid = 1\n"
                "base_dir = %s\nmail_location = maildir:%s\nmail_plugins = quota\n"
                "plugin {\n quota = maildir:User quota\n}\n"
                % (site.path("doveadm"), maildir.path))
    os.chmod(conf, 0o644)
    done = subprocess.run(
        [*over_usr("dovecot-core"), "setpriv", "--reuid", str(account.uid), "--regid",
         str(account.gid), "--clear-groups", "doveadm", "-c", conf, "-f", "tab", *args],
        env={"HOME": account.home, "USER": account.name, "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


class SmallMaildir(MaildirStore):
    """A Maildir elsewhere than at home."""

    def __init__(self, account, home):
        self.account, self.path, self.count = account, os.path.join(home, "Maildir"), 0
        for part in ("", "cur", "new", "tmp"):
            os.mkdir(os.path.join(self.path, part), 0o700)
            account.own(os.path.join(self.path, part))


@contextlib.contextmanager
def small_disk(account, base):
    """A Maildir on a file system of its own, and what fills that to the last block."""
    where = tempfile.mkdtemp(prefix="small-", dir=base)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=711", "none", where],
                   check=True)
    try:
        account.own(where)

        def fill():
            with open(os.path.join(where, "filler"), "wb", buffering=0) as f:
                with contextlib.suppress(OSError):
                    while True:
                        f.write(b"x" * 4096)

        yield SmallMaildir(account, where), fill
    finally:
        subprocess.run(["umount", "-l", where], check=True)
        os.rmdir(where)
