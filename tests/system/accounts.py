"""Mail users of the tests: real uids, homes of their own, hashed passwords."""

import ctypes
import fcntl
import os
import pwd
import subprocess

PASSWORD = "open sesame"
USER_NAMES = {"pop3d": "system", "p3alice": "mail", "p3bob": "mail", "p3carol": "mail",
              "p3vmail": "mail"}


class Account:
    """A mail user: a real uid and a home directory of this test's own."""

    def __init__(self, name, uid, gid, home):
        self.name, self.uid, self.gid, self.home = name, uid, gid, home
        self.password = PASSWORD

    def path(self, *parts):
        return os.path.join(self.home, *parts)

    def own(self, path, mode=None):
        os.chown(path, self.uid, self.gid, follow_symlinks=False)
        if mode is not None:
            os.chmod(path, mode)
        return path


_sodium = None


def hash_password(password):
    """An argon2id hash at the least cost that libsodium accepts."""
    global _sodium
    if _sodium is None:
        _sodium = ctypes.CDLL("libsodium.so.23")
        assert _sodium.sodium_init() >= 0
    raw = password if isinstance(password, bytes) else password.encode()
    out = ctypes.create_string_buffer(128)
    rc = _sodium.crypto_pwhash_str(out, raw, ctypes.c_ulonglong(len(raw)),
                                   ctypes.c_ulonglong(1), ctypes.c_size_t(8192))
    assert rc == 0, "crypto_pwhash_str failed"
    return "{ARGON2ID}" + out.value.decode()


class SystemUsers:
    """Creates the users that the tests need and removes those again that it created.

    Runs at the same time share them: the last one to end removes them.
    """

    LOCK = "/run/lock/pop3d-system-tests"

    def __init__(self):
        self.fd = self._lock()
        made = self._made()
        for name, kind in USER_NAMES.items():
            try:
                pwd.getpwnam(name)
            except KeyError:
                system = ["--system"] if kind == "system" else []
                subprocess.run(["useradd", "--no-create-home", "--home-dir", "/nonexistent",
                                "--shell", "/usr/sbin/nologin", "--user-group", *system, name],
                               check=True, stdout=subprocess.DEVNULL)
                made.append(name)
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, " ".join(made).encode(), 0)
        fcntl.flock(self.fd, fcntl.LOCK_SH)

    def _lock(self):
        while True:
            fd = os.open(self.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            # The last run before us may have removed the file while we waited.
            if os.path.exists(self.LOCK) and os.path.samestat(os.fstat(fd),
                                                              os.stat(self.LOCK)):
                return fd
            os.close(fd)

    def _made(self):
        return os.pread(self.fd, 4096, 0).decode().split()

    def remove(self):
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.fd)
            return
        for name in self._made():
            subprocess.run(["userdel", name], check=True, stdout=subprocess.DEVNULL)
        os.unlink(self.LOCK)
        os.close(self.fd)
