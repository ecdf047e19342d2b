"""Fixtures: the installed server, a scratch area in memory, the workers and their table."""

import os
import shutil
import signal
import sys
import tempfile

import pytest

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

from accounts import SystemUsers  # noqa: E402
from harness import Tree, become_subreaper  # noqa: E402
from patience import patient  # noqa: E402
import rig  # noqa: E402
from sweep import Sweeper  # noqa: E402

TABLES = []
TEST_SECONDS = int(patient(300))


@pytest.fixture(scope="session")
def tree():
    """The installed tree; without it, or without root, nothing can be tested."""
    found = Tree()
    if os.geteuid() != 0 or not os.access(found.pop3d, os.X_OK):
        pytest.fail("needs root and an installed pop3d at %s (POP3D_DESTDIR)" % found.pop3d,
                    pytrace=False)
    become_subreaper()
    rig.build()
    return found


@pytest.fixture(scope="session")
def scratch():
    """A directory in memory that every user may pass through."""
    where = "/dev/shm" if os.path.ismount("/dev/shm") else None
    path = tempfile.mkdtemp(prefix="pop3d-crash-", dir=where)
    os.chmod(path, 0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def users(tree):
    made = SystemUsers()
    yield made
    made.remove()


@pytest.fixture(scope="session")
def sweeper(tree, scratch, users):
    made = Sweeper(tree, scratch)
    yield made
    TABLES.extend([] if not made.table else made.report())
    made.close()


@pytest.fixture(autouse=True)
def deadline():
    """No test may hang, whatever it waits for."""
    def expire(number, frame):
        raise TimeoutError("the test took more than %d s" % TEST_SECONDS)
    old = signal.signal(signal.SIGALRM, expire)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


def pytest_terminal_summary(terminalreporter):
    for line in TABLES:
        terminalreporter.write_line("points: " + line)
