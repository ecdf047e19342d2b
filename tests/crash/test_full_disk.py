"""Sessions on small file systems that were filled up: see full_disk.py."""

import pytest

from maildrops import STORES, WORKLOADS


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("kind", STORES)
def test_little_room(sweeper, kind, workload):
    faults = sweeper.fill_disk(kind, workload)
    assert not faults, "\n".join(faults)
