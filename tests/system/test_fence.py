"""The fence of the systemd units: how high systemd finds it, and that pop3d works inside."""

import os
import shutil
import subprocess
import sys

import pytest

import tls_client
from harness import Proc, free_port, role_of, wait_until
from mechanisms import log_in_plain
from pam_services import PASSWORD, PamServices
from stores import MaildirStore, MboxStore, message
from supervisors import SAMPLES, SuperServer, running, sample, unit_command

pytestmark = pytest.mark.uninstrumented("a sanitizer needs what the fence bars")

UNITS = ["pop3d.service", "pop3d@.service"]
FENCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fence.py")


@pytest.mark.parametrize("unit", UNITS)
def test_exposure_below_two(site, unit):
    path = site.path(unit)
    with open(path, "w") as f:
        f.write(sample(unit))
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                           "--threshold=19", path], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_both_units_have_the_same_fence():
    first, second = (sample(unit).split("# A fence", 1)[1] for unit in UNITS)
    assert first == second


def fenced(site, unit):
    port = free_port()
    options = ["--accept", "--inetd"] if unit == "pop3d@.service" else []
    return SuperServer(site, [
        shutil.which("systemd-socket-activate"), "--listen=127.0.0.1:%d" % port, *options,
        sys.executable, "-B", FENCE, os.path.join(SAMPLES, unit), *unit_command(site, unit)],
        port)


def confined(server):
    """The processes of pop3d below, or in place of, the super-server."""
    found = [Proc(server.process.pid), *server.children()]
    return [p for p in found if (role_of(p) or "").startswith("pop3d-")]


def check_fence(server):
    found = confined(server)
    assert found
    for proc in found:
        status = proc.status()
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
        assert int(status["CapBnd"], 16) == 1 << 5 | 1 << 6 | 1 << 7 | 1 << 18
        for space in ("net", "mnt"):
            ours = os.readlink("/proc/self/ns/" + space)
            assert os.readlink("/proc/%d/ns/%s" % (proc.pid, space)) != ours


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("tls", [False, True])
def test_session_inside(site, store, alice, certificates, unit, tls):
    """Login, reading, deleting, the lock that names the boot, with the key only root's."""
    expected = store.fill([message(1), message(2)])
    if tls:
        site.use_tls(certificates.server())
    with running(site, lambda s: fenced(s, unit)) as server:
        client = server.connect()
        check_fence(server)
        if tls:
            client = tls_client.stls(site, client, tls_client.context())
        client.login(alice)
        check_fence(server)
        assert client.multi("RETR 2") == expected[1]
        client.cmd_ok("DELE 1")
        client.cmd_ok("QUIT")
        client.close()
        wait_until(lambda: site.log_lines("session-end", reason="quit"), what="the end")
        assert store.wires() == expected[1:]
        assert site.log_lines("crash") == site.log_lines("error") == []
        assert site.log_lines("warning") == []


@pytest.mark.parametrize("unit", UNITS)
def test_pam_inside(site, alice, unit):
    """pam_unix reads the shadow passwords, in the process that is still root."""
    pam = PamServices(site.directory)
    try:
        store = MaildirStore(alice)
        site.use_modules("pam")
        pam.set_password(alice)
        site.set(auth__pam__service=pam.unix(), mail__location="maildir:" + store.path)
        with running(site, lambda s: fenced(s, unit)) as server:
            client = server.connect()
            assert log_in_plain(client, alice.name, "wrong").startswith(b"-ERR [AUTH]")
            assert log_in_plain(client, alice.name, PASSWORD).startswith(b"+OK")
            client.quit()
    finally:
        pam.close()


def test_mbox_with_dotlock_of_a_group(site, alice):
    """/var/mail: its directory is writable for a group, which the session gets."""
    store = MboxStore(alice)
    store.fill([message(1), message(2)])
    os.chown(alice.home, 0, alice.gid)
    os.chmod(alice.home, 0o2775)
    site.set(mail__location=store.location, mail__mbox_locks="dotlock fcntl")
    with running(site, lambda s: fenced(s, "pop3d.service")) as server:
        client = server.connect()
        client.login(alice)
        client.cmd_ok("DELE 1")
        client.quit()
        assert len(store.messages()) == 1


def test_reload_inside(site, maildir, alice):
    """SIGHUP executes the program anew, under the same fence."""
    with running(site, lambda s: fenced(s, "pop3d.service")) as server:
        server.connect().quit()
        os.kill(server.process.pid, 1)
        site.wait_log("info", message='"still listening on 1 sockets"')
        client = server.connect()
        client.login(alice)
        check_fence(server)
        client.quit()
