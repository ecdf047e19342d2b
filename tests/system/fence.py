"""The fence of a systemd unit without systemd: python3 fence.py UNIT PROGRAM ARGUMENT...

Does to itself what systemd would do for the lines of UNIT's [Service], and executes PROGRAM
in the same process, so that sockets passed by LISTEN_FDS arrive.  Left out is what would hide
the tests' own files (PrivateTmp) and what is the manager's (RuntimeDirectory).  A line that
is not known here is an error: what is not tested must not be shipped.
"""

import ctypes
import os
import re
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
ALLOW, EPERM, EAFNOSUPPORT, ENOSYS = 0x7fff0000, 0x50001, 0x50061, 0x50026
NE, MASKED_EQ = 1, 7
CAPABILITIES = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SYS_CHROOT": 18}
# Of one value, or of no effect on what a process of the tests can do or not.
PLAIN = {"ExecStart", "ExecReload", "RuntimeDirectory", "RuntimeDirectoryMode",
         "RuntimeDirectoryPreserve", "StandardInput", "StandardOutput", "StandardError",
         "KeyringMode", "PrivateTmp", "PrivateMounts", "ProtectClock", "ProtectHostname",
         "ProtectKernelLogs", "ProtectKernelModules", "LockPersonality", "RestrictRealtime",
         "SystemCallArchitectures", "SystemCallErrorNumber", "ReadWritePaths"}

libc = ctypes.CDLL(None, use_errno=True)


def checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def settings(path):
    with open(path) as f:
        text = f.read().split("[Service]", 1)[1]
    found = {}
    for key, value in re.findall(r"(?m)^(\w+)=(.*)$", text):
        found.setdefault(key, []).append(value)
    return found


def members(word):
    """The system calls of a name, which may be a group's."""
    if not word.startswith("@"):
        return {word}
    done = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True,
                          text=True, check=True)
    found = set()
    for line in done.stdout.splitlines()[1:]:
        name = line.strip()
        if name and not name.startswith("#"):
            found |= members(name)
    return found


def allowed_calls(values):
    allowed = members("@default")
    for value in values:
        names = set().union(*(members(w) for w in value.lstrip("~").split()))
        allowed = allowed - names if value.startswith("~") else allowed | names
    return allowed


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int),
                ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class Filter:
    """One filter; each further one only takes away."""

    libseccomp = ctypes.CDLL("libseccomp.so.2")
    libseccomp.seccomp_init.restype = ctypes.c_void_p

    def __init__(self, default):
        self.context = ctypes.c_void_p(self.libseccomp.seccomp_init(ctypes.c_uint32(default)))

    def rule(self, action, name, *comparisons):
        number = self.libseccomp.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return  # of another architecture
        array = (Comparison * len(comparisons))(*comparisons)
        result = self.libseccomp.seccomp_rule_add_array(
            self.context, ctypes.c_uint32(action), number, len(comparisons), array)
        assert result == 0, (name, result)

    def load(self):
        result = self.libseccomp.seccomp_load(self.context)
        assert result == 0, result


def restrict_calls(unit):
    families = Filter(ALLOW)
    assert unit["RestrictAddressFamilies"] == ["AF_UNIX"]
    families.rule(EAFNOSUPPORT, "socket", Comparison(0, NE, 1, 0))
    families.load()
    if unit.get("MemoryDenyWriteExecute") == ["yes"]:
        memory = Filter(ALLOW)
        memory.rule(EPERM, "mmap", Comparison(2, MASKED_EQ, 6, 6))
        memory.rule(EPERM, "mprotect", Comparison(2, MASKED_EQ, 4, 4))
        memory.rule(EPERM, "pkey_mprotect", Comparison(2, MASKED_EQ, 4, 4))
        memory.load()
    if unit.get("RestrictNamespaces") == ["yes"]:
        spaces = Filter(ALLOW)
        spaces.rule(EPERM, "setns")
        spaces.rule(ENOSYS, "clone3")
        for flag in NAMESPACES:
            spaces.rule(EPERM, "clone", Comparison(0, MASKED_EQ, flag, flag))
            spaces.rule(EPERM, "unshare", Comparison(0, MASKED_EQ, flag, flag))
        spaces.load()
    if unit.get("RestrictSUIDSGID") == ["yes"]:
        modes = Filter(ALLOW)
        for name, place in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1)):
            for bit in (0o4000, 0o2000):
                modes.rule(EPERM, name, Comparison(place, MASKED_EQ, bit, bit))
        modes.load()
    calls = Filter(EPERM)
    for name in allowed_calls(unit["SystemCallFilter"]):
        calls.rule(ALLOW, name)
    calls.load()


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def restrict_files(unit):
    checked(libc.unshare(CLONE_NEWNS), "unshare")
    mount("--make-rslave", "/")
    if unit.get("PrivateDevices") == ["yes"]:
        mount("-t", "tmpfs", "-o", "mode=755,nosuid,noexec", "none", "/mnt")
        for name in ("null", "zero", "full", "random", "urandom", "tty"):
            status = os.stat("/dev/" + name)
            os.mknod("/mnt/" + name, 0o20666, status.st_rdev)
        if os.path.exists("/dev/log"):
            os.symlink(os.path.realpath("/dev/log"), "/mnt/log")
        mount("--move", "/mnt", "/dev")
    if unit.get("ProtectProc") == ["invisible"]:
        mount("-t", "proc", "-o", "hidepid=invisible,nosuid,nodev,noexec", "proc", "/proc")
    writable = ["/proc/sys"] if unit.get("ProtectKernelTunables") == ["yes"] else []
    assert unit["ProtectSystem"] == ["full"]
    for path in writable + ["/usr", "/boot", "/etc"]:
        mount("--bind", path, path)
        mount("-o", "remount,bind,ro", path)


def restrict_capabilities(names):
    kept = {CAPABILITIES[name] for name in names}
    for number in range(64):
        if number not in kept and libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            break  # there are no more
    # Root's sets follow from the bounding set when the program is executed.


def main():
    unit, argv = settings(sys.argv[1]), sys.argv[2:]
    known = PLAIN | {"NoNewPrivileges", "CapabilityBoundingSet", "MemoryDenyWriteExecute",
                     "PrivateDevices", "PrivateNetwork", "ProtectControlGroups",
                     "ProtectKernelTunables", "ProtectProc", "ProtectSystem",
                     "RestrictAddressFamilies", "RestrictNamespaces", "RestrictSUIDSGID",
                     "SystemCallFilter", "UMask"}
    assert set(unit) <= known, "not known: %s" % (set(unit) - known)
    restrict_files(unit)
    if unit.get("PrivateNetwork") == ["yes"]:
        checked(libc.unshare(CLONE_NEWNET), "unshare")
    os.umask(int(unit["UMask"][0], 8))
    restrict_capabilities(unit["CapabilityBoundingSet"][0].split())
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    restrict_calls(unit)
    os.execv(argv[0], argv)


if __name__ == "__main__":
    main()
