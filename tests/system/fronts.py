"""Programs in front of pop3d: where TLS ends, who says for whom, who logs in for others.

Each function writes a configuration into the site's directory and starts the program of
scripts/setup's tools in the foreground, with `behind` the port of what it passes on to.
stop() ends it, and the site does if a test does not.
"""

import http.server
import os
import threading

from certificates import read_file
from harness import free_port
from supervisors import TOOLS, SuperServer, config_arguments, tool, write
from tls_client import implicit, stls


class Front(SuperServer):
    """A running front; connect() is a plain client of it."""

    def __init__(self, site, argv, port):
        super().__init__(site, argv, port)
        site.services.append(self.process)

    def tls(self, offered, greeting=True, **options):
        """A client that speaks TLS from the first octet on."""
        return implicit(self.site, self.connect(greeting=False), offered, greeting, **options)

    def stls(self, offered, **options):
        return stls(self.site, self.connect(), offered, **options)


def write_config(site, program, lines):
    return write(site, program + ".conf", "".join(line + "\n" for line in lines))


# stunnel

def stunnel(site, pair, service, port=None):
    port = port or free_port()
    conf = write_config(site, "stunnel", [
        "foreground = yes", "syslog = no", "debug = notice", "pid =", "[pop3s]",
        "accept = 127.0.0.1:%d" % port, "cert = " + pair.certificate, "key = " + pair.key,
        *service])
    return Front(site, [tool("stunnel4", "usr/bin/stunnel4"), conf], port)


def stunnel_exec(site, pair, *service):
    """It starts pop3d itself, with REMOTE_HOST and others in the environment."""
    return stunnel(site, pair, ["exec = " + site.tree.pop3d,
                                "execArgs = pop3d " + config_arguments(site), *service])


def stunnel_connect(site, pair, behind, proxy, *service):
    """proxy: say by a header of the PROXY protocol, version 1, who the client is."""
    return stunnel(site, pair, ["connect = 127.0.0.1:%d" % behind,
                                *["protocol = proxy"] * proxy, *service])


def stunnel_client_certificate(authority):
    """More lines of a service: clients must show a certificate of this authority."""
    return ["CAfile = " + authority, "verifyChain = yes"]


# HAProxy

SEND_ALL = ("send-proxy-v2-ssl-cn "
            "proxy-v2-options ssl,cert-cn,ssl-cipher,authority,unique-id,crc32c")
CHECK = "check inter 200ms check-send-proxy"
IGNORE_BAD = "optional crt-ignore-err all ca-ignore-err all"
# The client's and our own address and port, the time, a counter.
UNIQUE_ID = "%ci:%cp_%fi:%fp_%Ts_%rt"


def haproxy(site, behind, pair=None, send="send-proxy-v2", client_ca=None, checks="",
            verify="optional"):
    """TLS ends here with a pair, and passes through without one.

    send: the words behind a server that say which header goes ahead: send-proxy,
    send-proxy-v2, send-proxy-v2-ssl-cn, SEND_ALL.  checks: CHECK, or other words; what is
    tried is a line that begins with "+OK".  verify: "required", or IGNORE_BAD to let in
    who shows a certificate that is not good.
    """
    port = free_port()
    bind = "bind 127.0.0.1:%d" % port
    if pair is not None:
        both = read_file(pair.certificate) + read_file(pair.key)
        bind += " ssl crt " + write(site, "haproxy.pem", both.decode(), 0o600)
    if client_ca is not None:
        bind += " ca-file %s verify %s" % (client_ca, verify)
    expected = ["option tcp-check", "tcp-check expect rstring ^\\+OK"] if checks else []
    conf = write_config(site, "haproxy", [
        "global", "log stderr format raw local0 notice",
        "defaults", "mode tcp", "log global",
        "timeout connect 5s", "timeout client 60s", "timeout server 60s",
        "unique-id-format " + UNIQUE_ID,
        "listen pop3", bind, *expected,
        "server behind 127.0.0.1:%d %s %s" % (behind, send, checks)])
    return Front(site, [tool("haproxy", "usr/sbin/haproxy"), "-db", "-f", conf], port)


# nginx

class AuthHttp(http.server.BaseHTTPRequestHandler):
    """Tells nginx where everybody's mail is; keeps what it was asked."""

    def do_GET(self):
        self.server.asked.append(dict(self.headers))
        self.send_response(200)
        for name, value in self.server.answer.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format, *args):
        pass


class Nginx(Front):
    """asked holds the headers of each request for authentication."""

    def __init__(self, site, argv, port, helper):
        self.helper, self.asked = helper, helper.asked
        super().__init__(site, argv, port)

    def stop(self):
        super().stop()
        self.helper.shutdown()
        self.helper.server_close()


def auth_http(behind):
    helper = http.server.ThreadingHTTPServer(("127.0.0.1", 0), AuthHttp)
    helper.asked = []
    helper.answer = {"Auth-Status": "OK", "Auth-Server": "127.0.0.1", "Auth-Port": behind}
    helper.daemon_threads = True
    threading.Thread(target=helper.serve_forever, daemon=True).start()
    return helper


def nginx(site, behind, pair, proxy=True, starttls="on", more=()):
    """The mail proxy; it logs in for the client by USER and PASS."""
    port, helper = free_port(), auth_http(behind)
    module = os.path.join(TOOLS, "libnginx-mod-mail/usr/lib/nginx/modules/ngx_mail_module.so")
    conf = write_config(site, "nginx", [
        "load_module %s;" % module, "daemon off;", "master_process off;",
        "pid %s;" % site.path("nginx.pid"), "error_log stderr notice;", "events { }",
        "mail {", "auth_http 127.0.0.1:%d/;" % helper.server_address[1],
        "proxy_pass_error_message on;",
        "ssl_certificate %s;" % pair.certificate, "ssl_certificate_key %s;" % pair.key,
        "server {", "listen 127.0.0.1:%d%s;" % (port, "" if starttls != "off" else " ssl"),
        "protocol pop3;", "starttls %s;" % starttls,
        "proxy_protocol %s;" % ("on" if proxy else "off"), *more, "}", "}"])
    return Nginx(site, [tool("nginx", "usr/sbin/nginx"), "-e", "stderr", "-p", site.directory,
                        "-c", conf], port, helper)


# perdition

def perdition(site, behind, pair=None, mode="tls_listen"):
    """mode, with a pair: tls_listen offers STLS, ssl_listen begins with TLS."""
    port = free_port()
    tls = ["--ssl_mode", mode, "--ssl_cert_file", pair.certificate, "--ssl_key_file",
           pair.key] if pair else []
    return Front(site, [
        tool("perdition", "usr/sbin/perdition"), "--no_daemon", "--config_file", os.devnull,
        "--bind_address", "127.0.0.1", "--listen_port", str(port), "--pid_file", "",
        "--outgoing_server", "127.0.0.1", "--outgoing_port", str(behind), "--map_library", "",
        "--no_lookup", "--server_resp_line", "--username", "root", "--group", "root", *tls],
        port)


# Dovecot

def over_usr(*packages):
    """A prefix of commands: unpacked packages show in /usr, to what is run by it alone.

    Dovecot looks for its programs and modules in /usr, wherever it stands.
    """
    for package in packages:
        assert os.path.isdir(os.path.join(TOOLS, package, "usr")), (
            "%s is missing: run scripts/setup unpack" % package)
    layers = [os.path.join(TOOLS, package, "usr") for package in packages] + ["/usr"]
    return ["unshare", "--mount", "sh", "-c",
            'mount -t overlay -o "lowerdir=$0" none /usr && exec "$@"', ":".join(layers)]


def dovecot(site, behind, pair=None, mode="proxy=y", more=()):
    """Its login process, which logs in at what is behind for the client.

    It says by XCLIENT for whom, if the banner behind offers that.  mode: what its password
    database says of everybody beside where, as "proxy=y starttls=any-cert".
    """
    port = free_port()
    tls = ["ssl = yes", "ssl_cert = <" + pair.certificate,
           "ssl_key = <" + pair.key] if pair else ["ssl = no"]
    conf = write_config(site, "dovecot", [
        "base_dir = " + site.path("dovecot"), "state_dir = " + site.path("dovecot"),
        "log_path = /dev/stderr", "protocols = pop3", "disable_plaintext_auth = no",
        "default_login_user = nobody", "default_internal_user = root",
        "default_internal_group = root",
        "passdb {", "driver = static",
        "args = nopassword=y host=127.0.0.1 port=%d %s" % (behind, mode), "}",
        "service pop3-login {", "chroot =",
        "inet_listener pop3 {", "address = 127.0.0.1", "port = %d" % port, "}",
        "inet_listener pop3s {", "port = 0", "}", "}", *tls, *more])
    program = [*over_usr("dovecot-pop3d", "dovecot-core"), "dovecot"]
    return Front(site, [*program, "-F", "-c", conf], port)


__all__ = ["CHECK", "IGNORE_BAD", "SEND_ALL", "Front", "dovecot", "haproxy", "nginx",
           "perdition", "stunnel_client_certificate", "stunnel_connect", "stunnel_exec"]
