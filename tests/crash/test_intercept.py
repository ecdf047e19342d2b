"""What strikes the calls sees all of them, and what is done undisturbed is right."""

import collections
import glob
import os
import re
import subprocess
import tempfile

import pytest

from dialogue import look, session
from maildrops import COUNT, STORES, WORKLOADS
from recorder import session_lines
from rig import INTERCEPT, Rig, converse

# They are about descriptors, but ask nothing of a file system.
NO_FILE_CALLS = set("mmap poll ppoll select pselect6 dup dup2 dup3 prctl clone clone3".split())


@pytest.fixture(params=STORES)
def rig(request, tree, scratch, users):
    base = tempfile.mkdtemp(prefix="rig-", dir=scratch)
    os.chmod(base, 0o711)
    return Rig(tree, base, STORES[request.param])


def counted(lines):
    """How often each call on a file stands in what strace -y wrote."""
    found = collections.Counter()
    for line in lines:
        call = re.match(r"([a-z_0-9]+)\((.*)", line)
        if call is None or call.group(1) in NO_FILE_CALLS:
            continue
        if re.match(r'"|AT_FDCWD|-1, "|\d+</', call.group(2)):
            found[call.group(1)] += 1
    return found


@pytest.mark.parametrize("workload", ["third", "all"])
def test_sees_what_strace_sees(rig, workload):
    """Both look at the same session."""
    rig.lay()
    prefix = rig.report + ".strace"
    argv = ["strace", "-ff", "-qq", "-y", "-o", prefix, "-e", "trace=%file,%desc,prctl,clone,clone3",
            INTERCEPT, "-l", "-o", rig.report, *rig.site.argv()]
    converse(argv, session(rig.account, WORKLOADS[workload]))
    lines = sum(session_lines(prefix, r'prctl\(PR_SET_NAME, "pop3d-session"'), [])
    with open(rig.report, encoding="latin-1") as f:
        calls = [line.split(" ") for line in f if line.startswith("call ")]
    seen = collections.Counter(call[2] for call in calls)
    assert seen == counted(lines)
    assert sum(seen.values()) == len(calls) > 100
    assert not glob.glob(prefix + ".*")


def test_kills_at_the_call_it_says(rig):
    """A busy machine may make a session look at a directory once more, or less, than the
    one before: then the call of that number is another, or none."""
    commands = session(rig.account, WORKLOADS["third"])
    for _ in range(10):
        rig.lay()
        calls = rig.run(commands, ["-l"]).calls
        number = 1 + max(n for n, (name, _) in enumerate(calls) if name == "unlinkat")
        rig.lay()
        run = rig.run(commands, ["-n", str(number), "-a", "kill"])
        struck = run.struck or ""
        if " unlinkat" in struck:
            break
    assert struck.startswith("%d unlinkat" % number) and run.status == 9
    assert run.total == number and run.dialogue.good("QUIT") is None


# Writes ten octets twice, says how many were written, and how much there is.
PROBE = """
import ctypes, os, sys
def attempt(call, *args):
    try:
        return call(fd, *args)
    except OSError as error:
        return -error.errno
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_TRUNC)
ctypes.CDLL(None).prctl(15, b"probe")
print(*[attempt(os.write, b"0123456789") for _ in "12"], attempt(os.lseek, 0, os.SEEK_END))
"""


@pytest.mark.parametrize("options, said", [
    ("-n 9", "10 10 20"), ("-n 1 -a short", "5 10 15"), ("-n 2 -a short", "10 5 15"),
    ("-n 1 -a 28", "-28 10 10"), ("-n 2 -a 28", "10 -28 10"), ("-n 1 -a 28 -f", "-28 -28 -28"),
    ("-n 2 -a kill", "")])
def test_faults(tree, tmp_path, options, said):
    """What is struck has not happened, or has half happened."""
    argv = [INTERCEPT, "-p", "probe", "-o", tmp_path / "report", *options.split(),
            "/usr/bin/python3", "-c", PROBE, tmp_path / "file"]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=20)
    assert done.stdout.decode().strip().startswith(said), done
    if "kill" in options:
        assert done.stdout == b"" and (tmp_path / "file").read_bytes() == b"0123456789"


THREAD = """
import ctypes, os, sys, threading
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_TRUNC)
ctypes.CDLL(None).prctl(15, b"probe")
thread = threading.Thread(target=os.write, args=(fd, b"0123456789"))
thread.start()
thread.join()
"""


@pytest.mark.parametrize("options, left", [
    ("", b"0123456789"), ("-n 1 -a short", b"01234"), ("-n 1 -a 28", b""),
    ("-n 1 -a kill", b"")])
def test_threads_count(tree, tmp_path, options, left):
    argv = [INTERCEPT, "-p", "probe", "-o", tmp_path / "report", *options.split(),
            "/usr/bin/python3", "-c", THREAD, tmp_path / "file"]
    subprocess.run(argv, capture_output=True, check=True, timeout=20)
    assert (tmp_path / "file").read_bytes() == left
    assert ("kill" in options) == ("status 9" in (tmp_path / "report").read_text())


@pytest.mark.parametrize("workload", WORKLOADS)
def test_undisturbed(rig, workload):
    """All is as the sweeps take for granted: else they would look for the wrong thing."""
    deleted = WORKLOADS[workload]
    rig.lay()
    first = rig.run(session(rig.account, deleted)).dialogue
    assert all(first.good(c) for c in session(rig.account, deleted)), first.replies
    assert first.deleted() == list(deleted) and not first.extra
    assert len(set(first.listing("UIDL").values())) == COUNT
    assert [int(o) for o in first.listing("LIST").values()] == rig.store.octets[:COUNT]
    left = [n for n in range(COUNT) if n not in deleted]
    assert sorted(rig.store.numbers(rig.home)) == left
    rig.deliver()
    second = rig.plain(look(rig.account, len(left) + 1)).dialogue
    shown = [rig.store.sent.number(second.bodies["RETR %d" % (n + 1)])
             for n in range(len(left) + 1)]
    assert shown == left + [COUNT]
    for position, number in enumerate(left):
        assert second.listing("UIDL")[position] == first.listing("UIDL")[number]
