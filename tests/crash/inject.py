"""Run a program under strace and kill it, or fail a system call, at a chosen place.

A place is the N-th call of one name, counted from the first call that mentions a marker
(the maildrop's path): what the dynamic loader does before is no part of a test.
"""

import collections
import os
import re
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
STORE_UPDATE = os.path.join(HERE, "store_update")
STRACE = shutil.which("strace")

# Calls that change what is on disk, or decide what will be.
MUTATING = (
    "openat unlink unlinkat rename renameat renameat2 link linkat symlinkat write pwrite64"
    " writev pwritev ftruncate fallocate fsync fdatasync sync_file_range copy_file_range"
    " sendfile mkdirat fchmod fchown utimensat close fcntl"
).split()
# Calls that a file system can let fail.
FILE = MUTATING + (
    "newfstatat fstat statx getdents64 read pread64 readv lseek fadvise64 faccessat2"
).split()

CALL = re.compile(r"^(?:\d+ +)?([a-z_0-9]+)\(")

def build():
    """Make the program that is run, if it is not up to date."""
    subprocess.run(["make", "-s", "tests/crash/store_update"], check=True,
                   cwd=os.path.dirname(os.path.dirname(HERE)))


Result = collections.namedtuple("Result", "stdout stderr code killed injected trace")


def run(command, inject=None, names=FILE, timeout=20):
    """Run command (a list) under strace, with a value of -e inject= if given."""
    with tempfile.NamedTemporaryFile(mode="r", prefix="trace.") as trace:
        strace = [STRACE, "-f", "-qq", "-y", "-o", trace.name, "-e", "trace=" + ",".join(names)]
        if inject is not None:
            strace += ["-e", "inject=" + inject]
        done = subprocess.run(strace + command, capture_output=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, check=False)
        text = trace.read()
    killed = "+++ killed by SIGKILL +++" in text
    return Result(done.stdout.decode(), done.stderr.decode(), done.returncode, killed,
                  killed or "(INJECTED)" in text, text)


def struck(result, pattern):
    """Whether the call that failed is about a path like this, which strace -y tells."""
    return any(re.search(pattern, line) for line in result.trace.splitlines()
               if "(INJECTED)" in line)


def skipped(trace, marker):
    """How many calls of each name come before the first that mentions marker."""
    counts = collections.Counter()
    for line in trace.splitlines():
        if marker in line and "execve(" not in line:
            break
        call = CALL.match(line)
        if call:
            counts[call.group(1)] += 1
    return counts


def places(trace, marker):
    """Names of the calls from the first that mentions marker, in order of appearance."""
    names, seen = [], False
    for line in trace.splitlines():
        seen = seen or (marker in line and "execve(" not in line)
        call = CALL.match(line)
        if seen and call and call.group(1) not in names:
            names.append(call.group(1))
    return names


def sweep(prepare, action, names=FILE, limit=200):
    """Inject action at every place of a program's run, one place a run.

    prepare() makes a fresh maildrop and returns (command, marker, context); action is
    "signal=KILL" or "error=EIO".  Yields (place, result, context).  It goes on with one
    name until a run had no call left to inject into, so a program that does more calls
    after an error is followed.
    """
    command, marker, _ = prepare()
    first = run(command, names=names)
    before = skipped(first.trace, marker)
    for name in places(first.trace, marker):
        for n in range(1, limit + 1):
            command, marker, context = prepare()
            inject = "%s:%s:when=%d" % (name, action, before[name] + n)
            result = run(command, inject=inject, names=names)
            if not result.injected:
                break
            yield "%s:%s:%d" % (action, name, n), result, context


def status(result, step):
    """The status that store_update printed for a step; None if it never ended."""
    found = re.search(r"^%s ([A-Z]+)" % step, result.stdout, re.M)
    return found.group(1) if found else None
