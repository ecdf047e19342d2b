"""System calls of a login, process by process: who opened what, and who read what.

The process that serves the mail has the mail user's uid in the end.  What it never opened
and never read, it cannot have.
"""

import os
import re
import signal
import subprocess

import pytest

from harness import TIMEOUT, roles, wait_until
from mechanisms import (LOGGED_IN, b64, log_in_apop, log_in_cram_md5, log_in_plain, log_in_user,
                        plain_message)
from stores import message

# Strace writes it down as it is.
SECRET = "zebraQuagga42okapi"


class Trace:
    """What one process did, from its start by fork or exec to its end."""

    def __init__(self, path):
        with open(path, encoding="latin-1") as f:
            self.text = f.read()
        # Some are opened from a directory: names must do.
        self.opened = {os.path.basename(p) for p in
                       re.findall(r'open(?:at2?)?\([^"]*"([^"]*)"', self.text)}
        # What came in octet by octet counts as well.
        reads = [l for l in self.text.splitlines()
                 if re.match(r"(read|readv|pread64|recv\w+)\(|<\.\.\. (read|recv)", l)]
        self.read = "".join(s for l in reads for s in re.findall(r'"((?:[^"\\]|\\.)*)"', l))

    def became(self, account):
        return "setresuid(%d, %d, %d)" % ((account.uid,) * 3) in self.text


STRACE = ["strace", "-ff", "-qq", "-s", "4096", "-e",
          "trace=open,openat,openat2,read,readv,pread64,recvfrom,recvmsg,recvmmsg,setresuid,"
          "execve"]


def read_traces(site):
    return [Trace(site.path(n)) for n in os.listdir(site.directory) if n.startswith("trace.")]


def traced(site, alice, start, log_in):
    """Trace a login and a session; the trace of the session's process, and the others."""
    client = getattr(site, start)(prefix=STRACE + ["-o", site.path("trace")])
    assert log_in(client, alice.name, alice.password) == LOGGED_IN
    client.cmd_ok("STAT")
    client.multi("RETR 1")
    client.quit()
    client.wait()
    traces = read_traces(site)
    mine = [t for t in traces if t.became(alice)]
    assert len(mine) == 1, "one process becomes the user"
    return mine[0], [t for t in traces if t is not mine[0]]


def entry_of(site, account):
    """What the user file holds of its password."""
    with open(site.users) as f:
        line = next(l for l in f if l.startswith(account.name + ":"))
    return line.split(":")[1].rsplit("$", 1)[1]


@pytest.mark.parametrize("start", ["inetd", "pipes"])
@pytest.mark.parametrize("log_in", [log_in_user, log_in_plain], ids=["USER", "PLAIN"])
def test_session_saw_neither_password_nor_users(site, maildir, alice, start, log_in):
    maildir.fill([message(1)])
    alice.password = SECRET
    site.write_users()
    said = SECRET if log_in is log_in_user else b64(plain_message(alice.name, SECRET))
    session, others = traced(site, alice, start, log_in)
    files = {"users", "auth-cache", "auth-cache.key"}
    # Others did see all of it, or the test looks at nothing.
    assert any(files <= t.opened for t in others)
    assert any(entry_of(site, alice) in t.read for t in others)
    assert any(SECRET in t.read for t in others) and any(said in t.read for t in others)
    assert session.opened.isdisjoint(files)
    for secret in (entry_of(site, alice), SECRET, said):
        assert secret not in session.read and secret not in session.text
    assert "STAT" in session.read, "what the client said then"


@pytest.mark.parametrize("log_in", [log_in_apop, log_in_cram_md5], ids=["APOP", "CRAM-MD5"])
def test_session_saw_no_shared_secret(site, maildir, alice, log_in):
    maildir.fill([message(1)])
    files = {"file": site.path("apop-secrets"), "key": site.path("apop-key")}
    site.set(auth__modules="apop", auth__mechanisms="APOP CRAM-MD5",
             auth__apop__file=files["file"], auth__apop__key=files["key"])
    subprocess.run([site.tree.pop3ctl, "-c", site.conf, "apop", "set", "-d", alice.home, "-u",
                    str(alice.uid), "-g", str(alice.gid), alice.name], check=True,
                   input=SECRET.encode())
    alice.password = SECRET
    session, others = traced(site, alice, "inetd", log_in)
    assert any({"apop-secrets", "apop-key"} <= t.opened for t in others)
    assert session.opened.isdisjoint({"apop-secrets", "apop-key"})
    assert not any(SECRET in t.text for t in [session] + others)


def test_listener_saw_nothing_either(site, maildir, alice):
    """It forks them all and lives on: whatever it read, every later process has."""
    maildir.fill([message(1)])
    alice.password = SECRET
    site.write_users()
    base = site.path("trace")
    listener = site.listener(prefix=STRACE + ["-o", base])
    client = listener.connect()
    client.login(alice)
    client.quit()
    process = wait_until(lambda: roles("listen", listener.pid), what="the listener")[0]
    process.kill(signal.SIGTERM)
    listener.process.wait(TIMEOUT)
    traces = read_traces(site)
    first = next(t for t in traces if "execve(" in t.text)
    assert any("users" in t.opened and SECRET in t.read for t in traces)
    assert first.opened.isdisjoint({"users", "auth-cache", "auth-cache.key"})
    assert len(first.opened) > 3, "what it was started with"
    assert SECRET not in first.text and entry_of(site, alice) not in first.text
