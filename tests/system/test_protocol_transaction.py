"""The TRANSACTION state: RFC 1939 sections 5 and 7."""

import re

import pytest

from stores import message

RAWS = [message(1), message(2, b"a longer body\n" * 5), message(3, b"")]
BAD_NUMBERS = ["0", "-1", "+1", "1.0", "0x1", "4294967297", "18446744073709551616",
               "18446744073709551617", "1abc", "4", "00", "99999999999999999999999999", "1-2",
               "1,2", "*", "\xb9", "one", "1\t", "'1'", "000000000000000000004"]


@pytest.fixture
def drop(site, store, alice):
    """A session over three messages; client.expected are their octets."""
    expected = store.fill(RAWS)
    client = site.inetd()
    client.expected = expected
    client.login(alice)
    return client


def stat(client, numbers):
    total = sum(len(client.expected[n - 1]) for n in numbers)
    assert client.cmd("STAT") == b"+OK %d %d" % (len(numbers), total)


def test_stat(drop):
    stat(drop, [1, 2, 3])


def test_empty_maildrop(site, store, alice):
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT") == b"+OK 0 0"
    assert client.multi("LIST") == b""
    assert client.multi("UIDL") == b""
    for line in ("LIST 1", "UIDL 1", "RETR 1", "DELE 1", "TOP 1 0"):
        client.cmd_err(line)
    client.cmd_ok("RSET")
    client.quit()


def test_list(drop):
    sizes = [len(e) for e in drop.expected]
    assert drop.lines("LIST") == ["%d %d" % (i + 1, s) for i, s in enumerate(sizes)]
    for i, size in enumerate(sizes):
        assert drop.cmd("LIST %d" % (i + 1)) == b"+OK %d %d" % (i + 1, size)
        drop.quiet(0.02)


def test_uidl(drop):
    lines = drop.lines("UIDL")
    ids = []
    for i, line in enumerate(lines):
        match = re.fullmatch(r"(\d+) ([\x21-\x7e]{1,70})", line)
        assert match and match[1] == str(i + 1), line
        assert drop.cmd("UIDL %d" % (i + 1)) == b"+OK " + line.encode()
        drop.quiet(0.02)
        ids.append(match[2])
    assert len(ids) == len(set(ids)) == 3


def test_uidl_persists(site, store, alice):
    """Also after a session without QUIT, a deletion, and a new delivery."""
    store.fill(RAWS)
    client = site.inetd()
    client.login(alice)
    before = [l.split()[1] for l in client.lines("UIDL")]
    client.reset()
    client.wait()
    client = site.inetd()
    client.login(alice)
    assert [l.split()[1] for l in client.lines("UIDL")] == before
    client.cmd_ok("DELE 2")
    client.quit()
    store.put(message(4))
    client = site.inetd()
    client.login(alice)
    after = [l.split()[1] for l in client.lines("UIDL")]
    assert after[:2] == [before[0], before[2]]
    assert len(after) == 3 and after[2] not in before


def test_uidl_of_identical_messages(site, store, alice):
    store.fill([message(1)] * 4)
    client = site.inetd()
    client.login(alice)
    lines = client.lines("UIDL")
    assert len({l.split()[1] for l in lines}) == 4
    client.quit()
    client = site.inetd()
    client.login(alice)
    assert client.lines("UIDL") == lines


def test_retr(drop):
    for i, expected in enumerate(drop.expected):
        reply = drop.cmd_ok("RETR %d" % (i + 1))
        number = re.search(rb"\d+", reply)
        assert number is None or int(number[0]) == len(expected), reply
        assert drop.body() == expected
    stat(drop, [1, 2, 3])


@pytest.mark.parametrize("command", ["LIST", "UIDL", "RETR", "DELE", "TOP"])
@pytest.mark.parametrize("number", BAD_NUMBERS)
def test_numbers_that_name_no_message(drop, command, number):
    drop.cmd_err("%s %s%s" % (command, number, " 0" if command == "TOP" else ""))
    drop.quiet(0.02)
    stat(drop, [1, 2, 3])


def test_leading_zero(drop):
    """01 is message 1 or an error, never another one."""
    reply = drop.cmd("LIST 01")
    assert reply == b"+OK 1 %d" % len(drop.expected[0]) or reply.startswith(b"-ERR")


@pytest.mark.parametrize("line", [
    "STAT x", "STAT 1", "LIST 1 2", "LIST x", "UIDL 1 2", "RETR", "RETR ", "RETR 1 2", "DELE",
    "DELE ", "DELE 1 2", "NOOP x", "RSET x", "TOP", "TOP 1", "TOP 1 ", "TOP 1 0 0", "TOP 1 x",
    "TOP 1 -1", "TOP 1 +1", "TOP 1 1.5", "TOP x 1", "TOP -1 1", "QUIT x", "QUIT 1", "QUIT  x"])
def test_wrong_arguments(drop, line):
    drop.cmd_err(line)
    drop.quiet(0.02)
    stat(drop, [1, 2, 3])


def test_deleted_messages_are_out_of_reach(drop):
    drop.cmd_ok("DELE 2")
    stat(drop, [1, 3])
    assert [l.split()[0] for l in drop.lines("LIST")] == ["1", "3"]
    assert [l.split()[0] for l in drop.lines("UIDL")] == ["1", "3"]
    for line in ("LIST 2", "UIDL 2", "RETR 2", "DELE 2", "TOP 2 0"):
        drop.cmd_err(line)
    assert drop.cmd("LIST 3") == b"+OK 3 %d" % len(drop.expected[2])
    assert drop.multi("RETR 3") == drop.expected[2]


def test_rset(drop):
    uidl = drop.lines("UIDL")
    for n in (1, 3):
        drop.cmd_ok("DELE %d" % n)
    stat(drop, [2])
    drop.cmd_ok("RSET")
    stat(drop, [1, 2, 3])
    assert drop.lines("UIDL") == uidl
    assert drop.multi("RETR 1") == drop.expected[0]
    drop.cmd_ok("DELE 1")
    drop.cmd_ok("RSET")
    drop.quit()


def test_rset_undoes_for_good(site, store, alice):
    store.fill(RAWS)
    before = store.snapshot()
    client = site.inetd()
    client.login(alice)
    for n in (1, 2, 3):
        client.cmd_ok("DELE %d" % n)
    client.cmd_ok("RSET")
    client.quit()
    client.wait()
    assert store.snapshot() == before


def test_delete_all(drop):
    for n in (1, 2, 3):
        drop.cmd_ok("DELE %d" % n)
    assert drop.cmd("STAT") == b"+OK 0 0"
    assert drop.multi("LIST") == drop.multi("UIDL") == b""


def test_noop(drop):
    drop.cmd_ok("NOOP")
    stat(drop, [1, 2, 3])


def test_last_is_not_there(drop):
    """LAST went away with RFC 1725; it is not announced and not there."""
    drop.cmd_err("LAST")


def test_new_mail_is_not_in_this_session(site, store, alice, drop):
    stat(drop, [1, 2, 3])
    store.put(message(4))
    stat(drop, [1, 2, 3])
    drop.cmd_err("RETR 4")
    assert len(drop.lines("LIST")) == 3
    drop.cmd_ok("DELE 1")
    drop.quit()
    client = site.inetd()
    client.login(alice)
    assert client.cmd("STAT").startswith(b"+OK 3 ")


def test_repeated_dele_and_rset(drop):
    for _ in range(200):
        drop.send(b"DELE 1\r\nDELE 2\r\nRSET\r\n")
    for _ in range(600):
        drop.ok()
    stat(drop, [1, 2, 3])


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 17])
def test_last_message_of_any_count(site, store, alice, count):
    """Deletion marks are bits: the borders of a byte."""
    raws = [message(n) for n in range(count)]
    store.fill(raws)
    client = site.inetd()
    client.login(alice)
    client.cmd_err("DELE %d" % (count + 1))
    client.cmd_ok("DELE %d" % count)
    client.cmd_err("DELE %d" % count)
    assert len(client.lines("LIST")) == count - 1
    client.quit()
    client.wait()
    assert store.wires() == [store.expected(r) for r in raws[:-1]]
