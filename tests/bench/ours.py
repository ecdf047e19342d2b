"""pop3d itself, in each of the ways it is started."""

import ctypes
import os

from load import PASSWORD
from peers import PORTS, Server, by_super_server

DESTDIR = os.environ.get("POP3D_DESTDIR", "")
LEAST, INTERACTIVE = (1, 8192), (2, 64 << 20)  # libsodium: passes, octets of memory


def hash_password(cost):
    sodium = ctypes.CDLL("libsodium.so.23")
    assert sodium.sodium_init() >= 0
    raw, out = PASSWORD.encode(), ctypes.create_string_buffer(128)
    assert sodium.crypto_pwhash_str(out, raw, ctypes.c_ulonglong(len(raw)),
                                    ctypes.c_ulonglong(cost[0]), ctypes.c_size_t(cost[1])) == 0
    return "{ARGON2ID}" + out.value.decode()


def configure(world, name, kind, module, certificate, **more):
    users = world.path("run", "users")
    if not os.path.exists(users):
        cheap, dear = hash_password(LEAST), hash_password(INTERACTIVE)
        world.write("run/users", "".join("%s:%s:%d:%d::%s::\n" % (
            user, dear if user == "argon" else cheap, uid, uid, world.home(user))
            for user, uid in world.uids.items()), 0o600)
    run = world.path("run", "pop3d-" + name)
    os.makedirs(run, 0o700, exist_ok=True)
    prefix = DESTDIR + "/usr/"
    place = "maildir:~/Maildir" if kind == "maildir" else "mbox:~/pop3d.mbox"
    settings = {
        "server": {"hostname": "bench", "run_directory": run, "log": "file:/dev/null",
                   "chroot": prefix + "lib/pop3d/empty"},
        "auth": {"modules": module, "module_directory": prefix + "lib/pop3d/auth",
                 "plaintext_login": "always"},
        "auth.passwd": {"file": users} if module == "passwd" else {},
        "tls": {"program": prefix + "lib/pop3d/pop3d-tls",
                "mode": "starttls" if certificate else "off"},
        "limits": {"connections": 20000, "connections_per_address": 20000, "half_open": "none"},
        "mail": {"location": place}}
    if certificate:
        settings["tls"].update(certificate=certificate + ".pem", key=certificate + ".key")
    for key, value in more.items():
        section, word = key.split("__")
        settings[section][word] = value
    return world.write("run/pop3d-%s.conf" % name, "".join(
        "[%s]\n%s" % (section, "".join("%s = %s\n" % pair for pair in values.items()))
        for section, values in settings.items()))


def executed(world, how="tcpserver", kind="maildir", module="passwd", **more):
    """Started anew for each connection."""
    name = "exec-%s-%s-%s" % (how, kind, module)
    conf = configure(world, name, kind, module, None, **more)
    return by_super_server(world, "pop3d-" + name, how,
                           [DESTDIR + "/usr/sbin/pop3d", "-c", conf])


def compartments(world, loads=False, how="tcpserver"):
    """The processes of a session, each confined, that do nothing, or only load a module."""
    return by_super_server(world, "nothing-loaded" if loads else "nothing-confined", how, [
        DESTDIR + "/floor", str(world.uids["small"]), DESTDIR + "/usr/lib/pop3d/empty",
        *([DESTDIR + "/usr/lib/pop3d/auth/passwd.so"] if loads else [])])


def session_calls(world):
    """The same processes, with a module, that make the system calls of a session."""
    conf = configure(world, "floor", "maildir", "passwd", None)
    return by_super_server(world, "calls-of-a-session", "tcpserver", [
        DESTDIR + "/floor_session", str(world.uids["small"]),
        DESTDIR + "/usr/lib/pop3d/empty", DESTDIR + "/usr/lib/pop3d/auth/passwd.so", conf,
        world.path("run", "users"), world.home("small") + "/Maildir",
        os.devnull])


def _handshake(world, certificate):
    return [DESTDIR + "/floor_tls", certificate + ".pem", certificate + ".key",
            str(world.uids["small"]), DESTDIR + "/usr/lib/pop3d/empty"]


def executed_handshake(world, certificate):
    """One process for each connection that loads OpenSSL, shakes hands, greets and ends."""
    server = by_super_server(world, "tls-process", "tcpserver",
                             _handshake(world, certificate))
    server.tls_port = server.port
    return server


def calls(world):
    """A program that makes the system calls of sending messages, and nothing else."""
    return by_super_server(world, "nothing-but-calls", "tcpserver", [
        DESTDIR + "/floor_retr", world.home("many") + "/Maildir/cur"])


def handshake(world, certificate):
    """The processes of a TLS connection before login; one shakes hands, greets and ends."""
    argv, port = _handshake(world, certificate), next(PORTS)
    server = Server(world, "tls-processes-%d" % port, [
        *argv, str(port), "exec %s/floor %s %s -" % (DESTDIR, *argv[-2:])], [port])
    server.tls_port = port
    return server


def executed_tls(world, certificate):
    conf = configure(world, "exec-tls", "maildir", "passwd", certificate, tls__mode="implicit")
    server = by_super_server(world, "pop3d-exec-tls", "tcpserver",
                             [DESTDIR + "/usr/sbin/pop3d", "-c", conf])
    server.tls_port = server.port
    return server


def listening(world, kind="maildir", module="passwd", certificate=None, **more):
    name = "listener-%s-%s-%d" % (kind, module, next(PORTS))
    conf = configure(world, name, kind, module, certificate, **more)
    port, tls_port = next(PORTS), next(PORTS)
    argv = [DESTDIR + "/usr/sbin/pop3d", "-c", conf, "-l", "127.0.0.1:%d" % port]
    if certificate:
        argv += ["-l", "pop3s:127.0.0.1:%d" % tls_port]
    server = Server(world, "pop3d-" + name, argv, [port, tls_port] if certificate else [port])
    server.tls_port = tls_port
    return server
