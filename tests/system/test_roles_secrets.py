"""What must not be where: passwords in memory, root in a user's files, needless libraries."""

import os
import re
import time

import pytest

from harness import Proc, roles, wait_role, wait_until
from patience import patient
from stores import message

pytestmark = pytest.mark.uninstrumented("a sanitizer keeps memory that was freed")

SECRET = "zebra-Quagga_42-okapi"


def memory_holds(proc, needle):
    """Whether the writable memory of a process holds these octets."""
    with open("/proc/%d/mem" % proc.pid, "rb", 0) as mem:
        for line in proc.maps().splitlines():
            field = line.split()
            if "w" not in field[1] or line.endswith("[vvar]"):
                continue
            start, end = (int(x, 16) for x in field[0].split("-"))
            mem.seek(start)
            try:
                data = mem.read(end - start)
            except OSError:
                continue
            if needle in data:
                return True
    return False


@pytest.mark.parametrize("start", ["inetd", "listener", "pipes"])
def test_password_stays_out_of_the_session(site, maildir, alice, start):
    """The process that serves the mail never had it."""
    alice.password = SECRET
    site.write_users()
    listener = site.listener() if start == "listener" else None
    client = listener.connect() if listener else getattr(site, start)()
    client.login(alice)
    client.cmd_ok("STAT")
    session = wait_role("session")[0]
    assert memory_holds(session, alice.name.encode())
    assert not memory_holds(session, SECRET.encode())
    if listener:
        assert not memory_holds(Proc(listener.pid), SECRET.encode())


@pytest.mark.parametrize("start", ["inetd", "pipes"])
def test_failed_password_is_wiped(site, maildir, alice, start):
    client = getattr(site, start)()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS " + SECRET)
    for role in ("front", "monitor"):
        assert not memory_holds(wait_role(role)[0], SECRET.encode()), role


def test_monitor_has_no_password_while_it_is_verified(site, alice):
    site.use_modules("mod_hang")
    site.set(auth__timeout=2)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS " + SECRET.encode() + b"\r\n")
    wait_role("auth")
    time.sleep(0.1)
    assert not memory_holds(wait_role("monitor")[0], SECRET.encode())
    assert memory_holds(wait_role("auth")[0], SECRET.encode()), "the test looks at nothing"
    assert client.reply().startswith(b"-ERR [SYS/TEMP] ")


def test_no_descriptor_leads_to_the_user_file(site, alice):
    site.use_modules("mod_hang", "passwd")
    site.set(auth__timeout=2)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS x\r\n")
    wait_role("auth")
    for role in ("front", "monitor"):
        assert site.users not in wait_role(role)[0].fds().values()
    client.err()


def test_root_opens_nothing_of_the_user(site, store, alice):
    """Before the ids change, no system call names a path below the home directory."""
    store.fill([message(1)])
    trace = site.path("trace")
    client = site.inetd(prefix=["strace", "-f", "-qq", "-o", trace, "-e",
                                "trace=%file,%creds"])
    client.login(alice)
    client.multi("RETR 1")
    client.cmd_ok("DELE 1")
    client.quit()
    client.wait()
    became, below = set(), 0
    with open(trace, encoding="latin-1") as f:
        for line in f:
            pid = line.split()[0]
            if "setresuid(%d, %d, %d)" % (alice.uid, alice.uid, alice.uid) in line:
                became.add(pid)
            elif alice.home in line or "Maildir" in line or '"mbox' in line:
                assert pid in became, line
                below += 1
    assert len(became) == 1 and below > 0


def libraries(proc):
    return {re.sub(r"[-.].*", "", os.path.basename(line.split()[5]))
            for line in proc.maps().splitlines() if ".so" in line}


def test_only_libc_before_it_is_needed(site):
    """From exec to the greeting nothing else is loaded."""
    site.inetd()
    for role in ("monitor", "front"):
        assert libraries(wait_role(role)[0]) <= {"libc", "ld"}


def private_kb(proc):
    text = open("/proc/%d/smaps_rollup" % proc.pid).read()
    return sum(int(n) for n in re.findall(r"Private_\w+:\s+(\d+)", text))


def test_idle_connection_is_small(site, store, alice):
    """Well under a megabyte of memory of its own."""
    store.fill([message(n) for n in range(100)])
    listener = site.listener()
    waiting = listener.connect()
    assert private_kb(wait_role("front")[0]) < 1024
    waiting.quit()
    client = listener.connect()
    client.login(alice)
    client.multi("LIST")
    client.multi("UIDL")
    assert private_kb(wait_role("session")[0]) < 1024


def cpu_ticks(proc):
    field = proc._read("stat").rsplit(b")", 1)[1].split()
    return int(field[11]) + int(field[12])


@pytest.mark.parametrize("transport", ["inetd", "pipes"])
def test_waiting_costs_no_cpu(site, maildir, alice, transport):
    """Not with part of a line in the socket, not with a client that went half away."""
    client = getattr(site, transport)()
    client.send(b"USE")
    front, monitor = wait_role("front")[0], wait_role("monitor")[0]
    before = cpu_ticks(front) + cpu_ticks(monitor)
    time.sleep(0.8)
    assert cpu_ticks(front) + cpu_ticks(monitor) - before <= 3
    client.send(b"R " + alice.name.encode() + b"\r\nPASS " + alice.password.encode() + b"\r\nST")
    client.ok()
    client.ok()
    session = wait_role("session")[0]
    before = cpu_ticks(session)
    time.sleep(0.8)
    assert cpu_ticks(session) - before <= 3


def test_front_that_floods_is_ended(site):
    """A client that asks and asks and never reads: over with the login deadline."""
    site.set(limits__login_seconds=1, limits__output_seconds=60)
    client = site.inetd()
    start = time.monotonic()
    client.timeout = patient(1)
    try:
        for _ in range(400):
            client.send(b"CAPA\r\n" * 2000)
    except (AssertionError, BrokenPipeError, ConnectionResetError):
        pass
    client.wait(patient(8))
    assert time.monotonic() - start < 8
    assert roles("front") == []
    wait_until(lambda: site.log_lines("disconnect"), what="the log line")


@pytest.mark.parametrize("state", ["greeting", "transaction", "retr"])
def test_reader_of_a_pipe_goes_away(site, store, alice, state):
    """No SIGPIPE: an orderly end with a log line."""
    store.fill([message(1, b"x" * 70 + b"\n" * 100000)])
    client = site.pipes()
    if state != "greeting":
        client.login(alice)
    os.close(client.rfd)
    client.send(b"CAPA\r\n" if state == "greeting" else b"RETR 1\r\n" * 3)
    if state == "retr":
        time.sleep(0.1)
    client.rfd = client.wfd
    assert client.wait() in (0, 1)
    site.wait_log("disconnect" if state == "greeting" else "session-end")
