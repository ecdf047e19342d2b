"""The module "pam" against real modules of PAM, real users and their shadow passwords."""

import base64
import ctypes
import os
import time

import pytest

from harness import ROOT, Proc, descendants, wait_role, wait_until
from pam_services import PASSWORD, PamServices
from patience import patient
from stores import MaildirStore, message
from supervisors import running, systemd_accept_yes_listen_fds

SECONDS_OF_PAM_UNIX = 1.5  # it delays a refusal by more than that, if it is let
DENIED = b"-ERR [AUTH] "


@pytest.fixture
def pam(site):
    services = PamServices(site.directory)
    site.use_modules("pam")
    yield services
    # Processes that are left could still write.
    for client in site.clients:
        client.close()
    services.close()


@pytest.fixture
def mail(site, alice):
    """The maildrop of p3alice, whose entry in /etc/passwd names no home that exists."""
    store = MaildirStore(alice)
    store.fill([message(1), message(2)])
    site.set(mail__location="maildir:" + store.path)
    return store


def attempt(client, name, password):
    client.cmd_ok("USER " + name)
    return client.cmd("PASS " + password)


def start_of(site, start):
    return site.listener().connect() if start == "listener" else getattr(site, start)()


def keepers():
    found = []
    for proc in descendants():
        try:
            if proc.comm() == "pop3d-keeper":
                found.append(proc)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def hash_sha512(password):
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), b"$6$salt").decode()


# pam_unix


@pytest.mark.parametrize("start", ["inetd", "listener", "pipes"])
def test_unix_password(site, pam, mail, alice, start):
    pam.set_password(alice)
    site.set(auth__pam__service=pam.unix())
    client = start_of(site, start)
    began = time.monotonic()
    refusals = [attempt(client, alice.name, "wrong"), attempt(client, "p3nobody", PASSWORD)]
    assert time.monotonic() - began < SECONDS_OF_PAM_UNIX
    assert attempt(client, alice.name, PASSWORD).startswith(b"+OK")
    assert client.cmd("STAT").startswith(b"+OK 2 ")
    session = wait_role("session")[0]
    assert session.ids("Uid") == [alice.uid] * 4
    assert session.ids("Gid") == [alice.gid] * 4
    client.quit()
    # One text, so that nobody learns who has an account.
    assert refusals[0] == refusals[1] and refusals[0].startswith(DENIED)
    assert len(site.log_lines("login-failed", reason="denied")) == 2
    assert site.log_lines("login", user=alice.name)


def test_sasl_plain(site, pam, mail, alice):
    pam.set_password(alice)
    site.set(auth__pam__service=pam.unix())
    client = site.inetd()
    text = "\0%s\0%s" % (alice.name, PASSWORD)
    client.cmd_ok("AUTH PLAIN " + base64.b64encode(text.encode()).decode())
    client.quit()


def test_default_service(site, pam, mail, alice):
    """Without a file of its own it is PAM's service "other"."""
    pam.set_password(alice)
    assert not os.path.exists("/etc/pam.d/pop3"), "this host has a service pop3"
    client = site.inetd()
    assert attempt(client, alice.name, "wrong").startswith(DENIED)
    assert attempt(client, alice.name, PASSWORD).startswith(b"+OK")
    client.quit()


def test_sample_service(site, pam, mail, alice):
    pam.set_password(alice)
    with open(os.path.join(ROOT, "scripts", "samples", "pam.pop3")) as f:
        site.set(auth__pam__service=pam.service(*f.read().splitlines()),
                 auth__pam__session="yes")
    client = site.inetd()
    assert attempt(client, alice.name, "wrong").startswith(DENIED)
    assert attempt(client, alice.name, PASSWORD).startswith(b"+OK")
    client.quit()


@pytest.mark.parametrize("change, reason", [
    (["chage", "-E", "0"], "account"),
    (["chage", "-M", "1", "-d", "2020-01-01"], "password expired"),
    (["chage", "-d", "0"], "password expired"),
    (["passwd", "-l"], "authentication"),
    (["usermod", "-p", ""], "authentication"),
])
def test_unix_account_is_closed(site, pam, mail, alice, change, reason):
    """Expired, password expired or to be changed, locked, and without a password."""
    pam.set_password(alice)
    site.set(auth__pam__service=pam.unix())
    pam.change(alice, *change)
    client = site.inetd()
    assert attempt(client, alice.name, PASSWORD).startswith(DENIED)
    lines = site.log_lines("login-failed", user=alice.name, reason="denied")
    assert len(lines) == 1 and reason in lines[0]
    client.quit()


def test_password_longer_than_pam_takes(site, pam, mail, alice):
    """pam_unix must not be given the first part of it."""
    pam.set_password(alice, "x" * 511)
    site.set(auth__pam__service=pam.unix())
    client = site.inetd()
    for n, expected in ((512, DENIED), (600, DENIED), (510, DENIED), (511, b"+OK")):
        client.send(b"AUTH PLAIN\r\n")
        assert client.line() == b"+ "
        text = "\0%s\0%s" % (alice.name, "x" * n)
        reply = client.cmd(base64.b64encode(text.encode()).decode())
        assert reply.startswith(expected), n
        if n == 600:
            client.quit()
            client = site.inetd()
    client.quit()
    # Whatever other modules would make of it: they do not see it.
    site.set(auth__pam__service=pam.puppet())
    client = site.inetd()
    assert attempt(client, alice.name, "x" * 200).startswith(b"+OK")
    client.quit()
    client = site.inetd()
    client.send(b"AUTH PLAIN\r\n")
    assert client.line() == b"+ "
    assert client.cmd(base64.b64encode(text.encode() + b"x").decode()).startswith(DENIED)
    client.quit()
    assert len(pam.calls("auth")) == 1


# Other modules of PAM


def test_pwdfile_with_virtual_users(site, pam, bob):
    """Users that /etc/passwd does not know have the ids of [mail]."""
    store = MaildirStore(bob)
    store.put(message(1))
    with open(site.path("pwdfile"), "w") as f:
        f.write("virtual:%s\n" % hash_sha512(PASSWORD))
    name = pam.service("auth required pam_pwdfile.so pwdfile=" + site.path("pwdfile"),
                       "account required pam_permit.so")
    site.set(auth__pam__service=name, mail__location="maildir:" + store.path)
    client = site.inetd()
    # Without [mail] uid there is nobody to be.
    assert attempt(client, "virtual", PASSWORD).startswith(b"-ERR [SYS/PERM] ")
    client.quit()
    site.set(mail__uid=bob.name)
    client = site.inetd()
    assert attempt(client, "virtual", "wrong").startswith(DENIED)
    assert attempt(client, "someone", PASSWORD).startswith(DENIED)
    assert attempt(client, "virtual", PASSWORD).startswith(b"+OK")
    assert wait_role("session")[0].ids("Uid") == [bob.uid] * 4
    client.quit()


def test_deny(site, pam, mail, alice):
    pam.set_password(alice)
    site.set(auth__pam__service=pam.service("auth required pam_deny.so",
                                            "account required pam_deny.so"))
    client = site.inetd()
    assert attempt(client, alice.name, PASSWORD).startswith(DENIED)
    client.quit()


def test_access_by_address(site, pam, mail, alice):
    """pam_access sees whence the client comes."""
    pam.set_password(alice)
    with open(site.path("access"), "w") as f:
        f.write("+:%s:127.0.0.1\n-:ALL:ALL\n" % alice.name)
    site.set(auth__pam__service=pam.service(
        "auth required pam_unix.so",
        "account required pam_access.so accessfile=" + site.path("access")),
        auth__plaintext_login="always")
    client = site.inetd()
    assert attempt(client, alice.name, PASSWORD).startswith(b"+OK")
    client.quit()
    client = site.inetd(address="::1")
    assert attempt(client, alice.name, PASSWORD).startswith(DENIED)
    client.quit()
    assert "Permission denied" in site.log_lines("login-failed", rip="::1")[0]


def test_what_pam_is_told(site, pam, mail, alice):
    site.set(auth__pam__service=pam.puppet())
    client = site.inetd()
    client.login(alice)
    client.quit()
    told = [alice.name, "127.0.0.1", "pop3", "-", "0"]
    assert pam.calls() == [["auth"] + told, ["acct"] + told]


def test_pipes_have_no_address(site, pam, mail, alice):
    site.set(auth__pam__service=pam.puppet())
    client = site.pipes()
    client.login(alice)
    client.quit()
    assert pam.calls("auth") == [["auth", alice.name, "-", "pop3", "-", "0"]]


@pytest.mark.parametrize("auth, acct, reply, detail", [
    (7, 0, DENIED, "Authentication"),      # PAM_AUTH_ERR
    (6, 0, DENIED, "Permission"),          # PAM_PERM_DENIED
    (11, 0, DENIED, "retries"),            # PAM_MAXTRIES
    (10, 0, DENIED, "no module knows"),    # PAM_USER_UNKNOWN
    (9, 0, b"-ERR [SYS/TEMP] ", "Authentication service"),  # PAM_AUTHINFO_UNAVAIL
    (4, 0, b"-ERR [SYS/TEMP] ", "System error"),
    (5, 0, b"-ERR [SYS/TEMP] ", "Memory"),
    (26, 0, b"-ERR [SYS/TEMP] ", "Critical"),  # PAM_ABORT
    (0, 13, DENIED, "expired"),            # PAM_ACCT_EXPIRED
    (0, 12, DENIED, "password expired"),   # PAM_NEW_AUTHTOK_REQD
    (0, 6, DENIED, "account"),
    (0, 10, DENIED, "account"),            # PAM_USER_UNKNOWN, but the password was right
    (0, 9, b"-ERR [SYS/TEMP] ", "account"),
])
def test_results(site, pam, mail, alice, auth, acct, reply, detail):
    site.set(auth__pam__service=pam.puppet("auth=%d" % auth, "acct=%d" % acct))
    client = site.inetd()
    assert attempt(client, alice.name, "x").startswith(reply)
    client.quit()
    assert detail in site.log_lines("login-failed")[0]


@pytest.mark.parametrize("arguments, good", [
    (["off=Password:"], True),
    (["on=login:", "off=Password:"], True),
    (["on=Login: "], True),
    (["on=Token:"], False),
])
def test_prompts(site, pam, mail, alice, arguments, good):
    site.set(auth__pam__service=pam.puppet(*arguments))
    client = site.inetd()
    reply = attempt(client, alice.name, "x")
    assert reply.startswith(b"+OK" if good else DENIED)
    if not good:
        assert "something other" in site.log_lines("login-failed")[0]
    client.quit()


def test_second_factor_is_not_the_password(site, pam, mail, alice):
    """The first prompt is answered; a second one has no answer."""
    pam.set_password(alice)
    log = pam.puppet("off=OTP:")
    with open("/etc/pam.d/" + log) as f:
        lines = f.read().splitlines()
    site.set(auth__pam__service=pam.service("auth required pam_unix.so", *lines))
    client = site.inetd()
    assert attempt(client, alice.name, PASSWORD).startswith(DENIED)
    assert "something other" in site.log_lines("login-failed")[0]
    assert pam.calls() == []
    client.quit()


def test_renamed_user(site, pam, alice, bob):
    """Whom PAM says it is, that is who it is."""
    store = MaildirStore(bob)
    site.set(auth__pam__service=pam.puppet("rename=" + bob.name),
             mail__location="maildir:" + store.path)
    client = site.inetd()
    client.login(alice)
    assert wait_role("session")[0].ids("Uid") == [bob.uid] * 4
    assert site.log_lines("login", user=bob.name)
    client.quit()


def test_root_is_refused(site, pam, mail, alice):
    site.set(auth__pam__service=pam.puppet("rename=root"))
    client = site.inetd()
    assert attempt(client, alice.name, "x").startswith(b"-ERR [SYS/PERM] ")
    client.quit()


def test_messages_in_the_log(site, pam, mail, alice):
    """What PAM says is logged for who wants to know, but nothing that the client said."""
    site.set(server__log_level="debug", auth__pam__service=pam.puppet("say=Maintenance"))
    client = site.inetd()
    client.login(alice)
    client.quit()
    assert any("PAM says: Maintenance" in l for l in site.log_lines("debug"))
    for said in (alice.name, "zebra-42"):
        site.set(auth__pam__service=pam.puppet("say=(%s)" % said))
        client = site.inetd()
        assert attempt(client, alice.name, "zebra-42").startswith(b"+OK")
        client.quit()
    lines = [l for l in site.log_lines("debug") if "PAM says" in l]
    assert len(lines) == 3
    assert all("zebra" not in l and alice.name not in l for l in lines)


@pytest.mark.parametrize("start", ["inetd", "listener", "pipes"])
def test_output_does_not_reach_the_client(site, pam, mail, alice, start):
    site.set(auth__pam__service=pam.puppet("print"))
    client = start_of(site, start)
    assert client.login(alice) == b"+OK Logged in"
    client.quit()


@pytest.mark.parametrize("key, value", [
    ("service", "../passwd"), ("service", "a b"), ("service", ".x"), ("session", "maybe"),
    ("session", "1")])
def test_bad_configuration(site, pam, mail, alice, key, value):
    site.set(**{"auth__pam__" + key: value})
    client = site.inetd()
    assert attempt(client, alice.name, "x").startswith(b"-ERR [SYS/TEMP] ")
    client.quit()
    assert any(key in l for l in site.log_lines("error"))


def test_without_root_it_is_refused(site, vmail):
    site.use_unprivileged(vmail)
    site.use_modules("pam")
    assert site.spawn(site.argv("-t")).wait(patient(10)) == 78


# Broken modules of PAM


def test_hanging_module(site, pam, mail, alice):
    site.set(auth__pam__service=pam.puppet("hang"), auth__timeout=1)
    client = site.inetd()
    assert attempt(client, alice.name, "x").startswith(b"-ERR [SYS/TEMP] ")
    site.set(auth__pam__service=pam.puppet())
    client.quit()


@pytest.mark.parametrize("start", ["inetd", "listener"])
def test_crashing_module(site, pam, mail, alice, start):
    """It costs one attempt: the next one, with another service, works."""
    bad = pam.puppet("crash")
    site.set(auth__pam__service=bad)
    client = start_of(site, start)
    for _ in range(2):
        assert attempt(client, alice.name, "x").startswith(b"-ERR [SYS/TEMP] ")
    # The file of a service is read for each attempt.
    with open("/etc/pam.d/" + bad) as f:
        text = f.read()
    with open("/etc/pam.d/" + bad, "w") as f:
        f.write(text.replace(" crash", ""))
    assert attempt(client, alice.name, "x").startswith(b"+OK")
    client.quit()
    assert len(site.log_lines("crash", role="auth", signal="11")) == 2


# Chains


def test_chain_of_passwd_and_pam(site, pam, mail, alice, bob):
    pam.set_password(alice)
    pam.set_password(bob)
    site.use_modules("passwd", "pam")
    site.write_users([site.user_line(bob)])
    site.set(auth__pam__service=pam.unix(), auth__max_attempts=10)
    client = site.inetd()
    # Who stands in the file is not asked for elsewhere.
    refusals = [attempt(client, bob.name, PASSWORD), attempt(client, "p3nobody", PASSWORD),
                attempt(client, alice.name, "wrong")]
    assert len(set(refusals)) == 1 and refusals[0].startswith(DENIED)
    assert attempt(client, alice.name, PASSWORD).startswith(b"+OK")
    client.quit()


def test_chain_of_pam_and_passwd(site, pam, mail, alice):
    """A user whom PAM does not know may stand in the file."""
    site.use_modules("pam", "passwd")
    site.write_users([site.user_line(alice, name="virtual")])
    site.set(auth__pam__service=pam.service("auth requisite pam_unix.so"))
    client = site.inetd()
    assert attempt(client, "virtual", alice.password).startswith(b"+OK")
    client.quit()


# Sessions


def end_quit(client, session, listener):
    client.quit()


def end_disconnect(client, session, listener):
    client.close()


def end_reset(client, session, listener):
    client.reset()


def end_kill(client, session, listener):
    session.kill()


def end_terminate(client, session, listener):
    session.kill(15)


def end_idle(client, session, listener):
    client.rest()


def end_stop(client, session, listener):
    """As systemd stops a service: SIGTERM to every process at once."""
    for proc in keepers() + [session] + ([Proc(listener.pid)] if listener else []):
        proc.kill(15)


def end_keeper_signals(client, session, listener):
    """The keeper alone does not end before the session."""
    for number in (1, 2, 15):
        keepers()[0].kill(number)
    client.quiet(0.2)
    assert len(keepers()) == 1
    client.quit()


@pytest.mark.parametrize("start", ["inetd", "listener", "pipes"])
@pytest.mark.parametrize("end", [
    end_quit, end_disconnect, end_reset, end_kill, end_terminate, end_idle, end_stop,
    end_keeper_signals])
def test_session_is_closed_once(site, pam, mail, alice, start, end):
    if start == "pipes" and end is end_reset:
        end = end_disconnect
    site.set(auth__pam__service=pam.puppet(), auth__pam__session="yes")
    if end is end_idle:
        site.set(limits__idle_seconds=1)
    listener = site.listener() if start == "listener" else None
    client = listener.connect() if listener else getattr(site, start)()
    client.login(alice)
    client.cmd_ok("STAT")
    keeper = wait_until(keepers, what="a keeper")[0]
    assert keeper.ids("Uid") == [0] * 4
    if start != "pipes":
        assert wait_role("session")[0].fds()[0] not in keeper.fds().values()
    who = [alice.name, "-" if start == "pipes" else "127.0.0.1", "pop3", "-", "0"]
    assert pam.calls("establish", "open", "close", "delete") == [
        ["establish"] + who, ["open"] + who]
    end(client, wait_role("session")[0], listener)
    wait_until(lambda: not keeper.alive(), what="the keeper to end")
    assert pam.calls("open", "close", "delete") == [
        ["open"] + who, ["close"] + who, ["delete"] + who]
    if listener and end is not end_stop:
        # Nothing is left below the listener, not even a zombie.
        wait_until(lambda: descendants(listener.pid) == [], what="the keeper to be reaped")


@pytest.mark.parametrize("end", [end_quit, end_kill])
def test_listener_reaps_a_slow_keeper(site, pam, mail, alice, end):
    """Whose session ended long before it: it is the listener's child then."""
    site.set(auth__pam__service=pam.puppet("slow"), auth__pam__session="yes")
    listener = site.listener()
    client = listener.connect()
    client.login(alice)
    keeper = wait_until(keepers, what="a keeper")[0]
    end(client, wait_role("session")[0], listener)
    wait_until(lambda: keeper.ppid() == listener.pid, what="the keeper to be adopted")
    assert keeper.alive() and pam.calls("close") == []
    listener.connect().quit()
    wait_until(lambda: descendants(listener.pid) == [], what="the keeper to be reaped")
    assert len(pam.calls("close")) == 1


def test_keeper_does_not_hold_the_connection(site, pam, mail, alice):
    """Not even where a super-server puts it on descriptor 3."""
    site.set(auth__pam__service=pam.puppet("slow"), auth__pam__session="yes")
    with running(site, systemd_accept_yes_listen_fds) as server:
        client = server.connect()
        client.login(alice)
        keeper = wait_until(keepers, what="a keeper")[0]
        stream = wait_role("session")[0].fds()[0]
        assert stream.startswith("socket:") and stream not in keeper.fds().values()
        client.quit()


def test_no_session_unless_asked(site, pam, mail, alice):
    site.set(auth__pam__service=pam.puppet())
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("NOOP")
    assert keepers() == []
    client.quit()
    assert pam.calls("establish", "open", "close", "delete") == []


@pytest.mark.parametrize("status, reply", [(6, DENIED), (14, b"-ERR [SYS/TEMP] ")])
def test_session_that_cannot_be_opened(site, pam, mail, alice, status, reply):
    """PAM_PERM_DENIED is a refusal, PAM_SESSION_ERR a fault."""
    site.set(auth__pam__service=pam.puppet("open=%d" % status), auth__pam__session="yes")
    client = site.inetd()
    assert attempt(client, alice.name, "x").startswith(reply)
    assert keepers() == []
    client.quit()
    assert [c[0] for c in pam.calls("establish", "open", "close", "delete")] == [
        "establish", "open", "delete"]


def test_session_of_a_refused_user_is_closed(site, pam, mail, alice):
    """PAM opened it before it was seen that the account cannot be used."""
    site.set(auth__pam__service=pam.puppet("slow"), auth__pam__session="yes",
             auth__min_uid=alice.uid + 1000)
    client = site.inetd()
    assert attempt(client, alice.name, "x").startswith(b"-ERR [SYS/PERM] ")
    wait_until(lambda: pam.calls("close"), what="the session to be closed")
    client.quit()
    assert len(pam.calls("open")) == len(pam.calls("close")) == 1


def test_session_without_a_maildrop_is_closed(site, pam, alice):
    site.set(auth__pam__service=pam.puppet(), auth__pam__session="yes",
             mail__location="mbox:/nonexistent/%u/x")
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    client.send(b"PASS x\r\n")
    client.rest()
    wait_until(lambda: pam.calls("close"), what="the session to be closed")
    assert len(pam.calls("open")) == len(pam.calls("close")) == 1
