"""Unique-ids that a real Dovecot gave: read by our importers, and shown by pop3d."""

import os
import re

import pytest

from old_servers import (dovecot, dovecot_session, ids_by_message, imported, imported_names,
                         polled)
from stores import MboxStore, MaildirStore, message, wire

FORMATS = [None, "%v.%u", "%08Xv%08Xu", "%g", "%f", "%Mf", "%XRu-%3.4v", "x%-3.2Xv%UXu%%"]


def raw(number):
    """A message with all the fields that some server hashes."""
    return (b"Received: from a.example by b.example\n\twith ESMTP id %d;\n"
            b"  Mon, 1 Jan 2024 00:00:%02d +0000\n"
            b"Received: from c.example by a.example; Mon, 1 Jan 2024 00:00:00 +0000\n"
            b"delivered-to: joe%d@example.org\n"
            b"Date: Mon, 1 Jan 2024 00:00:%02d +0000\n"
            b"Message-ID: <%d@example.org>\n" % ((number, number % 60) * 2 + (number,))
            + message(number, b"Body of %d.\n" % number))


def form(wanted):
    return [] if wanted is None else ["pop3_uidl_format = " + wanted]


def poll_twice(site, account, location, put, *more):
    """Two sessions with deletions and new mail in between; {message: id} of what is left."""
    server = dovecot(site, account, location, *more)
    client = dovecot_session(server, account)
    first = polled(client)
    for number in (1, 4, len(first)):
        client.cmd_ok("DELE %d" % number)
    client.quit()
    for number in range(100, 104):
        put(raw(number))
    client = dovecot_session(server, account)
    found = ids_by_message(polled(client))
    client.quit()
    server.stop()
    old = ids_by_message(first)
    kept = [m for m in found if m in old]
    assert len(kept) == len(first) - 3 and all(found[m] == old[m] for m in kept)
    return found


def maildir_ids(store, found):
    """{base name: id}"""
    names = {}
    for path in store.files():
        with open(path, "rb") as f:
            names[os.path.basename(path).split(":")[0]] = found[wire(f.read())]
    assert len(names) == len(found)
    return names


def pop3d_ids(site, account):
    client = site.inetd()
    client.login(account)
    pairs = polled(client)
    client.quit()
    return ids_by_message(pairs)


def check_pop3d(site, account, store, found, forget):
    """found stays, new mail gets ids of its own that stay, whatever is left of Dovecot."""
    site.set(mail__location=store.location)
    assert pop3d_ids(site, account) == found
    for number in range(200, 203):
        store.put(raw(number))
    more = pop3d_ids(site, account)
    assert len(more) == len(found) + 3
    assert {m: more[m] for m in found} == found
    forget()
    assert pop3d_ids(site, account) == more
    store.put(raw(300))
    last = pop3d_ids(site, account)
    assert {m: last[m] for m in more} == more and len(last) == len(more) + 1


@pytest.fixture
def maildir(alice):
    store = MaildirStore(alice)
    for number in range(12):
        store.put(raw(number), "new" if number % 3 == 0 else "cur")
    return store


@pytest.fixture
def mbox(alice):
    store = MboxStore(alice)
    store.fill([raw(number) for number in range(12)])
    return store


@pytest.mark.parametrize("wanted", FORMATS)
def test_maildir_list(site, alice, maildir, wanted):
    """The importer reads from dovecot-uidlist what Dovecot told the client."""
    found = poll_twice(site, alice, "maildir:~/Maildir", maildir.put, *form(wanted))
    names = maildir_ids(maildir, found)
    ids = imported_names("dovecot", maildir, *([wanted] if wanted else []))
    assert {name: ids[name] for name in names} == names


def test_maildir_list_default(site, alice, maildir):
    """As Dovecot documents its default: UID and validity, eight digits each."""
    found = poll_twice(site, alice, "maildir:~/Maildir", maildir.put)
    assert all(re.fullmatch("[0-9a-f]{16}", uid) for uid in found.values()), found


def test_maildir_list_saved(site, alice, maildir):
    """pop3_save_uidl keeps ids in the list; then the format does not matter any more."""
    found = poll_twice(site, alice, "maildir:~/Maildir", maildir.put, "pop3_save_uidl = yes",
                       "pop3_uidl_format = %v-%u")
    names = maildir_ids(maildir, found)
    ids = imported_names("dovecot", maildir)
    assert {name: ids[name] for name in names} == names
    with open(os.path.join(maildir.path, "dovecot-uidlist"), "rb") as f:
        assert len(re.findall(rb"^\d+ .*\bP\d+-\d+ .*:", f.read(), re.M)) >= len(names)


def test_maildir_list_saved_names(site, alice, maildir):
    """A saved id that is the base name is an empty one in the list."""
    found = poll_twice(site, alice, "maildir:~/Maildir", maildir.put, "pop3_save_uidl = yes",
                       "pop3_uidl_format = %f")
    names = maildir_ids(maildir, found)
    ids = imported_names("dovecot", maildir)
    assert {name: ids[name] for name in names} == names == {name: name for name in names}


@pytest.mark.parametrize("wanted", [None, "%v-%u", "%m", "%u/%g"])
def test_mbox_headers(site, alice, mbox, wanted):
    """The importer reads from the headers in an mbox what Dovecot told the client."""
    found = poll_twice(site, alice, "mbox:~/mail:INBOX=~/mbox", mbox.put, *form(wanted))
    ids = imported("dovecot", "mbox", mbox.path, *([wanted] if wanted else []))
    assert ids == list(found.values())


@pytest.mark.parametrize("end", ["quit", "close"])
def test_mbox_polled_only(site, alice, mbox, end):
    """Nothing was deleted, or the client just went away: the ids are in the mbox as well."""
    server = dovecot(site, alice, "mbox:~/mail:INBOX=~/mbox")
    client = dovecot_session(server, alice)
    pairs = polled(client)
    getattr(client, end)()
    server.stop()
    assert imported("dovecot", "mbox", mbox.path) == [uid for uid, _ in pairs]


def test_maildir_in_pop3d(site, alice, maildir):
    found = poll_twice(site, alice, "maildir:~/Maildir", maildir.put)
    check_pop3d(site, alice, maildir, found,
                lambda: os.unlink(os.path.join(maildir.path, "dovecot-uidlist")))


def test_maildir_format_in_pop3d(site, alice, maildir):
    """As the administrator says how Dovecot was set up."""
    found = poll_twice(site, alice, "maildir:~/Maildir", maildir.put, *form("%v.%g"))
    site.set(mail__uidl_dovecot_format="%v.%g")
    check_pop3d(site, alice, maildir, found,
                lambda: os.unlink(os.path.join(maildir.path, "dovecot-uidlist")))


def test_mbox_emptied(site, alice, mbox):
    """What Dovecot leaves in an empty mbox is no mail, but holds the validity of the ids."""
    server = dovecot(site, alice, "mbox:~/mail:INBOX=~/mbox")
    client = dovecot_session(server, alice)
    for number in range(1, 13):
        client.cmd_ok("DELE %d" % number)
    client.quit()
    with open(mbox.path, "rb") as f:
        assert b"FOLDER INTERNAL DATA\n" in f.read()
    mbox.fill([raw(number) for number in range(50, 54)])
    client = dovecot_session(server, alice)
    pairs = polled(client)
    client.quit()
    server.stop()
    assert imported("dovecot", "mbox", mbox.path) == ["-"] + [uid for uid, _ in pairs]
    check_pop3d(site, alice, mbox, ids_by_message(pairs), lambda: None)


def test_mbox_in_pop3d(site, alice, mbox):
    found = poll_twice(site, alice, "mbox:~/mail:INBOX=~/mbox", mbox.put)
    check_pop3d(site, alice, mbox, found, lambda: None)
