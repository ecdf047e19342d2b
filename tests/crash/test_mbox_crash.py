"""What an mbox's UPDATE answers when a system call fails, in detail.

That nothing is lost, whatever happens to a session, is shown by test_session_faults.py;
here it is which errors are borne, and that what was refused stays refused.
"""

import fcntl
import itertools
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time

import pytest

import inject

# The tail that has to be moved is longer than the messages deleted, and overlaps itself.
MESSAGES = [
    b"From a@b Tue Nov 23 15:28:0%d 2025\nSubject: %d\n\n%s\n\n" % (i, i, text)
    for i, text in enumerate([b"zero", b"one" * 30, b"two" * 400, b"three", b"four" * 999])
]
DELIVERED = b"From c@d Tue Nov 23 16:00:00 2025\nSubject: late\n\ndelivered\n\n"
WHOLE = b"".join(MESSAGES)
# What strace -y shows of a call on the mbox, or on what its content depends on.
MAIL = r"/(box|\.box\.pop3d-journal(-new)?)>"
# What a session may leave.
ORDINARY = {"box", ".box.pop3d-lock", ".box.pop3d-index", ".box.pop3d-uidl"}
# By what is deleted: a tail is moved; two, and the last is among them; the end is cut.
CASES = {"middle": ("1",), "last": ("0", "3", "4"), "cut": ("3", "4")}
# The driver writes with pwrite64, and with write its dotlock only.
CALLS = [name for name in inject.FILE if name != "write"]


@pytest.fixture(scope="module", autouse=True)
def program():
    inject.build()


def left(deleted):
    return b"".join(m for i, m in enumerate(MESSAGES) if str(i) not in deleted)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def deliver(path):
    """As a delivery agent does: under a lock of fcntl, at the end."""
    with open(path, "ab") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        f.write(DELIVERED)


def run_plain(path, *deleted):
    return subprocess.run([inject.STORE_UPDATE, "mbox", path, *deleted],
                          capture_output=True, check=False, timeout=20)


@pytest.fixture
def directory():
    top = tempfile.mkdtemp(prefix="pop3d-crash.")
    numbers = itertools.count()

    def make():
        path = os.path.join(top, str(next(numbers)))
        os.mkdir(path)
        return path

    yield make
    shutil.rmtree(top)


@pytest.fixture
def prepare(directory):
    """A function that makes a function that makes a fresh mbox, for inject.sweep."""
    def for_case(deleted):
        def make():
            path = os.path.join(directory(), "box")
            with open(path, "wb") as f:
                f.write(WHOLE)
            return [inject.STORE_UPDATE, "mbox", path, *deleted], os.path.dirname(path), path
        return make

    return for_case


def check_next_session(path, deleted, place, gone, delivered=b""):
    """What the next session finds is right, and it leaves nothing but its lock."""
    done = run_plain(path)
    assert done.returncode == 0, (place, done)
    now = read(path)
    if gone:
        assert now == left(deleted) + delivered, place
    else:
        assert now in (WHOLE + delivered, left(deleted) + delivered), place
    assert b"load OK %d\n" % now.count(b"Subject: ") in done.stdout, place
    assert set(os.listdir(os.path.dirname(path))) <= ORDINARY, place


@pytest.mark.parametrize("case", CASES)
def test_undisturbed(prepare, case):
    command, _, path = prepare(CASES[case])()
    result = inject.run(command)
    assert result.code == 0 and result.stderr == "", result
    assert read(path) == left(CASES[case])
    assert ('journal-new", O_RDWR' in result.trace) == (case != "cut")
    check_next_session(path, CASES[case], case, gone=True)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EROFS"])
@pytest.mark.parametrize("case", ["last", "cut"])
def test_error(prepare, case, error):
    places = 0
    deleted = CASES[case]
    for place, result, path in inject.sweep(prepare(deleted), "error=" + error, CALLS):
        status = inject.status(result, "update")
        assert result.code == (0 if status == "OK" else 1), (place, result)
        assert status in (None, "OK", "TEMP", "CHANGED"), (place, result)
        if status == "OK":
            assert read(path) == left(deleted), place
        else:
            assert "removed 0" in result.stdout or status is None, place
        _, name, number = place.split(":")
        # The first call of fcntl cannot fail.
        if (name, number) != ("fcntl", "1"):
            assert "PERM" not in result.stdout, (place, result)
        if name in ("fsync", "pwrite64", "ftruncate") and inject.struck(result, MAIL):
            assert status == "TEMP", (place, result)
        if status != "OK":
            assert result.stderr, place
        # A dotlock that could not be removed names a dead process by now.
        deliver(path)
        check_next_session(path, deleted, place, status == "OK", DELIVERED)
        places += 1
    assert places > 30


@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT"])
def test_full_disk_has_room_for_a_dotlock(prepare, error):
    """An empty dotlock is one, too."""
    deleted = CASES["middle"]
    command, _, _ = prepare(deleted)()
    trace = inject.run(command, names=["write"]).trace
    writes = [n for n, line in enumerate(trace.splitlines(), 1)
              if re.search(r'write\(\d+<[^>]*>, "\d+:', line)]
    assert len(writes) == 2, trace
    for n in writes:
        command, directory, path = prepare(deleted)()
        result = inject.run(command, inject="write:error=%s:when=%d" % (error, n))
        assert result.injected and result.code == 0, result
        assert read(path) == left(deleted)
        assert os.listdir(directory).count("box.lock") == 0


@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT"])
def test_full_spool_leaves_the_home(prepare, directory, monkeypatch, error):
    """The journal goes to the home where there is no room beside the mbox."""
    home = directory()
    monkeypatch.setenv("STORE_HOME", home)
    deleted = CASES["last"]
    command, _, path = prepare(deleted)()
    trace = inject.run(command, names=["pwrite64"]).trace
    number = 1 + next(n for n, line in enumerate(trace.splitlines())
                      if re.search(r", 4096\) += \d+$", line))
    command, spool, path = prepare(deleted)()
    result = inject.run(command, inject="pwrite64:error=%s:when=%d" % (error, number))
    assert result.injected and result.code == 0, result
    assert read(path) == left(deleted)
    assert set(os.listdir(spool)) <= ORDINARY
    assert not [name for name in os.listdir(home)
                if not name.endswith(("-lock", "-index", "-uidl"))]


def test_refused_deletion_stays_refused(prepare):
    """What was answered with an error is not done by the next session."""
    deleted = CASES["last"]
    command, _, _ = prepare(deleted)()
    trace = inject.run(command, names=["fsync", "renameat"]).trace
    number = 1 + trace.partition('-journal-new"')[0].count("fsync(")
    command, directory, path = prepare(deleted)()
    result = inject.run(command, inject="fsync:error=EIO:when=%d" % number)
    assert inject.status(result, "update") == "TEMP", result
    assert ".box.pop3d-journal" not in os.listdir(directory)
    check_next_session(path, deleted, "fsync", gone=False)
    assert read(path) == WHOLE


def test_delivery_races_with_updates(directory):
    """Deliveries go on while sessions delete: each mail is there until it is deleted."""
    path = os.path.join(directory(), "box")
    open(path, "wb").close()
    done = threading.Event()

    def agent():
        for i in range(400):
            text = b"From a@b Tue Nov 23 15:28:00 2025\nSubject: %d\n\n%s\n\n"
            with open(path, "ab") as f:
                fcntl.lockf(f, fcntl.LOCK_EX)
                f.write(text % (i, b"x" * (i * 37 % 900)))
            time.sleep(0.005)
        done.set()

    thread = threading.Thread(target=agent)
    thread.start()
    removed = sessions = 0
    while not done.is_set() or sessions < 20:
        # The first mail stays for ever, the second goes: the rest has to move.
        result = run_plain(path, "1").stdout.decode()
        removed += "update OK removed 1" in result
        sessions += 1
    thread.join()
    numbers = [int(n) for n in re.findall(rb"Subject: (\d+)\n", read(path))]
    assert removed > 20 and len(numbers) == 400 - removed
    assert numbers == [0, *range(removed + 1, 400)]
