"""Sessions that look at a whole maildrop, and hold the server to what LIST said."""

import re

from patience import patient


def session(site, account):
    client = site.inetd()
    client.timeout = patient(30)
    client.login(account)
    return client


def leave(client):
    """QUIT, and every process has ended as it should."""
    client.quit()
    assert client.wait() == 0


def listed(client):
    """Number to octets."""
    return {int(n): int(size) for n, size in (l.split() for l in client.lines("LIST"))}


def ids(client):
    found = [l.split(" ", 1)[1] for l in client.lines("UIDL")]
    assert all(re.fullmatch(r"[\x21-\x7e]{1,70}", i) for i in found)
    assert len(found) == len(set(found))
    return found


def serve(client):
    """All that is listed, each message exactly of its size."""
    sizes = listed(client)
    assert int(client.cmd("STAT").split()[1]) == len(sizes)
    found = {}
    for number, octets in sizes.items():
        found[number] = client.multi("RETR %d" % number)
        assert len(found[number]) == octets, number
    return found


def retrieve_or_not(client, number, octets):
    """The message, of the size listed; None if it was refused or visibly cut off."""
    client.send(b"RETR %d\r\n" % number)
    if not client.reply().startswith(b"+OK"):
        return None
    try:
        sent = client.body()
    except AssertionError:
        assert b"\r\n.\r\n" not in client.buffer
        return None
    assert len(sent) == octets
    return sent
