"""Services of PAM for the tests: files in /etc/pam.d, passwords in /etc/shadow."""

import fcntl
import os
import subprocess

from harness import TEST_MODULES

PUPPET = os.path.join(TEST_MODULES, "pam_puppet.so")
PASSWORD = "sesam offne dich"


class PamServices:
    """What a test writes under /etc is taken back at its end; tests take turns."""

    def __init__(self, directory):
        self.lock = os.open("/etc/pam.d", os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.files, self.users = [], set()
        self.log = os.path.join(directory, "calls")

    def service(self, *lines):
        """A service of these lines; returns its name."""
        name = "pop3-test-%d-%d" % (os.getpid(), len(self.files))
        path = os.path.join("/etc/pam.d", name)
        self.files.append(path)
        with open(path, "w") as f:
            f.write("".join(line + "\n" for line in lines))
        return name

    def unix(self, *more):
        """pam_unix, as a host without a directory service has it."""
        return self.service("auth required pam_unix.so", "account required pam_unix.so",
                            *more)

    def puppet(self, *arguments):
        """A service of nothing but pam_puppet.c, with these arguments."""
        line = " ".join([PUPPET, "log=" + self.log, *arguments])
        return self.service(*("%s required %s" % (kind, line)
                              for kind in ("auth", "account", "session")))

    def calls(self, *names):
        """The lines that pam_puppet.c wrote, of calls with these names."""
        try:
            with open(self.log) as f:
                lines = [line.split() for line in f]
        except FileNotFoundError:
            return []
        return [line for line in lines if not names or line[0] in names]

    def run(self, *argv, **kw):
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, **kw)

    def set_password(self, account, password=PASSWORD):
        self.users.add(account.name)
        self.run("chpasswd", "-c", "SHA512", "-s", "5000",
                 input=b"%s:%s\n" % (account.name.encode(), password.encode()))

    def change(self, account, *argv):
        """chage, passwd or usermod, with the account behind it."""
        self.users.add(account.name)
        self.run(*argv, account.name)

    def close(self):
        for path in self.files:
            os.unlink(path)
        for name in self.users:
            self.run("usermod", "-p", "!", name)
            self.run("chage", "-E", "-1", "-M", "99999", "-d", "2020-01-01", name)
        os.close(self.lock)
