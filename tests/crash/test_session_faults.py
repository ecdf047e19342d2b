"""A kill or a fault at every file system call of a session, from login to its end."""

import pytest

from maildrops import FETCHED, STORES, WORKLOADS
from sweep import ACTIONS


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("workload", [*WORKLOADS, FETCHED])
@pytest.mark.parametrize("kind", STORES)
def test_every_call(sweeper, kind, workload, action):
    faults = sweeper.sweep(kind, workload, action)
    assert not faults, "\n".join(faults)
