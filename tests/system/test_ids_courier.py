"""Unique-ids that a real Courier gave: read by our importers, and shown by pop3d."""

import os

import pytest

from old_servers import courier_session, ids_by_message, imported_names, polled
from stores import MaildirStore, message
from test_ids_dovecot import check_pop3d, maildir_ids

LIST = "courierpop3dsizelist"


def raw(number):
    return message(number, b"Body of %d.\n" % number)


@pytest.fixture
def maildir(alice):
    store = MaildirStore(alice)
    for number in range(12):
        store.put(raw(number), "new" if number % 3 == 0 else "cur")
    return store


def session(site, account, *deleted):
    client = courier_session(site, account)
    pairs = polled(client)
    for number in deleted:
        client.cmd_ok("DELE %d" % number)
    client.quit()
    return pairs


def list_path(store):
    return os.path.join(store.path, LIST)


def read_list(store):
    with open(list_path(store), "rb") as f:
        return os.fsdecode(f.read()).split("\n")[:-1]


def write_list(store, lines):
    with open(list_path(store), "wb") as f:
        f.write(os.fsencode("".join(line + "\n" for line in lines)))
    store.account.own(list_path(store), 0o600)


def poll_twice(site, store):
    """Two sessions with deletions and new mail in between; {message: id} of what is left."""
    first = session(site, store.account, 1, 4, 12)
    for number in range(100, 104):
        store.put(raw(number), "new")
    found = ids_by_message(session(site, store.account))
    old = ids_by_message(first)
    assert len(found) == len(first) - 3 + 4
    assert len([m for m in found if found[m] == old.get(m)]) == len(first) - 3
    return found


def age(store, version):
    """The list as an older Courier left it; ids of mail that it knew never change since."""
    lines = read_list(store)
    header = lines[0].split()
    records = [line.rsplit(" ", 2) for line in lines[1:]]
    assert header[0] == "/3" and all(uid.count(":") == 2 for _, _, uid in records), lines
    made = {
        0: [],
        1: ["/1 " + header[1]],
        2: ["/2 " + " ".join(header[1:])],
    }[version]
    for name, size, uid in records:
        tail = {0: [], 1: [uid.split(":")[0]], 2: [uid.rsplit(":", 1)[0]]}[version]
        made.append(" ".join([name, size, *tail]))
    write_list(store, made)


def test_list(site, maildir):
    """The importer reads from courierpop3dsizelist what Courier told the client."""
    found = poll_twice(site, maildir)
    assert read_list(maildir)[0].startswith("/3 ")
    assert all(uid.startswith("UID") and "-" in uid for uid in found.values())
    names = maildir_ids(maildir, found)
    ids = imported_names("courier", maildir)
    assert {name: ids[name] for name in names} == names


def test_list_version_2(site, maildir):
    """What our importer reads is what Courier says of the same file."""
    poll_twice(site, maildir)
    age(maildir, 2)
    ids = imported_names("courier", maildir)
    assert ids == maildir_ids(maildir, ids_by_message(session(site, maildir.account)))


def test_ids_of_older_versions_in_a_list(site, maildir):
    """UIDs without a validity and names: Courier takes them along, and shows them so."""
    poll_twice(site, maildir)
    lines = read_list(maildir)
    for at, uid in ((1, "0:0:0"), (2, "7:0:0"), (3, "0:5:1"), (4, "9:0:1")):
        lines[at] = lines[at].rsplit(" ", 1)[0] + " " + uid
    odd = os.path.join(maildir.path, "cur", os.fsdecode(b"1600000000.M1P1.a+b'c\"d e\xe9f:2,"))
    with open(odd, "wb") as f:
        f.write(raw(500))
    maildir.account.own(odd, 0o600)
    lines.append(os.path.basename(odd) + " 100 0:0:0")
    write_list(maildir, lines)
    ids = imported_names("courier", maildir)
    assert ids == maildir_ids(maildir, ids_by_message(session(site, maildir.account)))
    assert "1600000000.M1P1.a+2Bb+27c+22d+20e+E9f" in ids.values()
    assert {"UID7", "UID9"} <= set(ids.values())


@pytest.mark.parametrize("version", [0, 1])
def test_list_of_old_versions(site, maildir, version):
    """No Courier that still runs reads these; the ids are those of the form above."""
    found = poll_twice(site, maildir)
    age(maildir, version)
    ids = imported_names("courier", maildir)
    if version == 0:
        assert ids == {name: name for name in maildir_ids(maildir, found)}
    else:
        names = maildir_ids(maildir, found)
        assert ids == {name: names[name].split("-")[0] for name in names}


def test_in_pop3d(site, maildir):
    found = poll_twice(site, maildir)
    check_pop3d(site, maildir.account, maildir, found, lambda: os.unlink(list_path(maildir)))
