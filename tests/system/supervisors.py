"""The super-servers that start pop3d, each with its file from scripts/samples.

The samples are what is tested: only the port, the path of the program and the
configuration are put in, and a sample that no longer has the words to replace fails.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess

from harness import ROOT, TIMEOUT, Client, Proc, descendants, free_port, is_listening, wait_until

SAMPLES = os.path.join(ROOT, "scripts", "samples")
TOOLS = os.environ.get("POP3D_TOOLS", os.path.join(ROOT, "build", "tools"))
PROGRAM = "/usr/sbin/pop3d"


def sample(name):
    with open(os.path.join(SAMPLES, name)) as f:
        return f.read()


def replaced(text, old, new):
    assert old in text, "the sample no longer holds %r:\n%s" % (old, text)
    return text.replace(old, new)


def tool(package, path):
    """A program that scripts/setup has unpacked."""
    found = os.path.join(TOOLS, package, path)
    assert os.access(found, os.X_OK), "%s is missing: run scripts/setup unpack" % found
    return found


class SuperServer:
    """A running super-server; connect() makes it start pop3d."""

    def __init__(self, site, argv, port, address="127.0.0.1"):
        self.site, self.port, self.address = site, port, address
        # False where the process becomes pop3d itself: then it has children, or none.
        self.listening_parent = True
        self.output = site.path("super-server.log")
        with open(self.output, "ab") as log:
            self.process = site.spawn(argv, stdout=log, stderr=log)
        wait_until(lambda: is_listening(port) or self.process.poll() is not None,
                   what="listening")
        assert self.process.poll() is None, self.text()

    def text(self):
        with open(self.output, "rb") as f:
            return f.read().decode("latin-1")

    def open(self):
        return socket.create_connection((self.address, self.port), TIMEOUT)

    def connect(self, greeting=True):
        sock = self.open()
        sock.settimeout(None)
        return self.site.adopt(Client(sock.fileno(), sock=sock), greeting)

    def children(self):
        return descendants(self.process.pid)

    def wait_childless(self):
        """Every process that it started is gone, and reaped."""
        wait_until(lambda: not self.children(), what="end of the processes of pop3d")

    def stop(self):
        self.process.terminate()
        self.process.wait(TIMEOUT)


def config_arguments(site):
    return "-c " + site.conf


def write(site, name, text, mode=0o644):
    path = site.path(name)
    with open(path, "w") as f:
        os.fchmod(f.fileno(), mode)
        f.write(text)
    return path


def inetd_line(word, protocol):
    """The line of the sample with this wait/nowait word, the '#' before it taken away."""
    for line in sample("inetd.conf").splitlines():
        fields = line.lstrip("#").split()
        if len(fields) == 7 and fields[2] == protocol and fields[3].split(".")[0] == word:
            return "\t".join(fields)
    raise AssertionError("no %s %s line in the sample" % (word, protocol))


def inetd(site, word="nowait"):
    port = free_port()
    line = inetd_line(word, "tcp" if word == "nowait" else "tcp4")
    assert line.startswith("pop3\tstream\t")
    line = replaced(line, PROGRAM, site.tree.pop3d)
    line = "127.0.0.1:%d%s %s\n" % (port, line[len("pop3"):], config_arguments(site))
    if word == "nowait":
        line = replaced(line, "\ttcp\t", "\ttcp4\t")
    conf = write(site, "inetd.conf", line)
    return SuperServer(site, [tool("openbsd-inetd", "usr/sbin/inetd"), "-i", conf], port)


def inetd_wait(site):
    """With the idle time made short: tests wait for the end of pop3d."""
    site.set(limits__wait_idle_seconds=1)
    return inetd(site, "wait")


def xinetd(site):
    port = free_port()
    text = replaced(sample("xinetd.conf"), PROGRAM, site.tree.pop3d)
    text = text.rstrip().rstrip("}") + (
        "\tserver_args = %s\n\ttype = UNLISTED\n\tbind = 127.0.0.1\n\tport = %d\n}\n"
        % (config_arguments(site), port))
    conf = write(site, "xinetd.conf", text)
    return SuperServer(site, [tool("xinetd", "usr/sbin/xinetd"), "-dontfork", "-f", conf,
                              "-filelog", site.path("xinetd.log"),
                              "-pidfile", site.path("xinetd.pid")], port)


def tcpserver(site):
    port = free_port()
    text = replaced(sample("tcpserver-run"), " 0 110 " + PROGRAM, " 127.0.0.1 %d %s %s" % (
        port, site.tree.pop3d, config_arguments(site)))
    return SuperServer(site, [write(site, "tcpserver-run", text, 0o755)], port)


def unit_value(unit, key):
    """The value of a key in a unit file of the samples."""
    found = re.findall(r"(?m)^%s=(.*)$" % key, sample(unit))
    assert len(found) == 1, (unit, key, found)
    return found[0]


def unit_command(site, unit):
    """ExecStart of a unit with our program and configuration."""
    command = replaced(unit_value(unit, "ExecStart").lstrip("-"), PROGRAM, site.tree.pop3d)
    return command.split() + config_arguments(site).split()


def socket_activate(site, unit, *options, ports=None):
    """systemd's own stand-in for its sockets: the listening part without the manager."""
    ports = ports or [free_port()]
    listen = ["--listen=127.0.0.1:%d" % port for port in ports]
    program = shutil.which("systemd-socket-activate")
    assert program, "systemd-socket-activate is missing (package systemd)"
    return SuperServer(site, [program, *listen, *options, *unit_command(site, unit)],
                       ports[0])


def systemd_accept_yes(site):
    """As StandardInput=socket in the sample: the connection is descriptor 0."""
    assert unit_value("pop3d@.service", "StandardInput") == "socket"
    return socket_activate(site, "pop3d@.service", "--accept", "--inetd")


def systemd_accept_yes_listen_fds(site):
    """The connection is descriptor 3, with LISTEN_FDS."""
    return socket_activate(site, "pop3d@.service", "--accept")


def systemd_accept_no(site):
    server = socket_activate(site, "pop3d.service")
    server.listening_parent = False
    return server


PER_CONNECTION = [inetd, xinetd, tcpserver, systemd_accept_yes, systemd_accept_yes_listen_fds]
LISTENING = [inetd_wait, systemd_accept_no]


@contextlib.contextmanager
def running(site, start):
    server = start(site)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def run_program(site, *args, timeout=TIMEOUT):
    """pop3d with nothing to serve: its exit status, output and errors as text."""
    return subprocess.run([site.tree.pop3d, *args], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, check=False)


__all__ = ["LISTENING", "PER_CONNECTION", "Proc", "SuperServer", "inetd", "inetd_wait",
           "replaced", "run_program", "running", "sample", "socket_activate",
           "systemd_accept_no", "systemd_accept_yes", "systemd_accept_yes_listen_fds",
           "tcpserver", "unit_command", "unit_value", "xinetd"]
