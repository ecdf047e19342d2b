"""The dozen messages of scripts/demo-mail, for tests that want mail as it is."""

import functools
import os
import re
import subprocess
import tempfile

from harness import ROOT


@functools.lru_cache(maxsize=None)
def demo_messages():
    """Stored bytes of each message, in the order of their names."""
    with tempfile.TemporaryDirectory(prefix="demo-mail.") as path:
        subprocess.run([os.path.join(ROOT, "scripts", "demo-mail"), path], check=True)
        files = {}
        for part in ("new", "cur"):
            for name in os.listdir(os.path.join(path, part)):
                with open(os.path.join(path, part, name), "rb") as f:
                    files[name] = f.read()
    assert len(files) == 12
    return tuple(files[name] for name in sorted(files))


def put_demo_mail(store):
    """Deliver them all; returns what RETR must send for each, without dot-stuffing."""
    raws = list(demo_messages())
    if store.kind == "mbox":
        # As delivery agents do: a line that looks like a separator is quoted.
        raws = [re.sub(rb"(?m)^From ", b">From ", raw) for raw in raws]
    return store.fill(raws)
