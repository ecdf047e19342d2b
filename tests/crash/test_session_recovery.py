"""What finishes an update is itself cut short: see recovery.py."""

import pytest

import recovery


@pytest.mark.parametrize("action", ["kill", "EIO", "ENOSPC"])
@pytest.mark.parametrize("workload", ["third", "first"])
@pytest.mark.parametrize("kind", ["mbox"])
def test_every_call(sweeper, kind, workload, action):
    faults = recovery.sweep(sweeper, kind, workload, action)
    assert not faults, "\n".join(faults)
