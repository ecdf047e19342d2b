"""SCRAM-SHA-256 with clients of others, and what pop3ctl stores for it."""

import fcntl
import os
import subprocess
import time

import pytest

from harness import TIMEOUT
from mechanisms import DENIED, LOGGED_IN, answer, next_reply

GSASL = "gsasl"


def gsasl_keys(password, *options):
    """Keys as gsasl derives them, in the form of the user file."""
    made = subprocess.run([GSASL, "--mkpasswd", "--mechanism=SCRAM-SHA-256",
                           "--password=" + password, *options],
                          check=True, capture_output=True, text=True, timeout=TIMEOUT)
    return made.stdout.strip()


class Gsasl:
    """The client of gsasl; it speaks base64 on its standard streams."""

    def __init__(self, name, password, mechanism="SCRAM-SHA-256", options=("--no-cb",)):
        self.process = subprocess.Popen(
            [GSASL, "--client", "--mechanism=" + mechanism, "--authentication-id=" + name,
             "--password=" + password, "--quiet", *options], text=True, bufsize=1,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.line() == mechanism

    def line(self):
        return self.process.stdout.readline().strip()

    def ask(self, text):
        self.process.stdin.write(text + "\n")
        return self.line()

    def close(self):
        self.process.kill()
        self.process.communicate()


def gsasl_login(client, name, password):
    """The reply that ends the exchange of a gsasl with the server."""
    peer = Gsasl(name, password)
    try:
        client.send(b"AUTH SCRAM-SHA-256 " + peer.line().encode() + b"\r\n")
        while True:
            line = client.line()
            if not line.startswith(b"+ "):
                return line
            client.send(peer.ask(line[2:].decode()).encode() + b"\r\n")
    finally:
        peer.close()


@pytest.fixture
def scram(site, maildir):
    site.set(auth__mechanisms="SCRAM-SHA-256 USER PLAIN")
    return site


def pop3ctl(site, *words, password):
    return subprocess.run([site.tree.pop3ctl, "-c", site.conf, "passwd", *words],
                          input=password + "\n", text=True, capture_output=True,
                          timeout=TIMEOUT)


def entry(site, account, password="", extra=""):
    return "%s:%s:%d:%d::%s::%s" % (account.name, password, account.uid, account.gid,
                                    account.home, extra)


def test_capability(scram):
    client = scram.inetd()
    lines = client.lines("CAPA")
    assert [line for line in lines if line.startswith("SASL")] == ["SASL SCRAM-SHA-256 PLAIN"]


@pytest.mark.parametrize("extra", [False, True])
def test_gsasl_keys_and_client(scram, alice, extra):
    keys = gsasl_keys("pencil", "--iteration-count=4096")
    if extra:
        scram.write_users([scram.user_line(alice, extra="scram=" + keys.split("}")[1])])
    else:
        scram.write_users([entry(scram, alice, keys)])
    client = scram.inetd()
    assert gsasl_login(client, alice.name, "pencil") == LOGGED_IN
    assert client.cmd("STAT") == b"+OK 0 0"
    scram.wait_log("login", user=alice.name)


@pytest.mark.parametrize("option", ["--scram", "--both"])
@pytest.mark.parametrize("password", ["pencil", "p\u00e4\u00dfword", "a,b=c", "\u00bd\u00b4"])
def test_pop3ctl_keys_and_gsasl_client(scram, alice, option, password):
    scram.write_users([entry(scram, alice)])
    done = pop3ctl(scram, "change", option, alice.name, password=password)
    assert (done.returncode, done.stderr) == (0, "")
    client = scram.inetd()
    assert gsasl_login(client, alice.name, password) == LOGGED_IN
    client.quit()
    # The same entry takes the password itself.
    client = scram.inetd()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS " + password.encode() + b"\r\n")
    assert client.line() == LOGGED_IN


def test_wrong_passwords_and_nobody(scram, alice):
    scram.write_users([entry(scram, alice, gsasl_keys("pencil"))])
    client = scram.inetd()
    assert gsasl_login(client, alice.name, "pencil ") == DENIED
    assert gsasl_login(client, "nobody-knows", "pencil") == DENIED
    scram.wait_log("login-failed", user="nobody-knows")


def test_change_leaves_no_old_password(scram, alice):
    scram.write_users([entry(scram, alice)])
    assert pop3ctl(scram, "change", "--both", alice.name, password="old").returncode == 0
    assert pop3ctl(scram, "change", alice.name, password="new").returncode == 0
    client = scram.inetd()
    assert gsasl_login(client, alice.name, "old") == DENIED
    assert gsasl_login(client, alice.name, "new") == LOGGED_IN


def first_answer(site, name):
    client = site.inetd()
    client.send(b"AUTH SCRAM-SHA-256\r\n")
    assert next_reply(client) == b""
    answer(client, "n,,n=%s,r=abcdef" % name)
    text = next_reply(client)
    client.reset()
    return dict(field.split(b"=", 1) for field in text.split(b","))


def test_salt_of_nobody_stays_over_processes(scram):
    one, two = first_answer(scram, "nobody-knows"), first_answer(scram, "nobody-knows")
    assert (one[b"s"], one[b"i"]) == (two[b"s"], two[b"i"])
    assert one[b"r"] != two[b"r"]
    assert first_answer(scram, "somebody-else")[b"s"] != one[b"s"]
    info = os.stat(scram.path("run", "seed"))
    assert (info.st_mode & 0o7777, info.st_uid, info.st_size) == (0o600, 0, 32)


def test_mpop(scram, alice):
    scram.write_users([entry(scram, alice)])
    assert pop3ctl(scram, "change", "--scram", alice.name,
                   password=alice.password).returncode == 0
    listener = scram.listener()
    folder = scram.path("mpop")
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, part))
    rc = scram.path("mpoprc")
    with open(rc, "w") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write("\n".join([
            "account default", "host 127.0.0.1", "port %d" % listener.port, "tls off",
            "auth scram-sha-256", "user " + alice.name, "password " + alice.password,
            "uidls_file " + scram.path("uidls"), "delivery maildir " + folder, ""]))
    done = subprocess.run(["mpop", "--file=" + rc], capture_output=True, text=True,
                          timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    line = scram.wait_log("login", user=alice.name)[0]
    assert "SCRAM-SHA-256" in line
    listener.stop()


def test_hash_of_another_program_is_replaced(scram, alice):
    """rehash = yes: done by a process with root's rights, though the module has none."""
    old = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq." \
          "qc.eoxqOmSuNp2xS0ktL3nh/"
    scram.write_users([entry(scram, alice, "{SHA512-CRYPT}" + old)])
    scram.set(auth__passwd__rehash="yes")
    for _ in range(2):
        client = scram.inetd()
        client.login(alice, "password")
        client.quit()
        with open(scram.users) as f:
            assert f.read().startswith(alice.name + ":{ARGON2ID}$argon2id$v=19$m=65536,")


def test_lock_of_another_edit_does_not_keep_a_user_out(scram, alice):
    """The process that replaces hashes has root's rights: its parent cannot end it."""
    old = "{ARGON2ID}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/" \
          "uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
    scram.write_users([entry(scram, alice, old)])
    scram.set(auth__passwd__rehash="yes")
    with open(scram.users + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        client = scram.inetd()
        client.login(alice, "password")
        client.quit()
        assert time.monotonic() - began < 5
    assert [line for line in scram.log_lines() if "still waiting for the file" in line]
    with open(scram.users) as f:
        assert old in f.read()


def test_database(scram, alice, bob):
    done = pop3ctl(scram, "compile", password="")
    assert (done.returncode, done.stderr) == (0, "")
    assert os.stat(scram.users + ".cdb").st_mode & 0o7777 == 0o600
    for account in (alice, bob):
        client = scram.inetd()
        client.login(account)
        client.quit()
    assert pop3ctl(scram, "change", alice.name, password="new").returncode == 0
    client = scram.inetd()
    client.login(alice, "new")
    assert not [line for line in scram.log_lines() if "not used" in line]
