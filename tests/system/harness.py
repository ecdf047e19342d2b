"""What every system test needs: an installed tree, a configuration, a running server.

The tests drive real programs as root.  A Site is one configuration in a temporary
directory; it starts pop3d on a TCP connection, on pipes, or as a listener, keeps every
client and process that it made, and says at its end whether a process was left behind.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile

from accounts import Account, SystemUsers, hash_password
from client import TIMEOUT, Client
from processes import (Proc, become_subreaper, descendants, describe, leftovers, role_of,
                       roles, wait_role, wait_until)

__all__ = ["Account", "Client", "Listener", "Proc", "ROOT", "Site", "SystemUsers", "TIMEOUT",
           "Tree", "become_subreaper", "descendants", "free_port", "hash_password",
           "is_listening", "roles", "role_of", "tcp_pair", "wait_role", "wait_until"]

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEST_MODULES = os.path.join(ROOT, "tests", "modules")


class Tree:
    """Where the installed files stand."""

    def __init__(self):
        self.destdir = os.path.abspath(
            os.environ.get("POP3D_DESTDIR", os.path.join(ROOT, "build", "install")))
        prefix = os.environ.get("POP3D_PREFIX", "/usr")
        base = self.destdir + prefix
        self.pop3d = os.path.join(base, "sbin", "pop3d")
        self.pop3ctl = os.path.join(base, "bin", "pop3ctl")
        self.modules = os.path.join(base, "lib", "pop3d", "auth")
        self.empty = os.path.join(base, "lib", "pop3d", "empty")
        self.tls = os.path.join(base, "lib", "pop3d", "pop3d-tls")


class Listener:
    """A pop3d that listens by itself."""

    def __init__(self, site, process, address, port):
        self.site, self.process = site, process
        self.address, self.port = address, port
        self.pid = process.pid

    def connect(self, greeting=True, source=None):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(TIMEOUT)
        if source:
            sock.bind((source, 0))
        sock.connect((self.address, self.port))
        sock.settimeout(None)
        return self.site.adopt(Client(sock.fileno(), sock=sock), greeting)

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        return self.process.wait(TIMEOUT)


def free_port(address="127.0.0.1"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.bind((address, 0))
        return sock.getsockname()[1]


def is_listening(port):
    """True if a TCP socket of this host listens on port; makes no connection."""
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(name) as f:
            for line in f.readlines()[1:]:
                field = line.split()
                if field[3] == "0A" and int(field[1].rsplit(":", 1)[1], 16) == port:
                    return True
    return False


def tcp_pair(address="127.0.0.1", source=None):
    """A connected pair of TCP sockets: the server's end, the client's end, from a source."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind((address, 0))
        listener.listen(1)
        client = socket.create_connection(listener.getsockname()[:2], TIMEOUT,
                                          source and (source, 0))
        client.settimeout(None)
        server = listener.accept()[0]
    return server, client


class Site:
    """One configuration with its user file and log, and all that runs under it."""

    def __init__(self, tree, base, accounts, settings=None):
        self.tree, self.accounts = tree, accounts
        self.directory = tempfile.mkdtemp(prefix="site-", dir=base)
        os.chmod(self.directory, 0o711)
        self.conf, self.users = self.path("pop3d.conf"), self.path("users")
        self.log = self.path("log")
        self.uid = self.gid = None  # whom pop3d is started as; None: root
        self.processes, self.services, self.clients = [], [], []
        self.settings = {
            "server.hostname": "pop.example.org",
            "server.run_directory": self.path("run"),
            "server.chroot": tree.empty,
            "server.log": "file:" + self.log,
            "server.log_level": "info",
            "auth.module_directory": tree.modules,
            "auth.failure_delay": "0",
            "auth.passwd.file": self.users,
            "tls.program": tree.tls,
        }
        self.settings.update(settings or {})
        os.mkdir(self.path("run"), 0o700)
        self.write_users()
        self.write_config()

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    # Configuration

    def write_users(self, entries=None, extra=""):
        """The user file: all accounts, or given lines."""
        if entries is None:
            entries = [self.user_line(a) for a in self.accounts.values()]
        with open(self.users, "w", encoding="latin-1") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write("".join(e + "\n" for e in entries) + extra)
        if self.uid is not None:
            os.chown(self.users, self.uid, self.gid)

    def user_line(self, account, name=None, password=None, extra=""):
        return "%s:%s:%d:%d::%s::%s" % (
            name or account.name, hash_password(password or account.password),
            account.uid, account.gid, account.home, extra)

    def write_config(self, text=None):
        if text is None:
            sections = {}
            for key, value in self.settings.items():
                section, name = key.rsplit(".", 1)
                sections.setdefault(section, []).append("%s = %s\n" % (name, value))
            text = "".join("[%s]\n%s" % (s, "".join(v)) for s, v in sections.items())
        with open(self.conf, "w") as f:
            os.fchmod(f.fileno(), 0o644)
            f.write(text)

    def set(self, **values):
        """set(limits__idle_seconds=1, auth__passwd__file=...): change keys, write the file."""
        for key, value in values.items():
            self.settings[key.replace("__", ".")] = str(value)
        self.write_config()

    def use_tls(self, *pairs, **values):
        """Serve these certificates from now on."""
        self.set(tls__certificate=" ".join(p.certificate for p in pairs),
                 tls__key=" ".join(p.key for p in pairs), **values)

    def use_unprivileged(self, account):
        """Start pop3d as this user from now on; all entries get its uid."""
        self.uid, self.gid = account.uid, account.gid
        for path in (self.directory, self.path("run")):
            os.chown(path, self.uid, self.gid)
        self.write_users()

    # Start

    def argv(self, *args):
        return [self.tree.pop3d, "-c", self.conf] + [str(a) for a in args]

    def spawn(self, argv, service=False, **kw):
        """Start a process in its own session; a service gets SIGTERM at the site's end."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("stdout", subprocess.DEVNULL)
        kw.setdefault("stderr", subprocess.DEVNULL)
        kw.setdefault("env", {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        if self.uid is not None:
            kw.update(user=self.uid, group=self.gid, extra_groups=[])
        process = subprocess.Popen(argv, start_new_session=True, **kw)
        self.processes.append(process)
        if service:
            self.services.append(process)
        return process

    def adopt(self, client, greeting=True):
        self.clients.append(client)
        if greeting:
            client.greeting = client.ok()
        return client

    def inetd(self, *args, prefix=(), greeting=True, address="127.0.0.1", source=None,
              **kw):
        """As inetd does it: a connected TCP socket on 0, 1 and 2."""
        server, sock = tcp_pair(address, source)
        inode = os.fstat(server.fileno()).st_ino
        with server:
            process = self.spawn(list(prefix) + self.argv(*args), stdin=server,
                                 stdout=server, stderr=server, **kw)
        client = Client(sock.fileno(), sock=sock, process=process)
        client.server_socket = inode
        return self.adopt(client, greeting)

    def pipes(self, *args, prefix=(), greeting=True, **kw):
        """Plain pipes on 0 and 1."""
        (in_r, in_w), (out_r, out_w) = os.pipe(), os.pipe()
        process = self.spawn(list(prefix) + self.argv(*args), stdin=in_r, stdout=out_w, **kw)
        os.close(in_r)
        os.close(out_w)
        return self.adopt(Client(out_r, in_w, process=process), greeting)

    def listener(self, *args, address="127.0.0.1", name=None, prefix=(), **kw):
        """pop3d -l on a free port, with a name if it has one; returns when it listens."""
        port = free_port(address)
        text = "[%s]:%d" % (address, port) if ":" in address else "%s:%d" % (address, port)
        text = name + ":" + text if name else text
        process = self.spawn(list(prefix) + self.argv("-l", text, *args), service=True, **kw)
        wait_until(lambda: is_listening(port) or process.poll() is not None,
                   what="listening")
        assert process.poll() is None, "listener ended with %r" % process.returncode
        return Listener(self, process, address, port)

    def strace(self, pid, *args):
        """Attach strace to a process; returns when it traces."""
        process = self.spawn(["strace", "-f", "-qq", "-o", self.path("strace"), *args,
                              "-p", str(pid)])
        wait_until(lambda: Proc(pid).tracer() != 0 or process.poll() is not None,
                   what="strace")
        assert process.poll() is None, "strace ended with %r" % process.returncode
        return process

    def use_modules(self, *names):
        """[auth] modules: test modules and shipped ones, in a directory of this site."""
        directory = self.path("modules")
        os.makedirs(directory, mode=0o755, exist_ok=True)
        for name in names:
            base = TEST_MODULES if name.startswith("mod_") else self.tree.modules
            for suffix in (".so", ".part"):
                target = os.path.join(directory, name + suffix)
                if suffix == ".so" or os.path.exists(os.path.join(base, name + suffix)):
                    shutil.copyfile(os.path.join(base, name + suffix), target)
                    os.chmod(target, 0o644)
        self.set(auth__modules=" ".join(names), auth__module_directory=directory)

    # Look

    def log_lines(self, event=None, **fields):
        """Lines of the log file, of one event, with these key=value pairs."""
        try:
            with open(self.log, "rb") as f:
                lines = f.read().decode("latin-1").splitlines()
        except FileNotFoundError:
            lines = []
        wanted = ["event=" + event] if event else []
        wanted += ["%s=%s" % (k, v) for k, v in fields.items()]
        return [l for l in lines if all(re.search(r"(^|\s)%s(\s|$)" % re.escape(w), l)
                                        for w in wanted)]

    def wait_log(self, event, **fields):
        return wait_until(lambda: self.log_lines(event, **fields),
                          what="log line event=%s %r" % (event, fields))

    # End

    def close(self):
        """End all; returns what had not ended by itself."""
        for client in self.clients:
            client.close()
        for process in self.processes:
            listens = role_of(Proc(process.pid)) == "pop3d-listen"
            if process.poll() is None and (listens or process in self.services):
                process.terminate()
        left = leftovers(self.processes, 5.0)
        text = ["%d %s" % (p.pid, describe(p)) for p in left]
        for proc in left:
            try:
                proc.kill()
            except ProcessLookupError:
                pass
        leftovers(self.processes, 5.0)
        shutil.rmtree(self.directory, ignore_errors=True)
        return text
