"""Modules that do what no module may: each costs one attempt, and nobody else anything.

That no process is left is checked for every test by the fixture `site`, too.
"""

import re
import time

import pytest

from harness import roles, wait_until

pytestmark = pytest.mark.uninstrumented("modules break memory here, and a sanitizer tells")

SYS_TEMP = b"-ERR [SYS/TEMP] Authentication failed for now, try again later"
DENIED = b"-ERR [AUTH] Invalid user name or password"

# Deed, reply, and what the log says of it.
DEEDS = [
    ("stray", SYS_TEMP, "event=crash role=auth signal="),
    ("abort", SYS_TEMP, "event=crash role=auth signal=6"),
    ("exit", SYS_TEMP, "the auth process gave no verdict, exit status 0"),
    ("fork-exit", SYS_TEMP, "the auth process gave no verdict, exit status 3"),
    ("fork-hang", SYS_TEMP, "the auth process gave no answer in time"),
    ("signals-hang", SYS_TEMP, "the auth process gave no answer in time"),
    ("stop", SYS_TEMP, "the auth process gave no answer in time"),
    ("close", SYS_TEMP, "the auth process gave no verdict, exit status 74"),
    ("group", SYS_TEMP, "event=crash role=auth signal=9"),
    ("fork", DENIED, "event=login-failed user=mallory"),
    ("print", DENIED, "event=login-failed user=mallory"),
    ("signals", DENIED, "event=login-failed user=mallory"),
    ("place", DENIED, "event=login-failed user=mallory"),
    ("logs", DENIED, "mod_hostile"),
]


def attempt(client, how):
    if how == "USER":
        assert client.cmd("USER mallory").startswith(b"+OK")
        return client.cmd("PASS secret")
    return client.cmd("AUTH PLAIN AG1hbGxvcnkAc2VjcmV0")


@pytest.fixture
def hostile(site, maildir):
    site.use_modules("mod_hostile", "passwd")
    site.set(auth__timeout=2)
    return site


@pytest.mark.parametrize("start", ["inetd", "listener"])
@pytest.mark.parametrize("deed,reply,logged", DEEDS, ids=[d[0] for d in DEEDS])
def test_deed_costs_one_attempt(hostile, alice, start, deed, reply, logged):
    hostile.set(**{"auth.mod_hostile__deed": deed})
    client = hostile.inetd() if start == "inetd" else hostile.listener().connect()
    assert attempt(client, "USER") == reply
    wait_until(lambda: any(logged in line for line in hostile.log_lines()), what=logged)
    wait_until(lambda: roles("auth") == [], what="the end of what it left behind")
    assert attempt(client, "PLAIN") == reply
    client.login(alice)
    assert client.cmd("STAT") == b"+OK 0 0"
    wait_until(lambda: roles("auth") == [], what="the end of what it left behind")
    client.quit()
    assert len(hostile.log_lines("login-failed")) == 2


@pytest.mark.parametrize("deed", ["fork", "print", "signals", "place", "logs"])
def test_deed_harms_no_other_module(hostile, alice, deed):
    """The module behind it in the chain, in the same process, still lets a user in."""
    alice.name, name = "mallory", alice.name
    hostile.write_users()
    hostile.set(**{"auth.mod_hostile__deed": deed})
    client = hostile.pipes()
    client.login(alice)
    assert client.cmd("STAT") == b"+OK 0 0"
    client.quit()
    wait_until(lambda: roles("auth") == [], what="the end of what it left behind")
    alice.name = name


@pytest.mark.parametrize("how", ["inetd", "pipes"])
def test_nothing_of_its_output_reaches_the_client(hostile, how):
    hostile.set(**{"auth.mod_hostile__deed": "print"})
    client = getattr(hostile, how)()
    client.send(b"USER mallory\r\nPASS x\r\nQUIT\r\n")
    data = client.rest()
    assert b"pwned" not in data
    assert len(data.splitlines()) == 3, data


def test_no_line_of_the_log_is_forged(hostile):
    hostile.set(**{"auth.mod_hostile__deed": "logs"})
    client = hostile.inetd()
    attempt(client, "USER")
    client.quit()
    client.wait()
    with open(hostile.log, encoding="latin-1") as f:
        lines = f.read().splitlines()
    assert any("forged" in line for line in lines)
    for line in lines:
        assert re.match(r"\S+ pop3d\[\d+\]: event=", line), line
        assert "event=login user=forged" not in line.split("message=")[0], line


def test_its_time_is_limited(hostile, alice):
    hostile.set(**{"auth.mod_hostile__deed": "signals-hang"})
    client = hostile.inetd()
    start = time.monotonic()
    assert attempt(client, "USER") == SYS_TEMP
    assert 1.8 < time.monotonic() - start < 4
    client.login(alice)
