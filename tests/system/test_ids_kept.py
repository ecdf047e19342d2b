"""Unique-ids, once a client has seen them, stay with their messages (RFC 1939 section 7)."""

import os
import time

import pytest

from stores import MaildirStore, message

LIST_OF_DOVECOT = "3 V1700000000 N4 G0123456789abcdef0123456789abcdef\n"


def session(site, alice, *commands):
    """Do something, and tell the ids as they were before: of each message by its subject."""
    client = site.inetd()
    client.login(alice)
    ids = {}
    for line in client.lines("UIDL"):
        number, uid = line.split(" ", 1)
        subject = [l for l in client.multi("TOP %s 0" % number).split(b"\r\n")
                   if l.lower().startswith(b"subject:")]
        ids.setdefault(subject[0].decode(), []).append(uid)
    for command in commands:
        client.cmd_ok(command)
    client.quit()
    return ids


def id_file(store):
    if isinstance(store, MaildirStore):
        return os.path.join(store.path, ".pop3d-uidl")
    return os.path.join(os.path.dirname(store.path), ".mbox.pop3d-uidl")


def drop_index(store):
    base = os.path.dirname(id_file(store))
    for name in os.listdir(base):
        if name.endswith("pop3d-index"):
            os.unlink(os.path.join(base, name))


def dovecot_list(maildir, ids, head=LIST_OF_DOVECOT):
    path = os.path.join(maildir.path, "dovecot-uidlist")
    with open(path, "w") as f:
        f.write(head)
        for file, uid in zip(maildir.files(), ids):
            f.write("%d :%s\n" % (uid, os.path.basename(file).split(":")[0]))
    maildir.account.own(path)
    return path


def test_list_of_dovecot_is_taken_once(site, maildir, alice):
    maildir.fill([message(i) for i in range(3)])
    path = dovecot_list(maildir, [1, 2, 3])
    first = session(site, alice)
    assert [first["Subject: message %d" % i] for i in range(3)] == [
        ["%08x%08x" % (i + 1, 1700000000)] for i in range(3)]
    maildir.put(message(3), "new")
    second = session(site, alice)
    new = second.pop("Subject: message 3")
    assert second == first
    # Dovecot gives it a number now, and throws the old ones away.
    dovecot_list(maildir, [11, 12, 13, 14], LIST_OF_DOVECOT.replace("V17", "V18"))
    drop_index(maildir)
    assert session(site, alice) == dict(second, **{"Subject: message 3": new})
    os.unlink(path)
    drop_index(maildir)
    assert session(site, alice) == dict(second, **{"Subject: message 3": new})


def test_list_that_appears_later_changes_nothing(site, maildir, alice):
    maildir.fill([message(i) for i in range(3)])
    first = session(site, alice)
    dovecot_list(maildir, [1, 2, 3])
    drop_index(maildir)
    assert session(site, alice) == first


def test_own_ids_only(site, maildir, alice):
    site.set(mail__uidl="own")
    maildir.fill([message(i) for i in range(3)])
    dovecot_list(maildir, [1, 2, 3])
    assert session(site, alice)["Subject: message 0"] == ["1700000001.M1P1.host"]


def test_format_of_dovecot(site, maildir, alice):
    site.set(mail__uidl="dovecot", mail__uidl_dovecot_format="%v.%u")
    maildir.fill([message(i) for i in range(2)])
    dovecot_list(maildir, [7, 9])
    assert session(site, alice)["Subject: message 1"] == ["1700000000.9"]


def test_flags_and_moves_change_no_id(site, maildir, alice):
    maildir.put(message(0), "new")
    maildir.fill([message(1), message(2)])
    dovecot_list(maildir, [3, 1, 2])
    first = session(site, alice)
    for path in maildir.files():
        os.rename(path, path + "RT" if ":2," in path else path)
    assert session(site, alice) == first


def test_imported_id_that_is_another_message_s_name(site, maildir, alice):
    """What was given stays; what is new gets out of the way."""
    maildir.fill([message(0)])
    path = dovecot_list(maildir, [5])
    with open(path, "w") as f:
        f.write(LIST_OF_DOVECOT)
        f.write("5 P1700000002.M1P1.host :%s\n"
                % os.path.basename(maildir.files()[0]).split(":")[0])
    first = session(site, alice)
    assert first == {"Subject: message 0": ["1700000002.M1P1.host"]}
    maildir.put(message(1), "new")
    second = session(site, alice)
    assert second["Subject: message 0"] == first["Subject: message 0"]
    assert second["Subject: message 1"] != first["Subject: message 0"]
    drop_index(maildir)
    assert session(site, alice) == second


@pytest.mark.parametrize("doomed,left", [(1, [1, 2]), (2, [0, 2]), (3, [0, 1])])
def test_duplicates_keep_their_ids(site, mbox, alice, doomed, left):
    """Three mails that are the same octet for octet: one goes, the others keep their ids."""
    mbox.fill([message(7)] * 3 + [message(8)])
    first = session(site, alice)["Subject: message 7"]
    assert len(set(first)) == 3
    session(site, alice, "DELE %d" % doomed)
    expected = [first[i] for i in left]
    assert session(site, alice)["Subject: message 7"] == expected
    drop_index(mbox)
    assert session(site, alice)["Subject: message 7"] == expected
    mbox.put(message(7))
    again = session(site, alice)["Subject: message 7"]
    assert again[:2] == expected and again[2] not in first


def test_duplicates_are_deleted_unlisted(site, mbox, alice):
    """A client that never asks for ids deletes one; another one's ids must not move."""
    mbox.fill([message(7)] * 3)
    first = session(site, alice)["Subject: message 7"]
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    client.quit()
    assert session(site, alice)["Subject: message 7"] == first[1:]


def test_x_uidl_of_an_mbox(site, mbox, alice):
    mbox.fill([b"X-UIDL: abc%d\n" % i + message(i) for i in range(3)])
    first = session(site, alice)
    assert first["Subject: message 2"] == ["abc2"]
    # Mail that comes now cannot choose its id, and mail readers cannot change one.
    mbox.put(b"X-UIDL: abc9\n" + message(9))
    second = session(site, alice)
    assert second.pop("Subject: message 9") != ["abc9"] and second == first
    with open(mbox.path, "r+b") as f:
        data = f.read().replace(b"X-UIDL: abc", b"X-UIDL: xyz")
        f.seek(0)
        f.write(data)
    drop_index(mbox)
    assert session(site, alice)["Subject: message 2"] == ["abc2"]


def test_x_uidl_where_it_is_asked_for(site, store, alice):
    site.set(mail__uidl="x-uidl")
    store.fill([b"X-UIDL: abc%d\n" % i + message(i) for i in range(3)])
    assert session(site, alice)["Subject: message 1"] == ["abc1"]
    store.put(b"X-UIDL: abc9\n" + message(9))
    store.put(b"X-UIDL: abc1\n" + message(10))
    seen = session(site, alice)
    assert seen["Subject: message 9"] == ["abc9"] and seen["Subject: message 1"] == ["abc1"]
    assert seen["Subject: message 10"] not in (["abc1"], ["abc9"])
    drop_index(store)
    assert session(site, alice) == seen


def test_numbers_of_dovecot_in_an_mbox(site, mbox, alice):
    mbox.put(b"X-IMAPbase: 1700000000 3\nX-UID: 1\n" + message(0))
    mbox.put(b"X-UID: 3\n" + message(1))
    first = session(site, alice)
    assert first == {"Subject: message 0": ["%08x%08x" % (1, 1700000000)],
                     "Subject: message 1": ["%08x%08x" % (3, 1700000000)]}
    session(site, alice, "DELE 1")
    assert session(site, alice) == {"Subject: message 1": first["Subject: message 1"]}


@pytest.mark.parametrize("how", ["cut", "binary", "empty", "long", "foreign", "link", "fifo"])
def test_damaged_file_of_ids(site, store, alice, bob, how):
    """Mail is served, the administrator is told, and no id is given twice."""
    store.fill([message(i) for i in range(3)])
    if isinstance(store, MaildirStore):
        dovecot_list(store, [1, 2, 3])
    session(site, alice)
    path = id_file(store)
    with open(path, "rb") as f:
        data = f.read()
    os.unlink(path)
    if how == "link":
        os.symlink("/etc/passwd", path)
    elif how == "fifo":
        os.mkfifo(path)
    else:
        with open(path, "wb") as f:
            f.write({"cut": data[:-4], "binary": bytes(range(256)) * 9, "empty": b"",
                     "long": b"pop3d-uidl 1\n" + b"x" * 100000, "foreign": data}[how])
        if how == "foreign":
            os.chown(path, bob.uid, bob.gid)
        else:
            alice.own(path)
    ids = sum(session(site, alice).values(), [])
    assert len(ids) == len(set(ids)) == 3
    time.sleep(0.1)
    assert sum(session(site, alice).values(), []) == ids


def test_file_of_ids_survives_an_empty_disk_quota(site, maildir, alice):
    """A directory that cannot be written to: ids come from the list each time, and stay."""
    maildir.fill([message(i) for i in range(3)])
    dovecot_list(maildir, [1, 2, 3])
    lock = os.path.join(maildir.path, ".pop3d-lock")
    with open(lock, "w"):
        pass
    alice.own(lock)
    os.mkdir(id_file(maildir) + "-new")
    first = session(site, alice)
    assert first["Subject: message 0"] == ["%08x%08x" % (1, 1700000000)]
    assert not os.path.exists(id_file(maildir))
    drop_index(maildir)
    assert session(site, alice) == first


def test_a_second_file_of_a_name_takes_no_id(site, maildir, alice):
    """Which of two files it is of is not known for a while; then the id is back."""
    maildir.fill([message(0)])
    dovecot_list(maildir, [0x1234])
    first = session(site, alice)
    path = maildir.files()[0]
    other = path.replace("/cur/", "/new/").split(":")[0]
    with open(other, "wb") as f:
        f.write(message(1))
    alice.own(other)
    both = session(site, alice)
    assert len(set(sum(both.values(), []))) == 2
    os.unlink([p for p in maildir.files() if p != path][0])
    assert session(site, alice) == first


def test_thousands_of_the_same_mail(site, mbox, alice):
    mbox.append(b"".join([mbox.SEPARATOR + message(1) + b"\n"] * 6000))
    client = site.inetd()
    client.login(alice)
    first = client.lines("UIDL")
    assert len({l.split()[1] for l in first}) == 6000
    client.quit()
    drop_index(mbox)
    begun = time.monotonic()
    client = site.inetd()
    client.login(alice)
    assert client.lines("UIDL") == first
    client.quit()
    assert time.monotonic() - begun < 5


def test_x_uidl_of_a_message_that_is_gone(site, store, alice):
    site.set(mail__uidl="x-uidl")
    store.fill([b"X-UIDL: abc\n" + message(1), message(2)])
    assert session(site, alice, "DELE 1")["Subject: message 1"] == ["abc"]
    store.put(b"X-UIDL: abc\n" + message(3))
    assert session(site, alice)["Subject: message 3"] != ["abc"]


def test_damaged_file_of_ids_is_mended_from_the_list(site, maildir, alice):
    maildir.fill([message(i) for i in range(30)])
    dovecot_list(maildir, range(1, 31))
    first = session(site, alice)
    with open(id_file(maildir), "r+b") as f:
        f.truncate(os.path.getsize(id_file(maildir)) // 2)
    drop_index(maildir)
    assert session(site, alice) == first
    assert len([l for l in site.log_lines("error") if "damaged" in l]) == 1
    drop_index(maildir)
    assert session(site, alice) == first
    assert len([l for l in site.log_lines("error") if "damaged" in l]) == 1


def test_list_that_cannot_be_read(site, maildir, alice):
    """Ids that would be other ones tomorrow are not given today; mail is served."""
    maildir.fill([message(i) for i in range(3)])
    path = dovecot_list(maildir, [1, 2, 3])
    os.chown(path, 0, 0)
    os.chmod(path, 0o600)
    client = site.inetd()
    client.login(alice)
    assert client.cmd_err("UIDL").startswith(b"-ERR [SYS/TEMP]")
    assert client.cmd_err("UIDL 2").startswith(b"-ERR [SYS/TEMP]")
    assert client.multi("RETR 1") == maildir.wires()[0]
    client.quit()
    alice.own(path)
    assert session(site, alice)["Subject: message 0"] == ["%08x%08x" % (1, 1700000000)]


def test_failed_attempt_leaves_nothing_behind(site, maildir, alice):
    """Ids that were found before a message could not be read belong to nobody after."""
    site.set(mail__uidl="x-uidl")
    maildir.fill([b"X-UIDL: abc%d\n" % i + message(i) for i in range(5)])
    session(site, alice)
    maildir.put(b"X-UIDL: new\n" + message(7))
    bad = maildir.put(b"")
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("STAT")
    os.unlink(bad)
    os.mknod(bad, 0o140600)
    client.cmd("UIDL 1")
    os.unlink(id_file(maildir))
    client.cmd("UIDL 1")
    os.unlink(bad)
    client.quit()
    client.wait()
    assert not site.log_lines("crash")
    assert session(site, alice)["Subject: message 0"] == ["abc0"]
