"""Connections that have not logged in: refused at random near the limit, surely at it."""

import signal

import pytest

from harness import roles, wait_until
from patience import patient

SORRY = b"-ERR [SYS/TEMP] Too many connections, try again later\r\n"


def is_let_in(listener):
    client = listener.connect(greeting=False)
    client.fill()
    if client.buffer.startswith(b"+OK"):
        return True
    assert client.rest() in (SORRY, b"")
    return False


def free_all(site):
    """Every client leaves that has not logged in."""
    for client in site.clients:
        client.close()
    wait_until(lambda: not roles("front"), what="fronts to end")


def login(listener, account):
    client = listener.connect()
    client.login(account)
    return client


def execute_anew(site, listener):
    seen = len([l for l in site.log_lines() if "still listening" in l])
    listener.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len([l for l in site.log_lines() if "still listening" in l]) > seen,
               what="the listener to execute itself anew")


def test_full(site, maildir, alice):
    """Who has logged in does not count, and who is refused is told and logged."""
    site.set(limits__half_open="2:100:2")
    listener = site.listener()
    session = login(listener, alice)
    waiting = [listener.connect() for _ in range(2)]
    assert listener.connect(greeting=False).rest() == SORRY
    assert site.wait_log("refused", reason="half_open", rip="127.0.0.1")
    session.cmd_ok("NOOP")
    # A place is free as soon as one of them logs in, or leaves.
    session.quit()
    wait_until(lambda: not roles("session"), what="the session to end")
    waiting[0].login(alice)
    wait_until(lambda: is_let_in(listener), what="a free place")
    waiting[1].quit()


@pytest.mark.uninstrumented("a sanitizer takes many times the time")
def test_random_early_refusal(site):
    """At 3 half-open ones half of those who come are refused, at 20 all of them."""
    site.set(limits__half_open="3:50:20", limits__connections_per_address=1000)
    listener = site.listener()
    outcomes = []
    while len(roles("front", listener.pid)) < 20 and len(outcomes) < 1000:
        outcomes.append(is_let_in(listener))
    assert all(outcomes[:3]) and outcomes.count(True) >= 20
    # The chance of no refusal at all is below 10**-10.
    assert outcomes.count(False) > 0
    assert not any(is_let_in(listener) for _ in range(10))
    free_all(site)
    assert all(is_let_in(listener) for _ in range(3))


def test_none(site):
    site.set(limits__half_open="none", limits__connections_per_address=1000)
    listener = site.listener()
    for _ in range(60):
        listener.connect()
    assert len(roles("front", listener.pid)) == 60


def test_counts_outlive_the_listeners_program(site, maildir, alice, bob):
    """Clients from before count, and one that logs in later is known to have done so."""
    site.set(limits__half_open="2:100:2")
    listener = site.listener()
    session = login(listener, alice)
    old = [listener.connect() for _ in range(2)]
    execute_anew(site, listener)
    assert listener.connect(greeting=False).rest() == SORRY
    old[0].login(bob)
    wait_until(lambda: is_let_in(listener), what="a free place")
    execute_anew(site, listener)
    session.cmd_ok("NOOP")
    old[0].quit()
    session.quit()
    old[1].quit()


def test_implicit_tls_is_told_nothing(site, certificates):
    """Before the handshake nothing in the clear may be said."""
    site.use_tls(certificates.server(), tls__mode="implicit", limits__half_open="1:100:1")
    listener = site.listener()
    listener.connect(greeting=False)
    wait_until(lambda: site.log_lines("connect"), what="the first connection")
    assert listener.connect(greeting=False).rest() == b""
    assert site.wait_log("refused", reason="half_open")


@pytest.mark.parametrize("value", ["10", "10:0:20", "20:30:10", "10:30:20:1", "yes", ""])
def test_nonsense_is_refused(site, value):
    process = site.spawn(site.argv("-t", "-o", "limits.half_open=" + value))
    assert process.wait(patient(10)) == 78
