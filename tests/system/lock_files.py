"""The file of the session lock, as sessions of this host and of others leave it."""

import os
import re
import time

SIZE = 384
LEASE = 30
NAMES = {"maildir": "Maildir/.pop3d-lock", "mbox": ".mbox.pop3d-lock"}


def fnv(data):
    value = 0xcbf29ce484222325
    for octet in data:
        value = (value ^ octet) * 0x100000001b3 & (1 << 64) - 1
    return value


class LockFile:
    """The lock file of one maildrop in an account's home."""

    def __init__(self, store):
        self.account = store.account
        self.path = store.account.path(NAMES[store.kind])
        self.probe = self.path + "-probe"
        self.locks_directory = store.kind == "maildir"

    def read(self):
        with open(self.path, "rb") as f:
            return f.read()

    def fields(self):
        """The line's fields by name; its state as "state"."""
        text = self.read()
        assert len(text) == SIZE and text.endswith(b"\n"), text
        line, mark, value = text.rstrip(b" \n").rpartition(b" sum=")
        assert mark and value == b"%016x" % fnv(line), text
        match = re.fullmatch(r"pop3d-lock 1 (held|left|free) (.*)", line.decode())
        assert match, line
        return {"state": match.group(1), **dict(w.split("=") for w in match.group(2).split())}

    def write(self, data):
        """In place, as the owner's session would."""
        with open(self.path, "r+b" if os.path.exists(self.path) else "w+b") as f:
            f.write(data)
            f.truncate()
        self.account.own(self.path, 0o600)

    def write_holder(self, age=0, **changes):
        """Name a holder like the last one, but for these fields, and touched so long ago."""
        fields = {"state": "held", "host": "elsewhere", "machine": "0" * 32,
                  "boot": "00000000-0000-0000-0000-000000000000", "pid": "1", "start": "1",
                  "lease": str(LEASE), "generation": "0123456789abcdef", **changes}
        line = "pop3d-lock 1 %s %s" % (fields.pop("state"), " ".join(
            "%s=%s" % pair for pair in fields.items()))
        text = ("%s sum=%016x" % (line, fnv(line.encode()))).ljust(SIZE - 1) + "\n"
        self.write(text.encode())
        self.age(age)

    def age(self, seconds):
        then = time.time() - seconds
        os.utime(self.path, (then, then))


def other_host(site, lock, name):
    """A prefix for site.inetd(): pop3d runs as if on another host that shares the files.

    It has a name, a machine id and a boot id of its own, and the kernel's locks on the
    lock file, and on the directory of a Maildir, are granted to it whoever holds them, as
    where a file system does not share them.  This is one kernel: pids and the clock are shared.
    """
    machine, boot, trace = (site.path(name + "-" + part)
                            for part in ("machine", "boot", "trace"))
    with open(machine, "w") as f:
        f.write("%032x\n" % fnv(name.encode()))
    with open(boot, "w") as f:
        f.write("%08x-0000-4000-8000-000000000000\n" % (fnv(name.encode()) >> 32))
    for path in (machine, boot):
        os.chmod(path, 0o644)
    script = ('set -e; name=$1 machine=$2 boot=$3; shift 3; hostname "$name"; '
              'mount --bind "$machine" /etc/machine-id; '
              'mount --bind "$boot" /proc/sys/kernel/random/boot_id; exec "$@"')
    # Of a Maildir the descriptor is duplicated by the first fcntl.
    paths = ["-P", os.path.dirname(lock.path)] if lock.locks_directory else []
    when = ":when=2+" if lock.locks_directory else ""
    return ["unshare", "--mount", "--uts", "--", "sh", "-c", script, "sh", name, machine, boot,
            "strace", "-f", "-qq", "-o", trace, "-P", lock.path, *paths, "-e",
            "trace=fcntl,flock", "-e", "inject=fcntl:retval=0" + when, "-e",
            "inject=flock:retval=0"]
