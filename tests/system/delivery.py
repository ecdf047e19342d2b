"""Real delivery agents, each run as a mail transport runs it.

As a program of its own this delivers numbered messages, one after the other:
    delivery.py AGENT USER MAILDROP DIRECTORY FIRST END STEP
and prints as JSON how many it delivered, and why it had to try some again.  DIRECTORY is
for files of the agent.  deliver() starts that where the agents that scripts/setup has
unpacked show in /usr, and the spool directory in /var/mail, for it and what it runs alone.
"""

import grp
import json
import os
import pwd
import subprocess
import sys
import time

from numbered import numbered

SENDER = "joe@example.org"
EX_TEMPFAIL = 75
TRIES = 20

PACKAGES = {
    "procmail": ["procmail"],
    "maildrop": ["maildrop", "courier-authlib", "libcourier-unicode4"],
    "dovecot": ["dovecot-core"],
    "mail.local": ["sendmail-bin", "liblockfile1", "liblockfile-bin"],
}


class Agent:
    """How one agent is called: argv, and the rights that a mail transport gives it."""

    def __init__(self, user, maildrop, directory):
        entry = pwd.getpwnam(user)
        self.name, self.uid, self.gid = entry.pw_name, entry.pw_uid, entry.pw_gid
        self.mail = grp.getgrnam("mail").gr_gid
        self.maildrop, self.directory = maildrop, directory
        self.is_maildir = os.path.isdir(maildrop)
        self.env = {"PATH": "/usr/bin:/bin", "HOME": directory, "USER": user,
                    "LOGNAME": user, "SHELL": "/bin/sh"}

    def as_user(self):
        """As the user, with the group that may write to the spool directory."""
        return {"user": self.uid, "group": self.gid, "extra_groups": [self.mail]}

    def file(self, name, text):
        """A file of the user's that nobody else can write to; its path."""
        path = os.path.join(self.directory, name)
        with open(path, "w") as f:
            os.fchmod(f.fileno(), 0o600)
            os.fchown(f.fileno(), self.uid, self.gid)
            f.write(text)
        return path

    def procmail(self):
        """It takes the dotlock and then fcntl's, and sleeps where it does not get one."""
        maildrop = self.maildrop + "/" if self.is_maildir else self.maildrop
        rc = self.file("procmailrc", "COMSAT=no\nLOCKSLEEP=1\nDEFAULT=%s\n" % maildrop)
        return ["procmail", "-t", "-f", SENDER, "-m", rc], self.as_user()

    def maildrop_(self):
        """It takes the dotlock and then fcntl's, and sleeps where it does not get one."""
        rc = self.file("mailfilter", 'LOCKSLEEP=1\nto "%s"\n' % self.maildrop)
        return ["maildrop", "-f", SENDER, rc], self.as_user()

    def dovecot(self):
        """With Debian's order of locks, fcntl and then the dotlock.

        It numbers the messages of an mbox in their headers, so it rewrites them.
        """
        location = ("maildir:" if self.is_maildir
                    else "mbox:%s/mail:INBOX=" % self.directory) + self.maildrop
        conf = self.file("dovecot.conf", "".join(line + "\n" for line in [
            "mail_location = " + location, "mbox_write_locks = fcntl dotlock",
            "base_dir = %s/run" % self.directory, "log_path = /dev/stderr",
            "postmaster_address = postmaster@example.org", "hostname = pop.example.org"]))
        return ["/usr/lib/dovecot/dovecot-lda", "-c", conf, "-f", SENDER], self.as_user()

    def mail_local(self):
        """Sendmail's: it opens the mbox before it takes the dotlock, its only one."""
        return (["/usr/libexec/sendmail/mail.local", "-b", "-f", SENDER, "-d", self.name],
                {"group": self.mail, "extra_groups": []})

    def command(self, agent):
        return {"procmail": self.procmail, "maildrop": self.maildrop_,
                "dovecot": self.dovecot, "mail.local": self.mail_local}[agent]()

    def deliver(self, command, number):
        """Try as long as the agent asks for it; why it did."""
        argv, rights = command
        raw = numbered(number)
        again = []
        for _ in range(TRIES):
            done = subprocess.run(argv, input=raw, env=self.env, cwd="/", check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **rights)
            if done.returncode == 0:
                return again
            again.append(done.stderr.decode("latin-1").strip())
            if done.returncode != EX_TEMPFAIL:
                break
            time.sleep(0.1)
        sys.exit("%s: message %d: status %d: %s" % (
            argv[0], number, done.returncode, again))


def over_usr_and_mail(agent, spool):
    from fronts import over_usr
    return [*over_usr(*PACKAGES[agent]), "sh", "-c",
            'mount --bind "$0" /var/mail && exec "$@"', spool]


def deliver(site, agent, user, maildrop, spool, directory, numbers):
    """Start delivering; the process prints its report at the end."""
    return site.spawn([*over_usr_and_mail(agent, spool), "/usr/bin/python3", "-B",
                       os.path.abspath(__file__), agent, user, maildrop, directory,
                       str(numbers.start), str(numbers.stop), str(numbers.step)],
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def main(agent, user, maildrop, directory, *numbers):
    made = Agent(user, maildrop, directory)
    command = made.command(agent)
    delivered, again = 0, []
    for number in range(*map(int, numbers)):
        again += made.deliver(command, number)
        delivered += 1
    print(json.dumps({"delivered": delivered, "again": again}))


if __name__ == "__main__":
    main(*sys.argv[1:])
