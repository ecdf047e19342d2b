"""Headers of the PROXY protocol, built from proxy-protocol.txt, apart from the server's code.

A v2 header is "v2(addresses, tlvs)"; MALFORMED has headers that no server may accept."""

import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HEADER_MAX = 4096  # of what pop3d takes

# Version and command (section 2.2)
LOCAL, PROXY = 0x20, 0x21
# Family and protocol
UNSPEC, TCP4, UDP4, TCP6, UDP6, UNIX, UNIX_DGRAM = 0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32

ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID = 0x01, 0x02, 0x03, 0x04, 0x05
SSL, SSL_VERSION, SSL_CN, SSL_CIPHER, NETNS = 0x20, 0x21, 0x22, 0x23, 0x30
CLIENT_SSL, CLIENT_CERT_CONN, CLIENT_CERT_SESS = 1, 2, 4

CLIENT, SERVER = ("192.0.2.1", 56324), ("192.0.2.2", 110)
CLIENT6, SERVER6 = ("2001:db8::1", 56324), ("2001:db8::2", 110)


# Version 1

def v1(client=CLIENT, server=SERVER):
    """A line; both ends are (address, port)."""
    family = "TCP%d" % ipaddress.ip_address(client[0]).version
    return ("PROXY %s %s %s %d %d\r\n" % (
        family, client[0], server[0], client[1], server[1])).encode()


def v1_unknown(rest=b""):
    return b"PROXY UNKNOWN" + rest + b"\r\n"


# Version 2

def header(command, family, body, length=None):
    """Any header at all; length, if given, is not the body's."""
    return SIGNATURE + struct.pack(
        ">BBH", command, family, len(body) if length is None else length) + body


def block(client=CLIENT, server=SERVER):
    """Both addresses, and then both ports."""
    packed = [ipaddress.ip_address(end[0]).packed for end in (client, server)]
    return b"".join(packed) + struct.pack(">HH", client[1], server[1])


def unix_block(client=b"", server=b""):
    return client.ljust(108, b"\0") + server.ljust(108, b"\0")


def v2(client=CLIENT, server=SERVER, tlvs=b"", checksum=False):
    """A header with addresses; with checksum, one is appended to the TLVs."""
    family = TCP4 if ipaddress.ip_address(client[0]).version == 4 else TCP6
    return finish(PROXY, family, block(client, server) + tlvs, checksum)


def v2_unspec(tlvs=b"", checksum=False):
    return finish(PROXY, UNSPEC, tlvs, checksum)


def v2_unix(client=b"", server=b"", tlvs=b"", checksum=False):
    return finish(PROXY, UNIX, unix_block(client, server) + tlvs, checksum)


def v2_local(tlvs=b"", checksum=False):
    """A health check of the proxy's own."""
    return finish(LOCAL, UNSPEC, tlvs, checksum)


def finish(command, family, body, checksum):
    if not checksum:
        return header(command, family, body)
    data = header(command, family, body + tlv(CRC32C, bytes(4)))
    return data[:-4] + struct.pack(">I", crc32c(data))


def crc32c(data):
    """RFC 4960 appendix B."""
    crc = 0xffffffff
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


assert crc32c(b"123456789") == 0xe3069283


def tlv(kind, value, length=None):
    """One TLV; length, if given, is not the value's."""
    return struct.pack(">BH", kind, len(value) if length is None else length) + value


def authority(name):
    return tlv(AUTHORITY, name.encode())


def unique_id(octets):
    return tlv(UNIQUE_ID, octets)


def ssl(client=CLIENT_SSL, verify=0, version=None, name=None, cipher=None, more=b""):
    """PP2_TYPE_SSL: bits of the client, what verification said, and texts."""
    value = struct.pack(">BI", client, verify)
    for kind, text in ((SSL_VERSION, version), (SSL_CN, name), (SSL_CIPHER, cipher)):
        if text is not None:
            value += tlv(kind, text.encode())
    return tlv(SSL, value + more)


def tls(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"):
    """The client came by TLS and showed no certificate: HAProxy says that it verified none."""
    return ssl(CLIENT_SSL, 1, version, None, cipher)


def tls_certificate(name, verify=0, client=CLIENT_SSL | CLIENT_CERT_CONN):
    """The client came by TLS with a certificate, good if verify is 0."""
    return ssl(client, verify, "TLSv1.3", name, "TLS_AES_256_GCM_SHA384")


# What no server may accept

def with_bit(data, place, bit=1):
    """The same with one bit of an octet another."""
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1:]


def malformed_lines():
    """Those of version 1, each whole, so that no server waits for the rest."""
    good, ends = "192.0.2.1 192.0.2.2", "56324 110"
    long_ip = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    lines = {
        "lower case": "proxy TCP4 %s %s\r\n" % (good, ends),
        "leading space": " PROXY TCP4 %s %s\r\n" % (good, ends),
        "two spaces after PROXY": "PROXY  TCP4 %s %s\r\n" % (good, ends),
        "two spaces after TCP4": "PROXY TCP4  %s %s\r\n" % (good, ends),
        "two spaces between addresses": "PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n",
        "two spaces between ports": "PROXY TCP4 %s 1  2\r\n" % good,
        "tab": "PROXY\tTCP4 %s %s\r\n" % (good, ends),
        "trailing space": "PROXY TCP4 %s %s \r\n" % (good, ends),
        "one field more": "PROXY TCP4 %s %s 1\r\n" % (good, ends),
        "one port": "PROXY TCP4 %s 1\r\n" % good,
        "no ports": "PROXY TCP4 %s\r\n" % good,
        "nothing": "PROXY\r\n",
        "family only": "PROXY TCP4\r\n",
        "unknown family": "PROXY TCP5 %s %s\r\n" % (good, ends),
        "UDP": "PROXY UDP4 %s %s\r\n" % (good, ends),
        "more than UNKNOWN": "PROXY UNKNOWNS\r\n",
        "bare LF": "PROXY TCP4 %s %s\n" % (good, ends),
        "bare LF after UNKNOWN": "PROXY UNKNOWN\n",
        "bare CR within": "PROXY TCP4 192.0.2.1\r192.0.2.2 1 2\r\n",
        "bare CR in UNKNOWN": "PROXY UNKNOWN a\rb\r\n",
        "bare LF in UNKNOWN": "PROXY UNKNOWN a\nb\r\n",
        "two CR": "PROXY TCP4 %s %s\r\r\n" % (good, ends),
        "NUL": "PROXY TCP4 %s 1 2\0\r\n" % good,
        "leading zero of an address": "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
        "octet of 256": "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        "three octets": "PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
        "five octets": "PROXY TCP4 192.0.2.1.1 192.0.2.2 1 2\r\n",
        "host name": "PROXY TCP4 localhost 192.0.2.2 1 2\r\n",
        "port of 65536": "PROXY TCP4 %s 65536 110\r\n" % good,
        "destination port of 65536": "PROXY TCP4 %s 1 65536\r\n" % good,
        "port beyond 64 bits": "PROXY TCP4 %s 18446744073709551617 110\r\n" % good,
        "leading zero of a port": "PROXY TCP4 %s 01 110\r\n" % good,
        "negative port": "PROXY TCP4 %s -1 110\r\n" % good,
        "port with a sign": "PROXY TCP4 %s +1 110\r\n" % good,
        "port in hex": "PROXY TCP4 %s 0x1 110\r\n" % good,
        "IPv6 as TCP4": "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "IPv4 as TCP6": "PROXY TCP6 %s 1 2\r\n" % good,
        "mixed families": "PROXY TCP6 2001:db8::1 192.0.2.2 1 2\r\n",
        "two double colons": "PROXY TCP6 2001::db8::1 2001:db8::2 1 2\r\n",
        "nine groups": "PROXY TCP6 1:2:3:4:5:6:7:8:9 2001:db8::2 1 2\r\n",
        "brackets": "PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n",
        "zone": "PROXY TCP6 fe80::1%lo 2001:db8::2 1 2\r\n",
        "108 octets": "PROXY UNKNOWN %s %s 65535 65535 \r\n" % (long_ip, long_ip),
        "no line end": "PROXY UNKNOWN " + "x" * 200,
    }
    return {"v1 " + name: line.encode() for name, line in lines.items()}


def malformed_binaries():
    """Those of version 2, each as long as it says unless that is its fault."""
    good = v2()
    signed = v2(tlvs=authority("mail.example"), checksum=True)
    binaries = {
        "signature, first octet": with_bit(good, 0),
        "signature, fifth octet": with_bit(good, 4),
        "signature, last octet": with_bit(good, 11),
        "version 0": header(0x01, TCP4, block()),
        "version 1": header(0x11, TCP4, block()),
        "version 3": header(0x31, TCP4, block()),
        "version 15": header(0xf1, TCP4, block()),
        "command 2": header(0x22, TCP4, block()),
        "command 15": header(0x2f, TCP4, block()),
        "UDP4": header(PROXY, UDP4, block()),
        "UDP6": header(PROXY, UDP6, block(CLIENT6, SERVER6)),
        "UNIX datagram": header(PROXY, UNIX_DGRAM, unix_block()),
        "family 4": header(PROXY, 0x41, bytes(36)),
        "family 15": header(PROXY, 0xf1, bytes(36)),
        "protocol 3": header(PROXY, 0x13, block()),
        "protocol 15": header(PROXY, 0x1f, block()),
        "no addresses": header(PROXY, TCP4, b""),
        "11 octets of IPv4": header(PROXY, TCP4, block()[:11]),
        "IPv4 as IPv6": header(PROXY, TCP6, block()),
        "35 octets of IPv6": header(PROXY, TCP6, block(CLIENT6, SERVER6)[:35]),
        "215 octets of UNIX": header(PROXY, UNIX, unix_block()[:215]),
        "one octet too many": header(
            PROXY, TCP4, block() + tlv(NOOP, bytes(HEADER_MAX - 16 - 12 - 3 + 1))),
        "length of 65535": header(PROXY, TCP4, block(), 65535),
        "LOCAL of 65535": header(LOCAL, UNSPEC, b"", 65535),
        "one octet of a TLV": v2(tlvs=b"\4"),
        "two octets of a TLV": v2(tlvs=b"\4\0"),
        "TLV longer than the header": v2(tlvs=tlv(NOOP, b"x", 2)),
        "TLV of 65535": v2(tlvs=tlv(NOOP, b"x", 65535)),
        "TLV of a UNIX header": v2_unix(tlvs=tlv(NOOP, b"x", 2)),
        "wrong checksum": with_bit(signed, len(signed) - 1),
        "wrong octet under the checksum": with_bit(signed, 16),
        "PROXY made LOCAL under the checksum": with_bit(signed, 12),
        "checksum of 3 octets": v2(tlvs=tlv(CRC32C, bytes(3))),
        "checksum of 5 octets": v2(tlvs=tlv(CRC32C, bytes(5))),
        "two checksums": v2(tlvs=tlv(CRC32C, bytes(4)), checksum=True),
        "LOCAL with a wrong checksum": v2_local(tlvs=tlv(CRC32C, bytes(4))),
        "empty SSL": v2(tlvs=tlv(SSL, b"")),
        "SSL of 4 octets": v2(tlvs=tlv(SSL, b"\1\0\0\0")),
        "SSL with half a TLV": v2(tlvs=ssl(more=b"\x21\0")),
        "SSL with a TLV beyond it": v2(
            tlvs=ssl(more=tlv(SSL_CN, b"ann", 10)) + tlv(NOOP, bytes(20))),
        "two SSL": v2(tlvs=tls() + tls()),
        "two names": v2(tlvs=ssl(3, 0, name="ann", more=tlv(SSL_CN, b"root"))),
        "NUL in the name": v2(tlvs=ssl(3, 0, name="ann\0root")),
        "LF in the name": v2(tlvs=ssl(3, 0, name="ann\nroot")),
        "LF in an unverified name": v2(tlvs=ssl(3, 1, name="ann\nroot")),
        "long name": v2(tlvs=ssl(3, 0, name="a" * 256)),
        "CR in the version": v2(tlvs=ssl(version="TLSv1\r")),
        "long version": v2(tlvs=ssl(version="T" * 16)),
        "DEL in the cipher": v2(tlvs=ssl(cipher="A\x7f")),
        "long cipher": v2(tlvs=ssl(cipher="A" * 64)),
        "NUL in the authority": v2(tlvs=authority("mail\0.example")),
        "LF in the authority": v2(tlvs=authority("mail\n.example")),
        "long authority": v2(tlvs=authority("a" * 256)),
        "two authorities": v2(tlvs=authority("a") + authority("b")),
        "long unique id": v2(tlvs=unique_id(bytes(129))),
        "two unique ids": v2(tlvs=unique_id(b"a") + unique_id(b"b")),
    }
    return {"v2 " + name: data for name, data in binaries.items()}


def others():
    """What speaks without a header."""
    return {
        "other POP3": b"CAPA\r\n",
        "other PASS": b"PASS secret\r\n",
        "other HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "other TLS": bytes.fromhex("1603010200010001fc0303") + bytes(600),
        "other empty line": b"\r\n\r\nCAPA\r\n",
    }


MALFORMED = {**malformed_lines(), **malformed_binaries(), **others()}
