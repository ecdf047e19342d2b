"""A returning client is resumed by whichever process serves it."""

import os
import stat
import subprocess
import threading
import time

import pytest

from patience import patient
from stores import message
from supervisors import inetd, inetd_wait, running, systemd_accept_yes, tcpserver, xinetd
from tls_client import context, implicit

VERSIONS = ["TLSv1_2", "TLSv1_3"]


@pytest.fixture
def tls(site, maildir, certificates):
    maildir.fill([message(1)])
    site.use_tls(certificates.server(), tls__mode="implicit")
    return site


def visit(site, connect, offered, session=None):
    """One connection; whether it was resumed, and the session for the next."""
    inside = implicit(site, connect(), offered, session=session)
    inside.cmd_ok("QUIT")
    inside.rest()
    return inside.session_reused, inside.session


def keys_file(site):
    return site.path("run", "ticket-keys")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("start", [inetd, xinetd, tcpserver, systemd_accept_yes, inetd_wait],
                         ids=lambda f: f.__name__)
def test_under_each_super_server(tls, certificates, start, version):
    """Each connection has processes of its own, which have only the file in common."""
    offered = context(certificates.ca, highest=version)
    with running(tls, start) as server:
        resumed, session = visit(tls, lambda: server.connect(greeting=False), offered)
        assert not resumed and session is not None
        resumed, session = visit(tls, lambda: server.connect(greeting=False), offered, session)
        assert resumed
        assert visit(tls, lambda: server.connect(greeting=False), offered, session)[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_listener_and_inetd_resume_each_others(tls, alice, certificates, version):
    offered = context(certificates.ca, highest=version)
    listener = tls.listener()
    inside = implicit(tls, listener.connect(greeting=False), offered)
    inside.login(alice)
    inside.quit()
    again = implicit(tls, tls.inetd(greeting=False), offered, session=inside.session)
    assert again.session_reused
    again.login(alice)
    again.quit()
    assert len(tls.log_lines("login", resumed="no")) == 1
    assert len(tls.log_lines("login", resumed="yes")) == 1


def test_the_file_is_roots_alone(tls, certificates):
    visit(tls, lambda: tls.inetd(greeting=False), context(certificates.ca))
    status = os.stat(keys_file(tls))
    assert stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid == 0
    assert status.st_size == 80


def test_rotation(tls, certificates):
    """The key before the last opens; the one before that does not."""
    tls.set(tls__ticket_lifetime=1000)
    offered = context(certificates.ca)
    listener = tls.listener()

    def connect():
        return listener.connect(greeting=False)

    def age(seconds):
        then = time.time() - seconds
        os.utime(keys_file(tls), (then, then))

    _, first = visit(tls, connect, offered)
    age(1001)
    resumed, second = visit(tls, connect, offered, first)
    assert resumed
    assert os.stat(keys_file(tls)).st_size == 160
    age(1001)
    assert not visit(tls, connect, offered, first)[0]
    assert visit(tls, connect, offered, second)[0]
    assert os.stat(keys_file(tls)).st_size == 160
    age(5000)
    visit(tls, connect, offered)
    assert os.stat(keys_file(tls)).st_size == 80


@pytest.mark.parametrize("spoil", ["truncate", "empty", "mode", "delete", "directory gone"])
def test_a_spoilt_file_is_replaced(tls, certificates, spoil):
    offered = context(certificates.ca)
    _, session = visit(tls, lambda: tls.inetd(greeting=False), offered)
    path = keys_file(tls)
    if spoil == "truncate":
        os.truncate(path, 79)
    elif spoil == "empty":
        os.truncate(path, 0)
    elif spoil == "mode":
        os.chmod(path, 0o644)
    else:
        os.unlink(path)
    if spoil == "directory gone":
        for name in os.listdir(tls.path("run")):
            os.unlink(tls.path("run", name))
        os.rmdir(tls.path("run"))
    resumed, session = visit(tls, lambda: tls.inetd(greeting=False), offered, session)
    assert not resumed
    assert visit(tls, lambda: tls.inetd(greeting=False), offered, session)[0]


def test_nobody_else_can_hold_the_lock(tls, certificates):
    """A directory that others can open is one that they can lock."""
    os.chmod(tls.path("run"), 0o755)
    holder = subprocess.Popen(
        ["flock", tls.path("run"), "sh", "-c", "echo locked; exec sleep 20"], user=65534,
        stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"locked\n"
        start = time.monotonic()
        visit(tls, lambda: tls.inetd(greeting=False), context(certificates.ca))
        assert time.monotonic() - start < 3
    finally:
        holder.kill()
        holder.communicate()


def test_without_a_run_directory_mail_is_served(tls, certificates):
    tls.set(server__run_directory="/proc/pop3d")
    offered = context(certificates.ca)
    _, session = visit(tls, lambda: tls.inetd(greeting=False), offered)
    assert not visit(tls, lambda: tls.inetd(greeting=False), offered, session)[0]


def test_a_file_for_several_hosts(tls, certificates):
    """Who has the same file resumes the other's sessions; pop3d leaves it alone."""
    shared = tls.path("shared")
    old, new = os.urandom(80), os.urandom(80)
    with open(shared, "wb") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(old)
    tls.set(tls__ticket_keys=shared)
    offered = context(certificates.ca)
    _, session = visit(tls, lambda: tls.inetd(greeting=False), offered)
    # Another host, which has nothing else in common, and a newer key in front.
    tls.set(server__run_directory=tls.path("run2"))
    with open(shared, "wb") as f:
        f.write(new + old)
    resumed, session = visit(tls, lambda: tls.inetd(greeting=False), offered, session)
    assert resumed
    with open(shared, "wb") as f:
        f.write(new)
    assert visit(tls, lambda: tls.inetd(greeting=False), offered, session)[0]
    with open(shared, "rb") as f:
        assert f.read() == new
    assert not os.path.exists(keys_file(tls))


def test_a_shared_file_that_others_can_read(tls, certificates):
    """No tickets at all: others could open what they are sealed for."""
    shared = tls.path("shared")
    with open(shared, "wb") as f:
        os.fchmod(f.fileno(), 0o644)
        f.write(os.urandom(80))
    tls.set(tls__ticket_keys=shared)
    offered = context(certificates.ca)
    _, session = visit(tls, lambda: tls.inetd(greeting=False), offered)
    assert not visit(tls, lambda: tls.inetd(greeting=False), offered, session)[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_tickets(tls, certificates, version):
    tls.set(tls__ticket_lifetime=0)
    offered = context(certificates.ca, highest=version)
    inside = implicit(tls, tls.inetd(greeting=False), offered)
    inside.cmd_ok("QUIT")
    inside.rest()
    assert inside.session is None or not inside.session.has_ticket
    assert not os.path.exists(keys_file(tls))


# The same with openssl's client, which keeps the ticket in a file.

def s_client(site, port, ca, *options):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-servername", "localhost",
         "-CAfile", ca, "-verify_return_error", "-ign_eof", *options],
        input=b"CAPA\r\nQUIT\r\n", capture_output=True, timeout=patient(10), check=False)
    text = done.stdout.decode()
    assert done.returncode == 0 and "+OK Bye" in text, (text, done.stderr)
    return text


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("way", ["stls", "implicit"])
def test_s_client(tls, certificates, way, version):
    """A ticket saved by one connection opens the next, each with processes of its own."""
    tls.set(tls__mode="starttls" if way == "stls" else "implicit")
    options = [version] + (["-starttls", "pop3"] if way == "stls" else [])
    saved = tls.path("ticket")
    with running(tls, inetd) as server:
        text = s_client(tls, server.port, certificates.ca, *options, "-sess_out", saved)
        assert "\nNew, TLSv1." in text
        text = s_client(tls, server.port, certificates.ca, *options, "-sess_in", saved)
        assert "\nReused, TLSv1." in text
    assert len(tls.log_lines("disconnect", resumed="yes", reason="quit")) == 1


def renegotiate(port):
    """What openssl says of it.  The greeting comes first, else it would come in between."""
    with subprocess.Popen(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1_2"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        bound = threading.Timer(patient(10), process.kill)
        bound.start()
        for line in process.stdout:
            if line.startswith(b"+OK "):
                break
        said = process.communicate(b"R\n")[1]
        bound.cancel()
        return said


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_neither_renegotiation_nor_early_data(tls, certificates, version):
    listener = tls.listener()
    text = s_client(tls, listener.port, certificates.ca, version)
    assert "Max Early Data: 0" in text or version == "-tls1_2"
    if version == "-tls1_2":
        assert b"no renegotiation" in renegotiate(listener.port)
