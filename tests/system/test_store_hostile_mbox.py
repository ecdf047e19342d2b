"""Lines without end, NULs and other servers' data in an mbox; see test_store_hostile.py.

Which lines separate messages, and which do not, is test_mbox_differential.py's.
"""

import pytest

from harness import wait_role
from serving import leave, listed, serve, session
from stores import MboxStore, message, wire


@pytest.mark.parametrize("octets", [100 << 20])
def test_one_line_of_a_hundred_megabytes(site, store, alice, octets):
    """In flat memory, whole, and what stands beside it."""
    raw = b"Subject: long\n\n" + b"x" * octets + b"\n"
    store.fill([message(1), raw, message(3)])
    client = session(site, alice)
    assert listed(client)[2] == len(raw) + 3
    session_process = wait_role("session")[0]
    assert client.multi("TOP 2 0") == b"Subject: long\r\n\r\n"
    client.send(b"RETR 2\r\nRETR 3\r\n")
    client.ok()
    total = 0
    while b"\r\n.\r\n" not in client.buffer:
        total, client.buffer = total + len(client.buffer[:-8]), client.buffer[-8:]
        assert client.fill()
    body = client.body()
    assert total + len(body) == len(raw) + 3 and body.strip(b"x") == b"\r\n"
    client.ok()
    assert client.body() == wire(message(3))
    assert int(session_process.status()["VmHWM"].split()[0]) < 24 << 10
    client.cmd_ok("DELE 1")
    leave(client)
    assert store.messages() == [raw, message(3)]


IMAP = (b"Date: 1 Jan 2024 00:00:00 +0000\n"
        b"From: Mail System Internal Data <MAILER-DAEMON>\n"
        b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
        b"X-IMAP: 1700000000 0000000003\nStatus: RO\n\nInternal data.\n\n")
DAEMON = b"From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n"


@pytest.mark.parametrize("data,shown", [
    (DAEMON + IMAP, []),
    (DAEMON + IMAP + MboxStore.SEPARATOR + b"X: 1\n\nbody\n\n", [b"X: 1\r\n\r\nbody\r\n"]),
    ((DAEMON + IMAP).replace(b"\n", b"\r\n"), []), (b"\n\n" + DAEMON + IMAP, []),
    (MboxStore.SEPARATOR + b"X: 1\n\n\n" + DAEMON + IMAP, [b"X: 1\r\n\r\n", wire(IMAP[:-1])]),
    (DAEMON + IMAP + DAEMON + IMAP, [wire(IMAP[:-1])]),
    (MboxStore.SEPARATOR + IMAP, [wire(IMAP[:-1])]),
    (DAEMON + b"Received: x\n" + IMAP, [b"Received: x\r\n" + wire(IMAP[:-1])])])
def test_folder_data_of_imap_servers(site, mbox, alice, data, shown):
    """Hidden where c-client puts it and only there; it outlives the deletion of all mail."""
    mbox.append(data)
    before = mbox.snapshot()
    client = session(site, alice)
    assert list(serve(client).values()) == shown
    leave(client)
    assert mbox.snapshot() == before
    client = session(site, alice)
    for number in range(1, len(shown) + 1):
        client.cmd_ok("DELE %d" % number)
    client.cmd_err("DELE %d" % (len(shown) + 1))
    leave(client)
    hidden = DAEMON + IMAP if data.startswith(DAEMON + IMAP) else b""
    with open(mbox.path, "rb") as f:
        assert f.read() == (hidden or (data if not shown else b""))


def test_nuls_of_a_crashed_host(site, mbox, alice):
    """Blocks of NULs, as file systems leave them: within a message they are its text."""
    raws = [message(1, b"\0" * 100000 + b"\n"), b"\0" * 5000 + b"\n\nbody\n", message(3)]
    expected = mbox.fill(raws)
    client = session(site, alice)
    assert list(serve(client).values()) == expected
    client.cmd_ok("DELE 1")
    leave(client)
    assert mbox.messages() == raws[1:]
    with open(mbox.path, "r+b") as f:
        f.write(b"\0" * 4096)
    before = mbox.snapshot()
    client = session(site, alice)
    client.cmd_err("STAT")
    client.close()
    client.wait()
    assert mbox.snapshot() == before


@pytest.mark.parametrize("appended", [True, False])
def test_fields_that_other_servers_write_into_padding(site, mbox, alice, appended):
    """As Dovecot does it: as many stored octets as before, but one more line to send."""
    base = b"X-IMAPbase: 1700000000 0000000003\n"
    old = b"Subject: x\nX-Keywords:" + b" " * 60 + b"\n\nbody\n"
    new = base + b"Subject: x\nX-Keywords:" + b" " * (60 - len(base)) + b"\n\nbody\n"
    assert len(old) == len(new)
    # Large, for a server may look at the end of what it knows.
    mbox.fill([old, message(2, b"body\n" * 50000), message(3)])
    for _ in range(2):
        client = session(site, alice)
        assert serve(client)[1] == wire(old)
        leave(client)
    with open(mbox.path, "r+b") as f:
        f.seek(len(mbox.SEPARATOR))
        f.write(new)
    if appended:
        mbox.put(message(4))
    for _ in range(2):
        client = session(site, alice)
        assert serve(client)[1] == wire(new)
        leave(client)
