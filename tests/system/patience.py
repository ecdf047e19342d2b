"""How long tests wait for an answer before they give up.

A machine that has other work needs patience: POP3D_TEST_PATIENCE in the environment says
how many times as long.  What tests assert of times is not for it to change, but for the
time that very much mail may take.
"""

import os

PATIENCE = float(os.environ.get("POP3D_TEST_PATIENCE", "1"))


def patient(seconds):
    """How long to wait for what an idle machine would have done in so many seconds."""
    return seconds * PATIENCE


TIMEOUT = patient(10.0)
