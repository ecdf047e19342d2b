"""Strike one call after the other, each in a session of its own, and check what follows."""

import concurrent.futures
import errno
import multiprocessing
import os
import pickle
import tempfile
import zlib

import full_disk
import powerloss
from checker import check_after, ordinary_files
from dialogue import Dialogue, look, session
from maildrops import FETCHED, STORES, WORKLOADS, marked
from recorder import record
from rig import Rig, acting_as

# More than processors: a point waits now and then.
WORKERS = 3 * max(2, os.cpu_count() or 1)
FAULTS_SHOWN = 8
# CRASH=full in the environment: no point is left out.
FULL = os.environ.get("CRASH") == "full"
SHARE = 5
# What happens to the call -> options of intercept.  "mail": some is delivered afterwards;
# "known": of a maildrop that a session has seen before.
ACTIONS = {
    "kill": ("-a", "kill"),
    "kill+mail": ("-a", "kill"),
    "kill+known": ("-a", "kill"),
    "short": ("-a", "short"),
    "dead-disk": ("-a", str(errno.EIO), "-f"),
}
ACTIONS.update({e: ("-a", str(getattr(errno, e))) for e in ("ENOSPC", "EIO", "EDQUOT", "EINTR")})
WRITES = ("write", "pwrite64")
KILLS = ("kill", "kill+mail")

_rigs = {}


def _setup(tree, base):
    """In a worker: remember where its rigs go."""
    _rigs["tree"], _rigs["base"] = tree, tempfile.mkdtemp(prefix="worker-", dir=base)
    os.chmod(_rigs["base"], 0o711)


def rig_of(kind):
    """This worker's rig for a store, and the files that an undisturbed session leaves."""
    if kind not in _rigs:
        base = os.path.join(_rigs["base"], kind)
        os.mkdir(base, 0o711)
        rig = Rig(_rigs["tree"], base, STORES[kind])
        _rigs[kind] = rig, ordinary_files(rig)
    return _rigs[kind]


def lay(rig, known=False):
    """A maildrop as a session to be struck finds it."""
    if known:
        rig.lay_known()
    else:
        rig.lay()
    rig.settle()


def listed(rig, commands, known=False):
    """The calls of an undisturbed session."""
    lay(rig, known)
    return rig.run(commands, ["-l"]).calls


def points_of(rig, workload, action):
    """Numbers of the calls to strike.

    All, but: "short" is for writes; and in a normal run each call of a workload meets one
    of the five other faults, and one of the kills after which mail is delivered or not,
    another one in the next workload.
    """
    with rig.policy_of(workload):
        calls = listed(rig, session(rig.account, marked(workload)), "known" in action)
    if action == "short":
        return [n for n, (name, _) in enumerate(calls, 1) if name in WRITES]
    if FULL or action == "kill+known":
        return range(1, len(calls) + 1)
    share = len(KILLS) if action in KILLS else SHARE
    first = list(ACTIONS).index(action) + [*WORKLOADS, FETCHED].index(workload)
    return range(1 + first % share, len(calls) + 1, share)


def strike(kind, workload, action, n):
    """One point: what went wrong, in words, and whether the call was there to be struck."""
    rig, ordinary = rig_of(kind)
    known = "known" in action
    lay(rig, known)
    commands = session(rig.account, marked(workload))
    with rig.policy_of(workload):
        run = rig.run(commands, [*ACTIONS[action], "-n", str(n)])
    if known:
        rig.settle()
    if run.status is None:
        return ["%s %s %s at call %d: no end in %.0f s" % (kind, workload, action, n,
                                                           run.seconds)], True
    if run.struck is None:
        return [], False
    deliver = action == "kill+mail" or (action != "kill" and n % 2 == 1)
    faults = check_after(rig, run.dialogue, workload, deliver, ordinary)
    if action.startswith("kill") and run.status != 9:
        faults.append("was not killed: status %d" % run.status)
    where = "%s %s %s at call %s: " % (kind, workload, action, run.struck)
    return [where + fault for fault in faults], True


def part(job):
    """In a worker: every WORKERS-th point of one store, workload and action."""
    kind, workload, action, offset = job
    numbers = points_of(rig_of(kind)[0], workload, action)
    points, faults = 0, []
    for n in numbers[offset::WORKERS]:
        wrong, there = strike(kind, workload, action, n)
        points += there
        faults += wrong
        if len(faults) > FAULTS_SHOWN:
            return points, faults
    # Should a session make more calls than the first one did, they are met as well.
    n = numbers[-1] + 1 + offset
    while action.startswith("kill") and not faults:
        faults, there = strike(kind, workload, action, n)
        if not there:
            break
        points, n = points + 1, n + WORKERS
    return points, faults


def trace_session(job):
    """In a worker: record a session, and leave it in a file with what may come of it."""
    kind, workload, path = job
    rig = rig_of(kind)[0]
    trace = record(rig, session(rig.account, WORKLOADS[workload]))
    with open(path, "wb") as f:
        pickle.dump((trace, list(powerloss.crashes(trace, workload))), f)


def chosen(crashes):
    """In a normal run half of them, by no pattern that they might have themselves."""
    return [crash for i, crash in enumerate(crashes)
            if FULL or zlib.crc32(b"%d" % i) % 2 == 0]


def part_of_crashes(job):
    """In a worker: every WORKERS-th state that the loss of power may leave."""
    kind, workload, path, offset = job
    rig, ordinary = rig_of(kind)
    with open(path, "rb") as f:
        trace, crashes = pickle.load(f)
    commands = session(rig.account, WORKLOADS[workload])
    points, faults = 0, []
    for end, fate_of in chosen(crashes)[offset::WORKERS]:
        rig.empty()
        with acting_as(rig.account):
            powerloss.State(trace, trace.ops[:end], fate_of).lay(rig.home)
        dialogue = Dialogue(commands, powerloss.said(trace, end))
        wrong = check_after(rig, dialogue, workload, points % 2 == 1, ordinary)
        points += 1
        faults += ["%s %s power loss after operation %d, %r: %s"
                   % (kind, workload, end, fate_of, w) for w in wrong]
        if len(faults) > FAULTS_SHOWN:
            break
    return points, faults


class Sweeper:
    """The workers, and the table of what they have tried."""

    def __init__(self, tree, base):
        self.tree, self.base = tree, base
        self.table = {}  # (store, what) -> {workload: points}
        self.pool = multiprocessing.get_context("fork").Pool(
            WORKERS, _setup, (tree, base))

    def close(self):
        self.pool.terminate()
        self.pool.join()

    def add(self, kind, workload, what, points):
        row = self.table.setdefault((kind, what), {})
        row[workload] = row.get(workload, 0) + points

    def map(self, function, jobs, kind, workload, what):
        """Run jobs, each of which returns (points, faults); the faults of all."""
        faults = []
        for points, wrong in self.pool.imap_unordered(function, jobs):
            self.add(kind, workload, what, points)
            faults += wrong
        return faults

    def sweep(self, kind, workload, action):
        jobs = [(kind, workload, action, offset) for offset in range(WORKERS)]
        return self.map(part, jobs, kind, workload, action)

    def lose_power(self, kind, workload):
        path = os.path.join(self.base, "trace-%s-%s" % (kind, workload))
        self.pool.apply(trace_session, ((kind, workload, path),))
        jobs = [(kind, workload, path, offset) for offset in range(WORKERS)]
        return self.map(part_of_crashes, jobs, kind, workload, "power-loss")

    def fill_disk(self, kind, workload):
        """Both kinds of disk at a time, each in a process with whose end it goes."""
        faults = []
        with concurrent.futures.ProcessPoolExecutor(
                WORKERS, multiprocessing.get_context("fork")) as processes:
            running = {disk: processes.submit(full_disk.run, self.tree, self.base,
                                              STORES[kind], workload, disk)
                       for disk in full_disk.DISKS}
            for disk, one in running.items():
                points, wrong = one.result()
                self.add(kind, workload, "full-" + disk, points)
                faults += wrong
        return faults

    def report(self):
        """The table in lines of text."""
        workloads = [*WORKLOADS, FETCHED]
        form = "%-8s %-12s" + " %9s" * (len(workloads) + 1)
        lines = [form % ("store", "fault", *workloads, "points")]
        for (kind, what), row in self.table.items():
            cells = [row.get(w, "-") for w in workloads]
            lines.append(form % (kind, what, *cells, sum(row.values())))
        total = sum(sum(row.values()) for row in self.table.values())
        return lines + [form % ("", "", *[""] * len(workloads), total)]
