"""How many instructions a dialogue takes, by role.

Only a tree that was built with tests/instrumented/counted.c can be counted so.  What is
left to the machine is taken away: the processor's features by which libc and mailstore/scan.c
choose among functions, and what root looks up in the host's files of users.
"""

import os
import re

from harness import ROOT
from patience import patient

BUDGETS = os.path.join(ROOT, "tests", "bench", "budgets")
PLAIN_PROCESSOR = ("glibc.cpu.hwcaps=-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-ERMS,-SSE4_2,"
                   "-SSE4_1,-SSSE3,-BMI2,-LZCNT")
COMMAND = ("valgrind", "--tool=callgrind", "--trace-children=yes", "--vgdb=no")
ROLES = ("front", "auth", "session")
SECONDS = patient(60.0)


class Callgrind:
    """One connection to a site that is served without root."""

    def __init__(self, site):
        self.logs = site.path("callgrind")
        os.mkdir(self.logs)
        os.chmod(self.logs, 0o1777)
        self.client = site.inetd(
            prefix=(*COMMAND, "--log-file=%s/%%p.log" % self.logs,
                    "--callgrind-out-file=%s/%%p.out" % self.logs),
            greeting=False,
            env={"PATH": "/usr/bin:/bin", "GLIBC_TUNABLES": PLAIN_PROCESSOR})
        self.client.timeout = SECONDS
        self.client.ok()

    def read(self, name):
        with open(os.path.join(self.logs, name), encoding="latin-1") as f:
            return f.read()

    def instructions(self):
        """By role, when the dialogue is over; there is one process of each."""
        assert self.client.wait(SECONDS) == 0
        found = {}
        for name in os.listdir(self.logs):
            pid, kind = name.split(".")
            if kind == "log":
                role = re.findall(r"role pop3d-(\w+)", self.read(name))[-1]
                total, = re.findall(r"^totals: (\d+)$", self.read(pid + ".out"), re.M)
                found[role] = int(total)
        assert sorted(found) == sorted(ROLES)
        return found


def budgets():
    """By dialogue: the instructions of each role, and by how many per cent more may be."""
    with open(BUDGETS, encoding="ascii") as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    return {name: (dict(zip(ROLES, map(int, numbers))), float(allowed))
            for name, *numbers, allowed in rows}
