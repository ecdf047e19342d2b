"""The mbox as a file: a deletion leaves everything about it as it was but the mail."""

import os

from stores import message


def delete(site, alice, *numbers):
    client = site.inetd()
    client.login(alice)
    for number in numbers:
        client.cmd_ok("DELE %d" % number)
    client.quit()


def test_mode_owner_and_attributes(site, mbox, alice):
    mbox.fill([message(i) for i in range(5)])
    os.chmod(mbox.path, 0o640)
    os.setxattr(mbox.path, "user.origin", b"import 7")
    before = os.stat(mbox.path)
    delete(site, alice, 2, 4)
    after = os.stat(mbox.path)
    assert (after.st_mode, after.st_uid, after.st_gid, after.st_ino) == (
        before.st_mode, before.st_uid, before.st_gid, before.st_ino)
    assert os.getxattr(mbox.path, "user.origin") == b"import 7"
    assert len(mbox.messages()) == 3


def test_a_deletion_is_no_new_mail(site, mbox, alice):
    """Shells and biff compare the time of the last change with that of the last look."""
    mbox.fill([message(i) for i in range(5)])
    written = 1700000000
    os.utime(mbox.path, (written + 60, written))
    delete(site, alice, 1)
    after = os.stat(mbox.path)
    assert after.st_mtime == written and after.st_atime >= after.st_mtime
    mbox.put(message(9))
    assert os.stat(mbox.path).st_mtime > after.st_mtime


def test_mail_that_came_meanwhile_is_new(site, mbox, alice):
    mbox.fill([message(i) for i in range(3)])
    client = site.inetd()
    client.login(alice)
    client.cmd_ok("DELE 1")
    arrived = 1700009999
    mbox.put(message(9))
    os.utime(mbox.path, (arrived - 10, arrived))
    client.quit()
    assert os.stat(mbox.path).st_mtime == arrived
    assert len(mbox.messages()) == 3


def test_nothing_deleted_nothing_touched(site, mbox, alice):
    mbox.fill([message(i) for i in range(3)])
    before = os.stat(mbox.path)
    client = site.inetd()
    client.login(alice)
    client.multi("RETR 1")
    client.quit()
    after = os.stat(mbox.path)
    assert (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)
