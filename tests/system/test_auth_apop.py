"""Shared secrets: the module apop, APOP and CRAM-MD5 with raw lines and real clients."""

import base64
import hashlib
import hmac
import os
import re
import subprocess

import pytest

from patience import patient
from stores import message
from test_clients_fetch import Mailbox, assert_fetched, fetched_files

DENIED = b"-ERR [AUTH] Invalid user name or password"
BROKEN = b"-ERR [SYS/TEMP] Authentication failed for now, try again later"
SECRET = "tan staaf: there ain't"


def pop3ctl(site, *argv, text="", status=0):
    done = subprocess.run([site.tree.pop3ctl, "-c", site.conf, "apop", *argv], input=text,
                          capture_output=True, text=True, timeout=patient(10), check=False)
    assert done.returncode == status, (argv, done)
    return done.stdout


def give_secret(site, account, secret=SECRET):
    pop3ctl(site, "set", "-u", str(account.uid), "-g", str(account.gid), "-d", account.home,
            account.name, text=secret + "\n")


@pytest.fixture
def secrets(site, maildir, alice):
    """The modules passwd and apop, with a secret of p3alice."""
    site.set(auth__modules="passwd apop", auth__mechanisms="USER APOP CRAM-MD5",
             auth__apop__file=site.path("secrets"), auth__apop__key=site.path("key"))
    give_secret(site, alice)
    return site


def timestamp(client):
    return re.search(rb"<[^<>]+>", client.greeting).group(0)


def apop(client, name, secret=SECRET):
    digest = hashlib.md5(timestamp(client) + secret.encode()).hexdigest()
    return client.cmd("APOP %s %s" % (name, digest))


def cram_md5(client, name, secret=SECRET):
    client.send(b"AUTH CRAM-MD5\r\n")
    assert (line := client.line()).startswith(b"+ ")
    challenge = base64.b64decode(line[2:], validate=True)
    digest = hmac.new(secret.encode(), challenge, "md5").hexdigest()
    return client.cmd(base64.b64encode(("%s %s" % (name, digest)).encode()).decode())


@pytest.mark.parametrize("way", [apop, cram_md5])
def test_right_secret(secrets, alice, way):
    client = secrets.inetd()
    assert way(client, alice.name) == b"+OK Logged in"
    assert client.cmd("STAT") == b"+OK 0 0"
    client.quit()
    name = {"apop": "APOP", "cram_md5": "CRAM-MD5"}[way.__name__]
    assert secrets.wait_log("login", user=alice.name, mech=name)


@pytest.mark.parametrize("way", [apop, cram_md5])
def test_wrong_secret_and_unknown_user(secrets, alice, way):
    secrets.set(auth__max_attempts=10)
    client = secrets.inetd()
    assert way(client, alice.name, "wrong") == DENIED
    assert way(client, "nobody-knows") == DENIED
    assert way(client, alice.name, alice.password) == DENIED
    assert way(client, alice.name) == b"+OK Logged in"


def test_password_still_opens(secrets, alice):
    """Both ways, unless the administrator says otherwise."""
    client = secrets.inetd()
    client.login(alice)
    client.quit()
    secrets.set(auth__passwd__deny=alice.name)
    client = secrets.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + alice.password) == DENIED
    assert apop(client, alice.name) == b"+OK Logged in"


def test_secret_is_no_password(secrets, alice):
    client = secrets.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + SECRET) == DENIED


def test_timestamp_only_with_apop(secrets):
    seen = {timestamp(secrets.inetd()) for _ in range(5)}
    assert len(seen) == 5
    assert all(re.fullmatch(rb"<[0-9a-f]{32}@pop\.example\.org>", t) for t in seen)
    secrets.set(auth__mechanisms="USER CRAM-MD5")
    client = secrets.inetd()
    assert b"<" not in client.greeting
    client.cmd_err("APOP p3alice " + "0" * 32)


def test_digest_of_another_connection(secrets, alice):
    first, second = secrets.inetd(), secrets.inetd()
    digest = hashlib.md5(timestamp(first) + SECRET.encode()).hexdigest()
    assert second.cmd("APOP %s %s" % (alice.name, digest)) == DENIED
    assert first.cmd("APOP %s %s" % (alice.name, digest)) == b"+OK Logged in"


def test_listener(secrets, alice):
    listener = secrets.listener()
    assert apop(listener.connect(), alice.name) == b"+OK Logged in"


def test_changed_and_deleted_secret(secrets, alice):
    pop3ctl(secrets, "set", alice.name, text="another\n")
    assert apop(secrets.inetd(), alice.name) == DENIED
    assert apop(secrets.inetd(), alice.name, "another") == b"+OK Logged in"
    assert pop3ctl(secrets, "list").split("\t")[:2] == [alice.name, "sealed"]
    pop3ctl(secrets, "delete", alice.name)
    assert apop(secrets.inetd(), alice.name, "another") == DENIED


# pop3ctl apop

def test_files_are_private_and_tell_nothing(secrets):
    for name in ("secrets", "key"):
        assert os.stat(secrets.path(name)).st_mode & 0o7777 == 0o600
    with open(secrets.path("secrets"), "rb") as f:
        text = f.read()
    assert SECRET.encode() not in text
    assert os.stat(secrets.path("key")).st_size == 32


def test_a_key_is_never_replaced(secrets, alice):
    with open(secrets.path("key"), "rb") as f:
        key = f.read()
    pop3ctl(secrets, "init", status=1)
    with open(secrets.path("key"), "rb") as f:
        assert f.read() == key
    # A lost key is not made anew behind one's back.
    os.unlink(secrets.path("key"))
    pop3ctl(secrets, "set", alice.name, text="x\n", status=78)
    assert not os.path.exists(secrets.path("key"))


def test_other_fields_stay(secrets, alice):
    pop3ctl(secrets, "set", "-u", "1", alice.name, text="x\n", status=1)
    assert apop(secrets.inetd(), alice.name) == b"+OK Logged in"
    for wrong in (["set"], ["set", "a:b"], ["init", "x"], ["set", "-u", "x", "new"]):
        pop3ctl(secrets, *wrong, text="x\n", status=64)
    pop3ctl(secrets, "set", "empty", text="\n", status=64)


# What an administrator may do wrong.

@pytest.mark.parametrize("harm", ["no key", "other key", "open key", "moved", "no file"])
def test_broken_files_are_a_failure_for_now(secrets, alice, bob, harm):
    user = alice.name
    if harm == "no key":
        os.unlink(secrets.path("key"))
    elif harm == "other key":
        with open(secrets.path("key"), "wb") as f:
            f.write(os.urandom(32))
    elif harm == "open key":
        os.chmod(secrets.path("key"), 0o604)
    elif harm == "no file":
        os.unlink(secrets.path("secrets"))
    else:
        with open(secrets.path("secrets")) as f:
            text = f.read()
        with open(secrets.path("secrets"), "w") as f:
            f.write(text.replace(alice.name + ":", bob.name + ":"))
        user = bob.name
    client = secrets.inetd()
    assert apop(client, user) == BROKEN
    assert any("apop" in line for line in secrets.log_lines())


def config_problems(site):
    done = subprocess.run(site.argv("-t"), capture_output=True, text=True, timeout=patient(10),
                          check=False)
    return done.returncode, done.stderr.splitlines()


def test_mechanisms_and_modules_must_fit(secrets, alice):
    assert config_problems(secrets) == (0, [])
    secrets.set(auth__modules="passwd")
    assert config_problems(secrets) == (78, [
        "pop3d: auth.mechanisms: no module serves APOP",
        "pop3d: auth.mechanisms: no module serves CRAM-MD5"])
    client = secrets.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + alice.password) == BROKEN
    secrets.set(auth__modules="passwd apop", auth__mechanisms="USER")
    assert config_problems(secrets) == (78, ["pop3d: auth.modules: no mechanism asks apop"])


# Clients of others.

@pytest.fixture
def mailbox(secrets, maildir, alice):
    secrets.set(auth__mechanisms="APOP CRAM-MD5", auth__modules="apop")
    return Mailbox(secrets, alice, maildir)


@pytest.mark.parametrize("mechanism", ["apop", "cram-md5"])
def test_mpop(mailbox, mechanism):
    folder = mailbox.maildir("mpop")
    rc = mailbox.write("mpoprc", "\n".join([
        "account default", "host 127.0.0.1", "port %d" % mailbox.port, "tls off",
        "auth " + mechanism, "user " + mailbox.account.name, 'password "%s"' % SECRET,
        "received_header off", "uidls_file " + mailbox.path("uidls"), "keep on",
        "delivery maildir " + folder, ""]))
    mailbox.run("mpop", "--file=" + rc, "--quiet")
    assert_fetched(fetched_files(os.path.join(folder, "new")), mailbox.wires)
    assert mailbox.site.wait_log("login", mech=mechanism.upper())


@pytest.mark.parametrize("option", ["AUTH=+APOP", "AUTH=CRAM-MD5"])
def test_curl(mailbox, option):
    out = mailbox.run("curl", "--silent", "--show-error", "--login-options", option,
                      "--user", "%s:%s" % (mailbox.account.name, SECRET),
                      "pop3://127.0.0.1:%d/3" % mailbox.port)
    assert out == mailbox.wires[2]
    assert mailbox.site.wait_log("login", mech=option.split("=")[1].lstrip("+"))


def test_fetchmail(mailbox):
    mailbox.write("deliver", '#!/bin/sh\nn=$(ls "$1" | wc -l)\ncat >"$1/$n"\n', 0o700)
    folder = mailbox.folder("fetched")
    rc = mailbox.write("fetchmailrc", 'poll 127.0.0.1 service %d protocol APOP\n'
                       'user "%s" password "%s" sslproto "" no rewrite mda "%s %s" keep\n' % (
                           mailbox.port, mailbox.account.name, SECRET,
                           mailbox.path("deliver"), folder))
    mailbox.run("fetchmail", "-f", rc, "--nosyslog", "--invisible")
    assert_fetched(fetched_files(folder), mailbox.wires)
    assert mailbox.site.wait_log("login", mech="APOP")


def test_gsasl(secrets, alice):
    """The digest by another implementation."""
    client = secrets.inetd()
    client.send(b"AUTH CRAM-MD5\r\n")
    challenge = client.line()[2:]
    done = subprocess.run(["gsasl", "--client", "--quiet", "--mechanism=CRAM-MD5",
                           "--authentication-id=" + alice.name, "--password=" + SECRET],
                          input=challenge + b"\n", capture_output=True, timeout=patient(10),
                          check=False)
    answer = done.stdout.split()[-1]
    assert client.cmd(answer.decode()) == b"+OK Logged in"


def test_messages_arrive(secrets, maildir, alice):
    """Whatever the way in, the session is the same."""
    maildir.fill([message(1), message(2)])
    client = secrets.inetd()
    assert apop(client, alice.name) == b"+OK Logged in"
    assert client.cmd("STAT").startswith(b"+OK 2 ")
