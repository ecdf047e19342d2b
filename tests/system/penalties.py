"""Attackers who guess, and what they owe in the table of penalties.

Attackers come from 127.0.0.0/8, which is not trusted by the fixture `harsh`.
"""

import os

from backends import pop3ctl
from mechanisms import DENIED

FREE = 4           # failures that cost nothing
ATTACKER, OTHER, ANOTHER = "127.0.1.1", "127.0.1.2", "127.0.1.3"


class Guesses:
    """Wrong passwords, each another one."""

    def __init__(self, site, name, start="inetd", source=ATTACKER):
        self.site, self.name, self.source = site, name, source
        self.listener = site.listener() if start == "listener" else None
        self.n = 0

    def connect(self, source=None):
        source = source or self.source
        return (self.listener.connect(source=source) if self.listener
                else self.site.inetd(source=source))

    def __call__(self, times=1, source=None, password=None):
        """So many connections with a guess each."""
        for _ in range(times):
            client = self.connect(source)
            self.guess(client, password)
            client.quit()

    def guess(self, client, password=None):
        self.n += 1
        client.cmd_ok("USER " + self.name)
        assert client.cmd("PASS " + (password or "guess %d" % self.n)) == DENIED


def owed(site, name):
    """Failures that count of an address or a user."""
    fields = pop3ctl(site, "penalty", "show", name).split("\t")
    return int(dict(f.split("=") for f in fields[1:])["failures"])


def table(site):
    return os.path.join(site.settings["server.run_directory"], "penalty")
