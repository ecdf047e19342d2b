"""Unique-ids that a real popa3d gave: computed by our importer, and shown by pop3d."""

import os

import pytest

from old_servers import ids_by_message, imported, polled, popa3d_session
from stores import MboxStore
from test_ids_dovecot import check_pop3d, raw


class SpoolStore(MboxStore):
    """A mailbox in a spool directory of the site."""

    def __init__(self, site, account):
        self.spool = site.path("spool")
        os.mkdir(self.spool)
        os.chmod(self.spool, 0o1777)
        super().__init__(account)
        os.rename(self.path, os.path.join(self.spool, account.name))
        self.path = os.path.join(self.spool, account.name)
        self.location = "mbox:" + self.path


@pytest.fixture
def mbox(site, alice):
    store = SpoolStore(site, alice)
    store.fill([raw(number) for number in range(9)])
    store.put(b"Date: one\nMessage-ID: two\n folded\nSubject: x\nX-Delivery-ID: y\n\nText.\n")
    return store


def poll(site, store, *deleted):
    client = popa3d_session(site, store.account, store.spool)
    pairs = polled(client)
    for number in deleted:
        client.cmd_ok("DELE %d" % number)
    client.quit()
    return pairs


def poll_twice(site, store):
    poll(site, store, 1, 3)
    store.put(raw(100))
    return poll(site, store)


def test_headers(site, mbox):
    pairs = poll_twice(site, mbox)
    assert len(pairs) == 9
    assert imported("popa3d", "mbox", mbox.path) == [uid for uid, _ in pairs]


def test_in_pop3d(site, mbox):
    found = ids_by_message(poll_twice(site, mbox))
    site.set(mail__uidl="popa3d")
    check_pop3d(site, mbox.account, mbox, found, lambda: None)
