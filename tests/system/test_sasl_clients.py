"""Mail programs of others, by each mechanism that they know."""

import os
import subprocess

import pytest

from backends import Apop, Jwt, Passwd
from mechanisms import DENIED, LOGGED_IN, b64, next_reply
from stores import MaildirStore
from test_clients_fetch import Mailbox, assert_fetched, fetched_files

MODULE = {"USER": Passwd, "PLAIN": Passwd, "LOGIN": Passwd, "SCRAM-SHA-256": Passwd,
          "APOP": Apop, "CRAM-MD5": Apop, "XOAUTH2": Jwt, "OAUTHBEARER": Jwt}


@pytest.fixture
def served(site, alice):
    """served(MECHANISM): a mailbox that opens by this mechanism and by no other."""
    made = []

    def make(mechanism):
        kind = MODULE[mechanism]
        site.use_modules(kind.name)
        site.set(auth__mechanisms=mechanism)
        made.append(kind(site, alice))
        made[0].install()
        mailbox = Mailbox(site, alice, MaildirStore(alice))
        mailbox.back_end = made[0]
        if kind is Jwt:
            site.set(mail__location="maildir:" + alice.path("Maildir"))
            mailbox.listener.stop()
            mailbox.listener = site.listener()
            mailbox.port = mailbox.listener.port
        return mailbox

    return make


def assert_used(mailbox, mechanism):
    assert mailbox.site.wait_log("login", user=mailbox.account.name, mech=mechanism)
    assert mailbox.site.log_lines("login-failed") == []


def curl(mailbox, options, *more, status=0):
    return mailbox.run("curl", "--silent", "--show-error", "--login-options", options, *more,
                       "pop3://127.0.0.1:%d/1" % mailbox.port, status=status)


@pytest.mark.parametrize("mechanism,option", [
    ("PLAIN", "AUTH=PLAIN"), ("LOGIN", "AUTH=LOGIN"), ("CRAM-MD5", "AUTH=CRAM-MD5"),
    ("APOP", "AUTH=+APOP"), ("USER", "AUTH=*"), ("PLAIN", "AUTH=*"), ("CRAM-MD5", "AUTH=*"),
    ("APOP", "AUTH=*")])
@pytest.mark.parametrize("initial", [True, False])
def test_curl(served, mechanism, option, initial):
    mailbox = served(mechanism)
    user = "%s:%s" % (mailbox.account.name, mailbox.account.password)
    more = ["--user", user] + (["--sasl-ir"] if initial else [])
    assert curl(mailbox, option, *more) == mailbox.wires[0]
    assert_used(mailbox, mechanism)
    curl(mailbox, option, "--user", mailbox.account.name + ":wrong", status=67)


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize("initial", [True, False])
def test_curl_with_a_token(served, mechanism, initial):
    mailbox = served(mechanism)
    name, token = mailbox.back_end.prepare("right")
    more = ["--user", name + ":", "--oauth2-bearer", token] + ["--sasl-ir"] * initial
    assert curl(mailbox, "AUTH=" + mechanism, *more) == mailbox.wires[0]
    assert_used(mailbox, mechanism)
    more[3] = mailbox.back_end.prepare("locked")[1]
    curl(mailbox, "AUTH=" + mechanism, *more, status=67)


@pytest.mark.parametrize("mechanism", ["USER", "PLAIN", "LOGIN", "CRAM-MD5", "APOP",
                                       "SCRAM-SHA-256"])
def test_mpop(served, mechanism):
    mailbox = served(mechanism)
    folder = mailbox.maildir("mpop")
    rc = mailbox.write("mpoprc", "\n".join([
        "account default", "host 127.0.0.1", "port %d" % mailbox.port, "tls off",
        "auth " + mechanism.lower(), "user " + mailbox.account.name,
        "password " + mailbox.account.password, "received_header off", "keep on",
        "uidls_file " + mailbox.path("uidls"), "delivery maildir " + folder, ""]))
    mailbox.run("mpop", "--file=" + rc, "--quiet")
    assert_fetched(fetched_files(os.path.join(folder, "new")), mailbox.wires)
    assert_used(mailbox, mechanism)


@pytest.mark.parametrize("mechanism,protocol,word", [
    ("USER", "POP3", "password"), ("CRAM-MD5", "POP3", "cram-md5"),
    ("APOP", "APOP", "password")])
def test_fetchmail(served, mechanism, protocol, word):
    mailbox = served(mechanism)
    mailbox.write("deliver", '#!/bin/sh\nn=$(ls "$1" | wc -l)\ncat >"$1/$n"\n', 0o700)
    folder = mailbox.folder("fetched")
    rc = mailbox.write("fetchmailrc", (
        'poll 127.0.0.1 service %d protocol %s auth %s\n'
        'user "%s" password "%s" sslproto "" no rewrite fetchall keep mda "%s %s"\n') % (
            mailbox.port, protocol, word, mailbox.account.name, mailbox.account.password,
            mailbox.path("deliver"), folder))
    mailbox.run("fetchmail", "-f", rc, "--nosyslog", "--invisible")
    assert_fetched(fetched_files(folder), mailbox.wires)
    assert_used(mailbox, mechanism)


def getmail(mailbox, mechanism, name):
    """Fetch into a Maildir of this name; None if getmail had to be killed."""
    folder = mailbox.maildir(name)
    rc = mailbox.write("getmailrc", "\n".join([
        "[retriever]", "type = SimplePOP3Retriever", "server = 127.0.0.1",
        "port = %d" % mailbox.port, "username = " + mailbox.account.name,
        "password = " + mailbox.account.password,
        "use_apop = %s" % (mechanism == "APOP"),
        "[destination]", "type = Maildir", "path = %s/" % folder,
        "[options]", "delivered_to = false", "received = false", "verbose = 0",
        "message_log_syslog = false", "read_all = true", ""]))
    # Now and then it waits for ever for a child of its own that has ended.
    out = mailbox.run("sh", "-c", "timeout 15 getmail --getmaildir \"$0\" --rcfile \"$1\" || "
                      "{ test $? = 124 && echo killed; }", mailbox.work, rc)
    return None if out == b"killed\n" else fetched_files(os.path.join(folder, "new"))


@pytest.mark.parametrize("mechanism", ["USER", "APOP"])
def test_getmail(served, mechanism):
    mailbox = served(mechanism)
    found = (getmail(mailbox, mechanism, name) for name in ("first", "second", "third"))
    assert_fetched(next(messages for messages in found if messages is not None),
                   mailbox.wires)
    assert_used(mailbox, mechanism)


# GNU SASL knows no POP3: it is given the challenges, and its answers are passed on.

@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"])
@pytest.mark.parametrize("right", [True, False])
def test_gsasl(served, mechanism, right):
    mailbox = served(mechanism)
    client = mailbox.listener.connect()
    password = mailbox.account.password if right else "wrong"
    argv = ["gsasl", "--client", "--mechanism", mechanism, "--quiet", "--no-cb",
            "--authentication-id", mailbox.account.name,
            "--authorization-id", mailbox.account.name,
            "--password", password, "--no-client-first"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as gsasl:
        assert gsasl.stdout.readline().strip() == mechanism.encode()
        client.send(b"AUTH %s\r\n" % mechanism.encode())
        while True:
            text = next_reply(client)
            if text.startswith((b"+OK", b"-ERR")):
                break
            gsasl.stdin.write(b64(text).encode() + b"\n")
            gsasl.stdin.flush()
            client.send(gsasl.stdout.readline().strip() + b"\r\n")
        gsasl.kill()
    assert text == (LOGGED_IN if right else DENIED)
    if right:
        assert client.cmd("STAT").startswith(b"+OK %d " % len(mailbox.wires))
