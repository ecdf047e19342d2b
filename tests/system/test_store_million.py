"""A Maildir with as many messages as [limits] messages permits by default.

To make it, and to remove it, takes most of the time: see suite_timing in scripts/suites.
"""

import os
import subprocess
import tempfile
import time

import pytest

from harness import wait_role
from serving import leave, session
from stores import MaildirStore


@pytest.fixture
def on_tmpfs(site, alice):
    """A Maildir where a million files take neither disk nor long."""
    base = tempfile.mkdtemp(prefix="pop3d-test-", dir="/dev/shm")
    os.chmod(base, 0o711)
    home, alice.home = alice.home, os.path.join(base, "home")
    os.mkdir(alice.home, 0o700)
    alice.own(alice.home)
    made = MaildirStore(alice)
    site.set(mail__location="maildir:" + made.path)
    yield made
    alice.home = home
    subprocess.run(["rm", "-rf", base], check=True)


def test_a_million_files(site, on_tmpfs, alice):
    """As many as [limits] messages permits by default: they are served, one more is not."""
    count = 1000000
    cur = os.open(os.path.join(on_tmpfs.path, "cur"), os.O_RDONLY)
    os.fchown(cur, alice.uid, alice.gid)
    for n in range(count):
        os.mknod("%d.M%dP1.host:2,S" % (1600000000 + n, n), 0o644, dir_fd=cur)
    start = time.monotonic()
    client = session(site, alice)
    client.timeout = 60
    assert client.cmd("STAT") == b"+OK %d 0" % count
    peak = int(wait_role("session")[0].status()["VmHWM"].split()[0])
    seconds = time.monotonic() - start
    assert client.cmd("LIST %d" % count) == b"+OK %d 0" % count
    leave(client)
    print("STAT of %d files: %.1f s, %d kB" % (count, seconds, peak))
    assert peak < 400 << 10
    os.mknod("1700000000.one.more:2,S", 0o644, dir_fd=cur)
    os.close(cur)
    client = session(site, alice)
    client.timeout = 60
    assert client.cmd("STAT").startswith(b"-ERR [SYS/PERM] ")
    client.send(b"QUIT\r\n")
    client.rest()
    assert client.wait() == 0
