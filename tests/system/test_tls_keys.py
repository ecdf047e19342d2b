"""pop3d-key: the only process that ever has a private key, and what becomes of it."""

import os
import signal
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certificates import read_file, write_file
from harness import roles, wait_role, wait_until
from patience import patient
from processes import ROLES
from test_roles_secrets import memory_holds
from test_tls_relay import connect
from tls_client import context, implicit

WAYS = ["inetd", "listener"]


@pytest.fixture
def pair(site, certificates):
    """Files that a test may change."""
    return certificates.server().copy(site.directory)


@pytest.fixture
def tls(site, maildir, pair):
    site.use_tls(pair, tls__mode="implicit")
    return site


def secrets(path):
    """Forms in which a private key of P-256 may lie in memory."""
    pem = read_file(path)
    number = load_pem_private_key(pem, None).private_numbers().private_value
    lines = [l for l in pem.splitlines() if not l.startswith(b"-----")]
    return {"big-endian": number.to_bytes(32, "big"), "limbs": number.to_bytes(32, "little"),
            "file": lines[0]}


def holders(path):
    """The roles whose memory has it, in any form."""
    found = set()
    for name in ROLES:
        role = name.split("-")[1]
        for proc in roles(role):
            if any(memory_holds(proc, form) for form in secrets(path).values()):
                found.add(role)
    return found


def stopped_in_handshake(site, way):
    """A client that has said nothing: its relay and the keys are there, and confined.

    A listener has its files checked at its start, which takes a process for keys as well.
    """
    listener = site.listener() if way == "listener" else None
    if listener:
        wait_role("resident")
    raw = listener.connect(greeting=False) if listener else site.inetd(greeting=False)
    wait_until(lambda: [p.status().get("Seccomp") for role in ("tls", "key")
                        for p in roles(role)] == ["2", "2"], what="a relay and the keys")
    return raw


@pytest.mark.uninstrumented("a sanitizer keeps memory that was freed")
@pytest.mark.parametrize("way", WAYS)
def test_nobody_else_has_the_key(tls, pair, alice, certificates, way):
    raw = stopped_in_handshake(tls, way)
    assert holders(pair.key) == {"key"}
    client = implicit(tls, raw, context(certificates.ca))
    client.login(alice)
    client.cmd_ok("STAT")
    assert holders(pair.key) == ({"key"} if way == "listener" else set())


# How a file with both may be named for certificate and key.
NAMES = {"one name": ("both.pem", "both.pem"), "a link": ("link.pem", "both.pem"),
         "a key of its own": ("both.pem", "key.pem")}


@pytest.mark.uninstrumented("a sanitizer keeps memory that was freed")
@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_nor_where_one_file_holds_both(tls, pair, alice, certificates, way, names):
    key = read_file(pair.key)
    write_file(tls.path("both.pem"), key + read_file(pair.certificate), 0o600)
    write_file(tls.path("key.pem"), key, 0o600)
    os.symlink("both.pem", tls.path("link.pem"))
    certificate, key = (tls.path(name) for name in NAMES[names])
    tls.set(tls__certificate=certificate, tls__key=key)
    raw = stopped_in_handshake(tls, way)
    assert holders(pair.key) == {"key"}
    client = implicit(tls, raw, context(certificates.ca))
    assert client.certificate == pair.der
    client.login(alice)


def test_a_certificate_beside_a_key_is_broken(tls, pair):
    both = write_file(tls.path("both.pem"), read_file(pair.key) + read_file(pair.certificate) +
                      b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o600)
    tls.set(tls__certificate=both, tls__key=both)
    done = subprocess.run(tls.argv("-t"), capture_output=True, text=True, timeout=patient(20),
                          check=False)
    assert done.returncode == 78 and both in done.stderr


def test_more_relays_than_descriptors(tls, alice, certificates):
    """Those too many are refused; when others have gone, all is as before."""
    tls.set(limits__half_open="none", limits__connections_per_address=100)
    listener = tls.listener(prefix=["prlimit", "--nofile=40:40"])
    wait_role("resident")
    held = [listener.connect(greeting=False) for _ in range(60)]
    wait_until(lambda: len(roles("tls")) == len(held), timeout=patient(40), what="as many relays")
    for client in held:
        client.close()
    wait_until(lambda: not roles("tls"), what="their end")
    for _ in range(5):
        client = connect(tls, certificates, listener=listener)
        client.login(alice)
        client.quit()


@pytest.mark.uninstrumented("a sanitizer keeps memory that was freed")
def test_a_new_key_is_in_a_new_process(tls, pair, alice, certificates):
    """Who is in the middle of a handshake with the old one comes to its end."""
    listener = tls.listener()
    wait_role("resident")
    early = listener.connect(greeting=False)
    connect(tls, certificates, listener=listener).quit()
    old, = wait_role("key")
    before = pair.der
    pair.renew()
    assert connect(tls, certificates, listener=listener).certificate == pair.der
    assert len(roles("key")) == 2 and holders(pair.key) == {"key"}
    assert implicit(tls, early, context(certificates.ca)).certificate == before
    wait_until(lambda: not old.alive(), what="its end")
    assert len(roles("key")) == 1


@pytest.mark.uninstrumented("a sanitizer needs what the filters bar")
@pytest.mark.parametrize("way", WAYS)
def test_what_it_is_left_with(tls, way):
    raw = stopped_in_handshake(tls, way)
    key, = roles("key")
    relay, = roles("tls")
    assert key.ids("Uid") == relay.ids("Uid") and 0 not in key.ids("Uid")
    assert key.ids("Gid") == relay.ids("Gid") and key.ids("Groups") == []
    assert key.root() == tls.tree.empty
    status = key.status()
    assert (status["NoNewPrivs"], status["Seccomp"], status["CapEff"]) == ("1", "2", "0" * 16)
    fds = key.fds()
    assert {fds[n] for n in (0, 1, 2)} == {"/dev/null"}
    # That of who started it; in a listener one more of each relay in its handshake.
    assert set(fds) == {0, 1, 2, 3} | ({4} if way == "listener" else set())
    assert all(name.startswith("socket:") for n, name in fds.items() if n > 2)
    raw.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_relay_has_no_way_to_it_after_the_handshake(tls, alice, certificates, way):
    listener = tls.listener() if way == "listener" else None
    connect(tls, certificates, listener=listener).login(alice)
    if way == "listener":
        key, = roles("key")
        wait_until(lambda: set(key.fds()) == {0, 1, 2, 3}, what="the end of the channel")
    else:
        wait_until(lambda: not roles("key"), what="its end")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_another_takes_its_place(tls, alice, certificates, number):
    listener = tls.listener()
    held = connect(tls, certificates, listener=listener)
    for _ in range(2):
        first, = wait_role("key")
        first.kill(number)
        wait_until(lambda: not first.alive(), what="its end")
        connect(tls, certificates, listener=listener).quit()
    assert tls.wait_log("crash", role="key", signal=int(number))
    held.login(alice)
    held.quit()


def test_one_that_dies_in_a_handshake(tls, certificates):
    raw = tls.inetd(greeting=False)
    wait_role("tls")
    wait_role("key")[0].kill()
    with pytest.raises(OSError):
        implicit(tls, raw, context(certificates.ca))
    assert tls.wait_log("disconnect", reason="tls")


def test_it_ends_with_the_listener(tls, certificates):
    listener = tls.listener()
    connect(tls, certificates, listener=listener)
    wait_role("key")
    listener.stop()
    for role in ("tls", "resident", "key"):
        wait_until(lambda: not roles(role), what="the end of role " + role)


def test_it_does_not_outlive_a_resident_that_is_killed(tls, certificates):
    listener = tls.listener()
    held = connect(tls, certificates, listener=listener)
    key, = wait_role("key")
    wait_role("resident")[0].kill()
    wait_until(lambda: not key.alive(), what="its end")
    held.quit()
