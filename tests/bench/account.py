"""What servers use: processor time and memory of a control group, whoever the client is."""

import glob
import os
import time

V1 = "/sys/fs/cgroup/cpuacct"
STILL_SECONDS = 0.03
STILL_DEADLINE = 10.0


class Group:
    """A control group of its own for one server and all that it starts."""

    def __init__(self, name):
        self.v1 = os.path.isdir(V1)
        root = V1 if self.v1 else "/sys/fs/cgroup"
        self.path = os.path.join(root, "pop3d-bench-%d-%s" % (os.getpid(), name))
        os.mkdir(self.path)

    def wrap(self, argv):
        """The command that runs argv in the group."""
        return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.path, *argv]

    def seconds(self):
        """Processor time of all processes that are, or were, in the group."""
        if self.v1:
            with open(os.path.join(self.path, "cpuacct.usage")) as f:
                return int(f.read()) / 1e9
        with open(os.path.join(self.path, "cpu.stat")) as f:
            return next(int(line.split()[1]) for line in f if line.startswith("usage_usec")) / 1e6

    def still(self):
        """Processor time once nothing more is done: processes end after the client left."""
        deadline, last = time.monotonic() + STILL_DEADLINE, self.seconds()
        while time.monotonic() < deadline:
            time.sleep(STILL_SECONDS)
            now = self.seconds()
            if now - last < STILL_SECONDS / 100:
                return now
            last = now
        return last

    def pids(self):
        with open(os.path.join(self.path, "cgroup.procs")) as f:
            return [int(line) for line in f]

    def pss(self):
        """Octets of memory, shared pages divided by those who share them."""
        total = 0
        for pid in self.pids():
            try:
                with open("/proc/%d/smaps_rollup" % pid) as f:
                    total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
            except (OSError, StopIteration):
                continue
        return total * 1024

    def remove(self):
        deadline = time.monotonic() + STILL_DEADLINE
        while self.pids() and time.monotonic() < deadline:
            time.sleep(STILL_SECONDS)
        for path in [*glob.glob(self.path + "/*/"), self.path]:
            os.rmdir(path)
