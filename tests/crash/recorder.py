"""What a session did to its files, in order, as strace saw it.

Each operation is an Op; paths are relative to the home, inodes are numbers given here.
What this file does not know stops the test: a model that left out an operation would
prove nothing.
"""

import collections
import glob
import os
import re

from rig import converse

# kind "data": inode got change ("write", offset, octets) or ("size", length);
# kind "names": sets is {path: inode or None}; kind "sync": of an inode or a directory's path;
# kind "said": that many more octets went to the client.
Op = collections.namedtuple("Op", "kind what change")
# before: path -> octets; inodes of these are their places in the sorted list of paths.
Trace = collections.namedtuple("Trace", "before directories ops output greeted")

MARK = re.compile(r'prctl\(PR_SET_NAME, "%s"' % "".join("\\\\x%02x" % b for b in b"pop3d-session"))
CLONE = re.compile(r"clone3?\(.* = (\d+)$")
STRING = re.compile(r'"(?:\\x[0-9a-f]{2})*"')
CALL = re.compile(r"([a-z_0-9]+)\((.*)\)\s+= (-?\d+|\?)")
QUIET = set(
    "pread64 preadv getdents64 newfstatat fstat statx fadvise64 faccessat"
    " faccessat2 access readlink readlinkat flock statfs fstatfs fgetxattr getxattr lgetxattr"
    " flistxattr fchmod fchown fchmodat fchownat utimensat fsetxattr chdir fchdir poll ppoll"
    " select pselect6 prctl clone clone3 getcwd stat lstat dup umask ioctl"
    " landlock_create_ruleset landlock_add_rule landlock_restrict_self".split())


def octets(argument):
    """The octets of a string that strace printed in hexadecimal."""
    assert argument.startswith('"') and argument.endswith('"'), argument[:80]
    return bytes.fromhex(argument[1:-1].replace("\\x", ""))


def arguments(text):
    """Those of a call; what stands in brackets is one."""
    return [a.strip() for a in re.findall(r"(?:\[[^]]*\]|[^,\[]+)+", text)]


class Recorder:
    """Turns the lines of one process into operations."""

    def __init__(self, home, before, directories):
        self.home, self.ops, self.said = home, [], 0
        self.names = {path: inode for inode, path in enumerate(sorted(before))}
        self.inodes = len(self.names)
        self.directories = directories
        self.open = {}  # descriptor -> inode or path of a directory, below the home
        self.position = {}  # descriptor -> offset of the next read or write

    def path(self, descriptor, argument):
        """Relative to the home; None: elsewhere."""
        text = os.fsdecode(octets(argument))
        if not text.startswith("/"):
            base = "/" if descriptor == "AT_FDCWD" else self.open.get(int(descriptor))
            if not isinstance(base, str):
                return None
            text = os.path.join(self.home, base, text)
        relative = os.path.relpath(os.path.normpath(text), self.home)
        return None if relative.startswith("..") else relative

    def name(self, sets):
        self.names.update(sets)
        self.ops.append(Op("names", sets, None))

    def change(self, inode, change):
        self.ops.append(Op("data", inode, change))

    def do_openat(self, args, result):
        path = self.path(args[0], args[1])
        if path is None:
            self.open.pop(result, None)
            return
        assert "O_TMPFILE" not in args[2] and "O_APPEND" not in args[2], args
        if path in self.directories:
            self.open[result] = path
            return
        if self.names.get(path) is None:
            assert "O_CREAT" in args[2], args
            self.name({path: self.inodes})
            self.inodes += 1
        elif "O_TRUNC" in args[2]:
            self.change(self.names[path], ("size", 0))
        self.open[result], self.position[result] = self.names[path], 0

    def do_write(self, args, result):
        descriptor = int(args[0])
        if descriptor == 1:
            self.said += result
            self.ops.append(Op("said", result, None))
        elif descriptor in self.open:
            text = b"".join(octets(s) for s in STRING.findall(args[1]))
            self.change(self.open[descriptor],
                        ("write", self.position[descriptor], text[:result]))
            self.position[descriptor] += result

    do_writev = do_write

    def do_read(self, args, result):
        if int(args[0]) in self.position:
            self.position[int(args[0])] += result

    do_readv = do_read

    def do_lseek(self, args, result):
        if int(args[0]) in self.position:
            self.position[int(args[0])] = result

    def do_pwrite64(self, args, result):
        inode = self.open[int(args[0])]
        self.change(inode, ("write", int(args[3]), octets(args[1])[:result]))

    def do_ftruncate(self, args, _):
        self.change(self.open[int(args[0])], ("size", int(args[1])))

    def do_fsync(self, args, _):
        self.ops.append(Op("sync", self.open[int(args[0])], None))

    do_fdatasync = do_fsync

    def do_unlinkat(self, args, _):
        self.name({self.path(args[0], args[1]): None})

    def do_renameat(self, args, _):
        old, new = self.path(args[0], args[1]), self.path(args[2], args[3])
        self.name({new: self.names[old], old: None})

    do_renameat2 = do_renameat

    def do_linkat(self, args, _):
        old, new = self.path(args[0], args[1]), self.path(args[2], args[3])
        self.name({new: self.names[old]})

    def do_close(self, args, _):
        self.open.pop(int(args[0]), None)
        self.position.pop(int(args[0]), None)

    def do_mmap(self, args, _):
        shared = "MAP_SHARED" in args[3] and "PROT_WRITE" in args[2]
        assert not shared or args[4] == "-1", "a file is mapped to be written: %r" % args

    def do_fcntl(self, args, result):
        if "DUPFD" in args[1] and int(args[0]) in self.open:
            # Two descriptors of a file would share its position.
            assert int(args[0]) not in self.position, args
            self.open[result] = self.open[int(args[0])]

    def line(self, text):
        call = CALL.match(text)
        if call is None or call.group(3) == "?" or int(call.group(3)) < 0:
            return
        name = call.group(1)
        handler = getattr(self, "do_" + name, None)
        if handler is not None:
            handler(arguments(call.group(2)), int(call.group(3)))
        elif name not in QUIET:
            raise AssertionError("the model does not know %s" % text[:200])


def read_home(home):
    """(path -> octets, directories) of all below it."""
    files, directories = {}, {"."}
    for directory, subdirectories, names in os.walk(home):
        where = os.path.relpath(directory, home)
        directories.update(os.path.normpath(os.path.join(where, d)) for d in subdirectories)
        for name in names:
            with open(os.path.join(directory, name), "rb") as f:
                files[os.path.normpath(os.path.join(where, name))] = f.read()
    return files, directories


def session_lines(prefix, mark=MARK):
    """Of the one process that became the session, from there on: (lines, of its threads)."""
    files, found = {}, []
    for path in glob.glob(prefix + ".*"):
        with open(path, encoding="latin-1") as f:
            files[path.rpartition(".")[2]] = f.read().split("\n")
        os.unlink(path)
    for lines in files.values():
        start = next((n for n, line in enumerate(lines) if re.match(mark, line)), None)
        if start is not None:
            found = lines[start:]
    clones = [CLONE.match(line) for line in found]
    return found, [line for clone in clones if clone for line in files[clone.group(1)]]


def check_thread(line):
    """What stands in another order than it was done must change nothing."""
    call = CALL.match(line)
    name = call.group(1) if call else ""
    assert not call or name in QUIET or name in ("read", "close", "mmap") or (
        name == "openat" and "O_RDONLY" in line and "O_CREAT" not in line), line


def record(rig, commands):
    """A session on a fresh maildrop, as a Trace."""
    rig.lay()
    before, directories = read_home(rig.home)
    prefix = rig.report + ".strace"
    argv = ["strace", "-ff", "-qq", "-xx", "-s", str(1 << 22), "-o", prefix,
            "-e", "trace=%file,%desc,prctl,mmap,clone,clone3", *rig.site.argv()]
    output, errors, status, _ = converse(argv, commands)
    assert status == 0, errors
    recorder = Recorder(rig.home, before, directories)
    lines, of_threads = session_lines(prefix)
    for line in lines:
        recorder.line(line)
    for line in of_threads:
        check_thread(line)
    assert recorder.said > 0
    return Trace(before, directories, recorder.ops, output, len(output) - recorder.said)
