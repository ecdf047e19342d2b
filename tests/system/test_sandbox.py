"""What each role can still do when its fences stand: nothing of what a thief would try.

The programs here are the installed ones but for one thing: behind its last fence a role
makes one attempt that a file beside the program names, and writes down what came of it.
"""

import errno
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

import pytest

import proxy_headers as proxy
from harness import ROOT, wait_until
from patience import patient
from stores import MaildirStore, MboxStore, message

pytestmark = pytest.mark.uninstrumented("a sanitizer needs what the filters bar")

PROBES = os.path.join(ROOT, "tests", "probe")
WITHOUT = os.path.join(PROBES, "without")
LAYOUT = "16s32s256s64s"
COMM = {"proxy": "pop3d-proxy", "front": "pop3d-front", "relay": "pop3d-tls",
        "key": "pop3d-key",
        "maildir": "pop3d-session", "mbox": "pop3d-session"}
CRASHES = {"proxy": "proxy", "front": "front", "relay": "tls"}
# A filter that kills: whatever it does not know, it dies of.
KILLED = ("proxy", "front", "relay", "key")
SESSIONS = ("maildir", "mbox")
ATTEMPTS = ("open_passwd", "open_machine", "open_mail", "open_memory", "create", "exec",
            "socket", "connect_tcp", "connect_unix", "fork", "kill_parent", "kill_all", "kill",
            "ptrace", "vm_readv", "mmap_exec", "mprotect_exec", "setuid", "unshare",
            "setown", "setsockopt", "ioctl")
OPENED = ("open_passwd", "open_machine", "open_mail")


class Prober:
    """A site whose programs probe themselves, and what they are let loose on."""

    def __init__(self, site, alice, bob):
        self.site, self.alice = site, alice
        self.directory = tempfile.mkdtemp(dir=site.directory)
        os.chmod(self.directory, 0o755)
        for name in ("pop3d", "pop3d-tls"):
            shutil.copy(os.path.join(PROBES, name), self.path(name))
        site.tree.pop3d, self.installed = self.path("pop3d"), site.tree.pop3d
        site.set(tls__program=self.path("pop3d-tls"), auth__plaintext_login="always")
        MaildirStore(bob).fill([message(1)])
        self.mail = self.other_mail(bob)
        self.target = site.spawn(["sleep", "60"], user=alice.uid, group=alice.gid)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(self.path("socket"))
        os.chmod(self.path("socket"), 0o777)
        self.unix.listen()
        self.open_place = tempfile.mkdtemp(dir=site.directory)
        os.chmod(self.open_place, 0o777)

    def close(self):
        self.site.tree.pop3d = self.installed
        self.target.kill()
        self.target.wait()
        self.tcp.close()
        self.unix.close()

    def path(self, name):
        return os.path.join(self.directory, name)

    @staticmethod
    def other_mail(bob):
        """A message of another user whose permissions protect nothing."""
        for parent, _, names in os.walk(bob.home):
            os.chmod(parent, 0o755)
            for name in names:
                os.chmod(os.path.join(parent, name), 0o644)
                found = os.path.join(parent, name)
        return found

    def made(self):
        return os.path.join(self.open_place, "made")

    def argument(self, attempt):
        return {"open_passwd": "/etc/passwd", "open_machine": "/etc/machine-id",
                "open_mail": self.mail, "create": self.made(),
                "exec": self.made(), "connect_tcp": str(self.tcp.getsockname()[1]),
                "connect_unix": self.path("socket"), "kill": str(self.target.pid),
                "ptrace": str(self.target.pid)}.get(attempt, "")

    def arm(self, role, attempt):
        word = "open" if attempt in OPENED else attempt
        data = struct.pack(LAYOUT, role.encode(), word.encode(),
                           self.argument(attempt).encode(), b"")
        for name in ("pop3d", "pop3d-tls"):
            with open(self.path(name) + ".probe", "wb") as f:
                f.write(data)

    def results(self):
        """What was written down, by whichever program it was."""
        found = []
        for name in ("pop3d", "pop3d-tls"):
            with open(self.path(name) + ".probe", "rb") as f:
                found.append(struct.unpack(LAYOUT, f.read())[3].split(b"\0")[0].decode())
        return [r for r in found if r]

    def control(self, attempt):
        self.arm("control", attempt)
        with socket.create_connection(self.tcp.getsockname()) as stream:
            subprocess.run([self.path("pop3d")], stdin=stream, timeout=patient(10), check=False)
        return os.path.exists(self.made()) or self.results() == ["succeeded"]

    def result(self, role, attempt, certificates, prefix=()):
        """Bring a role behind its fences; what came of its attempt."""
        self.arm(COMM[role], attempt)
        if role == "proxy":
            self.site.set(server__proxy="any")
        if role in ("relay", "key"):
            self.site.use_tls(certificates.server("pop.example.org"))
        client = self.site.inetd(greeting=False, prefix=prefix)
        if role == "proxy":
            client.send(proxy.v1())
        elif role in ("relay", "key"):
            client.ok()
            client.send(b"STLS\r\n")
            client.ok()
            client.send(b"not TLS\r\n")
        elif role in SESSIONS:
            client.ok()
            self.log_in(client)
        wait_until(lambda: self.results() not in ([], ["tried"]) or self.crashes(role),
                   what="%s of %s" % (attempt, role))
        return client, (self.results() or ["nothing"])[0]

    def log_in(self, client):
        client.send(b"USER %s\r\nPASS %s\r\n" % (self.alice.name.encode(),
                                                 self.alice.password.encode()))
        client.ok()
        client.ok()

    def crashes(self, role):
        if role == "key":
            return self.site.log_lines("disconnect", reason="tls")
        return self.site.log_lines("crash", role=CRASHES.get(role, "session"))


def was_killed(site, role):
    """By its filter.  Nobody waits for the key process of one connection: it is missed."""
    if role == "key":
        line, = site.wait_log("disconnect", reason="tls")
        return "the key process does not answer" in line
    return site.wait_log("crash", role=CRASHES[role], signal=int(signal.SIGSYS))


@pytest.fixture
def prober(site, alice, bob):
    made = Prober(site, alice, bob)
    yield made
    made.close()


def fill(site, account, role):
    store = (MboxStore if role == "mbox" else MaildirStore)(account)
    store.fill([message(1), message(2)])
    site.set(mail__location=store.location)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_it_works_where_there_is_no_fence(prober, attempt):
    assert prober.control(attempt)


def expected(attempt):
    """Landlock bars paths; all else is a call that does not exist for a session."""
    barred = attempt in (*OPENED, "open_memory", "create")
    return "failed %d" % (errno.EACCES if barred else errno.ENOSYS)


def is_served(site, client):
    client.cmd_ok("DELE 1")
    client.quit()
    assert client.wait() == 0
    assert site.wait_log("session-end", reason="quit", left=1)


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("role", COMM)
def test_no_way_out(prober, certificates, site, alice, role, attempt):
    fill(site, alice, role)
    client, result = prober.result(role, attempt, certificates)
    assert not os.path.exists(prober.made())
    if role in KILLED:
        assert result == "tried" and was_killed(site, role)
        return
    assert result == expected(attempt)
    # And the session was none the worse for it.
    is_served(site, client)


@pytest.mark.parametrize("role", COMM)
def test_numbers_of_another_architecture(prober, certificates, site, alice, role):
    """No control: few kernels still take these calls at all."""
    fill(site, alice, role)
    _, result = prober.result(role, "x32", certificates)
    if role in KILLED:
        assert result == "tried" and was_killed(site, role)
    else:
        assert result == expected("x32")


@pytest.mark.parametrize("attempt", ("open_passwd", "open_mail", "create", "exec", "fork",
                                     "connect_tcp", "kill", "ptrace"))
@pytest.mark.parametrize("role", ("front",) + SESSIONS)
def test_landlock_and_limits_hold_without_filters(prober, certificates, site, alice, role,
                                                  attempt):
    fill(site, alice, role)
    client, result = prober.result(role, attempt, certificates, [WITHOUT, "seccomp"])
    assert not os.path.exists(prober.made())
    assert result.startswith("failed "), result
    if role == "front":
        client.ok()
        prober.log_in(client)
    is_served(site, client)


@pytest.mark.parametrize("attempt", [a for a in ATTEMPTS if a not in (
    *OPENED, "create")])
@pytest.mark.parametrize("role", ("front", "maildir"))
def test_filters_hold_without_landlock(prober, certificates, site, alice, role, attempt):
    fill(site, alice, role)
    client, result = prober.result(role, attempt, certificates, [WITHOUT, "landlock"])
    if role == "front":
        assert result == "tried"
        assert site.wait_log("crash", role="front", signal=int(signal.SIGSYS))
        return
    assert result.startswith("failed "), result
    is_served(site, client)


LACKS = {"seccomp": "seccomp filters", "landlock": "Landlock of level 2"}


def warnings(site):
    return [l for l in site.log_lines("warning") if "server.sandbox" in l]


@pytest.mark.parametrize("what", LACKS)
def test_one_warning_of_a_listener(site, alice, what):
    fill(site, alice, "maildir")
    listener = site.listener(prefix=[WITHOUT, what])
    for _ in range(3):
        client = listener.connect()
        client.login(alice)
        client.quit()
    assert len(warnings(site)) == 1 and LACKS[what] in warnings(site)[0]


@pytest.mark.parametrize("what", LACKS)
def test_required_serves_nobody_without(site, what):
    site.set(server__sandbox="required")
    client = site.inetd(prefix=[WITHOUT, what], greeting=False)
    assert client.reply().startswith(b"-ERR [SYS/PERM]")
    assert client.wait() == 78
    done = subprocess.run([WITHOUT, what] + site.argv("-l", "127.0.0.1:1"), timeout=patient(10),
                          capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "server.sandbox: required, but this kernel lacks " + LACKS[what] in done.stderr


def test_required_serves_where_all_is_there(site, alice):
    site.set(server__sandbox="required")
    fill(site, alice, "maildir")
    client = site.inetd()
    client.login(alice)
    is_served(site, client)
    assert warnings(site) == []


@pytest.mark.parametrize("what", LACKS)
def test_the_check_tells_what_there_is(site, what):
    for prefix, has, code in (([], True, 0), ([WITHOUT, what], False, 0)):
        done = subprocess.run(prefix + site.argv("-t"), capture_output=True, text=True,
                              timeout=10, check=False)
        assert done.returncode == code
        assert (LACKS[what] in done.stderr) != has
        filters = "yes" if has or what != "seccomp" else "no"
        assert "# This kernel has: seccomp filters %s, Landlock level " % filters in done.stdout
        assert ("Landlock level 0" in done.stdout) == (not has and what == "landlock")


@pytest.mark.parametrize("kind", SESSIONS)
def test_without_root(site, vmail, kind):
    store = (MboxStore if kind == "mbox" else MaildirStore)(vmail)
    store.fill([message(1), message(2)])
    site.use_unprivileged(vmail)
    site.write_users([site.user_line(vmail)])
    site.set(mail__location=store.location, auth__min_uid="100", auth__min_gid="100")
    client = site.inetd()
    client.login(vmail)
    assert client.cmd("STAT").split()[1] == b"2"
    is_served(site, client)


def test_threads_that_read_ahead(site, alice):
    """A store that is slow to open files is read by several threads, filter or not."""
    MaildirStore(alice).fill([message(n) for n in range(1, 200)])
    client = site.inetd()
    client.login(alice)
    tracer = site.strace(client.process.pid, "-e", "trace=openat,clone,clone3",
                         "-e", "inject=openat:delay_enter=2000")
    assert client.cmd("STAT").split()[1] == b"199"
    client.quit()
    assert client.wait() == 0
    tracer.wait(patient(10))
    with open(site.path("strace")) as f:
        lines = f.read().splitlines()
    assert any("clone3(" in l and "ENOSYS" in l for l in lines)
    assert sum("clone(" in l and "CLONE_THREAD" in l and "= -1" not in l
               for l in lines) >= 7


def test_what_is_missing_yet_may_come(site, alice):
    """A maildrop that is not there at the login is empty, as ever."""
    for location in ("maildir:~/Maildir", "mbox:~/mbox"):
        site.set(mail__location=location)
        client = site.inetd()
        client.login(alice)
        assert client.cmd("STAT").split()[1:] == [b"0", b"0"]
        client.quit()
        assert client.wait() == 0


def test_a_folder_and_its_quota_above(site, alice):
    """The file maildirsize of a folder of a Maildir++ stands in the Maildir above."""
    top = MaildirStore(alice)
    top.fill([])
    folder = os.path.join(alice.home, "Maildir", ".folder")
    for part in ("", "new", "cur", "tmp"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    quota = os.path.join(alice.home, "Maildir", "maildirsize")
    for path, text in ((os.path.join(folder, "maildirfolder"), ""),
                       (os.path.join(folder, "new", "1.a.host"), "Subject: x\n\nx\n"),
                       (quota, "1000S\n14 1\n")):
        with open(path, "w") as f:
            f.write(text)
    alice.own(os.path.join(alice.home, "Maildir"))
    for parent, directories, names in os.walk(alice.home):
        for name in directories + names:
            os.chown(os.path.join(parent, name), alice.uid, alice.gid)
    site.set(mail__location="maildir:~/Maildir/.folder")
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.quit()
    assert client.wait() == 0
    with open(quota) as f:
        assert f.read().splitlines()[-1].split() == ["-14", "-1"]


@pytest.mark.parametrize("kind", SESSIONS)
def test_through_symbolic_links(site, alice, kind):
    """Links on the way to a maildrop lead there as ever."""
    (MboxStore if kind == "mbox" else MaildirStore)(alice).fill([message(1), message(2)])
    real = os.path.join(alice.home, "Maildir" if kind == "maildir" else "mbox")
    way = site.path("way")
    os.symlink(alice.home, way)
    site.set(mail__location="%s:%s/%s" % (kind, way, os.path.basename(real)))
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").split()[1] == b"2"
    is_served(site, client)
