"""A Client that speaks TLS: from the first octet on, or after STLS.

OpenSSL works on memory only; what goes over the wire is sent and read by the plain client
underneath, raw, with which a test can send what is no TLS, or end in the middle of it.
"""

import contextlib
import ctypes
import ssl
import time

from client import Client

# Debian's OpenSSL offers no more than this at level 0; at its own it has no TLS 1.0 or 1.1.
EVERY_CIPHER = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
EXPORTER = b"EXPORTER-Channel-Binding"


def context(ca=None, lowest=None, highest=None, pair=None, ciphers=None):
    """What a client offers and trusts; without a ca it trusts anybody.

    lowest and highest are names: "TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3".  A session can
    be resumed only by the context that it was made by.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Else an end without close_notify would look like one with it.
    made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if ca is None:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    else:
        made.load_verify_locations(ca)
    if pair is not None:
        made.load_cert_chain(pair.certificate, pair.key)
    if ciphers is not None:
        made.set_ciphers(ciphers)
    if lowest is not None:
        made.minimum_version = ssl.TLSVersion[lowest]
    if highest is not None:
        made.maximum_version = ssl.TLSVersion[highest]
    return made


def stls(site, client, offered, **options):
    """STLS on a client that has been greeted."""
    assert client.cmd("STLS").startswith(b"+OK")
    assert client.buffer == b"", "plain text behind the reply to STLS: %r" % client.buffer
    return site.adopt(TlsClient(client, offered, **options), greeting=False)


def implicit(site, client, offered, greeting=True, **options):
    """TLS on a client that has been told nothing; its greeting comes inside."""
    return site.adopt(TlsClient(client, offered, **options), greeting)


class TlsClient(Client):
    """Takes the place of a client whose next octets are TLS; the handshake is done here.

    A handshake that fails raises ssl.SSLError.  In TLS 1.3 the server finds a client's
    certificate bad after that: its alert is raised by the first read.
    """

    def __init__(self, raw, offered, name="localhost", session=None):
        super().__init__(raw.rfd, raw.wfd, raw.sock, raw.process, raw.timeout)
        vars(self).update(vars(raw))  # its greeting, and what a site has noted
        self.raw = raw
        self.ended = None  # then "close_notify" or "torn"
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = offered.wrap_bio(self.incoming, self.outgoing, server_hostname=name,
                                    session=session)
        self._work(self.tls.do_handshake, self.timeout)

    def _flush(self):
        if self.outgoing.pending:
            self.raw.send(self.outgoing.read())

    def _work(self, function, timeout):
        """Call it until it wants no more octets of the server; its alerts are sent."""
        end = time.monotonic() + timeout
        while True:
            try:
                return function()
            except ssl.SSLWantReadError:
                pass
            finally:
                # Whether the server has gone shows when it is read.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self._flush()
            if self.raw.fill(end - time.monotonic()):
                self.incoming.write(self.raw.buffer)
                self.raw.buffer = b""
            else:
                self.incoming.write_eof()

    # Bytes

    def send(self, data):
        view = memoryview(data)
        while len(view):
            view = view[self.tls.write(view):]
            self._flush()

    def fill(self, timeout=None):
        left = self.timeout if timeout is None else timeout
        if self.ended is not None:
            return False
        try:
            data = self._work(lambda: self.tls.read(1 << 18), left)
            self.ended = None if data else "close_notify"
        except ssl.SSLZeroReturnError:
            data, self.ended = b"", "close_notify"
        except ssl.SSLError:
            if not self.incoming.eof:
                raise
            data, self.ended = b"", "torn"
        self.buffer += data
        return data != b""

    def quiet(self, seconds=0.3):
        """Nothing may come for a while; session tickets may."""
        try:
            came = self.fill(seconds)
        except AssertionError:
            came = None
        assert self.buffer == b"" and came is None, "unexpected: %r" % self.buffer

    def eof(self):
        """The server must have closed, without another byte, and have said so in TLS."""
        super().eof()
        assert self.ended == "close_notify", "the server's end of TLS: %s" % self.ended

    # Ends: to end without close_notify, use those of self.raw.

    def half_close(self):
        """Send close_notify; what the server sends can still be read."""
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        self._flush()

    def reset(self):
        self.raw.reset()

    def close(self):
        """End the connection as it stands, without close_notify."""
        self.closed = True
        self.raw.close()

    # What has been negotiated

    @property
    def version(self):
        return self.tls.version()

    @property
    def cipher(self):
        return self.tls.cipher()[0]

    @property
    def session(self):
        """For another client of the same context; in TLS 1.3 once something was read."""
        return self.tls.session

    @property
    def session_reused(self):
        return self.tls.session_reused

    @property
    def certificate(self):
        """The server's, DER."""
        return self.tls.getpeercert(binary_form=True)

    @property
    def unique(self):
        """tls-unique, RFC 5929 section 3.1; up to TLS 1.2."""
        return self.tls.get_channel_binding("tls-unique")

    def openssl(self):
        """OpenSSL, and its own object, for what Python has no functions for.

        It stands behind the head of Python's object and its socket.
        """
        words = ctypes.c_void_p.from_address
        found = words(id(self.tls._sslobj) + object.__basicsize__ + ctypes.sizeof(
            ctypes.c_void_p))
        library = ctypes.CDLL("libssl.so.3")
        library.SSL_get_version.restype = ctypes.c_char_p
        assert library.SSL_get_version(found).decode() == self.version
        return library, found

    @property
    def exporter(self):
        """tls-exporter, RFC 9266 section 2: Python has no function for it, OpenSSL has."""
        library, found = self.openssl()
        out = ctypes.create_string_buffer(32)
        done = library.SSL_export_keying_material(
            found, out, ctypes.c_size_t(32), EXPORTER, ctypes.c_size_t(len(EXPORTER)),
            b"", ctypes.c_size_t(0), 1)
        assert done == 1
        return out.raw
