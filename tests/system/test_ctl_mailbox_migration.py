"""pop3ctl mailbox uidl --compare-with, on what real servers have left: nothing comes twice."""

import pytest

from mailbox_tool import location, mailbox
from old_servers import courier_session, ids_by_message, polled
from stores import MaildirStore, MboxStore, message
from test_ids_dovecot import form, poll_twice, raw
from test_ids_popa3d import SpoolStore
from test_ids_popa3d import poll_twice as popa3d_poll_twice


def check(site, store, server, found, *more):
    """None would be downloaded again; all would, if pop3d were told to give its own ids."""
    answer = mailbox(site, "uidl", "--compare-with", server, *more, location(store))
    n = len(found)
    assert answer.lines == ["messages: %d, with an id of that server: %d, to be downloaded "
                            "again: 0" % (n, n)], answer.err
    assert answer.status == 0
    ids = [row[1] for row in mailbox(site, "uidl", location(store)).rows]
    assert sorted(ids) == sorted(found.values())
    assert mailbox(site, "uidl", "--forget", location(store)).status == 0
    site.set(mail__uidl="own")
    answer = mailbox(site, "uidl", "--compare-with", server, *more, location(store))
    assert answer.status == 1 and len(answer.rows) == n + 1


@pytest.mark.parametrize("wanted", [None, "%v.%u", "%Mf"])
def test_dovecot_maildir(site, alice, wanted):
    store = MaildirStore(alice)
    for number in range(12):
        store.put(raw(number), "new" if number % 3 == 0 else "cur")
    found = poll_twice(site, alice, "maildir:~/Maildir", store.put, *form(wanted))
    if wanted is not None:
        site.set(mail__uidl_dovecot_format=wanted)
    check(site, store, "dovecot", found)


def test_dovecot_mbox(site, alice):
    store = MboxStore(alice)
    store.fill([raw(number) for number in range(12)])
    found = poll_twice(site, alice, "mbox:~/mail:INBOX=~/mbox", store.put)
    check(site, store, "dovecot", found)


def test_courier(site, alice):
    store = MaildirStore(alice)
    for number in range(12):
        store.put(message(number), "new" if number % 3 == 0 else "cur")
    for _ in range(2):
        client = courier_session(site, alice)
        found = ids_by_message(polled(client))
        client.quit()
    check(site, store, "courier", found)


def test_popa3d(site, alice):
    store = SpoolStore(site, alice)
    store.fill([raw(number) for number in range(9)])
    found = ids_by_message(popa3d_poll_twice(site, store))
    site.set(mail__uidl="popa3d")
    check(site, store, "popa3d", found)


def test_converted_after_dovecot(site, alice):
    """Through a conversion, too."""
    store = MaildirStore(alice)
    for number in range(12):
        store.put(raw(number))
    found = poll_twice(site, alice, "maildir:~/Maildir", store.put)
    answer = mailbox(site, "convert", location(store), "mbox:" + alice.path("box"))
    assert answer.status == 0, answer.err
    ids = [row[1] for row in mailbox(site, "uidl", "mbox:" + alice.path("box")).rows]
    assert sorted(ids) == sorted(found.values())
