"""An mbox whose tail is so long that its journal is written past the page cache."""

import os
import re
import shutil
import tempfile

import pytest

import inject

FROM = b"From a@b Tue Nov 23 15:28:0%d 2025\nSubject: %d\n\n"
# The first goes: what is left is no multiple of any block.
MESSAGES = [FROM % (i, i) + (b"%d " % i + b"x" * 70 + b"\n") * lines + b"\n"
            for i, lines in enumerate((11, 20001, 3, 25007))]
WHOLE, LEFT = b"".join(MESSAGES), b"".join(MESSAGES[1:])
SETS_DIRECT = re.compile(r"fcntl\(\d+<[^>]*journal[^>]*>, F_SETFL, [^)]*O_DIRECT")


@pytest.fixture(scope="module", autouse=True)
def program():
    inject.build()


@pytest.fixture
def make():
    """A function that makes a fresh mbox, for inject.sweep."""
    top = tempfile.mkdtemp(prefix="pop3d-crash.")

    def prepare():
        directory = tempfile.mkdtemp(dir=top)
        path = os.path.join(directory, "box")
        with open(path, "wb") as f:
            f.write(WHOLE)
        return [inject.STORE_UPDATE, "mbox", path, "0"], directory, path

    yield prepare
    shutil.rmtree(top)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def next_session(path):
    """It finishes, or undoes, what was begun, and leaves no journal."""
    done = inject.run([inject.STORE_UPDATE, "mbox", path])
    assert done.code == 0, done
    assert not any("journal" in name for name in os.listdir(os.path.dirname(path)))
    return read(path)


def test_undisturbed(make):
    command, _, path = make()
    result = inject.run(command)
    assert result.code == 0 and result.stderr == "", result
    assert len(SETS_DIRECT.findall(result.trace)) == 2, "written and read past the cache"
    assert read(path) == LEFT and next_session(path) == LEFT


@pytest.mark.parametrize("name", ["pwrite64", "fsync", "fcntl", "ftruncate", "renameat"])
def test_kill(make, name):
    seen = set()
    for place, result, path in inject.sweep(make, "signal=KILL", [name]):
        assert result.killed, place
        now = next_session(path)
        assert now in (WHOLE, LEFT), place
        seen.add(now)
    assert seen == {WHOLE, LEFT} if name == "pwrite64" else seen, "nothing was struck"


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_error(make, error):
    answers = set()
    for place, result, path in inject.sweep(make, "error=" + error, ["pwrite64", "pread64"]):
        status = inject.status(result, "update")
        answers.add(status)
        if status == "OK":
            assert read(path) == LEFT, place
        assert next_session(path) in (WHOLE, LEFT), place
    # Once more through the cache, for a block of the journal; for others not.
    assert {"OK", "TEMP"} <= answers


def test_no_such_thing_on_this_file_system(make):
    """What cannot go past the cache goes through it."""
    refused = 0
    for place, result, path in inject.sweep(make, "error=EINVAL", ["fcntl"]):
        struck = [line for line in result.trace.splitlines() if "(INJECTED)" in line]
        if SETS_DIRECT.search("".join(struck)):
            refused += 1
            assert inject.status(result, "update") == "OK", (place, result)
            assert read(path) == LEFT, place
    assert refused == 2


def test_refused_when_it_is_used(make):
    """A file system may take the flag, and none of the blocks."""
    used = 0
    for place, result, path in inject.sweep(make, "error=EINVAL", ["pwrite64", "pread64"]):
        lines = result.trace.splitlines()
        struck = [line for line in lines if "(INJECTED)" in line]
        if "journal" in "".join(struck) and "1048576" in "".join(struck):
            used += 1
            assert inject.status(result, "update") == "OK", (place, result)
            assert read(path) == LEFT, place
        assert next_session(path) in (WHOLE, LEFT), place
    assert used > 2
