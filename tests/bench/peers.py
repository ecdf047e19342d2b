"""The servers that are compared, each started as its distribution means it to be."""

import os
import subprocess

from account import Group
from load import Pop, wait_up

PORTS = iter(range(2000, 9000))
USR = "/usr/sbin/"
EXECS = ("inetd", "xinetd", "tcpserver")


class Server:
    """A running server in a control group of its own."""

    tls_port = None

    def __init__(self, world, name, argv, ports, env=None):
        self.world, self.name = world, name
        self.port = ports[0]
        self.group = Group("".join(c if c.isalnum() else "-" for c in name))
        with open(world.path("run", "server.log"), "ab") as log:
            self.process = subprocess.Popen(
                self.group.wrap(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, cwd="/",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})})
        try:
            for port in ports:
                wait_up(port, self.process)
        except BaseException:
            self.stop()
            raise
        self.group.still()

    def connect(self, **options):
        return Pop(self.port, **options)

    def connect_tls(self, context, session=None):
        return Pop(self.tls_port, tls=context, session=session)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        for pid in self.group.pids():
            try:
                os.kill(pid, 15)
            except ProcessLookupError:
                pass
        self.group.remove()


def by_super_server(world, name, how, argv, user="root"):
    """A program that serves one connection on its standard input and output."""
    port = next(PORTS)
    if how == "tcpserver":
        command = ["tcpserver", "-HRl0", "-c1000", "-b2000", "127.0.0.1", str(port), *argv]
    elif how == "inetd":
        conf = world.write("run/%s.inetd" % name, "127.0.0.1:%d stream tcp4 nowait.1000000 %s"
                           " %s %s\n" % (port, user, argv[0], " ".join(
                               [os.path.basename(argv[0]), *argv[1:]])))
        command = [USR + "inetd", "-i", "-R", "1000000", conf]
    else:
        conf = world.write("run/%s.xinetd" % name, (
            "defaults\n{\n\tinstances = 5000\n\tper_source = 5000\n\tcps = 100000 1\n}\n"
            "service pop3\n{\n\ttype = UNLISTED\n\tsocket_type = stream\n\tprotocol = tcp\n"
            "\twait = no\n\tuser = %s\n\tbind = 127.0.0.1\n\tport = %d\n\tserver = %s\n"
            "%s}\n") % (user, port, argv[0], "\tserver_args = %s\n" % " ".join(
                argv[1:]) if argv[1:] else ""))
        command = [USR + "xinetd", "-dontfork", "-f", conf, "-pidfile",
                   world.path("run", name + ".pid"), "-filelog", world.path("run", "xinetd.log")]
    return Server(world, "%s-%s" % (name, how), command, [port])


def nothing(world, how):
    """An empty dynamic program: what a super-server costs by itself."""
    return by_super_server(world, "nothing", how, ["/bin/true"])


def popa3d(world, how="tcpserver"):
    return by_super_server(world, "popa3d", how, [USR + "popa3d"])


def solid(world, how="tcpserver", kind="mailbox"):
    place = "/var/mail/%s" if kind == "mailbox" else world.path("home") + "/%s/Maildir"
    return by_super_server(world, "solid-" + kind, how, [
        USR + "solid-pop3d", "-n", place, "-t", kind, "-f", os.devnull])


def mailutils(world, how="tcpserver", kind="mbox"):
    place = "mbox:///var/mail/${user}" if kind == "mbox" else (
        "maildir:/%s/${user}/Maildir" % world.path("home"))
    conf = world.write("run/mailutils.conf", 'mailbox { mailbox-pattern "%s"; };\n'
                       "auth { authorization system; authentication pam; };\n"
                       "pam { service pop3; };\n" % place)
    return by_super_server(world, "mailutils-" + kind, how, [
        USR + "pop3d", "--config-file=" + conf, "--inetd"])


# One login process: each has session tickets of its own.
DOVECOT_TUNED = """
service pop3-login {
  service_count = 0
  process_min_avail = 1
  client_limit = 8000
  process_limit = 1
}
service pop3 {
  service_count = 100000
  process_min_avail = 2
}
service anvil {
  client_limit = 8000
}
service auth {
  client_limit = 16000
}
default_client_limit = 16000
"""


def dovecot(world, tuned, kind="maildir", certificate=None):
    """tuned: processes are reused from connection to connection."""
    port, tls_port = next(PORTS), next(PORTS)
    name = "dovecot-%s-%s" % ("tuned" if tuned else "shipped", kind)
    directory = world.path("run", "%s-%d" % (name, port))
    os.mkdir(directory, 0o755)
    place = "maildir:~/Maildir" if kind == "maildir" else "mbox:~/dovecot:INBOX=~/dovecot.mbox"
    tls = ["ssl = yes", "ssl_cert = <" + certificate + ".pem",
           "ssl_key = <" + certificate + ".key"] if certificate else ["ssl = no"]
    conf = world.write("run/%s-%d.conf" % (name, port), "\n".join([
        "base_dir = " + directory, "state_dir = " + directory, "log_path = /dev/null",
        "protocols = pop3", "disable_plaintext_auth = no", "first_valid_uid = 1000",
        "mail_location = " + place, *tls,
        "passdb {", "driver = pam", "args = pop3", "}", "userdb {", "driver = passwd", "}",
        "service pop3-login {", "inet_listener pop3 {", "address = 127.0.0.1",
        "port = %d" % port, "}", "inet_listener pop3s {", "address = 127.0.0.1",
        "port = %d" % (tls_port if certificate else 0), "ssl = yes", "}", "}",
        "mail_max_userip_connections = 10000", "default_process_limit = 5000",
        DOVECOT_TUNED if tuned else ""]) + "\n")
    server = Server(world, name, [USR + "dovecot", "-F", "-c", conf],
                    [port, tls_port] if certificate else [port])
    server.tls_port = tls_port
    return server


def courier(world):
    """couriertcpd, its login program and its session program; authdaemond beside them."""
    port = next(PORTS)
    run = "/run/courier/authdaemon"
    os.makedirs(run, 0o755, exist_ok=True)
    world.write("etc/courier/authdaemonrc", 'authmodulelist="authpam"\n'
                'authmodulelistorig="authpam"\ndaemons=2\nauthdaemonvar=%s\nDEBUG_LOGIN=0\n'
                'DEFAULTOPTIONS=""\nLOGGEROPTS=""\n' % run)
    script = ("/usr/lib/courier/courier-authlib/authdaemond & "
              "exec /usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=5000 -maxperip=5000 "
              "-nodnslookup -noidentlookup %d /usr/lib/courier/courier/courierpop3login "
              "/usr/lib/courier/courier/courierpop3d Maildir" % port)
    return Server(world, "courier", ["sh", "-c", script], [port], env={
        "AUTHMODULES": "authdaemon", "MAILDIRPATH": "Maildir", "POP3AUTH": "",
        "POP3DSTART": "YES", "TCPREMOTEIP": "127.0.0.1"})
