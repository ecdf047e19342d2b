"""Other POP3 servers that had a maildrop before pop3d, and what ids they gave its mail.

They run from scripts/setup's tools as they are, on a port or pair of sockets of their own.
"""

import os
import re
import subprocess

from client import Client
from fronts import Front, over_usr, write_config
from harness import ROOT, TIMEOUT, free_port, tcp_pair
from supervisors import TOOLS

IMPORT_IDS = os.path.join(ROOT, "tests", "system", "import_ids")


# What Dovecot keeps in an mbox and does not send.
KEPT_FIELDS = re.compile(rb"^(?:X-UID|X-IMAPbase|Status): [^\n]*\n", re.M)


def polled(client):
    """[(id, message)] in the order of the list; the session goes on.

    The fields of an mbox that Dovecot hides are left out of messages.
    """
    ids = [line.split(" ", 1) for line in client.lines("UIDL")]
    assert [number for number, _ in ids] == [str(n + 1) for n in range(len(ids))], ids
    return [(uid, KEPT_FIELDS.sub(b"", client.multi("RETR " + number)))
            for number, uid in ids]


def ids_by_message(pairs):
    """{message: id}; all messages and all ids are different ones."""
    found = {message: uid for uid, message in pairs}
    assert len(found) == len(pairs) == len(set(found.values())), pairs
    return found


def dovecot(site, account, location, *more):
    """Dovecot, which serves the maildrop of this account to whoever says its name."""
    port = free_port()
    user = "uid=%d gid=%d home=%s" % (account.uid, account.gid, account.home)
    conf = write_config(site, "dovecot-old", [
        "base_dir = " + site.path("dovecot"), "state_dir = " + site.path("dovecot"),
        "log_path = /dev/stderr", "protocols = pop3", "disable_plaintext_auth = no",
        "default_login_user = nobody", "default_internal_user = root",
        "default_internal_group = root", "ssl = no", "first_valid_uid = 1",
        "passdb {", "driver = static", "args = nopassword=y", "}",
        "userdb {", "driver = static", "args = " + user, "}",
        "mail_location = " + location,
        "service stats {", "unix_listener stats-writer {", "mode = 0666", "}", "}",
        "service pop3-login {", "chroot =",
        "inet_listener pop3 {", "address = 127.0.0.1", "port = %d" % port, "}",
        "inet_listener pop3s {", "port = 0", "}", "}", *more])
    program = [*over_usr("dovecot-pop3d", "dovecot-core"), "dovecot"]
    return Front(site, [*program, "-F", "-c", conf], port)


def dovecot_session(server, account):
    client = server.connect()
    client.login(account)
    return client


def socket_session(site, account, argv, packages, **environment):
    """A server on a pair of sockets, run as the account in its home."""
    ours, theirs = tcp_pair()
    command = [*over_usr(*packages), "setpriv", "--reuid", str(account.uid),
               "--regid", str(account.gid), "--clear-groups", *argv]
    with open(site.path("old-server.log"), "ab") as log:
        process = site.spawn(command, stdin=theirs, stdout=theirs, stderr=log,
                             cwd=account.home, env={"PATH": os.environ["PATH"],
                                                    "HOME": account.home, **environment})
    theirs.close()
    client = site.adopt(Client(ours.fileno(), sock=ours, process=process))
    return client


def courier_session(site, account, maildir="./Maildir"):
    """Courier's pop3d behind its login: it speaks first, in the TRANSACTION state."""
    return socket_session(
        site, account, ["/usr/lib/courier/courier/courierpop3d", maildir],
        ["courier-pop", "courier-authlib", "libcourier-unicode4"],
        AUTHENTICATED=account.name, TCPREMOTEIP="127.0.0.1", TCPREMOTEPORT="1")


def popa3d_session(site, account, spool):
    """popa3d as inetd starts it, in a world where passwords are right; spool: of mailboxes.

    It is told at compile time where everything is, and runs as root and as a user popa3d.
    """
    etc = site.path("popa3d-etc")
    os.makedirs(os.path.join(etc, "pam.d"), 0o755, exist_ok=True)
    with open("/etc/passwd") as f:
        users = f.read()
    uid = next(n for n in range(64000, 1000, -1) if ":%d:" % n not in users)
    with open(os.path.join(etc, "passwd"), "w") as f:
        f.write(users + "popa3d:x:%d:65534::/nonexistent:/bin/false\n" % uid)
    with open(os.path.join(etc, "pam.d", "popa3d"), "w") as f:
        f.write("auth required pam_permit.so\naccount required pam_permit.so\n")
    script = ('mount -t overlay -o "lowerdir=$0:/etc" none /etc && '
              "mount -t tmpfs none /var/lib && mkdir -m 755 /var/lib/popa3d && "
              'mount --bind "$1" /var/mail && exec /usr/sbin/popa3d')
    ours, theirs = tcp_pair()
    with open(site.path("old-server.log"), "ab") as log:
        process = site.spawn([*over_usr("popa3d"), "sh", "-c", script, etc, spool],
                             stdin=theirs, stdout=theirs, stderr=log)
    theirs.close()
    client = site.adopt(Client(ours.fileno(), sock=ours, process=process))
    client.login(account)
    return client


def imported(source, kind, path, *form):
    """What our importers read there, as lines."""
    done = subprocess.run([IMPORT_IDS, source, kind, path, *form], timeout=TIMEOUT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0, done
    return os.fsdecode(done.stdout).split("\n")[:-1]


def imported_names(source, store, *form):
    """{base name: id} of a Maildir."""
    return dict(line.rsplit(" ", 1) for line in imported(source, "maildir", store.path, *form))
