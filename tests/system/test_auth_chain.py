"""Several modules in a row, and for whom each is asked."""

import subprocess

import pytest

from backends import Apop, Checkpassword, Pam, Passwd
from harness import free_port
from mechanisms import (DENIED, DOWN, LOGGED_IN, log_in_apop, log_in_cram_md5, log_in_login,
                        log_in_plain, log_in_user)
from patience import patient
from stores import MaildirStore, message

PASSWORDS = {"USER": log_in_user, "PLAIN": log_in_plain, "LOGIN": log_in_login}


@pytest.fixture
def chain(site, maildir, bob):
    """chain(Passwd, Apop, ...): these modules, in this order, installed for p3alice."""
    maildir.fill([message(1)])
    MaildirStore(bob)
    made = []

    def make(*kinds, account, mechanisms):
        site.use_modules(*(kind.name for kind in kinds))
        site.set(auth__mechanisms=mechanisms, auth__max_attempts=100)
        for kind in kinds:
            made.append(kind(site, account))
            made[-1].install()
        return made

    yield make
    for client in site.clients:
        client.close()
    for back_end in made:
        back_end.close()


def outcome(site, log_in, name, password):
    client = site.inetd()
    reply = log_in(client, name, password)
    if reply == LOGGED_IN:
        assert client.cmd("STAT").startswith(b"+OK ")
        client.quit()
        client.wait()
    else:
        client.cmd_err("STAT")
        client.close()
    return reply


@pytest.mark.parametrize("order", [(Passwd, Apop), (Apop, Passwd)])
def test_each_mechanism_finds_its_module(site, chain, alice, order):
    """The secrets differ: a digest never opens with the password, nor the other way."""
    chain(*order, account=alice, mechanisms="USER PLAIN APOP CRAM-MD5")
    site.write_users([site.user_line(alice, password="for passwd")])
    for log_in, right, wrong in (
            (log_in_user, "for passwd", alice.password),
            (log_in_plain, "for passwd", alice.password),
            (log_in_apop, alice.password, "for passwd"),
            (log_in_cram_md5, alice.password, "for passwd")):
        assert outcome(site, log_in, alice.name, wrong) == DENIED
        assert outcome(site, log_in, alice.name, right) == LOGGED_IN


def test_unknown_to_the_first_is_asked_of_the_next(site, chain, alice, bob):
    chain(Passwd, Checkpassword, account=alice, mechanisms="USER PLAIN")
    bob.password = "of bob"
    site.write_users([site.user_line(bob)])
    for log_in in (log_in_user, log_in_plain):
        assert outcome(site, log_in, alice.name, alice.password) == LOGGED_IN
        assert outcome(site, log_in, bob.name, bob.password) == LOGGED_IN
        assert outcome(site, log_in, alice.name, bob.password) == DENIED
        assert outcome(site, log_in, bob.name, alice.password) == DENIED
        assert outcome(site, log_in, "p3nobody", alice.password) == DENIED


def test_refusal_is_final(site, chain, alice):
    """The second module would have let the user in."""
    chain(Passwd, Checkpassword, account=alice, mechanisms="USER")
    site.write_users([site.user_line(alice, password="for passwd")])
    assert outcome(site, log_in_user, alice.name, alice.password) == DENIED
    site.write_users([site.user_line(alice, extra="nologin")])
    assert outcome(site, log_in_user, alice.name, alice.password) == DENIED


@pytest.mark.parametrize("broken", [0, 1])
def test_broken_module_ends_it(site, chain, alice, bob, broken):
    """No other module stands in: who is who would depend on what is broken."""
    modules = chain(Passwd, Checkpassword, account=alice, mechanisms="USER")
    modules[broken].down()
    name = alice.name if broken == 0 else bob.name
    assert outcome(site, log_in_user, name, alice.password).startswith(DOWN)


def test_passwd_before_pam(site, chain, alice, bob):
    chain(Passwd, Pam, account=alice, mechanisms="USER PLAIN")
    bob.password = "of bob"
    site.write_users([site.user_line(bob)])
    site.set(mail__location="maildir:" + alice.path("Maildir"))
    assert outcome(site, log_in_user, alice.name, alice.password) == LOGGED_IN
    assert outcome(site, log_in_plain, alice.name, "wrong") == DENIED
    site.set(mail__location="maildir:~/Maildir")
    assert outcome(site, log_in_user, bob.name, bob.password) == LOGGED_IN
    assert outcome(site, log_in_plain, bob.name, alice.password) == DENIED


# [auth.NAME]: mechanisms, domains, allow, deny

@pytest.mark.parametrize("listed", ["PLAIN", "USER LOGIN", "LOGIN PLAIN USER"])
def test_mechanisms_of_a_module(site, chain, alice, listed):
    chain(Passwd, account=alice, mechanisms="USER PLAIN LOGIN")
    site.set(auth__passwd__mechanisms=listed)
    for name, log_in in PASSWORDS.items():
        reply = outcome(site, log_in, alice.name, alice.password)
        assert reply == (LOGGED_IN if name in listed.split() else DENIED)


@pytest.mark.parametrize("domains,names", [
    ("example.org", ["ann@example.org", "a@b@example.org"]), ("-", ["ann"]),
    ("- example.org", ["ann", "ann@example.org", "a@b@example.org"]),
    ("EXAMPLE.NET other", [])])
def test_domains_of_a_module(site, chain, alice, domains, names):
    chain(Passwd, account=alice, mechanisms="PLAIN")
    everybody = ["ann", "ann@example.org", "a@b@example.org", "ann@example.com"]
    site.write_users([site.user_line(alice, name=name) for name in everybody])
    site.set(auth__passwd__domains=domains)
    for name in everybody:
        reply = outcome(site, log_in_plain, name, alice.password)
        assert reply == (LOGGED_IN if name in names else DENIED), name


@pytest.mark.parametrize("key,let_in", [("allow", True), ("deny", False)])
@pytest.mark.parametrize("form", ["word", "file", "domain"])
def test_allowed_and_denied_users(site, chain, alice, key, let_in, form):
    chain(Passwd, account=alice, mechanisms="PLAIN")
    site.write_users([site.user_line(alice, name=n)
                      for n in ("ann@example.org", "joe@example.net")])
    value = {"word": "x ann@example.org", "file": site.path("names"),
             "domain": "@example.org"}[form]
    with open(site.path("names"), "w") as f:
        f.write("# who\nx\n\nann@example.org\n")
    site.settings["auth.passwd." + key] = value
    site.write_config()
    for name, listed in (("ann@example.org", True), ("joe@example.net", False)):
        reply = outcome(site, log_in_plain, name, alice.password)
        assert reply == (LOGGED_IN if listed == let_in else DENIED), name


def test_denied_by_the_first_is_denied_by_all(site, chain, alice):
    chain(Passwd, Checkpassword, account=alice, mechanisms="USER")
    site.write_users([])
    assert outcome(site, log_in_user, alice.name, alice.password) == LOGGED_IN
    site.set(auth__passwd__deny=alice.name)
    assert outcome(site, log_in_user, alice.name, alice.password) == DENIED


def test_not_allowed_by_the_first_is_asked_of_the_next(site, chain, alice, bob):
    chain(Passwd, Checkpassword, account=alice, mechanisms="USER")
    site.write_users([site.user_line(alice, password="for passwd")])
    site.set(auth__passwd__allow=bob.name)
    assert outcome(site, log_in_user, alice.name, "for passwd") == DENIED
    assert outcome(site, log_in_user, alice.name, alice.password) == LOGGED_IN


def test_list_of_names_that_is_missing(site, chain, alice):
    """Nobody is let in by a list that cannot be read."""
    chain(Passwd, account=alice, mechanisms="USER")
    for key in ("allow", "deny"):
        site.settings["auth.passwd." + key] = "/nonexistent/names"
        site.write_config()
        try:
            reply = outcome(site, log_in_user, alice.name, alice.password)
        except AssertionError:
            reply = b"-ERR"  # not even a greeting
        assert reply.startswith(b"-ERR") and reply != DENIED
        del site.settings["auth.passwd." + key]
    assert site.log_lines("login") == []


# What does not fit together is told before anybody is served.

@pytest.mark.parametrize("modules,mechanisms,told", [
    ("passwd", "USER APOP", "no module serves APOP"),
    ("passwd", "CRAM-MD5", "no module serves CRAM-MD5"),
    ("apop", "USER PLAIN", "no module serves USER"),
    ("passwd apop", "USER PLAIN", "no mechanism asks apop")])
def test_mechanisms_and_modules_must_fit(site, maildir, alice, modules, mechanisms, told):
    site.use_modules(*modules.split())
    Apop(site, alice).install()
    site.set(auth__mechanisms=mechanisms)
    done = subprocess.run(site.argv("-t"), capture_output=True, check=False, timeout=patient(10))
    assert done.returncode == 78 and told.encode() in done.stderr
    listener = site.spawn(site.argv("-l", "127.0.0.1:%d" % free_port()))
    assert listener.wait(patient(10)) == 78
    # Where modules are loaded only when somebody logs in, nobody does.
    log_in = log_in_user if "USER" in mechanisms else log_in_cram_md5
    assert outcome(site, log_in, alice.name, alice.password).startswith(DOWN)


def test_mechanism_that_there_is_not(site, maildir):
    site.set(auth__mechanisms="USER FOO")
    client = site.inetd(greeting=False)
    client.err()
    client.eof()
    assert client.wait() == 78
