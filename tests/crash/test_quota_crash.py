"""maildirsize survives whatever happens in a session's UPDATE.

A Maildir may seem fuller than it is, since whoever finds it full counts again before he
refuses mail; it never seems emptier.  No trouble with that file fails a QUIT.
"""

import itertools
import os
import re
import shutil
import tempfile

import pytest

import inject

MESSAGES = {"cur/1.M1,S=1000:2,": b"a" * 1000, "cur/2.M2:2,S": b"b" * 200,
            "new/3.M3": b"c" * 3000, "new/4.M4,S=40": b"d" * 40}
HEAD = b"100000S,100C\n        4240            4\n"
# Of these none is about messages, with or without a maildirsize.
NAMES = [name for name in inject.FILE if name not in ("write", "unlinkat", "getdents64")]


@pytest.fixture(scope="module", autouse=True)
def program():
    inject.build()


@pytest.fixture
def prepare():
    top = tempfile.mkdtemp(prefix="pop3d-crash.")
    numbers = itertools.count()

    def make():
        path = os.path.join(top, str(next(numbers)), "Maildir")
        for part in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(path, part))
        for name, text in [*MESSAGES.items(), ("maildirsize", HEAD)]:
            with open(os.path.join(path, name), "wb") as f:
                f.write(text)
        return [inject.STORE_UPDATE, "maildir", path, "0", "2"], "maildirsize", path

    yield make
    shutil.rmtree(top)


def check(path, place):
    """Whether the line is there, whole."""
    with open(os.path.join(path, "maildirsize"), "rb") as f:
        text = f.read()
    assert text.startswith(HEAD), (place, text)
    left = [os.path.join(path, part, name) for part in ("new", "cur")
            for name in os.listdir(os.path.join(path, part))]
    pairs = re.findall(rb"^ *(-?\d+) +(-?\d+)$", text.partition(b"\n")[2], re.M)
    assert sum(int(b) for b, _ in pairs) >= sum(map(os.path.getsize, left)), (place, text)
    assert sum(int(n) for _, n in pairs) >= len(left), (place, text)
    rest = text[len(HEAD):]
    # A size that could not be asked for is not taken off.
    allowed = [-4000, -1000] if "newfstatat" in place else [-4000]
    assert rest in [b"", *(b"%12d %12d\n" % (n, -2) for n in allowed)], (place, text)
    return rest != b""


def test_undisturbed(prepare):
    command, _, path = prepare()
    result = inject.run(command)
    assert (result.code, result.stderr) == (0, "")
    assert check(path, "undisturbed")


def test_kill(prepare):
    places = 0
    for place, result, path in inject.sweep(prepare, "signal=KILL"):
        assert result.killed, place
        check(path, place)
        places += 1
    assert places > 15


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EDQUOT", "EINTR", "EACCES"])
def test_error(prepare, error):
    """From the opening of maildirsize on nothing but the messages' own trouble counts."""
    places = named = 0
    for place, result, path in inject.sweep(prepare, "error=" + error, names=NAMES):
        written = check(path, place)
        # How often directories are read depends on the time: this was before the update.
        if inject.status(result, "load") != "OK":
            continue
        # So does whether the session lock is looked at again: before the update, which
        # then removes nothing, or after it.
        if result.stderr.startswith("<3>session lock"):
            assert "update TEMP removed 0\n" in result.stdout or \
                "update OK removed 2\n" in result.stdout, (place, result)
            continue
        name = place.split(":")[1]
        if name not in ("fsync", "newfstatat", "fstat"):
            assert inject.status(result, "update") == "OK", (place, result)
        struck = [l for l in result.trace.splitlines() if "(INJECTED)" in l]
        if name in ("fallocate", "pread64") and any("maildirsize" in l for l in struck):
            assert "maildirsize" in result.stderr, (place, result)
            named += 1
        assert written or result.stderr, place
        places += 1
    assert places > 10 and named > 0


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EDQUOT"])
def test_line_cannot_be_written(prepare, error):
    command, _, path = prepare()
    writes = [line for line in inject.run(command, names=["write"]).trace.splitlines()
              if "write(" in line]
    number = 1 + next(n for n, line in enumerate(writes) if "-4000" in line)
    command, _, path = prepare()
    result = inject.run(command, inject="write:error=%s:when=%d" % (error, number))
    assert result.injected, result
    assert not check(path, error)
    assert "write to maildirsize" in result.stderr
    assert inject.status(result, "update") == "OK"
