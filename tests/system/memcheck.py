"""pop3d under valgrind's memcheck: each process writes a log, of which none may complain.

Only a tree that was built with tests/instrumented/valgrind.c can be run so; its processes
write their roles into the logs, too.
"""

import os
import re

from harness import wait_until
from patience import patient

FLAWED = 99
COMMAND = ("valgrind", "--trace-children=yes", "--vgdb=no", "--leak-check=full",
           "--errors-for-leak-kinds=definite", "--error-exitcode=%d" % FLAWED)
CLEAN = r"^==%d== ERROR SUMMARY: 0 errors "
ROLE = r"^\*\*%d\*\* role pop3d-(\w+)$"
SECONDS = patient(40.0)  # valgrind itself takes a second to start


class Memcheck:
    """The connections of a site, one after the other."""

    def __init__(self, site):
        self.site = site
        self.logs = site.path("memcheck")
        os.mkdir(self.logs)
        os.chmod(self.logs, 0o1777)
        self.prefix = (*COMMAND, "--log-file=%s/%%p" % self.logs)

    def connect(self, greeting=True, listener=None):
        """A client that is patient; of a pop3d of its own, if it is of no listener."""
        client = (listener.connect(greeting=False) if listener else
                  self.site.inetd(prefix=self.prefix, greeting=False))
        client.timeout = SECONDS
        if greeting:
            client.greeting = client.ok()
        return client

    def read(self):
        """The logs that stand there, by process."""
        found = {}
        for name in os.listdir(self.logs):
            with open(os.path.join(self.logs, name), encoding="latin-1") as f:
                found[int(name)] = f.read()
        return found

    def ended(self):
        """Whether each process has written its summary."""
        return all("ERROR SUMMARY" in log for log in self.read().values())

    def check(self, process, *expected):
        """All have ended, and none with an error; process is the first that was started.

        Expected are their roles, in any order; of one that had several, "monitor session".
        """
        assert process.wait(SECONDS) != FLAWED, self.read()
        wait_until(self.ended, SECONDS, "a summary in each log of " + self.logs)
        found = []
        for pid, log in sorted(self.read().items()):
            assert re.search(CLEAN % pid, log, re.M), log
            assert "unhandled" not in log, log
            found.append(" ".join(re.findall(ROLE % pid, log, re.M)))
            os.unlink(os.path.join(self.logs, str(pid)))
        assert sorted(found) == sorted(expected), found
