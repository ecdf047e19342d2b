"""Mail programs that people use: every message arrives as it is, deletion is exact.

Each fetches the dozen messages of scripts/demo-mail from both stores, from a pop3d that
root started for a user and from one that an unprivileged user started for himself.
"""

import os
import subprocess

import pytest

from accounts import Account
from demo_mail import put_demo_mail
from patience import patient
from stores import MaildirStore, MboxStore

SECONDS = patient(60)


class Mailbox:
    """A listener, one account behind it, and its store with the dozen messages."""

    def __init__(self, site, account, store):
        self.site, self.account, self.store = site, account, store
        site.set(mail__location=store.location)
        self.wires = put_demo_mail(store)
        self.listener = site.listener()
        self.port = self.listener.port
        self.work = site.path("client")
        os.mkdir(self.work)
        account.own(self.work)

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, "w") as f:
            os.fchmod(f.fileno(), mode)
            f.write(text)
        return self.account.own(path)

    def folder(self, name, parts=("",)):
        """A directory of the client's, made at the first call."""
        for part in parts:
            path = self.path(name, part)
            if not os.path.isdir(path):
                os.mkdir(path)
                self.account.own(path)
        return self.path(name)

    def maildir(self, name):
        return self.folder(name, ("", "cur", "new", "tmp"))

    def run(self, *argv, status=0):
        """A client, run by the mail user with a home of its own; its output as bytes."""
        env = {"PATH": "/usr/bin:/bin", "HOME": self.work, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(argv, cwd=self.work, env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=SECONDS, check=False,
                              user=self.account.uid, group=self.account.gid,
                              extra_groups=[])
        assert done.returncode == status, (argv, done.returncode, done.stdout[-2000:],
                                           done.stderr[-2000:])
        return done.stdout

    def run_getmail(self, new, *argv):
        """Now and then getmail waits for ever for a child of its own that has ended: no
        session of that kind gets as far as QUIT, so it can begin again.
        """
        before = set(os.listdir(new))
        for _ in range(4):
            out = self.run("sh", "-c", "timeout -s KILL 12 \"$@\" || "
                           "{ test $? = 137 && echo killed; }", "sh", *argv)
            if out != b"killed\n":
                break
            for name in set(os.listdir(new)) - before:
                os.unlink(os.path.join(new, name))

    def kept(self):
        """What is still in the store, once the last session has let go of it."""
        client = self.listener.connect()
        client.login(self.account)
        client.quit()
        return self.store.wires()


@pytest.fixture(params=["root-maildir", "root-mbox", "user-maildir", "user-mbox"])
def mailbox(request, site, alice, vmail):
    starter, kind = request.param.split("-")
    account = alice if starter == "root" else vmail
    if starter == "user":
        site.accounts = {"vmail": Account(vmail.name, vmail.uid, vmail.gid, vmail.home)}
        site.use_unprivileged(vmail)
    return Mailbox(site, account, (MaildirStore if kind == "maildir" else MboxStore)(account))


# Clients store with LF, and some end the last line: only that may differ.

def text(wire):
    return wire.replace(b"\r\n", b"\n")


def assert_fetched(found, wires):
    """The messages, in any order: some clients name files by the clock."""
    assert len(found) == len(wires)
    for wire in wires:
        assert text(wire) in found, "missing or changed: %r" % wire[:200]


# curl

def curl(mailbox, path, *options):
    return mailbox.run("curl", "--silent", "--show-error", "--user",
                       "%s:%s" % (mailbox.account.name, mailbox.account.password),
                       "pop3://127.0.0.1:%d/%s" % (mailbox.port, path), *options)


def test_curl_list_and_uidl(mailbox):
    listed = curl(mailbox, "").decode().split("\r\n")
    assert listed == ["%d %d" % (n, len(w)) for n, w in enumerate(mailbox.wires, 1)] + [""]
    uids = curl(mailbox, "", "-X", "UIDL").decode().split("\r\n")[:-1]
    assert [u.split(" ")[0] for u in uids] == [str(n) for n in range(1, 13)]
    assert len({u.split(" ")[1] for u in uids}) == 12
    assert curl(mailbox, "", "-X", "UIDL").decode().split("\r\n")[:-1] == uids


def test_curl_every_message(mailbox):
    for number, wire in enumerate(mailbox.wires, 1):
        assert curl(mailbox, str(number)) == wire
    assert mailbox.kept() == mailbox.wires


def test_curl_many_urls_on_one_connection(mailbox):
    """One session, commands in a row; curl writes the messages one behind the other."""
    base = "pop3://127.0.0.1:%d/" % mailbox.port
    out = mailbox.run("curl", "--silent", "--show-error", "--user",
                      "%s:%s" % (mailbox.account.name, mailbox.account.password),
                      *(base + str(n) for n in range(1, 13)))
    assert out == b"".join(mailbox.wires)
    assert len(mailbox.site.wait_log("session-end", user=mailbox.account.name)) == 1


def test_curl_requests(mailbox):
    head = curl(mailbox, "", "--request", "TOP 4 2")
    header, body = mailbox.wires[3].split(b"\r\n\r\n", 1)
    assert head == header + b"\r\n\r\n" + b"".join(l + b"\r\n" for l in body.split(b"\r\n")[:2])
    curl(mailbox, "", "--request", "NOOP", "--head")
    curl(mailbox, "2", "--request", "DELE", "--head")
    assert mailbox.kept() == mailbox.wires[:1] + mailbox.wires[2:]


# A session that curl gives up on must not have deleted anything.

def test_curl_wrong_password(mailbox):
    mailbox.run("curl", "--silent", "--user", mailbox.account.name + ":wrong",
                "pop3://127.0.0.1:%d/1" % mailbox.port, status=67)
    assert mailbox.kept() == mailbox.wires


# fetchmail

FETCHMAIL_LIMIT_REACHED = 13


def fetchmail(mailbox, *words, options=(), status=0):
    """Each message to a file of its own, without the headers that fetchmail adds."""
    mailbox.write("deliver", '#!/bin/sh\nn=$(ls "$1" | wc -l)\ncat >"$1/$n"\n', 0o700)
    folder = mailbox.folder("fetched")
    rc = mailbox.write("fetchmailrc", 'poll 127.0.0.1 service %d protocol POP3\n'
                       'user "%s" password "%s" sslproto "" no rewrite mda "%s %s" %s\n' % (
                           mailbox.port, mailbox.account.name, mailbox.account.password,
                           mailbox.path("deliver"), folder,
                           " ".join(words)))
    mailbox.run("fetchmail", "-f", rc, "--nosyslog", "--invisible", *options,
                status=status)
    return fetched_files(folder)


def fetched_files(*folders):
    found = []
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as f:
                found.append(f.read())
    return found


def test_fetchmail_keep(mailbox):
    assert_fetched(fetchmail(mailbox, "fetchall", "keep"), mailbox.wires)
    assert mailbox.kept() == mailbox.wires


def test_fetchmail_delete(mailbox):
    assert_fetched(fetchmail(mailbox, "fetchall", "no keep"), mailbox.wires)
    assert mailbox.kept() == []


def test_fetchmail_deletes_only_what_it_fetched(mailbox):
    found = fetchmail(mailbox, "fetchall", "no keep", "fetchlimit 5",
                      status=FETCHMAIL_LIMIT_REACHED)
    assert_fetched(found, mailbox.wires[:5])
    assert mailbox.kept() == mailbox.wires[5:]


def test_fetchmail_knows_what_it_has_seen(mailbox):
    """--uidl: unique-ids of a second session are those of the first."""
    assert_fetched(fetchmail(mailbox, "keep", options=["--uidl"]), mailbox.wires)
    extra = b"Subject: one more\n\nNew.\n"
    mailbox.store.put(extra)
    found = fetchmail(mailbox, "keep", options=["--uidl"])
    assert_fetched(found, mailbox.wires + [mailbox.store.expected(extra)])


# mpop

def mpop(mailbox, *lines):
    """Delivery to a Maildir, without the Received header that mpop adds."""
    folder = mailbox.maildir("mpop")
    rc = mailbox.write("mpoprc", "\n".join([
        "account default", "host 127.0.0.1", "port %d" % mailbox.port, "tls off",
        "auth user", "user " + mailbox.account.name, "password " + mailbox.account.password,
        "received_header off", "uidls_file " + mailbox.path("uidls"),
        "delivery maildir " + folder, *lines, ""]))
    mailbox.run("mpop", "--file=" + rc, "--quiet")
    return fetched_files(os.path.join(folder, "new"))


def test_mpop_keep(mailbox):
    assert_fetched(mpop(mailbox, "keep on"), mailbox.wires)
    assert_fetched(mpop(mailbox, "keep on"), mailbox.wires)
    assert mailbox.kept() == mailbox.wires


def test_mpop_delete(mailbox):
    assert_fetched(mpop(mailbox, "keep off"), mailbox.wires)
    assert mailbox.kept() == []


def test_mpop_deletes_only_what_it_fetched(mailbox):
    """Large messages are skipped, and stay."""
    small = [w for w in mailbox.wires if len(w) <= 10000]
    large = [w for w in mailbox.wires if len(w) > 10000]
    assert small and large
    assert_fetched(mpop(mailbox, "keep off", "skipsize 10000"), small)
    assert mailbox.kept() == large


# getmail

def getmail(mailbox, *options):
    folder = mailbox.maildir("getmail")
    rc = mailbox.write("getmailrc", "\n".join([
        "[retriever]", "type = SimplePOP3Retriever", "server = 127.0.0.1",
        "port = %d" % mailbox.port, "username = " + mailbox.account.name,
        "password = " + mailbox.account.password,
        "[destination]", "type = Maildir", "path = %s/" % folder,
        "[options]", "delivered_to = false", "received = false", "verbose = 0",
        "message_log_syslog = false", *options, ""]))
    new = os.path.join(folder, "new")
    mailbox.run_getmail(new, "getmail", "--getmaildir", mailbox.work, "--rcfile", rc)
    return fetched_files(new)


def test_getmail_keep(mailbox):
    assert_fetched(getmail(mailbox, "read_all = true"), mailbox.wires)
    assert mailbox.kept() == mailbox.wires


def test_getmail_knows_what_it_has_seen(mailbox):
    assert_fetched(getmail(mailbox, "read_all = false"), mailbox.wires)
    assert_fetched(getmail(mailbox, "read_all = false"), mailbox.wires)


def test_getmail_delete(mailbox):
    assert_fetched(getmail(mailbox, "read_all = true", "delete = true"), mailbox.wires)
    assert mailbox.kept() == []


def test_getmail_deletes_only_what_it_fetched(mailbox):
    found = getmail(mailbox, "read_all = true", "delete = true",
                    "max_messages_per_session = 4")
    assert_fetched(found, mailbox.wires[:4])
    assert mailbox.kept() == mailbox.wires[4:]
