"""What finishes an update is itself cut short: see recovery.py."""

import pytest

import recovery
from recovery import SHARE, STRIKES
from sweep import FULL


# Where there is more to do than to unlink.
WORKLOADS = ("third", "first") if FULL else ("third",)


@pytest.mark.parametrize("action", STRIKES if FULL else STRIKES[:SHARE])
@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_call(sweeper, workload, action):
    faults = recovery.sweep(sweeper, "mbox", workload, action)
    assert not faults, "\n".join(faults)
