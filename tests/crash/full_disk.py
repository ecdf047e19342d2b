"""Sessions on a file system that is really full, or nearly so."""

import contextlib
import ctypes
import errno
import os
import subprocess
import tempfile

from checker import Verdict, check_after, check_fates, check_shown, count_messages, fates, \
    ordinary_files
from dialogue import look, session
from maildrops import WORKLOADS
from rig import Rig

DISKS = ("tmpfs", "ext4")
# Octets that are left free; None: all, but no file can be made.
LEVELS = (0, 4096, 8192, 32768, 131072, 524288, 1 << 20, 1400000, None)
SIZE = 8 << 20
INODES = 128
CLONE_NEWNS = 0x20000


def mount(disk, where):
    """A small file system of this process's own: gone when the process ends."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    os.mkdir(where)
    if disk == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,nr_inodes=%d" % (SIZE, INODES),
                        "none", where], check=True)
        return
    image = where + ".image"
    with open(image, "wb") as f:
        f.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-N", str(INODES), "-O", "^has_journal", image],
                   check=True)
    subprocess.run(["mount", "-o", "loop", image, where], check=True)


class Ballast:
    """What fills the disk."""

    def __init__(self, directory):
        self.directory = tempfile.mkdtemp(prefix="ballast-", dir=directory)
        self.files = []

    def path(self):
        self.files.append(os.path.join(self.directory, str(len(self.files))))
        return self.files[-1]

    def fill(self, free):
        """Leave so many octets, or (None) no file that could be made."""
        try:
            while free is None:
                os.close(os.open(self.path(), os.O_CREAT | os.O_EXCL))
            with open(self.path(), "wb", 0) as f:
                for size in (65536, 512):
                    with contextlib.suppress(OSError):
                        while f.write(bytes(size)) == size:
                            pass
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        if free:
            os.truncate(self.files[-1], os.path.getsize(self.files[-1]) - free)

    def drop(self):
        for path in self.files:
            if os.path.exists(path):
                os.unlink(path)
        os.rmdir(self.directory)


def check_refusal(verdict, rig, workload, free, dialogue):
    """Where there is no room mail can be deleted nevertheless, or nothing is done."""
    deleted = WORKLOADS[workload]
    # A Maildir needs no room, nor does an mbox that is only cut.
    easy = rig.store.kind == "maildir" or workload in ("last", "all", "last-only")
    answer = dialogue.good("QUIT")
    verdict.expect(easy or free != 0 or answer is False, "the disk was not full")
    verdict.expect(answer or not easy, "QUIT: %r", dialogue.replies.get("QUIT"))
    verdict.expect(dialogue.deleted() == list(deleted), "DELE: %r", dialogue.replies)
    return answer


def level(rig, top, workload, free, ordinary):
    """One session with so much room left; the faults in words."""
    rig.lay()
    ballast = Ballast(top)
    ballast.fill(free)
    verdict = Verdict()
    dialogue = rig.plain(session(rig.account, WORKLOADS[workload])).dialogue
    # The locks of an mbox are files.
    if rig.store.kind == "maildir" or free is not None:
        answer = check_refusal(verdict, rig, workload, free, dialogue)
        may, must = fates(dialogue, WORKLOADS[workload])
        # Who cannot delete can read at least.
        again = rig.plain(look(rig.account, count_messages(rig))).dialogue
        shown = check_shown(verdict, rig.store, again)
        check_fates(verdict, "shown", shown, may if answer else (), must, False)
    ballast.drop()
    faults = verdict.faults + check_after(rig, dialogue, workload, True, ordinary)
    return ["%s %s, %s octets free: %s" % (rig.store.kind, workload, free, f) for f in faults]


def run(tree, base, store, workload, disk):
    """All levels, in a process that ends afterwards."""
    base = tempfile.mkdtemp(prefix="disk-", dir=base)
    os.chmod(base, 0o711)
    top = os.path.join(base, disk)
    mount(disk, top)
    os.chmod(top, 0o711)
    rig = Rig(tree, base, store, os.path.join(top, "home"))
    ordinary, faults = ordinary_files(rig), []
    for free in LEVELS:
        faults += level(rig, top, workload, free, ordinary)
    return len(LEVELS), faults
