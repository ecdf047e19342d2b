"""An attacker's day, hour by hour; meanwhile one honest client is served within 2 s each time.

After each hour no process and no descriptor is left, memory is what it was, and so is the
maildrop: see Day.end().
"""

import base64
import contextlib
import ssl
import time

import pytest

import tls_client
from client import TIMEOUT
from attackers import Day, closed, cpu_seconds, many_descriptors, send_all
from mechanisms import log_in_plain
from proxy_headers import MALFORMED, v1
from stores import MaildirStore, message
from test_limits_time import big_file

pytestmark = pytest.mark.uninstrumented("a sanitizer takes many times the time and memory")

MANY = 1000
BLOCK = b"x" * (1 << 20)
NAMES = ["../../etc/passwd", "/etc/passwd", "..", ".", "~root", "a/../b", "%s%s%s%n", "%n" * 60,
         "$(id)", "`id`", "';--", "x" * 255, "root", "pop3d", "alice@", "@", "\\", "//", "%u"]


@pytest.fixture
def day_of(site, alice, certificates):
    """Starts a day with some settings; its end is checked."""
    made = []

    def start(**settings):
        day = Day(site, alice, certificates, **settings)
        made.append(day)
        day.begin()
        return day
    with many_descriptors():
        yield start
        for day in made:
            day.end()


def test_gigabyte_without_a_line_end(day_of, bob):
    """Before a login it ends soon; after it, it is thrown away as it comes, at little cost."""
    day = day_of()
    MaildirStore(bob)
    inside = day.client(2)
    inside.login(bob)
    start = cpu_seconds(day.pid)
    outside = day.open(1)
    assert send_all(outside, BLOCK, 1024) < 32
    day.site.wait_log("disconnect", rip="127.0.1.1", reason="login-octets")
    assert send_all(inside.sock, BLOCK, 1024) == 1024
    day.memory_of(1)
    inside.close()
    day.settled()
    assert cpu_seconds(day.pid) - start < 20


def test_hundred_thousand_noops(day_of, bob):
    """Before a login they are mistakes, and soon the last; after it they are answered."""
    day = day_of()
    MaildirStore(bob)
    outside = day.open(1)
    send_all(outside, b"NOOP\r\n" * 1000, 100)
    assert closed([outside], TIMEOUT) == 1
    day.site.wait_log("disconnect", rip="127.0.1.1", reason="bad-commands")
    inside = day.client(2)
    inside.login(bob)
    for _ in day.turns():
        for _ in range(100):
            inside.send(b"NOOP\r\n" * 1000)
            for _ in range(1000):
                assert inside.ok()
    day.memory_of(1)
    inside.quit()


def test_hundred_thousand_aborted_exchanges(day_of):
    """Each connection has max_attempts of them; what it sends behind these is not looked at."""
    day = day_of(auth__failure_delay=0)
    crowd = day.crowd(200, each=1)
    for sock in crowd:
        send_all(sock, b"AUTH PLAIN\r\n*\r\n" * 500, 1)
    assert closed(crowd, 30) == len(crowd)
    day.settled()
    assert len(day.site.log_lines("login-failed")) == 3 * len(crowd)
    assert len(day.site.log_lines("login-failed", rip="127.0.1.7")) == 3
    assert len(day.site.log_lines("disconnect", reason="attempts")) == len(crowd)


def test_a_thousand_that_say_nothing(day_of):
    """All are thrown out in time; more from the same addresses are refused at once."""
    day = day_of(limits__login_seconds=15)
    crowd = day.crowd(MANY)
    more = [day.open(host) for host in range(1, 21)]
    assert closed(more, 5) == len(more)
    assert len(day.site.log_lines("refused", reason="connections_per_address")) == len(more)
    day.memory_of(MANY)
    assert closed(crowd, 40) == MANY
    day.settled()
    assert len(day.site.log_lines("disconnect", reason="timeout")) == MANY


def test_a_thousand_from_one_address(day_of):
    """With the limits as they are by default, it has the connections of one."""
    day = day_of(limits__connections=500, limits__half_open="100:30:250",
                 limits__login_seconds=15)
    crowd = day.crowd(MANY, each=MANY)
    assert closed(crowd, 4) == MANY - 50
    assert closed(crowd[:50], 20) == 50
    day.settled()
    refused = day.site.log_lines("refused", rip="127.0.1.1", reason="connections_per_address")
    assert len(refused) == MANY - 50


def test_a_thousand_that_dribble(day_of):
    """An octet every 20 s gains no time."""
    day = day_of(limits__login_seconds=25)
    crowd = day.crowd(MANY)
    start = time.monotonic()
    for sock in crowd:
        sock.send(b"U")
    time.sleep(max(0, start + 20 - time.monotonic()))
    for sock in crowd:
        with contextlib.suppress(OSError):
            sock.send(b"S")
    assert closed(crowd, 30) == MANY
    day.settled()
    assert len(day.site.log_lines("disconnect", reason="timeout")) == MANY


def test_readers_that_stop_in_retr(day_of, bob, carol):
    day = day_of(limits__output_seconds=3)
    clients = []
    for host, account in enumerate((bob, carol), 1):
        big_file(MaildirStore(account).put(b""), 32 << 20)
        clients.append(day.client(host))
        clients[-1].login(account)
        clients[-1].send(b"RETR 1\r\n")
    time.sleep(1)
    day.memory_of(2)
    for account in (bob, carol):
        day.site.wait_log("session-end", user=account.name, reason="output")
    day.settled()


def states(bob):
    """What an attacker has sent and read when it resets the connection."""
    logged_in = [b"USER %s\r\n" % bob.name.encode(), b"PASS %s\r\n" % bob.password.encode()]
    return [[], [b"US"], [b"CAPA\r\n"], [b"USER x\r\n"], [b"USER x\r\n", b"PASS x\r\n"],
            [b"AUTH PLAIN\r\n"], [b"AUTH LOGIN\r\n", base64.b64encode(b"x") + b"\r\n"],
            [b"STLS\r\n"], [b"STLS\r\n", b"\x16\x03\x01"], logged_in, logged_in[:1],
            [*logged_in, b"RETR 1\r\n"], [*logged_in, b"DELE 1\r\n"],
            [*logged_in, b"DELE 1\r\n", b"RSET\r\n", b"RET"]]


def test_reset_in_every_state(day_of, bob):
    day = day_of(auth__failure_delay=0)
    store = MaildirStore(bob)
    big_file(store.put(message(1)), 4 << 20)
    before = store.messages()
    for turn in day.turns():
        for sent in states(bob):
            for port in (day.port, day.tls_port, day.proxy_port):
                client = day.client(1 + turn % 200, port, greeting=port == day.port)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    for data in sent:
                        client.send(data)
                        if port == day.port and data.endswith(b"\r\n"):
                            client.fill()
                client.reset()
    day.settled()
    assert store.messages() == before


def test_names_of_every_octet(day_of):
    """No name is known, none does anything but fail."""
    day = day_of(auth__failure_delay=0, auth__penalty_max=0, auth__max_attempts=100)
    client = day.client()
    octets = ["".join(map(chr, range(n, n + 4))) for n in range(0, 256, 4)]
    for name in NAMES + octets:
        assert log_in_plain(client, name, "%s%n").startswith(b"-ERR"), name
    client.close()
    day.settled()
    assert day.site.log_lines("login-failed", reason="backend") == []
    assert len(day.site.log_lines("login-failed", reason="denied")) >= len(NAMES)


def test_flood_of_stls(day_of):
    """Handshakes that are left, that are none, and whole ones."""
    day = day_of(limits__handshake_seconds=5)
    offered = tls_client.context()
    for turn in range(40):
        client = day.client(1 + turn % 20)
        client.cmd_ok("STLS")
        if turn % 4 == 0:
            client.send(b"CAPA\r\n" * 100)
        elif turn % 4 == 1:
            client.send(b"\x16\x03\x01\x3f\xff" + b"\0" * 16000)
        elif turn % 4 == 2:
            with contextlib.suppress(ssl.SSLError):
                tls_client.TlsClient(client, offered).cmd("CAPA")
        else:
            continue  # it stays open, until handshake_seconds
        client.close()
    silent = [day.open(1 + n % 20, day.tls_port) for n in range(200)]
    assert closed(silent, 30) == len(silent)
    day.settled()
    assert len(day.site.log_lines("disconnect", reason="tls")) >= len(silent) + 20


def test_lies_in_proxy_headers(day_of):
    """From elsewhere than a proxy the header is not read; no lie touches the honest client."""
    day = day_of(limits__connections_per_address=5, limits__proxy_seconds=3)
    lie = v1(client=("127.0.0.1", 4711))
    count = 0
    for _ in day.turns():
        liars = [day.open(1 + n, day.proxy_port) for n in range(100)]
        for sock in liars:
            with contextlib.suppress(OSError):
                sock.send(lie)
        assert closed(liars, 10) == len(liars)
        count += len(liars)
        for data in MALFORMED.values():
            with day.open("127.0.2.1", day.proxy_port) as sock, contextlib.suppress(OSError):
                sock.send(data)
                sock.send(lie)
    day.settled()
    assert len(day.site.log_lines("disconnect", reason="proxy-untrusted")) == count
    assert day.site.log_lines("disconnect", rip="127.0.2.1", reason="proxy-header")
    assert day.site.log_lines("connect", via="127.0.1.1") == []
