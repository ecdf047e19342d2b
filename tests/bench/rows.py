"""What is compared: rows of work, who takes part in each, and what is aimed at.

A row has contenders (name -> how to start that server), one round of work that a contender
does and how many units of work that is.  Targets are ratios of medians, ours to a peer's, or, where there is no other, what ours is at most.
"""

import dataclasses
import os
import shutil
import socket
import statistics
import time
from typing import Callable

import corpus
import ours
import peers
from load import context

MEGABYTE = 1 << 20


@dataclasses.dataclass
class Row:
    name: str
    unit: str
    contenders: dict
    work: Callable  # (server) -> units done; what it costs is the server's processor time
    targets: list = dataclasses.field(default_factory=list)  # (ours, other or None, most)
    prepare: Callable = lambda server: None  # before each round, not counted
    measure: Callable = None  # (server) -> figure, where it is no processor time
    scale: float = 1000.0  # seconds to the figure that is printed


def sessions(user, count):
    def work(server):
        for _ in range(count):
            client = server.connect()
            client.login(user)
            client.stat()
            client.quit()
        return count
    return work


def greetings(count):
    def work(server):
        for _ in range(count):
            server.connect().quit()
        return count
    return work


def bare(count):
    """Connections that see nothing but their end."""
    def work(server):
        if server.name.startswith("nothing"):
            for _ in range(count):
                with socket.create_connection(("127.0.0.1", server.port)) as sock:
                    sock.recv(1)
            return count
        return sessions("small", count)(server)
    return work


def one_session(user, act):
    return some_sessions(1, user, act)


def some_sessions(count, user, act):
    """Several where one is over in less time than a noisy neighbour takes for himself."""
    def work(server):
        for _ in range(count):
            client = server.connect()
            client.login(user)
            act(client)
            client.quit()
        return count
    return work


def poll(client):
    client.stat()
    client.multi("UIDL")
    client.multi("LIST")


def drain(count):
    def act(client):
        client.pipeline("RETR", count, True)
        client.pipeline("DELE", count, False)
    return act


class Rows:
    """All rows, over one world with its corpora; quick: less of everything."""

    def __init__(self, world, corpora, certificate, quick):
        self.world, self.corpora, self.certificate = world, corpora, certificate
        self.n = 40 if quick else 200
        self.quick = quick

    def all(self):
        return [*self.logins(), *self.messages(), *self.drains(), *self.maildirs(), *self.mboxes(), *self.tls(),
                *self.idle()]

    def peer(self, start, *args, **options):
        return lambda: start(self.world, *args, **options)

    def logins(self):
        execs = {"nothing": self.peer(peers.nothing, "tcpserver"),
                 "nothing confined": self.peer(ours.compartments),
                 "nothing but a module": self.peer(ours.compartments, loads=True),
                 "nothing but calls": self.peer(ours.session_calls)}
        for how in peers.EXECS:
            execs["pop3d " + how] = self.peer(ours.executed, how)
            execs["popa3d " + how] = self.peer(peers.popa3d, how)
        execs.update({
            "pop3d pam tcpserver": self.peer(ours.executed, module="pam"),
            "solid tcpserver": self.peer(peers.solid, kind="maildir"),
            "mailutils tcpserver": self.peer(peers.mailutils),
            "courier": self.peer(peers.courier),
            "dovecot shipped": self.peer(peers.dovecot, False)})
        targets = [("pop3d " + how, "popa3d " + how, 0.6) for how in peers.EXECS]
        targets += [("pop3d tcpserver", "dovecot shipped", 0.2)]
        yield Row("session, a process for each connection", "ms", execs, bare(self.n), targets)
        yield Row("session through the listener", "ms", {
            "pop3d": self.peer(ours.listening), "pop3d pam": self.peer(ours.listening, module="pam"),
            "dovecot tuned": self.peer(peers.dovecot, True)}, sessions("small", 2 * self.n),
            [("pop3d", "dovecot tuned", 0.9)])
        yield Row("connection through the listener, without login", "ms", {
            "pop3d": self.peer(ours.listening),
            "dovecot tuned": self.peer(peers.dovecot, True)}, greetings(2 * self.n))
        yield Row("login again, argon2id", "ms", {
            "argon2id": lambda: self.warmed("argon"), "least hash": lambda: self.warmed("small")},
            lambda server: sessions(server.user, self.n)(server),
            [("argon2id", "least hash", 1.1)])

    def warmed(self, user):
        server = ours.listening(self.world)
        server.user = user
        sessions(user, 1)(server)
        return server

    def messages(self):
        lf = {"pop3d maildir": self.peer(ours.listening),
              "dovecot tuned maildir": self.peer(peers.dovecot, True),
              "courier maildir": self.peer(peers.courier)}
        box = {"pop3d mbox": self.peer(ours.listening, "mbox"),
               "popa3d mbox": self.peer(peers.popa3d),
               "mailutils mbox": self.peer(peers.mailutils)}
        retrieve = lambda c: c.multi("RETR 1")
        yield Row("RETR of 50 MB, LF, Maildir", "ms", lf, some_sessions(5, "lf", retrieve),
                  [("pop3d maildir", "dovecot tuned maildir", 0.2)])
        yield Row("RETR of 50 MB, CRLF, Maildir", "ms", lf, some_sessions(5, "crlf", retrieve),
                  [("pop3d maildir", "dovecot tuned maildir", 0.2)])
        yield Row("RETR of 50 MB, LF, mbox", "ms", box, some_sessions(5, "lfbox", retrieve),
                  [("pop3d mbox", "popa3d mbox", 0.3)])
        many = self.corpora.many
        pipelined = lambda c: c.pipeline("RETR", many, True)
        one_by_one = lambda c: c.retrieve_each(many)
        # Courier waits 40 ms for each of them, for an acknowledgment that is put off.
        quick = {name: start for name, start in lf.items() if "courier" not in name}
        quick["nothing but calls"] = self.peer(ours.calls)
        for name, servers, act in (("pipelined", lf, pipelined),
                                   ("one by one", quick, one_by_one)):
            yield Row("RETR of %d x 20 KB, %s, Maildir" % (many, name), "ms", servers,
                      some_sessions(3, "many", act),
                      [("pop3d maildir", "dovecot tuned maildir", 0.25)])
        yield Row("RETR of %d x 20 KB, pipelined, mbox" % many, "ms", box,
                  some_sessions(3, "manybox", pipelined), [("pop3d mbox", "popa3d mbox", 0.5)])

    def drains(self):
        """All fetched and all deleted, as clients do that keep mail to themselves."""
        count, user = self.corpora.many // 4, "drain"

        def fill(server):
            home = self.world.home(user)
            shutil.rmtree(os.path.join(home, "Maildir"), ignore_errors=True)
            forget(home)
            corpus.maildir(home, self.world.uids[user], self.corpora.messages(count, 20000))
            os.sync()
        yield Row("RETR and DELE of all %d x 20 KB, QUIT, Maildir" % count, "ms", {
            "pop3d": self.peer(ours.listening),
            "dovecot tuned": self.peer(peers.dovecot, True)},
            one_session(user, drain(count)), prepare=fill)

    def maildirs(self):
        big = self.corpora.hundred_thousand
        yield Row("STAT of an unchanged Maildir", "ms", {
            "%d messages" % big: lambda: self.seen("hundred-thousand"),
            "10 messages": lambda: self.seen("ten")},
            lambda server: sessions(server.user, 20)(server),
            [("%d messages" % big, "10 messages", 1.5)])
        warm = {"pop3d": self.peer(ours.listening),
                "dovecot tuned": self.peer(peers.dovecot, True),
                "courier": self.peer(peers.courier)}
        for user, count in (("ten-thousand", self.corpora.ten_thousand),
                            ("hundred-thousand", big)):
            yield Row("poll of %d: STAT, UIDL, LIST" % count, "ms", warm,
                      one_session(user, poll), [("pop3d", "dovecot tuned", 0.15)],
                      prepare=lambda server, u=user: self.once(server, u))
            cold = dict(warm)
            cold["solid"] = self.peer(peers.solid, kind="maildir")
            yield Row("first poll of %d, nothing kept" % count, "ms", cold,
                      one_session(user, poll),
                      [("pop3d", "dovecot tuned", 0.35), ("pop3d", "solid", 0.9)],
                      prepare=lambda server, u=user: forget(self.world.home(u)))

    def seen(self, user, kind="maildir"):
        server = ours.listening(self.world, kind)
        server.user = user
        one_session(user, poll)(server)
        return server

    def once(self, server, user):
        """So that what it keeps about the maildrop is there."""
        done = server.__dict__.setdefault("seen", set())
        if user not in done:
            one_session(user, poll)(server)
            done.add(user)

    def mboxes(self):
        owner = lambda server: getattr(server, "user", "bigbox")
        stat = one_session("bigbox", lambda c: c.stat())
        kept = {"pop3d": self.peer(ours.listening, "mbox"),
                "dovecot tuned": self.peer(peers.dovecot, True, "mbox")}
        yield Row("mbox of %d MB, first open" % self.corpora.box_megabytes, "ms",
                  {**kept, "popa3d": self.peer(peers.popa3d)}, stat,
                  [("pop3d", "popa3d", 1.0), ("pop3d", "dovecot tuned", 0.05)],
                  prepare=lambda server: forget(self.world.home("bigbox")))
        yield Row("the same, unchanged", "ms",
                  {**kept, "pop3d 10 messages": lambda: self.seen("ten", "mbox")},
                  lambda server: some_sessions(10, owner(server), lambda c: c.stat())(server),
                  [("pop3d", "dovecot tuned", 0.05), ("pop3d", "pop3d 10 messages", 1.5)],
                  prepare=lambda server: self.once(server, owner(server)))
        yield Row("the same, after one delivery", "ms", kept, stat,
                  [("pop3d", "dovecot tuned", 0.05)], prepare=self.deliver)
        yield Row("the same, DELE 1 and QUIT", "ms", {
            **kept, "popa3d": self.peer(peers.popa3d)},
            one_session("bigbox", lambda c: c.command("DELE 1")),
            [("pop3d", "popa3d", 1.3)], prepare=lambda server: self.fresh(server))

    def deliver(self, server):
        self.once(server, "bigbox")
        raw = self.corpora.mail.message(7, 20000)
        for path in self.corpora.boxes("bigbox"):
            with open(path, "ab") as f:
                f.write(b"From sender@example.net Mon Jan  1 00:00:00 2024\n" + raw + b"\n")

    def fresh(self, server):
        """What is to be rewritten is in the page cache, written out, and known."""
        os.sync()
        one_session("bigbox", lambda c: c.stat())(server)

    def tls(self):
        shared = {"pop3d": self.peer(ours.listening, certificate=self.certificate),
                  "dovecot tuned": self.peer(peers.dovecot, True, certificate=self.certificate)}
        least = {**shared, "TLS processes": self.peer(ours.handshake, self.certificate)}
        executed = self.peer(ours.executed_handshake, self.certificate)
        both = {**least, "one TLS process tcpserver": executed,
                "pop3d tcpserver": self.peer(ours.executed_tls, self.certificate),
                "dovecot shipped": self.peer(peers.dovecot, False,
                                             certificate=self.certificate)}
        yield Row("TLS connection, implicit", "ms", both, self.handshakes,
                  [("pop3d", "dovecot tuned", 1.0), ("pop3d tcpserver", "dovecot shipped", 0.4)])
        twice = ("pop3d", "TLS processes")
        yield Row("TLS connection, resumed", "ms", {
            **{name: self.resuming(start) for name, start in least.items()},
            **{name + ", full": least[name] for name in twice}}, self.handshakes,
            [("pop3d", "dovecot tuned", 1.0), ("pop3d", "pop3d, full", 0.7)])
        yield Row("TLS connection, STLS", "ms", shared, self.stls,
                  [("pop3d", "dovecot tuned", 1.0)])
        yield Row("RETR of 50 MB over TLS", "ms", shared, self.retrieve_tls,
                  [("pop3d", "dovecot tuned", 0.5)])

    def resuming(self, start):
        """The same server, whose clients come back with a ticket."""
        def started():
            server = start()
            server.resumes = True
            return server
        return started

    def handshakes(self, server):
        resumed = getattr(server, "resumes", False)
        made, session = context(), None
        if resumed:
            first = server.connect_tls(made)
            first.command("CAPA")
            first.body()
            session = first.sock.session
            first.quit()
        for _ in range(self.n):
            client = server.connect_tls(made, session)
            assert client.sock.session_reused == resumed
            client.quit()
        return self.n + (1 if resumed else 0)

    def stls(self, server):
        made = context()
        for _ in range(self.n):
            client = server.connect()
            client.stls(made)
            client.quit()
        return self.n

    def retrieve_tls(self, server):
        for _ in range(3):
            client = server.connect_tls(context())
            client.login("lf")
            client.multi("RETR 1")
            client.quit()
        return 3

    def idle(self):
        plain = {"pop3d": self.peer(ours.listening), "popa3d": self.peer(peers.popa3d),
                 "solid": self.peer(peers.solid, kind="maildir"),
                 "mailutils": self.peer(peers.mailutils), "courier": self.peer(peers.courier),
                 "dovecot shipped": self.peer(peers.dovecot, False),
                 "dovecot tuned": self.peer(peers.dovecot, True)}
        over_tls = {"pop3d": self.peer(ours.listening, certificate=self.certificate),
                    "dovecot tuned": self.peer(peers.dovecot, True,
                                               certificate=self.certificate)}
        for name, contenders, login, tls, most in (
                ("before login", plain, False, False, 150),
                ("logged in", plain, True, False, 150),
                ("logged in over TLS", over_tls, True, True, 600)):
            yield Row("memory of an idle session, " + name, "KB", contenders, None,
                      [("pop3d", None, most)],
                      measure=lambda server, l=login, t=tls: self.memory(server, l, t))
        yield Row("login beside 2,000 idle sessions, wall time", "ms", {
            "pop3d": self.peer(ours.listening), "pop3d idle machine": self.peer(ours.listening)},
            None, [("pop3d", "pop3d idle machine", 2.0)], measure=self.crowd)

    def memory(self, server, login, tls):
        """PSS of the whole tree that each of many sessions adds."""
        count, made = 20 if self.quick else 50, context()
        clients, before = [], server.group.pss()
        for i in range(count):
            client = server.connect_tls(made) if tls else server.connect()
            if login:
                client.login("idle%d" % i)
            clients.append(client)
        time.sleep(0.5)
        grown = server.group.pss() - before
        for client in clients:
            client.quit()
        return grown / count / 1024

    def crowd(self, server):
        count, rate, seconds = (500, 50, 2) if self.quick else (2000, 200, 5)
        held = []
        if "idle" not in server.label:
            for _ in range(count):
                held.append(server.connect())
        times, start = [], time.monotonic()
        for i in range(rate * seconds):
            time.sleep(max(start + i / rate - time.monotonic(), 0))
            begin = time.monotonic()
            client = server.connect()
            client.login("small")
            times.append(time.monotonic() - begin)
            client.quit()
        for client in held:
            client.sock.close()
        return statistics.median(times) * 1000


def forget(home):
    """All that servers keep beside the mail: indexes, lists of unique ids, caches."""
    for directory, names, files in os.walk(home):
        names[:] = [n for n in names if n not in ("cur", "new")]
        for name in files:
            if name.startswith(("dovecot", ".pop3d", "courier", ".lfbox", ".bigbox")) and (
                    not name.endswith(("lock", ".mbox"))) or ".pop3d" in name:
                os.unlink(os.path.join(directory, name))
    shutil.rmtree(os.path.join(home, "dovecot", ".imap"), ignore_errors=True)
