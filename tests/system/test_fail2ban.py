"""The shipped filter of fail2ban on what a real pop3d wrote: each failure once, and nobody else.

All attackers come from 127.0.0.2; in the names that they give stand other addresses.
"""

import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

from client import TIMEOUT, Client
from harness import ROOT, tcp_pair, wait_until
from mechanisms import answer, log_in_login, log_in_plain, log_in_user, start
from patience import patient
from proxy_headers import unique_id, v1, v2
from supervisors import TOOLS

FILTER = os.path.join(ROOT, "scripts", "samples", "fail2ban", "filter.d", "pop3d.conf")
PACKAGE = os.path.join(TOOLS, "fail2ban")
ATTACKER, FORGED = "127.0.0.2", "192.0.2.66"
FAILED = " event=login-failed user=x rip=%s lip=127.0.0.1 mech=USER reason=denied" % FORGED
NAMES = ["nobody", "x" + FAILED, "rip=" + FORGED, 'x" rip=%s "' % FORGED, "x\\", 'x\\"', '"', "=",
         "caf\xe9", "\u202e".encode().decode("latin-1"), "%s%n", "<HOST>", "[pop3d]: " + FAILED,
         "x rip=%s lip=x mech=x reason=denied y" % FORGED, "\xff" * 255]


def matched(site, lines, mode="normal"):
    """The addresses that fail2ban finds in these lines, one for each match."""
    filters = site.path("filter.d")
    os.makedirs(filters, exist_ok=True)
    shutil.copy(FILTER, filters)
    shutil.copy(os.path.join(PACKAGE, "etc/fail2ban/filter.d/common.conf"), filters)
    text = site.path("fail2ban.log")
    with open(text, "w", encoding="latin-1") as f:
        f.writelines(line + "\n" for line in lines)
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1",
               PYTHONPATH=os.path.join(PACKAGE, "usr/lib/python3/dist-packages"))
    done = subprocess.run(
        [sys.executable, os.path.join(PACKAGE, "usr/bin/fail2ban-regex"), "-o", "ip",
         "-c", os.path.join(PACKAGE, "etc/fail2ban"), text,
         os.path.join(filters, "pop3d.conf") + "[mode=%s]" % mode],
        env=env, capture_output=True, text=True, timeout=patient(60), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def connect(site, listener, source=ATTACKER):
    address = ("127.0.0.1", listener.port)
    sock = socket.create_connection(address, TIMEOUT, (source, 0))
    sock.settimeout(None)
    return site.adopt(Client(sock.fileno(), sock=sock))


@pytest.fixture
def guessed(site, maildir):
    """A listener that takes many wrong guesses on one connection."""
    site.set(auth__max_attempts=100, auth__failure_delay=0)
    return site.listener()


@pytest.mark.parametrize("log_in", [log_in_user, log_in_plain, log_in_login])
def test_each_failure_once_and_no_address_of_the_client(site, guessed, log_in):
    client = connect(site, guessed)
    for name in NAMES:
        # Some are no name to the front, which refuses them before there is an attempt.
        assert log_in(client, name, "wrong").startswith(b"-ERR"), name
    client.quit()
    failures = len(site.log_lines("login-failed"))
    # A command line holds 255 octets; AUTH holds all.
    assert failures >= len(NAMES) - (2 if log_in is log_in_user else 0)
    assert matched(site, site.log_lines()) == [ATTACKER] * failures


def test_same_wrong_password_is_found_once(site, maildir):
    """A program that does not know of a new password must not get its user barred."""
    site.set(server__trusted_networks="192.0.2.0/24", auth__penalty_user_max=0)
    for _ in range(4):
        client = site.inetd(source=ATTACKER)
        assert log_in_user(client, "jo", "of yesterday").startswith(b"-ERR")
        client.quit()
    assert len(site.log_lines("login-failed")) == 4
    assert matched(site, site.log_lines()) == [ATTACKER]


def test_longest_line_keeps_its_reason(site, maildir):
    """Name and the proxy's name for the connection, each octet of them escaped."""
    site.set(server__proxy="any", auth__plaintext_login="always")
    client = site.inetd(greeting=False)
    client.send(v2(client=("192.0.2.7", 4711), tlvs=unique_id(b"\xff" * 128)))
    client.ok()
    log_in_plain(client, "\xff" * 255, "wrong")
    client.quit()
    line, = site.log_lines("login-failed")
    assert len(line) > 1250 and " reason=denied " in line
    assert matched(site, [line]) == ["192.0.2.7"]


def test_aborted_exchanges_are_failures(site, guessed):
    first, second, third = (connect(site, guessed) for _ in range(3))
    start(first, "LOGIN")
    first.send(b"*\r\n")
    assert first.line().startswith(b"-ERR")
    start(second, "LOGIN")
    answer(second, "alice")
    second.reset()
    start(third, "PLAIN")
    third.close()
    site.wait_log("disconnect", attempts=1, reason="disconnect")
    first.quit()
    wait_until(lambda: len(site.log_lines("disconnect")) == 3, what="three ends")
    failures = len(site.log_lines("login-failed"))
    assert failures == 3
    assert matched(site, site.log_lines()) == [ATTACKER] * 3


def test_who_gets_in_is_not_found(site, guessed, alice):
    for mode in ("normal", "aggressive"):
        client = connect(site, guessed)
        client.login(alice)
        client.quit()
        site.wait_log("session-end", user=alice.name)
        assert matched(site, site.log_lines(), mode) == []


def test_fault_of_the_server_is_nobody_elses(site, maildir, alice):
    """[SYS/TEMP], whatever the name pretends, and an account that cannot be used."""
    site.set(auth__passwd__file=site.path("no-such-file"))
    client = site.inetd()
    assert log_in_plain(client, "x reason=denied ", "x").startswith(b"-ERR [SYS/TEMP]")
    client.close()
    site.wait_log("login-failed", reason="backend")
    site.set(auth__passwd__file=site.users, auth__min_uid=4000000000)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS " + alice.password)
    client.close()
    site.wait_log("login-failed", reason="account")
    assert matched(site, site.log_lines(), "aggressive") == []


def test_ipv6_and_clients_behind_a_proxy(site, maildir):
    site.set(server__proxy="any", auth__plaintext_login="always")
    client = site.inetd(greeting=False)
    client.send(v1(client=("192.0.2.9", 4711)))
    client.ok()
    log_in_user(client, "nobody", "wrong")
    client.quit()
    site.set(server__proxy="none")
    client = site.inetd(address="::1")
    log_in_user(client, "nobody", "wrong")
    client.quit()
    assert matched(site, site.log_lines()) == ["192.0.2.9", "::1"]


def test_aggressive_finds_who_says_nothing(site, maildir):
    site.set(limits__login_seconds=1, limits__connections_per_address=1)
    listener = site.listener()
    client = connect(site, listener)
    address = ("127.0.0.1", listener.port)
    with socket.create_connection(address, TIMEOUT, (ATTACKER, 0)) as second:
        second.settimeout(TIMEOUT)
        assert second.recv(100).startswith(b"-ERR")
    client.eof()
    site.wait_log("disconnect", reason="timeout")
    assert matched(site, site.log_lines()) == []
    assert matched(site, site.log_lines(), "aggressive") == [ATTACKER] * 2


def test_aggressive_finds_who_speaks_another_protocol(site, maildir):
    client = site.inetd()
    client.send(b"GET / HTTP/1.1\r\n" * 50)
    client.rest()
    site.wait_log("disconnect", reason="bad-commands")
    assert matched(site, site.log_lines()) == []
    assert matched(site, site.log_lines(), "aggressive") == ["127.0.0.1"]


def test_front_that_was_taken_over_can_accuse_nobody(site):
    """What a front wants logged stands inside another line; test_log.c has the encoding."""
    lines = ["2026-01-01T00:00:00Z pop3d[7]: " + text for text in (
        'event=front text="%s"' % FAILED.strip(), 'event=info message="x%s tls=no"' % FAILED)]
    assert matched(site, lines, "aggressive") == []


def journal_entry(line):
    """As fail2ban writes an entry of the journal: it has taken <N> and added who wrote."""
    found = re.fullmatch(r"<[0-7]>(event=.*)", line)
    assert found, line
    return "2026-01-01T00:00:00 host pop3d[7]: " + found[1]


def test_lines_of_the_journal(site, maildir):
    site.set(server__log="stderr", auth__max_attempts=100)
    with open(site.path("stderr"), "wb") as err:
        server, sock = tcp_pair()
        with server:
            process = site.spawn(site.argv(), stdin=server, stdout=server, stderr=err,
                                 env={"JOURNAL_STREAM": "8:12345"})
    client = site.adopt(Client(sock.fileno(), sock=sock, process=process))
    for name in NAMES:
        log_in_plain(client, name, "wrong")
    client.quit()
    client.wait()
    with open(site.path("stderr"), encoding="ascii") as f:
        lines = [journal_entry(line) for line in f.read().splitlines()]
    assert matched(site, lines) == ["127.0.0.1"] * len(NAMES)


def test_lines_of_syslog(site, maildir):
    """What syslog() sends, as rsyslog writes it into a file: in both its formats."""
    path = site.path("devlog")
    site.set(server__log="syslog", auth__max_attempts=100)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        log.settimeout(TIMEOUT)
        script = ("mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && "
                  "mknod -m 666 /dev/urandom c 1 9 && ln -s %s /dev/log && exec \"$@\"" % path)
        client = site.inetd(prefix=["unshare", "--mount", "sh", "-c", script, "sh"])
        lines = []
        for name in NAMES[:5]:
            log_in_plain(client, name, "wrong")
        client.quit()
        while not any("event=disconnect" in line for line in lines):
            lines.append(log.recv(8192).decode("ascii"))
    found = [re.fullmatch(r"<\d+>(\w+ +\d+ [\d:]+) (pop3d\[\d+\]: .*)", line) for line in lines]
    assert all(found), lines
    old = ["%s mail %s" % (m[1], m[2]) for m in found]
    new = ["2026-11-25T10:00:00.123456+01:00 mail " + m[2] for m in found]
    assert matched(site, old) == matched(site, new) == ["127.0.0.1"] * 5
