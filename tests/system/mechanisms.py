"""The client's side of each mechanism, written from the RFCs, apart from the server's code."""

import base64
import ctypes
import fcntl
import hashlib
import hmac
import os
import re
import socket
import struct
import threading

from client import TIMEOUT, Client

LOGGED_IN = b"+OK Logged in"
DENIED = b"-ERR [AUTH] Invalid user name or password"
CANCELLED = b"-ERR Authentication cancelled"
BAD_BASE64 = b"-ERR Invalid base64"
TOO_LONG = b"-ERR Line too long"
BAD_OCTET = b"-ERR Invalid octet in the line"
DOWN = b"-ERR [SYS/TEMP] "
UNUSABLE = b"-ERR [SYS/PERM] "


def raw(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def b64(text):
    return base64.b64encode(raw(text)).decode()


def plain_message(name, password, authzid=""):
    return b"\0".join(raw(part) for part in (authzid, name, password))


def plain_command(account, password=None):
    return "AUTH PLAIN " + b64(plain_message(account.name, password or account.password))


def challenge(client):
    """A continuation (RFC 5034 section 4): exactly "+ ", canonical base64, CRLF."""
    line = client.line()
    assert line.startswith(b"+ "), line
    text = base64.b64decode(line[2:], validate=True)
    assert base64.b64encode(text) == line[2:]
    return text


def next_reply(client):
    """The text of a challenge, or the reply that ends the exchange."""
    if client.buffer == b"":
        client.fill()
    return challenge(client) if client.buffer.startswith(b"+ ") else client.reply()


def answer(client, text):
    client.send(base64.b64encode(raw(text)) + b"\r\n")


def start(client, mechanism):
    """AUTH without an initial response; the first challenge."""
    client.send(b"AUTH %s\r\n" % mechanism.encode())
    return challenge(client)


def banner_of(greeting):
    """The timestamp in a greeting, RFC 1939 section 7; None if there is none."""
    found = re.search(rb"<[^<>]*>", greeting)
    return found and found.group()


# Each takes client, name, password, and returns the final reply.

def log_in_user(client, name, password):
    reply = client.cmd("USER " + name)
    return client.cmd("PASS " + password) if reply.startswith(b"+OK") else reply


def log_in_plain(client, name, password):
    return client.cmd("AUTH PLAIN " + b64(plain_message(name, password)))


def log_in_login(client, name, password):
    client.send(b"AUTH LOGIN\r\n")
    for prompt, text in ((b"Username:", name), (b"Password:", password)):
        found = next_reply(client)
        if found.startswith(b"-ERR"):
            return found
        assert found == prompt
        answer(client, text)
    return client.reply()


def log_in_apop(client, name, password):
    digest = hashlib.md5(banner_of(client.greeting) + raw(password)).hexdigest()
    return client.cmd("APOP %s %s" % (name, digest))


def log_in_cram_md5(client, name, password):
    client.send(b"AUTH CRAM-MD5\r\n")
    text = next_reply(client)
    if text.startswith(b"-ERR"):
        return text
    answer(client, "%s %s" % (name, hmac.new(raw(password), text, "md5").hexdigest()))
    return client.reply()


def scram_answers(name, password, exchange, nonce="fyko+d2lbbFgONRv9qkxdawL", flag="n",
                  binding=b""):
    """RFC 5802 section 3; exchange() sends a message and gives the challenge or a reply.

    flag is gs2-cbind-flag, e.g. "p=tls-exporter" with the data that is bound to.
    """
    bare = "n=%s,r=%s" % (name.replace("=", "=3D").replace(",", "=2C"), nonce)
    first = exchange(flag + ",," + bare)
    if first.startswith(b"-ERR"):
        return first
    fields = dict(f.split("=", 1) for f in first.decode().split(","))
    assert fields["r"].startswith(nonce) and len(fields["r"]) >= len(nonce) + 18
    salted = hashlib.pbkdf2_hmac("sha256", raw(password), base64.b64decode(fields["s"]),
                                 int(fields["i"]))
    without_proof = "c=%s,r=%s" % (b64(raw(flag + ",,") + binding), fields["r"])
    message = ",".join((bare, first.decode(), without_proof)).encode()
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    final = exchange(without_proof + ",p=" + b64(proof))
    if final.startswith(b"-ERR"):
        return final
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    assert final == b"v=" + b64(hmac.digest(server_key, message, "sha256")).encode()
    return exchange("")


def log_in_scram(client, name, password, mechanism="SCRAM-SHA-256", **options):
    def exchange(text):
        answer(client, text)
        return next_reply(client)

    client.send(b"AUTH %s\r\n" % mechanism.encode())
    found = next_reply(client)
    if found.startswith(b"-ERR"):
        return found
    assert found == b""
    return scram_answers(name, password, exchange, **options)


def bearer_message(name, token):
    return "n,a=%s,\1auth=Bearer %s\1\1" % (name, token)


def xoauth2_message(name, token):
    return "user=%s\1auth=Bearer %s\1\1" % (name, token)


def token_exchange(client, mechanism, text, last):
    """A refusal is a JSON challenge first (RFC 7628 section 3.2.3), which is kept."""
    client.send(raw("AUTH %s %s\r\n" % (mechanism, b64(text))))
    client.refusal = next_reply(client)
    if client.refusal.startswith((b"+OK", b"-ERR")):
        return client.refusal
    answer(client, last)
    return client.reply()


def log_in_oauthbearer(client, name, token):
    return token_exchange(client, "OAUTHBEARER", bearer_message(name, token), "\1")


def log_in_xoauth2(client, name, token):
    return token_exchange(client, "XOAUTH2", xoauth2_message(name, token), "")


LOG_IN = {"USER": log_in_user, "PLAIN": log_in_plain, "LOGIN": log_in_login,
          "APOP": log_in_apop, "CRAM-MD5": log_in_cram_md5, "SCRAM-SHA-256": log_in_scram,
          "OAUTHBEARER": log_in_oauthbearer, "XOAUTH2": log_in_xoauth2}
SASL = [name for name in LOG_IN if name not in ("USER", "APOP")]


# A client that is not on this host: sockets of a network of their own, which one thread
# enters, so that neither the tests nor the host take part in it.

FOREIGN = "192.0.2.1"
CLONE_NEWNET = 0x40000000
SIOCSIFADDR, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x8914, 1


def foreign_pair():
    """A connected pair of TCP sockets, server's end and client's, not on loopback."""
    found = []
    thread = threading.Thread(target=lambda: found.append(_make_foreign_pair()))
    thread.start()
    thread.join()
    return found[0]


def _make_foreign_pair():
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        address = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(FOREIGN))
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16s16s8x", b"lo", address))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))
    with socket.socket() as listener:
        listener.bind((FOREIGN, 0))
        listener.listen(1)
        client = socket.create_connection(listener.getsockname(), TIMEOUT,
                                          source_address=(FOREIGN, 0))
        client.settimeout(None)
        return listener.accept()[0], client


def foreign_client(site, *args):
    """A client of pop3d, started as inetd does, that comes from another host."""
    server, sock = foreign_pair()
    with server:
        process = site.spawn(site.argv(*args), stdin=server, stdout=server, stderr=server)
    return site.adopt(Client(sock.fileno(), sock=sock, process=process))
