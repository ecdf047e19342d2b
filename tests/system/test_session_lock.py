"""The lock that keeps POP3 sessions apart: on one host, and of hosts that share files."""

import os
import signal
import time

import pytest

from harness import roles, wait_role, wait_until
from lock_files import LEASE, LockFile, other_host
from stores import message

RAWS = [message(1), message(2), message(3)]
LOST = b"-ERR Another session has taken over the maildrop"


@pytest.fixture
def lock(site, store):
    """The lock file of a maildrop that no session has used; the smallest lease."""
    site.set(limits__lock_seconds=1, limits__lock_lease_seconds=LEASE)
    store.fill(RAWS)
    return LockFile(store)


def logged(site, text):
    return [line for line in site.log_lines() if text in line]


def refused(site, account):
    """A login is told that another session lives; how long that took."""
    client = site.inetd()
    client.cmd_ok("USER " + account.name)
    start = time.monotonic()
    reply = client.cmd("PASS " + account.password)
    assert reply.startswith(b"-ERR [IN-USE] "), reply
    client.close()
    client.wait()
    return time.monotonic() - start


def admitted(site, account, within=1.0):
    """A login works at once, and the session as well."""
    client = site.inetd()
    client.cmd_ok("USER " + account.name)
    start = time.monotonic()
    client.cmd_ok("PASS " + account.password)
    assert time.monotonic() - start < within
    assert client.cmd("STAT").startswith(b"+OK 3 ")
    client.quit()


def refused_on(site, lock, host, account):
    """The same on another host, to which the kernel's lock is granted."""
    client = site.inetd(prefix=other_host(site, lock, host))
    client.cmd_ok("USER " + account.name)
    assert client.cmd("PASS " + account.password).startswith(b"-ERR [IN-USE] ")
    client.eof()
    client.wait()
    with open(site.path(host + "-trace")) as f:
        assert "F_OFD_SETLK" in f.read()


def untouched(site, store, account):
    assert store.wires() == [store.expected(r) for r in RAWS]
    assert not os.path.exists(LockFile(store).probe)
    admitted(site, account)


def test_one_host(site, lock, alice):
    client = site.inetd()
    client.login(alice)
    first = lock.fields()
    assert first["state"] == "held" and first["lease"] == str(LEASE)
    assert first["pid"] == str(wait_role("session")[0].pid)
    assert first["host"] == os.uname().nodename
    with open("/proc/sys/kernel/random/boot_id") as f:
        assert first["boot"] == f.read().strip()
    with open("/etc/machine-id") as f:
        assert first["machine"] != f.read().strip() and len(first["machine"]) == 32
    # The file's age does not matter to the kernel's lock.
    lock.age(1000)
    assert 0.8 < refused(site, alice) < 5
    # Whoever never looks at the mbox leaves it to the next one to clean up there.
    client.cmd_ok("STAT")
    client.quit()
    last = lock.fields()
    assert last["state"] == "free" and last["generation"] == first["generation"]
    admitted(site, alice)
    assert lock.fields()["generation"] != first["generation"]


def test_listener_gives_each_session_its_own_name(site, lock, alice):
    """What does not change is read once for all of them, and when each began is not."""
    listener, seen = site.listener(), []
    for _ in range(2):
        client = listener.connect()
        client.login(alice)
        session, = wait_role("session")
        with open("/proc/%d/stat" % session.pid) as f:
            began = f.read().rpartition(")")[2].split()[19]
        holder = lock.fields()
        assert (holder["pid"], holder["start"]) == (str(session.pid), began)
        with open("/proc/sys/kernel/random/boot_id") as f:
            assert holder["boot"] == f.read().strip()
        seen.append((holder["pid"], holder["start"]))
        client.quit()
        wait_until(lambda: not roles("session"), what="the session to end")
        time.sleep(0.05)
    assert seen[0][1] != seen[1][1]


def test_killed_holder(site, store, lock, alice):
    """kill -9: nothing waits, though nobody has marked the lock free."""
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    wait_role("session")[0].kill()
    wait_until(lambda: not roles("session"), what="the session to end")
    assert lock.fields()["state"] == "held"
    untouched(site, store, alice)


def test_holder_of_another_host(site, store, lock, alice):
    lock.write_holder(age=0)
    text = lock.read()
    assert 0.8 < refused(site, alice) < 5
    assert lock.read() == text
    assert logged(site, "of host elsewhere, process 1: its lease has not run out")
    lock.age(LEASE + 1)
    untouched(site, store, alice)


def test_free_texts_of_another_host(site, store, lock, alice):
    lock.write_holder(state="free")
    untouched(site, store, alice)
    lock.write_holder(state="left")
    untouched(site, store, alice)


def test_this_machine_before_it_was_started_again(site, store, lock, alice):
    admitted(site, alice)
    mine = lock.fields()
    lock.write_holder(host=mine["host"], machine=mine["machine"])
    untouched(site, store, alice)


def test_container_of_this_kernel(site, store, lock, alice):
    """It shares the locks, so it is dead."""
    admitted(site, alice)
    lock.write_holder(boot=lock.fields()["boot"])
    untouched(site, store, alice)


@pytest.mark.parametrize("text", [b"x", b"\0" * 384, b"pop3d-lock 2 held\n", b"\n" * 5000,
                                  b"host=h boot=b pid=1 start=2\n"])
def test_garbage(site, store, lock, alice, text):
    """Nobody can say whose it is; but nobody is locked out for longer than a lease."""
    lock.write(text)
    refused(site, alice)
    lock.age(LEASE + 1)
    untouched(site, store, alice)
    assert lock.fields()["state"] == "free"


def test_holder_is_taken_over_while_idle(site, store, lock, alice):
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    lock.write_holder()
    text = lock.read()
    client.timeout = LEASE
    client.eof()
    client.wait()
    assert site.log_lines("session-end", reason="lock-lost", dele="0/0")
    assert logged(site, "is lost: taken over by a session of host elsewhere, process 1")
    assert lock.read() == text
    lock.age(LEASE + 1)
    untouched(site, store, alice)


@pytest.mark.parametrize("how", ["taken over", "removed", "another file"])
def test_lock_is_lost_before_quit(site, store, lock, alice, how):
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.cmd_ok("DELE 3")
    if how == "removed":
        os.unlink(lock.path)
    elif how == "another file":
        os.rename(lock.path, lock.path + ".old")
        lock.write(b"")
    else:
        lock.write_holder()
    assert client.cmd("QUIT") == LOST
    client.eof()
    client.wait()
    assert site.log_lines("session-end", reason="lock-lost", dele="0/0")
    if how == "taken over":
        lock.age(LEASE + 1)
    untouched(site, store, alice)


def test_busy_client_of_a_lost_lock(site, store, lock, alice):
    """A client that is never silent: a command is refused, or the wait for it ends."""
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 2")
    lock.write_holder()
    replies, end = b"", time.monotonic() + LEASE
    while LOST not in replies and time.monotonic() < end:
        time.sleep(0.1)
        try:
            client.send(b"NOOP\r\n")
        except (BrokenPipeError, ConnectionResetError):
            break
        if not client.fill():
            break
        replies, client.buffer = client.buffer, b""
    assert time.monotonic() < end
    client.wait()
    assert site.log_lines("session-end", reason="lock-lost", dele="0/0")
    lock.age(LEASE + 1)
    untouched(site, store, alice)


def test_slow_typist_keeps_the_lease(site, lock, alice):
    """Octets that trickle in are no reason to forget it."""
    client = site.inetd()
    client.login(alice)
    lock.age(LEASE - 1)
    old = os.stat(lock.path).st_mtime
    end = time.monotonic() + LEASE
    while os.stat(lock.path).st_mtime == old and time.monotonic() < end:
        client.send(b"N")
        time.sleep(0.5)
    assert os.stat(lock.path).st_mtime > old + LEASE / 2


def test_holder_that_was_stopped(site, store, lock, alice):
    """It comes back to a maildrop that another host has used meanwhile."""
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    session = wait_role("session")[0]
    os.kill(session.pid, signal.SIGSTOP)
    lock.write_holder()
    client.send(b"QUIT\r\n")
    os.kill(session.pid, signal.SIGCONT)
    assert client.reply() == LOST
    client.eof()
    client.wait()
    lock.write_holder(state="free")
    untouched(site, store, alice)


def test_directory_that_cannot_be_written(site, maildir, alice):
    """Without a file to ask the server's clock by, the lock file itself will do."""
    site.set(limits__lock_seconds=1, limits__lock_lease_seconds=LEASE)
    maildir.fill(RAWS)
    lock = LockFile(maildir)
    lock.write_holder()
    os.chmod(maildir.path, 0o500)
    refused(site, alice)
    lock.age(LEASE + 1)
    admitted(site, alice)


def test_delivery_does_not_look_at_it(site, store, lock, alice):
    """Mail arrives while another host's session holds the lock."""
    lock.write_holder()
    store.put(message(4))
    lock.age(LEASE + 1)
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 4 ")
    store.put(message(5))
    client.cmd_ok("DELE 1")
    client.quit()
    assert len(store.messages()) == 4


def test_two_hosts(site, store, lock, alice):
    """Two hosts, one maildrop, and locks that each host has for itself."""
    first = site.inetd(prefix=other_host(site, lock, "hosta"))
    first.login(alice)
    first.cmd_ok("DELE 1")
    assert lock.fields()["host"] == "hosta"
    refused_on(site, lock, "hostb", alice)
    # Though it is idle it keeps the lease.
    lock.age(LEASE - 1)
    old = os.stat(lock.path).st_mtime
    wait_until(lambda: os.stat(lock.path).st_mtime > old, timeout=LEASE, what="the lease kept")
    assert lock.fields()["host"] == "hosta"
    # Killed, it is not dead for the other host before the lease is out.
    wait_role("session")[0].kill()
    first.close()
    first.wait()
    refused_on(site, lock, "hostb", alice)
    lock.age(LEASE + 1)
    second = site.inetd(prefix=other_host(site, lock, "hostb"))
    second.login(alice)
    assert lock.fields()["host"] == "hostb"
    second.cmd_ok("DELE 2")
    second.quit()
    second.wait()
    assert store.wires() == [store.expected(r) for r in (RAWS[0], RAWS[2])]


def test_own_host_after_a_kill(site, store, lock, alice):
    """There nobody waits for the lease."""
    first = site.inetd(prefix=other_host(site, lock, "hosta"))
    first.login(alice)
    wait_role("session")[0].kill()
    first.close()
    first.wait()
    first = site.inetd(prefix=other_host(site, lock, "hosta"))
    first.login(alice)
    first.cmd_ok("STAT")
    first.quit()
    first.wait()
    last = lock.fields()
    assert last["state"] == "free" and last["host"] == "hosta"
    untouched(site, store, alice)


def test_holder_that_slept_too_long(site, store, lock, alice):
    """Of two that believe that they have the lock, one removes something."""
    first = site.inetd(prefix=other_host(site, lock, "hosta"))
    first.login(alice)
    first.cmd_ok("DELE 1")
    session = wait_role("session")[0]
    os.kill(session.pid, signal.SIGSTOP)
    lock.age(LEASE + 1)
    second = site.inetd(prefix=other_host(site, lock, "hostb"))
    second.login(alice)
    second.cmd_ok("DELE 2")
    os.kill(session.pid, signal.SIGCONT)
    assert first.cmd("QUIT") == LOST
    first.eof()
    first.wait()
    second.cmd_ok("DELE 3")
    second.quit()
    second.wait()
    assert store.wires() == [store.expected(RAWS[0])]
    assert site.log_lines("session-end", reason="lock-lost")


@pytest.mark.parametrize("call", ["renameat", "fsync"])
def test_holder_that_slept_while_it_rewrote(site, mbox, alice, call):
    """It is stopped behind step 1 or 3 of mbox_journal.h, and another host does the rest.

    What is delivered then stands where the first one would have written, or cut.
    """
    site.set(limits__lock_seconds=1, limits__lock_lease_seconds=LEASE,
             mail__mbox_locks="dotlock")
    mbox.fill(RAWS)
    lock, trace, journal = LockFile(mbox), site.path("stop-trace"), ".mbox.pop3d-journal"
    first = site.inetd(prefix=["strace", "-f", "-qq", "-o", trace, "-P", journal, "-P",
                               alice.path(journal), "-e", "trace=" + call,
                               "-e", "inject=%s:signal=STOP:when=1" % call])
    first.login(alice)
    first.cmd_ok("DELE 1")
    session = wait_role("session")[0]
    first.send(b"QUIT\r\n")

    def is_stopped():
        with open(trace) as f:
            return "stopped by SIGSTOP" in f.read()

    wait_until(is_stopped, what="the session stopped")
    assert os.path.exists(alice.path(journal))
    lock.age(LEASE + 1)
    then = time.time() - 4000
    os.utime(mbox.path + ".lock", (then, then))
    second = site.inetd(prefix=other_host(site, lock, "hostb"))
    second.login(alice)
    assert second.cmd("STAT").startswith(b"+OK 2 ")
    second.quit()
    second.wait()
    assert not os.path.exists(alice.path(journal))
    new = message(4, b"Precious.\n" * 100)
    mbox.put(new)
    os.kill(session.pid, signal.SIGCONT)
    assert first.reply() == LOST
    first.eof()
    first.wait()
    assert mbox.messages() == [RAWS[1], RAWS[2], new]
    assert logged(site, "is lost: taken over by a session of host hostb")
