"""The world that servers are compared in: mount and network namespaces of their own.

Debian's POP3 servers conflict with each other as packages, so they are unpacked and shown
in /usr by an overlay; /etc gets the users that all of them serve, and /run, /var/mail and
/var/lib are empty at first.  The network is a loopback interface and nothing else.
"""

import os

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = os.environ.get("POP3D_TOOLS", os.path.join(TOP, "build", "tools"))
PACKAGES = ("dovecot-core dovecot-pop3d popa3d solid-pop3d mailutils-pop3d mailutils-common "
            "libmailutils9 libmu-dbm9 courier-base courier-pop courier-authdaemon "
            "courier-authlib libcourier-unicode4 liblockfile1 xinetd openbsd-inetd").split()

# What runs in the namespaces: $0 is the world's directory, $1 the layers of /usr.
ENTER = """
base=$0 layers=$1
shift
ip link set lo up &&
mount -t overlay -o "lowerdir=$layers:/usr" none /usr &&
mount -t overlay -o "lowerdir=$base/etc:/etc" none /etc &&
mount --bind "$base/mail" /var/mail && mount --bind "$base/lib" /var/lib &&
mount -t tmpfs none /run && exec "$@"
"""

FIRST_UID = 61000
IDLE = 50
USERS = ("small", "argon", "lf", "crlf", "lfbox", "many", "manybox", "drain", "ten", "ten-thousand", "hundred-thousand", "bigbox", *("idle%d" % i for i in range(IDLE)))
SERVICE_USERS = ("popa3d", "dovenull", "dovecot", "courier", "pop3d", "spop3d")


def uids():
    """Idle users share one: a process of Dovecot that is reused can become no other."""
    return {name: FIRST_UID + min(i, len(USERS) - IDLE) for i, name in enumerate(USERS)}


class World:
    def __init__(self, base):
        self.base = base
        for name in ("etc", "etc/pam.d", "etc/courier", "mail", "lib", "lib/popa3d", "lib/solid-pop3d",
                     "lib/solid-pop3d/bulletins", "home", "run"):
            os.makedirs(self.path(name), 0o755)
        os.chmod(self.path("mail"), 0o1777)
        self.uids = uids()
        self._write_users()
        for service in ("popa3d", "solid-pop3d", "pop3", "mu-pop3d", "pop3d", "dovecot"):
            self.write("etc/pam.d/" + service, "auth required pam_permit.so\n"
                       "account required pam_permit.so\n")

    @classmethod
    def entered(cls, base):
        """The same world, for a process that runs in it."""
        place = cls.__new__(cls)
        place.base = base
        place.uids = uids()
        return place

    def path(self, *parts):
        return os.path.join(self.base, *parts)

    def home(self, user):
        return self.path("home", user)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def _write_users(self):
        users, groups = "", ""
        for i, name in enumerate(SERVICE_USERS):
            users += "%s:x:%d:%d::/nonexistent:/usr/sbin/nologin\n" % (name, 62000 + i, 62000 + i)
            groups += "%s:x:%d:\n" % (name, 62000 + i)
        for name, uid in self.uids.items():
            os.mkdir(self.home(name), 0o755)
            os.chown(self.home(name), uid, uid)
            users += "%s:x:%d:%d::%s:/bin/sh\n" % (name, uid, uid, self.home(name))
            groups += "%s:x:%d:\n" % (name, uid)
        for name, more in (("passwd", users), ("group", groups)):
            with open("/etc/" + name) as f:
                kept = [line for line in f if line.split(":")[0] not in SERVICE_USERS]
            self.write("etc/" + name, "".join(kept) + more)

    def enter(self, argv):
        """The command that runs argv in this world."""
        layers = []
        for package in PACKAGES:
            usr = os.path.join(TOOLS, package, "usr")
            assert os.path.isdir(usr), "%s is missing: run scripts/setup peers" % usr
            layers.append(usr)
        return ["unshare", "--mount", "--net", "sh", "-c", ENTER, self.base, ":".join(layers),
                *argv]
