"""EXPIRE: announced, and enforced (RFC 2449 section 6.7, RFC 1939 section 8)."""

import os
import signal
import time

import pytest

import quota_tools
from stores import message
from test_login_delay import capability

DAY = 86400


def from_line(seconds, zone=" +0000"):
    return time.strftime("From joe@example.org %a %b %e %H:%M:%S %Y",
                         time.gmtime(seconds)).encode() + zone.encode() + b"\n"


def put(store, number, days, zone=" +0000"):
    """Deliver a message as if that long ago; returns what is stored of it."""
    raw, then = message(number), int(time.time() - days * DAY)
    if store.kind == "mbox":
        store.append(from_line(then, zone) + raw + b"\n")
        return raw
    path = os.path.join(store.path, "cur", "%d.M%dP1.host:2,S" % (then, number))
    with open(path, "wb") as f:
        f.write(raw)
    store.account.own(path, 0o600)
    os.utime(path, (then, then))
    return raw


def end(site):
    line, = site.wait_log("session-end")
    return dict(word.split("=", 1) for word in line.split(" ") if "=" in word)


# Announced


@pytest.mark.parametrize("settings,extra,before,after,warned", [
    ({}, "", "NEVER", "NEVER", False),
    ({}, "userdb_expire=5", "NEVER", "NEVER", True),
    ({"mail__expire": 30}, "", "30", "30", False),
    ({"mail__expire": 0}, "", "0", "0", False),
    ({"mail__expire": 30}, "userdb_expire=never", "30", "30", True),
    ({"mail__expire": 30, "mail__expire_min": 7}, "", "7 USER", "30", False),
    ({"mail__expire_min": 7}, "", "7 USER", "NEVER", False),
    ({"mail__expire": 30, "mail__expire_min": 7}, "userdb_expire=never", "7 USER", "NEVER", False),
    ({"mail__expire": 30, "mail__expire_min": 7}, "userdb_expire=9", "7 USER", "9", False),
    ({"mail__expire": 30, "mail__expire_min": 7}, "userdb_expire=0", "7 USER", "7", True),
    ({"mail__expire": 3, "mail__expire_min": 7}, "", "3 USER", "3", False)])
def test_announced_in_both_states(site, maildir, alice, settings, extra, before, after, warned):
    site.set(**settings)
    site.write_users([site.user_line(alice, extra=extra)])
    days = after if after.isdigit() else "36500"
    kept = put(maildir, 1, max(0, int(days) - 1))
    client = site.inetd()
    assert capability(client, "EXPIRE") == "EXPIRE " + before
    client.login(alice)
    assert capability(client, "EXPIRE") == "EXPIRE " + after
    client.cmd_ok("STAT")
    client.quit()
    assert maildir.messages() == [kept]
    assert ("own expiry" in "".join(site.log_lines("warning"))) == warned


# After a number of days


def test_old_ones_go_with_quit(site, store, alice):
    site.set(mail__expire=10)
    put(store, 1, 11)
    put(store, 2, 10.01)
    kept = [put(store, 3, 9), put(store, 4, 0)]
    client = site.inetd()
    client.login(alice)
    # All of it is there as long as the session lasts.
    assert client.cmd("STAT").startswith(b"+OK 4 ")
    assert len(client.lines("UIDL")) == 4
    assert b"Subject: message 2\r\n" in client.multi("RETR 2")
    client.quit()
    assert store.messages() == kept
    done = end(site)
    assert done["expired"].split("/")[0] == "2" and done["left"] == "2"
    assert done["dele"] == "0/0" and done["reason"] == "quit"
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 2 ")
    client.quit()
    assert store.messages() == kept


def test_together_with_what_is_deleted(site, store, alice):
    site.set(mail__expire=10)
    for number, days in enumerate((20, 20, 1, 1), 1):
        put(store, number, days)
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 2")
    client.cmd_ok("DELE 4")
    client.quit()
    assert store.messages() == [message(3)]
    done = end(site)
    assert done["dele"].split("/")[0] == "2" and done["expired"].split("/")[0] == "1"
    assert done["left"] == "1"


@pytest.mark.parametrize("how", ["close", "kill", "idle"])
def test_without_quit_nothing_goes(site, store, alice, how):
    site.set(mail__expire=0, limits__idle_seconds=1)
    kept = [put(store, number, 20) for number in (1, 2)]
    before = store.snapshot()
    client = site.inetd()
    client.login(alice)
    client.multi("RETR 1")
    client.multi("RETR 2")
    if how == "close":
        client.reset()
    elif how == "kill":
        client.process.send_signal(signal.SIGTERM)
    site.wait_log("session-end")
    assert store.messages() == kept and store.snapshot() == before


def test_session_that_numbers_nothing(site, store, alice):
    site.set(mail__expire=10)
    put(store, 1, 20)
    before = store.snapshot()
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("NOOP")
    client.quit()
    assert store.snapshot() == before
    assert end(site)["expired"] == "0/0"


def test_mail_of_the_session_itself_stays(site, store, alice):
    """What was delivered during the session is none of it, however old it looks."""
    site.set(mail__expire=10)
    put(store, 1, 20)
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("STAT")
    late = put(store, 2, 20)
    client.quit()
    assert store.messages() == [late]


def test_nothing_to_do_touches_nothing(site, store, alice):
    site.set(mail__expire=10)
    put(store, 1, 5)
    before = store.snapshot()
    for _ in range(2):
        client = site.inetd()
        client.login(alice)
        client.cmd_ok("STAT")
        client.quit()
    assert store.snapshot() == before


def test_age_in_a_maildir(site, maildir, alice):
    """The later time counts, of the name and of the file."""
    site.set(mail__expire=10)
    young_file, young_name, old, nameless = [put(maildir, n, 20) for n in (1, 2, 3, 4)]
    paths = dict(zip("1234", maildir.files()))
    os.utime(paths["1"], (time.time() - 5 * DAY,) * 2)
    os.rename(paths["2"], paths["2"].replace(
        os.path.basename(paths["2"]), "%d.M2P1.host:2," % (time.time() - 5 * DAY)))
    os.rename(paths["4"], os.path.join(maildir.path, "cur", "no-time:2,"))
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 4 ")
    client.quit()
    assert sorted(maildir.messages()) == sorted([young_file, young_name])


@pytest.mark.parametrize("days,zone,goes", [
    (10.1, " +0000", True), (10.1, "", False), (10.6, "", True), (9.9, "", False),
    (10.1, " MET", False), (10.6, " MET", True)])
def test_date_without_zone(site, mbox, alice, days, zone, goes):
    site.set(mail__expire=10)
    raw = put(mbox, 1, days, zone)
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("STAT")
    client.quit()
    assert mbox.messages() == ([] if goes else [raw])


def test_folder_data_is_no_message(site, mbox, alice):
    """What c-client keeps at the beginning of an mbox neither counts nor expires."""
    site.set(mail__expire=10)
    data = (b"From: Mail System Internal Data <MAILER-DAEMON@host>\n"
            b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
            b"X-IMAP: 1700000000 0000000002\nStatus: RO\n\nThis text is part of it.\n")
    mbox.append(from_line(time.time() - 20 * DAY).replace(
        b"joe@example.org", b"MAILER-DAEMON") + data + b"\n")
    put(mbox, 1, 20)
    kept = put(mbox, 2, 1)
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 2 ")
    client.quit()
    assert mbox.messages() == [data, kept]


def test_quota_is_told(site, maildir, alice):
    site.set(mail__expire=10)
    gone, kept = put(maildir, 1, 20), put(maildir, 2, 1)
    quota_tools.write_size(maildir, "1000000S,100C\n%d 2\n" % len(gone + kept))
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("STAT")
    client.quit()
    assert quota_tools.lines(maildir)[-1].split() == [str(-len(gone)), "-1"]


def test_failure_that_the_client_has_nothing_to_do_with(site, mbox, alice):
    """Another program has rewritten the mbox: it was not the client who wanted any change."""
    site.set(mail__expire=10)
    put(mbox, 1, 20)
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("STAT")
    with open(mbox.path, "r+b") as f:
        f.seek(f.read().index(b"message 1") + 8)
        f.write(b"7")
        f.flush()
        os.utime(mbox.path, (time.time(),) * 2)
    client.quit()
    assert b"message 7" in mbox.messages()[0]
    done = end(site)
    assert done["expired"].split("/")[0] == "0" and done["left"] == "1"


# What has been fetched


def test_fetched_ones_go_with_quit(site, store, alice):
    site.set(mail__expire=0)
    raws = [put(store, number, 20) for number in (1, 2, 3, 4)]
    client = site.inetd()
    client.login(alice)
    client.lines("UIDL")
    client.multi("TOP 1 1000")
    client.multi("RETR 2")
    client.multi("RETR 3")
    client.cmd_ok("DELE 3")
    # RSET takes back marks; what was sent remains sent.
    client.cmd_ok("RSET")
    client.cmd_ok("DELE 4")
    assert client.cmd("STAT").startswith(b"+OK 3 ")
    client.quit()
    assert store.messages() == [raws[0]]
    done = end(site)
    assert done["dele"].split("/")[0] == "1" and done["expired"].split("/")[0] == "2"


def test_fetched_in_an_earlier_session(site, store, alice):
    site.set(mail__expire=0)
    kept = put(store, 1, 20)
    client = site.inetd()
    client.login(alice)
    client.multi("RETR 1")
    client.close()
    site.wait_log("session-end")
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("STAT")
    client.quit()
    assert store.messages() == [kept]


@pytest.mark.parametrize("value", ["-1", "5d", "Never", "36501", ""])
def test_wrong_value(site, value):
    site.set(mail__expire=value)
    client = site.inetd(greeting=False)
    assert not client.rest().startswith(b"+OK")
