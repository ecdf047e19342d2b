"""The power goes out at any instant of a session: see powerloss.py for what may be left."""

import pytest

from maildrops import STORES, WORKLOADS


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("kind", STORES)
def test_every_instant(sweeper, kind, workload):
    faults = sweeper.lose_power(kind, workload)
    assert not faults, "\n".join(faults)
