"""A burst of logins queues: only so many hashes are computed at once, whoever dies meanwhile."""

import fcntl
import os
import time

import pytest

from backends import pop3ctl
from harness import roles, wait_until
from patience import patient

USERS = 50
BUSY_KB = 24 << 10  # more than any process holds that computes no hash


def run_file(site, name="turns"):
    return os.path.join(site.settings["server.run_directory"], name)


@pytest.fixture
def crowd(site, maildir, alice):
    """Users with one password, whose hash costs what pop3ctl makes it cost."""
    site.write_users([])
    pop3ctl(site, "passwd", "add", "-u", alice.uid, "-g", alice.gid, "-d", alice.home,
            alice.name, text=alice.password)
    with open(site.users) as f:
        fields = f.read().rstrip("\n").split(":")
    lines = []
    for n in range(USERS):
        path = alice.path("Maildir-%d" % n)
        for part in ("", "cur", "new", "tmp"):
            os.mkdir(os.path.join(path, part))
            alice.own(os.path.join(path, part))
        lines.append(":".join(["user%d" % n, *fields[1:7],
                               "userdb_mail=maildir:" + path]))
    site.write_users(lines + [":".join(fields)])
    site.set(auth__max_attempts=10, limits__connections_per_address=100)
    return site


def burst(listener, password, users=USERS):
    """All of them say PASS before any has an answer; their clients."""
    clients = [listener.connect() for _ in range(users)]
    for n, client in enumerate(clients):
        client.timeout = patient(60)
        client.cmd_ok("USER user%d" % n)
    for client in clients:
        client.send(b"PASS " + password.encode() + b"\r\n")
    return clients


def test_holders_that_are_killed_give_their_turn_back(crowd, alice):
    crowd.set(limits__verifications=2, auth__timeout=60)
    listener = crowd.listener()
    clients = burst(listener, alice.password, 20)
    killed = 0
    for _ in range(3):
        for proc in roles("auth"):
            try:
                busy = proc.rss_kb() > BUSY_KB
            except (OSError, KeyError, ValueError):
                continue
            if busy:
                proc.kill()
                killed += 1
        time.sleep(0.02)
    replies = [client.reply() for client in clients]
    failed = [r for r in replies if not r.startswith(b"+OK")]
    assert all(r.startswith(b"-ERR [SYS/TEMP] ") for r in failed)
    assert killed >= 1 and len(failed) <= killed
    for client in clients:
        client.quit()
    # Both turns are there again.
    for client in burst(listener, alice.password, 4):
        client.ok()
        client.quit()


def test_who_waits_too_long_is_told_so(crowd, alice, bob):
    """Somebody else has all turns, for longer than the modules may take."""
    crowd.set(auth__timeout=2)
    client = crowd.inetd()
    client.login(alice)
    client.quit()
    with open(run_file(crowd), "r+b") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        client = crowd.inetd()
        client.cmd_ok("USER user1")
        begin = time.monotonic()
        assert client.cmd("PASS " + alice.password).startswith(b"-ERR [SYS/TEMP] ")
        assert 1.2 < time.monotonic() - begin < 2
        assert crowd.wait_log("login-failed", user="user1", reason="backend")
        # What is known already waits for nobody.
        cached = crowd.inetd()
        cached.login(alice)
        cached.quit()
    client.cmd_ok("USER user1")
    client.cmd_ok("PASS " + alice.password)
    client.quit()


def test_client_that_leaves_leaves_the_queue(crowd, alice):
    client = crowd.inetd()
    client.login(alice)
    client.quit()
    with open(run_file(crowd), "r+b") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        client = crowd.inetd()
        client.cmd_ok("USER user1")
        client.send(b"PASS " + alice.password.encode() + b"\r\n")
        wait_until(lambda: roles("auth"), what="an auth process")
        time.sleep(0.2)
        client.reset()
        wait_until(lambda: not roles("auth"), timeout=3, what="it to end")


def test_checkpassword_queues(site, maildir, alice):
    """A program that another module runs."""
    program = site.path("slow")
    with open(program, "w") as f:
        os.fchmod(f.fileno(), 0o755)
        f.write("#!/bin/sh\ncat <&3 >/dev/null\necho start >>%s\nsleep 0.2\necho end >>%s\nexit 1\n"
                % (site.path("order"), site.path("order")))
    site.set(auth__modules="checkpassword", auth__checkpassword__program=program,
             auth__checkpassword__reply=os.path.join(
                 os.path.dirname(site.tree.modules), "checkpassword-reply"), limits__verifications=1)
    listener = site.listener()
    clients = [listener.connect() for _ in range(5)]
    for client in clients:
        client.send(b"USER %s\r\nPASS x\r\n" % alice.name.encode())
    for client in clients:
        client.ok()
        assert client.reply().startswith(b"-ERR [AUTH] ")
        client.quit()
    with open(site.path("order")) as f:
        assert f.read() == "start\nend\n" * 5


def test_no_run_directory(crowd, alice):
    """Nobody queues, and mail is served."""
    crowd.set(server__run_directory="/proc/nowhere/run", auth__cache_ttl=0)
    for _ in range(2):
        client = crowd.inetd()
        client.login(alice)
        client.quit()
        client.wait()
    lines = crowd.log_lines()
    assert len([l for l in lines if "limits.verifications: no limit" in l]) == 2
    listener = crowd.listener()
    for _ in range(2):
        client = listener.connect()
        client.login(alice)
        client.quit()
    lines = crowd.log_lines()[len(lines):]
    assert len([l for l in lines if "run directory" in l]) == 1
