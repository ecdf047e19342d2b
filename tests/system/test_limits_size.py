"""Limits on numbers and sizes: connections, lines, messages."""

import socket
import time

import pytest

from harness import Client, descendants, roles, wait_role, wait_until
from stores import message


def is_refused(client):
    """No session: closed at once, at most with one -ERR line."""
    data = client.rest()
    return data == b"" or (data.startswith(b"-ERR") and data.count(b"\r\n") == 1)


@pytest.mark.parametrize("key", ["connections", "connections_per_address"])
def test_connections(site, key):
    site.set(**{"limits__" + key: 2})
    listener = site.listener()
    first, second = listener.connect(), listener.connect()
    assert is_refused(listener.connect(greeting=False))
    first.multi("CAPA")
    first.quit()
    wait_until(lambda: len(roles("front")) == 1, what="first connection to end")

    def another():
        client = listener.connect(greeting=False)
        return client.fill() and client.buffer.startswith(b"+OK") and client
    third = wait_until(another, what="a free place")
    assert is_refused(listener.connect(greeting=False))
    second.multi("CAPA")
    third.ok()


def test_connections_per_address_counts_addresses_apart(site):
    """127.0.0.2 is another client than 127.0.0.1."""
    site.set(limits__connections_per_address=1)
    listener = site.listener(address="127.0.0.1")
    listener.connect()
    sock = socket.create_connection(("127.0.0.1", listener.port), 10, ("127.0.0.2", 0))
    sock.settimeout(None)
    site.adopt(Client(sock.fileno(), sock=sock))
    assert is_refused(listener.connect(greeting=False))


def test_line_without_end_takes_no_memory(site):
    """64 MB without a line end before login: one error, flat memory, and no hang."""
    site.set(limits__login_octets=1000000000)
    client = site.inetd()
    front = wait_role("front")[0]
    client.send(b"x" * 4096)
    time.sleep(0.1)
    before = front.rss_kb()
    for _ in range(64):
        client.send(b"x" * (1 << 20))
    assert front.rss_kb() - before < 1024
    client.send(b"\r\nCAPA\r\n")
    client.err()
    client.ok()
    client.body()


def test_line_without_end_is_cut_off(site):
    """By the default limit, after a mebibyte; who goes on gets a reset."""
    client = site.inetd()
    end = time.monotonic() + 30
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while time.monotonic() < end:  # what comes in the second after is taken
            client.send(b"x" * (1 << 20))
    assert site.wait_log("disconnect", reason="login-octets")
    client.wait()


def test_line_without_end_after_login_takes_no_memory(site, maildir, alice):
    client = site.inetd()
    client.login(alice)
    session = wait_role("session")[0]
    before = session.rss_kb()
    for _ in range(64):
        client.send(b"x" * (1 << 20))
    assert session.rss_kb() - before < 1024
    client.send(b"\r\nNOOP\r\n")
    client.err()
    client.ok()


@pytest.mark.parametrize("count,good", [(2, True), (3, False)])
def test_messages(site, store, alice, count, good):
    store.fill([message(n) for n in range(count)])
    site.set(limits__messages=2)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    reply = client.cmd("PASS " + alice.password)
    if reply.startswith(b"+OK"):
        reply = client.cmd("STAT")
    assert reply.startswith(b"+OK 2 " if good else b"-ERR [SYS/PERM] "), reply
    client.quit()
    client.wait()
    assert len(store.messages()) == count


@pytest.mark.parametrize("octets,good", [(100000, True), (1000, False)])
def test_octets(site, store, alice, octets, good):
    store.fill([message(n, b"y" * 500 + b"\n") for n in range(3)])
    site.set(limits__octets=octets)
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    reply = client.cmd("PASS " + alice.password)
    if reply.startswith(b"+OK"):
        reply = client.cmd("STAT")
    assert reply.startswith(b"+OK 3 " if good else b"-ERR [SYS/PERM] "), reply


def test_many_parallel_sessions(site, maildir, alice, bob, carol):
    """Connections of a listener do not wait for each other."""
    listener = site.listener()
    clients = [listener.connect() for _ in range(30)]
    for client in reversed(clients):
        client.multi("CAPA")
    for client, account in zip(clients, (alice, bob, carol)):
        client.login(account)
    for client in clients:
        client.quit()
    wait_until(lambda: not roles("front") and not roles("session"), what="all to end")


def test_listener_does_not_grow(site, maildir, alice):
    """Two hundred connections leave no descriptor, no memory, no zombie."""
    maildir.fill([message(1)])
    listener = site.listener()

    def run(count):
        for n in range(count):
            client = listener.connect()
            if n % 4 == 0:
                client.login(alice)
                client.multi("RETR 1")
            if n % 3 == 0:
                client.reset()
            else:
                client.quit()
                client.close()
            if n % 4 == 0:
                wait_until(lambda: not roles("session"), what="session to end")
    run(20)
    listening = wait_role("listen")[0]
    wait_until(lambda: not roles("front"), what="fronts to end")
    fds, rss = listening.fds(), listening.rss_kb()
    run(200)
    wait_until(lambda: len(roles("front", listener.pid)) == 0, what="fronts to end")
    assert listening.fds() == fds
    assert listening.rss_kb() - rss < 256
    wait_until(lambda: descendants(listener.pid) == [], what="children to be reaped")
