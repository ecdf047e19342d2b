"""pop3d under each super-server: a whole session, and nothing left behind."""

import re
import subprocess
import time

import pytest

from demo_mail import put_demo_mail
from harness import TIMEOUT, Proc, free_port, is_listening, role_of, wait_until
from supervisors import (LISTENING, PER_CONNECTION, inetd_wait, running, sample,
                         socket_activate, systemd_accept_no)

ALL = PER_CONNECTION + LISTENING


def by_name(functions):
    return pytest.mark.parametrize("start", functions, ids=[f.__name__ for f in functions])


def fetch_all(client, account, expected):
    """Log in and compare every message; the session stays open."""
    client.login(account)
    assert client.cmd_ok("STAT") == b"+OK %d %d" % (len(expected), sum(map(len, expected)))
    for number, message in enumerate(expected, 1):
        assert client.multi("RETR %d" % number) == message


def whole_life(connect, store, account):
    """Two sessions: everything fetched as it is, one message deleted, and that one only."""
    expected = put_demo_mail(store)
    client = connect()
    fetch_all(client, account, expected)
    client.cmd_ok("DELE 3")
    client.quit()
    expected.pop(2)
    assert store.wires() == expected
    client = connect()
    fetch_all(client, account, expected)
    client.quit()
    assert store.wires() == expected


@by_name(ALL)
def test_whole_life(site, maildir, alice, start):
    with running(site, start) as server:
        whole_life(server.connect, maildir, alice)
        if server.listening_parent:
            server.wait_childless()
        site.wait_log("session-end", user=alice.name, rip="127.0.0.1", lip="127.0.0.1")


@by_name(PER_CONNECTION)
def test_clients_at_once_and_without_quit(site, maildir, alice, bob, start):
    """One connection that dies does not touch the other, and leaves no process."""
    with running(site, start) as server:
        first, second, third = (server.connect() for _ in range(3))
        first.login(alice)
        second.reset()
        third.close()
        assert first.cmd_ok("STAT") == b"+OK 0 0"
        assert server.children()
        first.quit()
        server.wait_childless()


@by_name(ALL)
def test_nothing_but_protocol_with_a_broken_back_end(site, alice, start):
    """What goes wrong behind the greeting is logged, never printed on the connection."""
    site.set(auth__passwd__file=site.path("no-such-file"))
    with running(site, start) as server:
        client = server.connect()
        client.cmd_ok("USER " + alice.name)
        assert client.cmd_err("PASS x").startswith(b"-ERR [SYS/TEMP]")
        client.quit()
        if server.listening_parent:
            server.wait_childless()


BROKEN = {
    "syntax": "this is no configuration\n",
    "unknown key": "[server]\nno_such_key = 1\n",
    "modules missing": "[auth]\nmodules = no_such_module\n",
}


@by_name(PER_CONNECTION)
@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_broken_configuration_is_no_secret_told(site, start, text):
    """Under inetd, standard error is the client: it must see a close or one -ERR."""
    site.write_config(text)
    with running(site, start) as server:
        client = server.connect(greeting=False)
        assert re.fullmatch(rb"(-ERR [ -~]*\r\n)?", client.rest())
        server.wait_childless()


def listener_of(server):
    """The pop3d that listens under it, or is itself by exec."""
    found = [p.pid for p in server.children() if role_of(p) == "pop3d-listen"]
    return found[0] if found else None


def test_inetd_wait_ends_when_idle_and_is_started_again(site, maildir, alice):
    with running(site, inetd_wait) as server:
        client = server.connect()
        first = wait_until(lambda: listener_of(server), what="a listener")
        # An open connection is no idleness, however long it says nothing.
        wait_until(lambda: client.cmd_ok("USER " + alice.name), what="reply")
        second = server.connect()
        assert listener_of(server) == first, "one listener serves them all"
        second.quit()
        client.cmd_ok("PASS " + alice.password)
        client.quit()
        server.wait_childless()
        server.connect().quit()
        assert wait_until(lambda: listener_of(server), what="a new listener") != first
        server.wait_childless()


def test_inetd_wait_does_not_end_under_a_session(site, maildir, alice):
    with running(site, inetd_wait) as server:
        client = server.connect()
        client.login(alice)
        client.quiet(2.5)
        assert client.cmd_ok("NOOP")
        server.connect().quit()
        client.quit()
        server.wait_childless()


def test_systemd_listener_stays_when_idle(site):
    """systemd would have to start it again: only "inetd wait" asks for an end."""
    site.set(limits__wait_idle_seconds=1)
    with running(site, systemd_accept_no) as server:
        server.connect().quit()
        time.sleep(2.5)
        server.connect().quit()
        assert server.process.poll() is None


def test_systemd_two_sockets_with_names(site, maildir, alice):
    """LISTEN_FDS=2 and LISTEN_FDNAMES: both are served, by one process."""
    ports = [free_port(), free_port()]
    with running(site, lambda s: socket_activate(s, "pop3d.service", "--fdname=one:two",
                                                 ports=ports)) as server:
        first = server.connect()
        first.login(alice)
        server.port = ports[1]
        second = server.connect()
        assert second.cmd_ok("QUIT")
        assert role_of(Proc(server.process.pid)) == "pop3d-listen"
        first.quit()
        for port in ports:
            site.wait_log("connect", lport=port)


def test_listener_of_systemd_ends_on_sigterm_with_its_sessions(site, maildir, alice):
    maildir.fill([b"Subject: x\n\nx\n"])
    before = maildir.snapshot()
    with running(site, systemd_accept_no) as server:
        client = server.connect()
        client.login(alice)
        client.cmd_ok("DELE 1")
        server.process.terminate()
        assert server.process.wait(TIMEOUT) == 0
        client.rest()
        assert not is_listening(server.port)
        assert maildir.snapshot() == before


# What only systemd itself can run is at least read by systemd.

def test_units_are_valid(site):
    names = ["pop3d.socket", "pop3d.service", "pop3d@.service"]
    for name in names:
        with open(site.path(name), "w") as f:
            f.write(sample(name).replace("/usr/sbin/pop3d", site.tree.pop3d))
    names[2] = "pop3d@1.service"
    done = subprocess.run(["systemd-analyze", "verify", "--man=no",
                           *(site.path(n) for n in names)],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
