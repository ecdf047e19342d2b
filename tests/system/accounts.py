"""Mail users of the tests: real uids, homes of their own, hashed passwords."""

import ctypes
import fcntl
import os
import pwd
import shutil
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

    def own_file(self, *parts):
        """An empty file of the user below its home; its path."""
        path = self.path(*parts)
        with open(path, "wb"):
            pass
        return self.own(path, 0o600)

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

    DIRECTORY = "/run/lock/pop3d-system-tests"

    def __init__(self):
        with self._lock():
            self.in_use = self._file("in-use")
            fcntl.flock(self.in_use, fcntl.LOCK_SH)
            with self._file("made") as made:
                made.write("".join(name + "\n" for name in USER_NAMES if self._make(name)))

    def _file(self, name):
        return open(os.path.join(self.DIRECTORY, name), "a+")

    def _lock(self):
        """An exclusive lock, until the file is closed, on a file that has its name still."""
        while True:
            os.makedirs(self.DIRECTORY, mode=0o700, exist_ok=True)
            try:
                mutex = self._file("mutex")
            except FileNotFoundError:
                continue
            fcntl.flock(mutex, fcntl.LOCK_EX)
            if os.fstat(mutex.fileno()).st_nlink > 0:
                return mutex
            mutex.close()

    @staticmethod
    def _make(name):
        try:
            pwd.getpwnam(name)
            return False
        except KeyError:
            pass
        kind = ["--system"] if USER_NAMES[name] == "system" else []
        subprocess.run(["useradd", "--no-create-home", "--home-dir", "/nonexistent", "--shell",
                        "/usr/sbin/nologin", "--user-group", *kind, name],
                       check=True, stdout=subprocess.DEVNULL)
        return True

    def remove(self):
        with self._lock(), self.in_use:
            try:
                fcntl.flock(self.in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            with self._file("made") as made:
                made.seek(0)
                for name in made.read().split():
                    subprocess.run(["userdel", name], check=True, stdout=subprocess.DEVNULL)
            shutil.rmtree(self.DIRECTORY)
