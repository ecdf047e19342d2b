"""A session that has to finish what a killed one began is itself killed, or meets faults."""

from checker import check_after
from dialogue import login, session
from maildrops import WORKLOADS
from sweep import ACTIONS, FULL, WORKERS, lay, listed, rig_of

STEP = 16 if FULL else 64
STRIKES = ("kill", "EIO", "ENOSPC")
# In a normal run a call is killed or meets one error.
SHARE = 1 if FULL else 2


def interrupt(rig, workload, number):
    """Kill a session at one call; what the client had been told."""
    lay(rig)
    commands = session(rig.account, WORKLOADS[workload])
    return rig.run(commands, ["-a", "kill", "-n", str(number)]).dialogue


def interrupted(kind, workload):
    """In a worker: calls at which a kill leaves files for the next session to deal with."""
    rig, ordinary = rig_of(kind)
    calls = listed(rig, session(rig.account, WORKLOADS[workload]))
    found = []
    for number in range(1, len(calls) + 1):
        interrupt(rig, workload, number)
        if rig.store.others(rig.home) - ordinary:
            found.append(number)
    return found


def part(job):
    """In a worker: every WORKERS-th call of the second session, after some first ones."""
    kind, workload, action, firsts, offset = job
    rig, ordinary = rig_of(kind)
    points, faults = 0, []
    for first in firsts:
        number, struck = 1 + SHARE * offset + STRIKES.index(action) % SHARE, True
        while struck and len(faults) < 8:
            dialogue = interrupt(rig, workload, first)
            again = rig.run(login(rig.account) + ["STAT", "QUIT"],
                            [*ACTIONS[action], "-n", str(number)])
            struck = again.struck
            if struck:
                deliver = number // SHARE % 2 == 1
                wrong = check_after(rig, dialogue, workload, deliver, ordinary)
                faults += ["%s %s killed at call %d, then %s at %s: %s"
                           % (kind, workload, first, action, struck, w) for w in wrong]
                points += 1
            number += SHARE * WORKERS
    return points, faults


def sweep(sweeper, kind, workload, action):
    firsts = sweeper.pool.apply(interrupted, (kind, workload))[::STEP]
    assert firsts
    jobs = [(kind, workload, action, firsts, offset) for offset in range(WORKERS)]
    return sweeper.map(part, jobs, kind, workload, "then-" + action)
