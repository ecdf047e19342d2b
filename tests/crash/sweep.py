"""Strike one call after the other, each in a session of its own, and check what follows."""

import errno
import multiprocessing
import os
import pickle
import tempfile

import powerloss
from checker import check_after, ordinary_files
from dialogue import session
from maildrops import STORES, WORKLOADS
from recorder import record
from rig import Rig, acting_as

WORKERS = max(2, os.cpu_count() or 1)
FAULTS_SHOWN = 8
# What happens to the call -> options of intercept; "mail": some is delivered afterwards.
ACTIONS = {
    "kill": ("-a", "kill"),
    "kill+mail": ("-a", "kill"),
    "short": ("-a", "short"),
    "dead-disk": ("-a", str(errno.EIO), "-f"),
}
ACTIONS.update({e: ("-a", str(getattr(errno, e))) for e in ("ENOSPC", "EIO", "EDQUOT", "EINTR")})
WRITES = ("write", "pwrite64")

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


def listed(rig, commands):
    """The calls of an undisturbed session."""
    rig.lay()
    return rig.run(commands, ["-l"]).calls


def points_of(rig, workload, action):
    """Numbers of the calls to strike: all, or all that may write less than they were told."""
    calls = listed(rig, session(rig.account, WORKLOADS[workload]))
    return [n for n, (name, _) in enumerate(calls, 1)
            if action != "short" or name in WRITES]


def strike(kind, workload, action, n):
    """One point: what went wrong, in words, and whether the call was there to be struck."""
    rig, ordinary = rig_of(kind)
    rig.lay()
    commands = session(rig.account, WORKLOADS[workload])
    run = rig.run(commands, [*ACTIONS[action], "-n", str(n)])
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
    points, faults = 0, []
    for n in points_of(rig_of(kind)[0], workload, action)[offset::WORKERS]:
        wrong, there = strike(kind, workload, action, n)
        points += there
        faults += wrong
        if len(faults) > FAULTS_SHOWN:
            break
    return points, faults


def trace_session(job):
    """In a worker: record a session; where the trace lies."""
    kind, workload, path = job
    rig = rig_of(kind)[0]
    with open(path, "wb") as f:
        pickle.dump(record(rig, session(rig.account, WORKLOADS[workload])), f)


def part_of_crashes(job):
    """In a worker: every WORKERS-th state that the loss of power may leave."""
    kind, workload, path, offset = job
    rig, ordinary = rig_of(kind)
    with open(path, "rb") as f:
        trace = pickle.load(f)
    commands = session(rig.account, WORKLOADS[workload])
    points, faults = 0, []
    for what, state, dialogue in powerloss.every(trace, commands, workload, offset, WORKERS):
        rig.empty()
        with acting_as(rig.account):
            state.lay(rig.home)
        wrong = check_after(rig, dialogue, workload, points % 2 == 1, ordinary)
        points += 1
        faults += ["%s %s power loss %s: %s" % (kind, workload, what, w) for w in wrong]
        if len(faults) > FAULTS_SHOWN:
            break
    return points, faults


class Sweeper:
    """The workers, and the table of what they have tried."""

    def __init__(self, tree, base):
        self.base = base
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

    def report(self):
        """The table in lines of text."""
        workloads = list(WORKLOADS)
        form = "%-8s %-12s" + " %9s" * (len(workloads) + 1)
        lines = [form % ("store", "fault", *workloads, "points")]
        for (kind, what), row in self.table.items():
            cells = [row.get(w, "-") for w in workloads]
            lines.append(form % (kind, what, *cells, sum(row.values())))
        total = sum(sum(row.values()) for row in self.table.values())
        return lines + [form % ("", "", *[""] * len(workloads), total)]
