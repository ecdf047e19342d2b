"""Who each process is and what it holds, in each state, as /proc shows it."""

import grp
import os
import pwd
import re

import pytest

from harness import Proc, roles, wait_role, wait_until
from patience import patient
from stores import MaildirStore, message

pytestmark = pytest.mark.uninstrumented("a sanitizer needs files that roles give up")


@pytest.fixture
def front_user(system_users):
    return pwd.getpwnam("pop3d")


def is_user(proc, uid, gid, groups):
    assert proc.ids("Uid") == [uid] * 4
    assert proc.ids("Gid") == [gid] * 4
    assert set(proc.ids("Groups")) <= set(groups)


def has_no_capabilities(proc):
    status = proc.status()
    for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[key], 16) == 0, key


def is_sealed(proc):
    """No gain by exec, no core dump, not open to others of its uid."""
    assert proc.status()["NoNewPrivs"] == "1"
    # What belongs to a process that is not dumpable belongs to root in /proc.
    assert os.stat("/proc/%d/environ" % proc.pid).st_uid == 0
    with open("/proc/%d/limits" % proc.pid) as f:
        core = [l for l in f if l.startswith("Max core file size")]
    assert core and core[0].split()[4:6] == ["0", "0"]


def is_channel(proc, fd):
    """A socket that is not on the network: one end of a socketpair."""
    inode = re.fullmatch(r"socket:\[(\d+)\]", proc.fds()[fd])[1]
    with open("/proc/net/unix") as f:
        return any(line.split()[6] == inode for line in f.readlines()[1:])


def tcp_inodes(state=None):
    """Socket inodes of TCP sockets (state 0A: listening)."""
    found = set()
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(name) as f:
            for line in f.readlines()[1:]:
                field = line.split()
                if state in (None, field[3]):
                    found.add("socket:[%s]" % field[9])
    return found


def holds(proc, allowed):
    """Every descriptor is /dev/null, a channel, or one of these, "*" at the end a wildcard."""
    for fd, target in proc.fds().items():
        good = target == "/dev/null" or any(
            target.startswith(a[:-1]) if a.endswith("*") else target == a for a in allowed)
        if not good and target.startswith("socket:") and target not in tcp_inodes():
            good = is_channel(proc, fd)
        assert good, "descriptor %d of %s is %s" % (fd, proc.comm(), target)


def check_front(front, client_socket, tree, user):
    is_user(front, user.pw_uid, user.pw_gid, [user.pw_gid])
    has_no_capabilities(front)
    is_sealed(front)
    assert front.root() == tree.empty
    fds = front.fds()
    assert sorted(fds) == [0, 1, 2, 3, 4]
    assert fds[2] == "/dev/null"
    if client_socket is not None:
        assert fds[0] == fds[1] == "socket:[%d]" % client_socket
    assert is_channel(front, 3) and is_channel(front, 4)


def test_front_in_inetd_mode(site, tree, front_user, alice):
    client = site.inetd()
    front = wait_role("front")[0]
    check_front(front, client.server_socket, tree, front_user)
    client.cmd_ok("USER " + alice.name)
    check_front(front, client.server_socket, tree, front_user)


def test_front_on_pipes(site, tree, front_user):
    site.pipes()
    front = wait_role("front")[0]
    check_front(front, None, tree, front_user)
    assert all(front.fds()[n].startswith("pipe:") for n in (0, 1))


def test_front_of_a_listener(site, tree, front_user):
    listener = site.listener()
    listener.connect()
    front = wait_role("front")[0]
    check_front(front, None, tree, front_user)
    fds = front.fds()
    assert fds[0] == fds[1] and fds[0] in tcp_inodes("01")


def test_front_cannot_start_anything(site):
    """No new process, no more descriptors, bounded memory."""
    site.inetd()
    front = wait_role("front")[0]
    with open("/proc/%d/limits" % front.pid) as f:
        limits = {l[:26].strip(): l[26:].split() for l in f}
    assert limits["Max processes"][:2] == ["0", "0"]
    assert int(limits["Max open files"][1]) <= 8
    assert int(limits["Max address space"][1]) <= 256 << 20


@pytest.mark.parametrize("start", ["inetd", "listener"])
def test_monitor_before_login(site, start):
    client = site.inetd() if start == "inetd" else site.listener().connect()
    client.multi("CAPA")
    monitor = wait_role("monitor")[0]
    is_user(monitor, 0, 0, os.getgroups() + [0])
    fds = monitor.fds()
    assert not set(fds.values()) & tcp_inodes("0A"), "a listening socket"
    holds(monitor, [fds[0], site.log])


@pytest.mark.parametrize("start", ["inetd", "listener"])
def test_auth_process(site, tree, front_user, alice, start):
    """After it opened its modules: no root, no client stream, no way out."""
    site.use_modules("mod_hang")
    site.set(auth__timeout=3)
    client = site.inetd() if start == "inetd" else site.listener().connect()
    stream = wait_role("front")[0].fds()[0]
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS x\r\n")
    auth = wait_role("auth")[0]
    wait_until(lambda: auth.ids("Uid")[0] == front_user.pw_uid, what="auth to drop root")
    wait_until(lambda: auth.status()["NoNewPrivs"] == "1", what="auth to be sealed")
    is_user(auth, front_user.pw_uid, front_user.pw_gid, [front_user.pw_gid])
    has_no_capabilities(auth)
    is_sealed(auth)
    assert auth.root() == tree.empty
    assert stream not in auth.fds().values()
    assert not set(auth.fds().values()) & tcp_inodes()
    holds(auth, [site.log, site.path("run", "auth-cache"), site.path("run", "turns")])


def test_auth_process_of_a_module_that_needs_root(site, alice):
    """mod_puppet says AUTH_FLAG_ROOT; it still never sees the client."""
    site.use_modules("mod_hang", "mod_puppet")
    site.set(auth__timeout=3)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS x\r\n")
    auth = wait_role("auth")[0]
    client.quiet(0.2)
    is_user(auth, 0, 0, os.getgroups() + [0])
    assert not set(auth.fds().values()) & tcp_inodes()


@pytest.mark.parametrize("start", ["inetd", "listener", "pipes"])
def test_session(site, store, alice, start):
    store.fill([message(1), message(2)])
    client = site.listener().connect() if start == "listener" else getattr(site, start)()
    client.login(alice)
    session = wait_role("session")[0]
    for step in ("STAT", "RETR", "DELE"):
        if step == "RETR":
            client.multi("RETR 1")
        else:
            client.cmd_ok("STAT" if step == "STAT" else "DELE 2")
        is_user(session, alice.uid, alice.gid, [alice.gid])
        has_no_capabilities(session)
        is_sealed(session)
        fds = session.fds()
        assert not set(fds.values()) & tcp_inodes("0A"), "a listening socket"
        holds(session, [fds[0], fds[1], site.log, alice.home, alice.home + "/*"])
        assert site.users not in fds.values() and site.conf not in fds.values()
    # The roles of AUTHORIZATION are gone.
    wait_until(lambda: roles("front") == roles("auth") == [], what="front and auth to end")


def test_session_holds_no_channel(site, maildir, alice):
    """Nothing of the processes before is within its reach."""
    client = site.inetd()
    client.login(alice)
    session = wait_role("session")[0]
    for fd, target in session.fds().items():
        if target.startswith("socket:") and target != "socket:[%d]" % client.server_socket:
            raise AssertionError("descriptor %d is %s" % (fd, target))


def test_extra_group(site, maildir, alice):
    mail = grp.getgrnam("mail").gr_gid
    site.set(mail__extra_group="mail")
    client = site.inetd()
    client.login(alice)
    session = wait_role("session")[0]
    is_user(session, alice.uid, alice.gid, [alice.gid, mail])
    assert mail in session.ids("Groups")


def test_mail_uid_for_entries_without_one(site, maildir, alice, bob):
    line = site.user_line(alice).split(":")
    line[2] = line[3] = ""
    os.chmod(alice.home, 0o777)
    os.mkdir(site.path("m"))
    os.chown(site.path("m"), bob.uid, bob.gid)
    site.write_users([":".join(line)])
    site.set(mail__location="maildir:" + site.path("m") + "/%u")
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + alice.password).startswith(b"-ERR [SYS/PERM] ")
    client.close()
    site.set(mail__uid=bob.name, mail__gid=str(bob.gid))
    client = site.inetd()
    client.login(alice)
    is_user(wait_role("session")[0], bob.uid, bob.gid, [bob.gid])


def test_listener(site):
    listener = site.listener()
    proc = wait_role("listen")[0]
    assert proc.pid == listener.pid
    listening = set(proc.fds().values()) & tcp_inodes("0A")
    assert len(listening) == 1
    listener.connect().quit()
    wait_until(lambda: set(proc.fds().values()) & tcp_inodes("01") == set(),
               what="the listener to close the client's socket")
    holds(proc, [next(iter(listening)), site.log])


def test_without_root(site, vmail, tree):
    """One unprivileged user: everything runs as that uid, nothing is missing but root."""
    site.accounts = {"vmail": vmail}
    site.use_unprivileged(vmail)
    store = MaildirStore(vmail)
    store.fill([message(1), message(2)])
    listener = site.listener()
    client = listener.connect()
    front = wait_role("front")[0]
    for proc in (front, wait_role("monitor")[0], Proc(listener.pid)):
        is_user(proc, vmail.uid, vmail.gid, [vmail.gid])
        has_no_capabilities(proc)
    is_sealed(front)
    assert sorted(front.fds()) == [0, 1, 2, 3, 4]
    client.login(vmail)
    session = wait_role("session")[0]
    is_user(session, vmail.uid, vmail.gid, [vmail.gid])
    is_sealed(session)
    client.cmd_ok("DELE 1")
    client.quit()
    assert store.messages() == [message(2)]


def test_without_root_other_uids_are_refused(site, vmail, alice):
    site.use_unprivileged(vmail)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + alice.password).startswith(b"-ERR [SYS/PERM] ")


def test_without_root_modules_that_need_it_are_refused(site, vmail):
    site.use_unprivileged(vmail)
    site.use_modules("mod_puppet")
    process = site.spawn(site.argv("-t"))
    assert process.wait(patient(10)) == 78
