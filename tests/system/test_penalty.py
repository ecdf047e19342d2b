"""Penalties: failures make their address, and the user they were for, wait.

Attackers come from 127.0.0.0/8, which is not trusted here.  No delay is measured from above.
"""

import os
import signal
import time

import pytest

from backends import pop3ctl
from harness import wait_role, wait_until
from mechanisms import DENIED, DOWN, plain_command
from patience import patient
from penalties import ANOTHER, ATTACKER, FREE, OTHER, Guesses, owed, table
from proxy_headers import v1

SLACK = 0.15       # ticks are tenths of a second


def seconds(action, *args, **kw):
    begin = time.monotonic()
    action(*args, **kw)
    return time.monotonic() - begin


@pytest.mark.parametrize("start", ["inetd", "listener"])
def test_an_address_waits_over_connections(harsh, alice, start):
    guesses = Guesses(harsh, alice.name, start)
    guesses(FREE)
    assert owed(harsh, ATTACKER) == FREE
    # The next one makes those behind it wait, whatever they try.
    assert seconds(guesses, 2) > 1 - SLACK
    assert owed(harsh, ATTACKER) == FREE + 2
    line = harsh.log_lines("login-failed")[-1]
    assert " reason=denied penalty=1 tls=" in line and "repeat" not in line
    # A right password is not a way round it, and does not wipe the slate clean.
    client = guesses.connect()
    assert seconds(client.login, alice) > 1 - 0.5 - SLACK
    client.quit()
    assert owed(harsh, ATTACKER) == FREE + 2
    # Others have nothing to do with it.
    assert owed(harsh, OTHER) == 0
    guesses.connect(OTHER).login(alice)


def test_all_processes_share_the_table(harsh, alice):
    """Connections of inetd and of a listener."""
    for start, name in (("inetd", alice.name), ("listener", "nobody")):
        Guesses(harsh, name, start)(2)
    assert owed(harsh, ATTACKER) == 4


def test_delays_double_up_to_the_longest(harsh, alice):
    harsh.set(auth__penalty_max=2)
    guesses = Guesses(harsh, alice.name)
    guesses(FREE + 1)
    assert seconds(guesses, 1) > 1 - 0.5
    # Of two seconds each.
    assert seconds(guesses, 2) > 4 - 0.5


def test_failures_are_forgotten(harsh, alice):
    harsh.set(auth__penalty_fade=1)
    guesses = Guesses(harsh, alice.name)
    guesses(2)
    wait_until(lambda: owed(harsh, ATTACKER) == 0, what="failures to be forgotten")


@pytest.mark.parametrize("command", ["user", "plain"])
def test_same_wrong_password_is_no_new_guess(harsh, alice, command):
    guesses = Guesses(harsh, alice.name)
    for _ in range(FREE + 4):
        client = guesses.connect()
        if command == "user":
            guesses.guess(client, "of yesterday")
        else:
            assert client.cmd(plain_command(alice, "of yesterday")) == DENIED
        client.quit()
    assert owed(harsh, ATTACKER) == 1
    assert len(harsh.log_lines("login-failed", repeat="yes")) == FREE + 3
    # By another one it is.
    guesses(1, source=OTHER, password="of yesterday")
    assert owed(harsh, OTHER) == 1
    guesses(1)
    assert owed(harsh, ATTACKER) == 2


def test_unknown_users_are_as_others(harsh, alice):
    for name, source in ((alice.name, ATTACKER), ("nobody.here", OTHER)):
        harsh.set(auth__penalty_user_max=1)
        guesses = Guesses(harsh, name, source=source)
        guesses(2)
        guesses(2, password="the same")
        assert owed(harsh, source) == 3
        assert owed(harsh, name) == 3


def test_parallel_connections_win_nothing(harsh, alice):
    """However many try at once, after the free ones there is one guess a second."""
    guesses = Guesses(harsh, alice.name, "listener")
    clients = [guesses.connect() for _ in range(12)]
    for client in clients:
        client.cmd_ok("USER " + alice.name)
    begin = time.monotonic()
    for i, client in enumerate(clients):
        client.send(b"PASS parallel %d\r\n" % i)

    def served():
        n = len(harsh.log_lines("login-failed", reason="denied"))
        assert n <= FREE + 2 + (time.monotonic() - begin) / (1 - SLACK)
        return n
    wait_until(lambda: served() >= FREE + 3, what="guesses to be answered")


def test_honest_parallel_logins_need_not_wait(harsh, accounts, alice):
    """More at once than failures are free: each gives back what it was charged."""
    harsh.set(auth__penalty_max=600, limits__login_seconds=60)
    listener = harsh.listener()
    clients = [listener.connect(source=ATTACKER) for _ in range(2 * FREE)]
    for client in clients:
        client.cmd_ok("USER " + alice.name)
    for client in clients:
        client.send(b"PASS " + alice.password.encode() + b"\r\n")
    for client in clients:
        client.reply()
    assert owed(harsh, ATTACKER) == 0
    assert not harsh.log_lines("login-failed")


def test_who_would_wait_too_long_is_told(harsh, alice):
    """Nothing is asked of the modules, and trying does not make it worse."""
    harsh.set(auth__penalty_max=600, limits__login_seconds=3)
    guesses = Guesses(harsh, alice.name)
    guesses(FREE + 3)
    before = owed(harsh, ATTACKER)
    # The fourth second is beyond the time to log in.
    client = guesses.connect()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS " + alice.password.encode() + b"\r\n")
    assert client.reply().startswith(DOWN)
    assert harsh.wait_log("login-failed", reason="penalty")
    client.close()
    assert owed(harsh, ATTACKER) == before


def charge(site, name, times, source=ATTACKER):
    """Failures of a user, in one connection."""
    guesses = Guesses(site, name, source=source)
    client = guesses.connect()
    for _ in range(times):
        guesses.guess(client)
    client.quit()


def test_a_users_part(harsh, alice):
    """Comes before any answer, right or wrong, from wherever."""
    harsh.set(auth__penalty_user_max=1)
    charge(harsh, alice.name, FREE)
    charge(harsh, alice.name.upper(), 1, source="127.0.1.9")
    assert owed(harsh, alice.name) == FREE + 1
    for password, answer in (("wrong", DENIED), (alice.password, b"+OK")):
        client = harsh.inetd(source=OTHER)
        client.cmd_ok("USER " + alice.name)
        begin = time.monotonic()
        assert client.cmd("PASS " + password).startswith(answer)
        assert time.monotonic() - begin > 1 - SLACK
        client.quit()
    assert owed(harsh, OTHER) == 1


def test_a_user_at_home_does_not_pay(harsh, alice):
    """The longest delay of all would be over the test's own time."""
    harsh.set(auth__penalty_user_max=600)
    client = harsh.inetd(source=ANOTHER)
    client.login(alice)
    client.quit()
    for i in range(3):
        # A short delay while failures are made.
        harsh.set(auth__penalty_user_max=1)
        charge(harsh, alice.name, FREE, source="127.0.2.%d" % i)
    harsh.set(auth__penalty_user_max=600)
    assert owed(harsh, alice.name) == 3 * FREE
    client = harsh.inetd(source=ANOTHER)
    client.login(alice)
    client.quit()


@pytest.mark.parametrize("end", ["cancelled", "gone"])
def test_aborted_exchanges_count(harsh, alice, end):
    client = harsh.inetd(source=ATTACKER)
    client.send(b"AUTH LOGIN\r\n")
    client.line()
    if end == "cancelled":
        client.send(b"*\r\n")
        client.reply()
        client.quit()
    else:
        client.close()
    wait_until(lambda: owed(harsh, ATTACKER) == 1, what="the failure to count")


def test_a_broken_back_end_counts_for_nobody(harsh, alice):
    harsh.use_modules("mod_tempfail")
    for _ in range(FREE + 2):
        client = harsh.inetd(source=ATTACKER)
        client.cmd_ok("USER " + alice.name)
        assert client.cmd("PASS x").startswith(DOWN)
        client.quit()
    assert owed(harsh, ATTACKER) == 0


def test_crashes_count(harsh, alice):
    """Of the auth process, of a front, and of a session."""
    listener = harsh.listener()
    client = listener.connect(source=ATTACKER)
    wait_role("front")[0].kill(signal.SIGSEGV)
    client.rest()
    wait_until(lambda: owed(harsh, ATTACKER) == 1, what="the front's crash to count")
    client = listener.connect(source=ATTACKER)
    client.login(alice)
    wait_role("session")[0].kill(signal.SIGSEGV)
    client.rest()
    wait_until(lambda: owed(harsh, ATTACKER) == 2, what="the session's crash to count")
    harsh.use_modules("mod_crash")
    client = harsh.inetd(source=OTHER)
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS x").startswith(DOWN)
    client.quit()
    client.wait()
    assert owed(harsh, OTHER) == 1


def test_connections_that_do_nothing(harsh, alice):
    """Four that are thrown out make a failure; who says QUIT, or leaves, is a visitor."""
    harsh.set(limits__login_seconds=4)
    for _ in range(3):
        client = harsh.inetd(source=OTHER)
        client.multi("CAPA")
        client.quit()
        harsh.inetd(source=OTHER).close()
    assert owed(harsh, OTHER) == 0
    clients = [harsh.inetd(source=ATTACKER) for _ in range(5)]
    # One leaves just before it would have to.
    time.sleep(2.5)
    clients.pop().close()
    for client in clients:
        client.timeout = patient(20)
        client.rest()
        client.wait()
    wait_until(lambda: owed(harsh, ATTACKER) == 2, what="all five to count")


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_handshakes_that_never_come(harsh, certificates, mode):
    """Hold a place as a silence in the clear does; one that fails at once may be honest."""
    harsh.use_tls(certificates.server(), tls__mode=mode, limits__handshake_seconds=1,
                  limits__login_seconds=20)

    def handshakes(source, octets):
        clients = [harsh.inetd(source=source, greeting=mode == "starttls") for _ in range(4)]
        for client in clients:
            if mode == "starttls":
                client.cmd_ok("STLS")
            client.send(octets)
        for client in clients:
            client.rest()
            client.wait()
    handshakes(OTHER, b"GET / HTTP/1.0\r\n\r\n")
    handshakes(ATTACKER, b"\x16")
    assert len(harsh.log_lines("disconnect", reason="tls")) == 8
    assert owed(harsh, ATTACKER) == 1
    assert owed(harsh, OTHER) == 0


@pytest.mark.parametrize("networks", ["127.0.1.0/24", ATTACKER])
def test_trusted_networks_are_exempt(harsh, alice, networks):
    harsh.set(server__trusted_networks=networks, auth__penalty_max=600,
              auth__penalty_user_max=600)
    Guesses(harsh, alice.name)(FREE + 5)
    assert owed(harsh, ATTACKER) == owed(harsh, alice.name) == 0


def test_off(harsh, alice):
    harsh.set(auth__penalty_max=0)
    Guesses(harsh, alice.name)(FREE + 5)
    assert not os.path.exists(table(harsh))


def test_whom_a_proxy_speaks_for(harsh, alice):
    """Their networks count, /64 for IPv6, and neither that of the proxy nor its trust."""
    harsh.set(server__trusted_networks="127.0.0.0/8", server__proxy="v1")
    for i in range(3):
        client = harsh.inetd(greeting=False)
        client.send(v1(("2001:db8::%d" % (i + 1), 1000), ("2001:db8::ff", 110)))
        client.ok()
        client.cmd_ok("USER " + alice.name)
        assert client.cmd("PASS no %d" % i) == DENIED
        client.quit()
    assert owed(harsh, "2001:db8::abcd") == 3
    assert owed(harsh, "2001:db8:0:1::1") == owed(harsh, "127.0.0.1") == 0


def test_pop3ctl(harsh, alice):
    harsh.set(auth__penalty_user_max=1)
    charge(harsh, alice.name, FREE - 1)
    assert pop3ctl(harsh, "penalty", "show") == "addresses\t1\nusers\t1\n"
    assert pop3ctl(harsh, "penalty", "show", ATTACKER).startswith("address\tfailures=3\t")
    pop3ctl(harsh, "penalty", "forget", ATTACKER)
    pop3ctl(harsh, "penalty", "forget", ATTACKER, status=1)
    assert owed(harsh, ATTACKER) == 0 and owed(harsh, alice.name) == FREE - 1
    pop3ctl(harsh, "penalty", "forget", "--all")
    assert pop3ctl(harsh, "penalty", "show") == "addresses\t0\nusers\t0\n"
    for wrong in ([], ["--all", "x"], ["x", "y"], ["--every"]):
        pop3ctl(harsh, "penalty", "forget", *wrong, status=64)
    pop3ctl(harsh, "penalty", "show", "x", "y", status=64)
