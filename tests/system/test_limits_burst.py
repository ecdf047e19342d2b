"""What a burst of logins takes, of memory and of others' time, by a watcher that looks often."""

import threading
import time

from harness import roles
from stores import message
from test_limits_verifications import BUSY_KB, USERS, burst, crowd  # noqa: F401

HASH_KB = 60 << 10  # what a process holds that computes a hash: 64 MiB and what it was


def sizes_of(procs):
    """Process to its memory, of those that still live."""
    sizes = {}
    for proc in procs:
        try:
            sizes[proc] = proc.rss_kb()
        except (OSError, KeyError, ValueError):
            pass
    return sizes


class Watcher(threading.Thread):
    """How many auth processes hold the memory of a hash at once, and all memory of theirs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.peak_kb, self.samples, self.over = 0, 0, 0, False

    def run(self):
        while not self.over:
            sizes = sizes_of(roles("auth"))
            # Some may have come to their turns while others were looked at: those that are
            # busy still were so all at once.
            busy = sizes_of(proc for proc, size in sizes.items() if size > BUSY_KB)
            self.most = max(self.most, sum(size > BUSY_KB for size in busy.values()))
            self.peak_kb = max(self.peak_kb, sum(sizes.values()))
            self.samples += 1
            time.sleep(0.002)

    def stop(self):
        self.over = True
        self.join(10)


def test_burst(crowd, maildir, alice):
    """Fifty logins at once, two hashes: all get in, and a session in progress is served."""
    maildir.fill([message(1)])
    crowd.set(limits__verifications=2, auth__timeout=60)
    listener = crowd.listener()
    session = listener.connect()
    session.login(alice)
    watcher = Watcher()
    watcher.start()
    clients = burst(listener, alice.password)
    slowest = 0
    while any(not c.buffer and not c.closed for c in clients) and slowest < 5:
        begin = time.monotonic()
        assert session.multi("RETR 1")
        slowest = max(slowest, time.monotonic() - begin)
        for client in clients:
            if not client.buffer:
                try:
                    client.fill(0)
                except AssertionError:
                    pass
    watcher.stop()
    assert slowest < 2
    for client in clients:
        client.ok()
        client.quit()
    assert watcher.samples > 50
    assert 1 <= watcher.most <= 2, watcher.most
    # Those who wait, and what they have in common, take little.
    assert watcher.peak_kb < 2 * 2 * HASH_KB + USERS * 8192
    session.quit()


def test_without_a_limit_the_watcher_sees_it(crowd, alice):
    """The test above can fail."""
    crowd.set(limits__verifications=0, auth__timeout=60)
    listener = crowd.listener()
    watcher = Watcher()
    watcher.start()
    clients = burst(listener, alice.password, 12)
    for client in clients:
        client.ok()
    watcher.stop()
    assert watcher.most > 2
    for client in clients:
        client.quit()


def test_wrong_passwords_and_unknown_users_queue(crowd, alice):
    """Both cost a hash."""
    crowd.set(limits__verifications=1, auth__timeout=60)
    listener = crowd.listener()
    clients = [listener.connect() for _ in range(12)]
    watcher = Watcher()
    watcher.start()
    for n, client in enumerate(clients):
        client.send(b"USER %s%d\r\nPASS wrong\r\n" % (b"user" if n % 2 else b"nobody", n))
    for client in clients:
        client.ok()
        assert client.reply().startswith(b"-ERR [AUTH] ")
    watcher.stop()
    assert watcher.most == 1
    for client in clients:
        client.quit()
