"""What the log says: one line of key=value pairs for each event, and never a secret."""

import base64
import os
import re
import socket
import time

import pytest

from harness import Client, roles, tcp_pair, wait_role
from stores import message

PAIR = re.compile(r'[a-z_]+=(?:"(?:[^"\\=]|\\.|=)*"|[\x21\x23-\x3c\x3e-\x5b\x5d-\x7e]*)')
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ pop3d\[\d+\]: "


def parse(line):
    """A line of the log file as a dictionary; its form is checked on the way."""
    match = re.match(STAMP, line)
    assert match, line
    rest, found = line[match.end():], {}
    while rest:
        pair = PAIR.match(rest)
        assert pair, "not key=value: %r" % rest
        key, value = pair[0].split("=", 1)
        assert key not in found, line
        found[key] = value
        rest = rest[pair.end():]
        assert rest == "" or rest.startswith(" "), line
        rest = rest[1:]
    assert "event" in found
    return found


def events(site, name):
    site.wait_log(name)
    return [e for e in map(parse, site.log_lines()) if e["event"] == name]


def test_events_of_a_session(site, store, alice):
    expected = store.fill([message(1), message(2, b"long\n" * 9), message(3), message(4)])
    client = site.inetd()
    port = str(client.sock.getsockname()[1])
    local = str(client.sock.getpeername()[1])
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS wrong")
    client.login(alice)
    client.multi("RETR 1")
    client.multi("RETR 2")
    client.cmd_ok("STAT")
    top = client.multi("TOP 3 0")
    client.cmd_ok("DELE 4")
    client.quit()
    client.wait()
    connect, = events(site, "connect")
    assert connect == {"event": "connect", "rip": "127.0.0.1", "rport": port,
                       "lip": "127.0.0.1", "lport": local}
    failed, = events(site, "login-failed")
    for key, value in (("user", alice.name), ("rip", "127.0.0.1"), ("lip", "127.0.0.1"),
                       ("mech", "USER"), ("reason", "denied")):
        assert failed[key] == value
    login, = events(site, "login")
    assert login == {"event": "login", "user": alice.name, "rip": "127.0.0.1",
                     "lip": "127.0.0.1", "mech": "USER", "tls": "no"}
    end, = events(site, "session-end")
    assert re.fullmatch(r"[01]", end.pop("duration"))
    assert end == {
        "event": "session-end", "user": alice.name, "rip": "127.0.0.1", "lip": "127.0.0.1",
        "tls": "no", "mech": "USER", "top": "1/%d" % len(top),
        "retr": "2/%d" % sum(map(len, expected[:2])), "dele": "1/%d" % len(expected[3]),
        "left": "3", "reason": "quit"}


@pytest.mark.parametrize("how,reason", [("close", "disconnect"), ("reset", "disconnect"),
                                        ("idle", "idle"), ("quit", "quit")])
def test_reason_of_the_end(site, maildir, alice, how, reason):
    maildir.fill([message(1), message(2)])
    site.set(limits__idle_seconds=1)
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    if how == "idle":
        client.eof()
    else:
        getattr(client, how)()
    client.wait()
    end, = events(site, "session-end")
    assert end["reason"] == reason
    removed = how == "quit"
    assert end["left"] == ("1" if removed else "2")
    assert end["dele"].split("/")[0] == ("1" if removed else "0")


def test_exchange_that_is_left_is_a_failed_login(site, maildir, alice):
    """Who guesses and hangs up before the verdict is seen all the same."""
    client = site.inetd()
    client.send(b"AUTH LOGIN " + base64.b64encode(alice.name.encode()) + b"\r\n")
    assert client.line().startswith(b"+ ")
    client.close()
    failed, = events(site, "login-failed")
    assert failed["user"] == alice.name and failed["reason"] == "aborted"
    end, = events(site, "disconnect")
    assert end["attempts"] == "1" and end["reason"] == "disconnect"


def test_slow_client_is_not_a_slow_module(site, maildir, alice):
    """auth.timeout is for the modules; who thinks longer has login_seconds."""
    site.set(auth__timeout=1)
    client = site.inetd()
    client.send(b"AUTH LOGIN\r\n")
    assert client.line().startswith(b"+ ")
    time.sleep(1.5)
    client.send(base64.b64encode(alice.name.encode()) + b"\r\n")
    assert client.line().startswith(b"+ ")
    client.send(base64.b64encode(alice.password.encode()) + b"\r\n")
    assert client.line().startswith(b"+OK")
    client.quit()


def test_octets_of_retr_are_those_of_list(site, maildir, alice):
    """Not those of the dots that were stuffed."""
    expected = maildir.fill([message(1, b".\n" * 1000)])
    client = site.inetd()
    client.login(alice)
    client.multi("RETR 1")
    client.quit()
    client.wait()
    end, = events(site, "session-end")
    assert end["retr"] == "1/%d" % len(expected[0])


def test_addresses_of_ipv6(site, maildir, alice):
    client = site.inetd(address="::1")
    client.login(alice)
    client.quit()
    client.wait()
    for name in ("connect", "login", "session-end"):
        event, = events(site, name)
        assert event["rip"] == event["lip"] == "::1"


def test_mapped_addresses_are_ipv4(site):
    """A client that comes in through a socket for both kinds is its IPv4 self."""
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::", 0))
        server.listen(1)
        sock = socket.create_connection(("127.0.0.1", server.getsockname()[1]), 10)
        conn = server.accept()[0]
    sock.settimeout(None)
    with conn:
        process = site.spawn(site.argv(), stdin=conn, stdout=conn, stderr=conn)
    client = site.adopt(Client(sock.fileno(), sock=sock, process=process))
    assert "USER" in client.lines("CAPA"), "127.0.0.1 is local"
    client.quit()
    client.wait()
    connect, = events(site, "connect")
    assert connect["rip"] == "127.0.0.1"


@pytest.mark.parametrize("name,encoded", [
    ("a b", '"a b"'), ('a"b', r'"a\"b"'), ("a\\b", r'"a\\b"'), ("a=b", '"a=b"'),
    ("x user=root", '"x user=root"'), ("%n%s%x", "%n%s%x"), ("\xe9", r'"\xe9"'),
    ("p3alice rip=192.0.2.1", '"p3alice rip=192.0.2.1"')])
def test_client_bytes_are_encoded(site, maildir, name, encoded):
    client = site.inetd()
    client.cmd_ok("USER " + name)
    client.cmd_err("PASS x")
    failed, = events(site, "login-failed")
    assert failed["user"] == encoded


def test_no_forged_line(site, maildir, alice):
    """No octet of a client ends a line or starts another pair."""
    site.set(server__log_level="debug", auth__max_attempts=100)
    client = site.inetd()
    for name in ("a\tb", "a\x1bb", "a\x7fb", "a\x0bb", "a\x85b", "event=login", "\"", "\\",
                 "x\" event=\"login"):
        client.cmd("USER " + name)
        client.cmd_err("PASS x")
    client.quit()
    client.wait()
    for line in site.log_lines():
        assert parse(line)["event"] != "login"


def test_passwords_are_never_logged(site, maildir, alice):
    """Not right ones, not wrong ones, not those in the wrong place."""
    secret = "S3cr3t-0f-all"
    site.write_users([site.user_line(alice, password=secret)])
    site.set(server__log_level="debug", auth__max_attempts=100)
    client = site.inetd()
    client.cmd_err("PASS " + secret)
    client.cmd_err("APOP " + alice.name + " " + secret)
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS x" + secret)
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS " + secret.encode() + b"\0\r\n")
    client.err()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS " + secret + "y" * 300)
    client.cmd_ok("USER " + alice.name)
    client.cmd_ok("PASS " + secret)
    client.cmd_err("PASS " + secret)
    client.quit()
    client.wait()
    with open(site.log) as f:
        text = f.read()
    assert "event=login " in text
    assert secret not in text and secret[1:] not in text
    assert "argon2" not in text


def test_log_level(site, maildir, alice):
    site.set(server__log_level="error")
    client = site.inetd()
    client.login(alice)
    client.quit()
    client.wait()
    assert site.log_lines() == []


def test_log_file_is_not_for_everyone(site, maildir):
    client = site.inetd()
    client.quit()
    client.wait()
    assert os.stat(site.log).st_mode & 0o027 == 0


def test_stderr_is_never_the_client(site, maildir, alice):
    """inetd puts the client on fd 2: no line of the log may go there."""
    site.set(server__log="stderr", server__log_level="debug")
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.cmd_err("PASS wrong")
    client.login(alice)
    client.quit()


@pytest.mark.parametrize("journal", [False, True])
def test_stderr(site, maildir, alice, journal):
    site.set(server__log="stderr")
    env = {"PATH": "/usr/bin:/bin"}
    if journal:
        env["JOURNAL_STREAM"] = "8:12345"
    with open(site.path("stderr"), "wb") as err:
        server, sock = tcp_pair()
        with server:
            process = site.spawn(site.argv(), stdin=server, stdout=server, stderr=err, env=env)
    client = site.adopt(Client(sock.fileno(), sock=sock, process=process))
    client.login(alice)
    client.quit()
    client.wait()
    with open(site.path("stderr")) as f:
        lines = f.read().splitlines()
    prefix = r"<[0-7]>event=" if journal else r"pop3d\[\d+\]: event="
    assert len(lines) >= 3
    assert all(re.match(prefix, l) for l in lines), lines


def test_syslog(site, maildir, alice):
    """LOG_MAIL and the name pop3d, in a /dev of its own in a mount namespace."""
    path = site.path("devlog")
    site.set(server__log="syslog")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        log.settimeout(10)
        script = ("mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && "
                  "mknod -m 666 /dev/urandom c 1 9 && ln -s %s /dev/log && exec \"$@\"" % path)
        client = site.inetd(prefix=["unshare", "--mount", "sh", "-c", script, "sh"])
        client.cmd_ok("USER " + alice.name)
        client.cmd_err("PASS wrong")
        client.login(alice)
        client.quit()
        lines = []
        while not any("event=session-end" in l for l in lines):
            lines.append(log.recv(4096).decode())
    for line in lines:
        match = re.match(r"<(\d+)>.*pop3d\[\d+\]: event=", line)
        assert match and int(match[1]) >> 3 == 2, line
    found = [re.search(r"event=(\S+)", l)[1] for l in lines]
    assert found == ["connect", "login-failed", "login", "session-end"]


def test_crash_line(site, maildir):
    client = site.inetd()
    wait_role("front")[0].kill()
    client.rest()
    client.wait()
    crash, = events(site, "crash")
    assert crash["role"] == "front" and crash["signal"] == "9"
    assert roles("monitor") == []


def test_lines_of_parallel_sessions_do_not_mix(site, maildir):
    listener = site.listener()
    clients = [listener.connect() for _ in range(20)]
    for client in clients:
        client.send(b"USER someone\r\nPASS wrong\r\n")
    for client in clients:
        client.ok()
        client.err()
        client.quit()
    site.wait_log("login-failed")
    for line in site.log_lines():
        parse(line)
    assert len(site.log_lines("connect")) == 20
    assert len(site.log_lines("login-failed")) == 20
