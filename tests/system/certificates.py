"""Certificates of a test run: three authorities, servers, clients, what has been revoked.

A server's chain has an intermediate certificate, as it has in life: who forgets to send it
is found out.  The files of one run are shared by its tests, which change copies only.
"""

import datetime
import hashlib
import ipaddress
import os
import re

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

# Nobody listens there: they are in the certificates for who checks that they are.
CRL_URI = "http://127.0.0.1:9/crl.der"
OCSP_URI = "http://127.0.0.1:9/ocsp"

DAYS = 300
PEM = serialization.Encoding.PEM


def make_key(kind):
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def key_text(key):
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def days(count):
    return datetime.datetime.utcnow() + datetime.timedelta(days=count)


def subject(*common_names):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "pop3d tests")] +
                     [x509.NameAttribute(NameOID.COMMON_NAME, n) for n in common_names])


def key_usage(*names):
    known = ("digital_signature", "content_commitment", "key_encipherment",
             "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
             "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name in names for name in known})


def write_file(path, data, mode=0o644, owner=None):
    """The whole file at once: whoever looks sees the old one or the new one."""
    with open(path + ".new", "wb") as f:
        os.fchmod(f.fileno(), mode)
        f.write(data)
    if owner is not None:
        os.chown(path + ".new", owner.uid, owner.gid)
    os.rename(path + ".new", path)
    return path


def read_file(path):
    with open(path, "rb") as f:
        return f.read()


class Pair:
    """The files of a certificate with its chain and of its key; who has issued it."""

    def __init__(self, certificate, key, issuer):
        self.certificate, self.key, self.issuer = certificate, key, issuer

    @property
    def x509(self):
        return x509.load_pem_x509_certificate(read_file(self.certificate))

    @property
    def der(self):
        return self.x509.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self):
        return hashlib.sha256(self.der).hexdigest()

    @property
    def end_point(self):
        """tls-server-end-point, RFC 5929 section 4.1."""
        name = self.x509.signature_hash_algorithm.name
        return hashlib.new("sha256" if name in ("md5", "sha1") else name, self.der).digest()

    def write(self, chain, key, owner=None):
        write_file(self.key, key, 0o600, owner)
        write_file(self.certificate, chain, 0o644, owner)
        return self

    def copy(self, directory, owner=None):
        """The same, in files that a test may change."""
        base = os.path.join(directory, os.path.basename(self.certificate))
        made = Pair(base, re.sub(r"\.pem$", ".key", base), self.issuer)
        return made.write(read_file(self.certificate), read_file(self.key), owner)

    def renew(self, owner=None):
        """Another key and another certificate of the same kind and name, in their place."""
        old = self.x509
        key = make_key("rsa" if isinstance(old.public_key(), rsa.RSAPublicKey) else "ec")
        # The first three are of the key and of the issuer: see signed().
        extensions = [(e.value, e.critical) for e in list(old.extensions)[3:]]
        text = self.issuer.issue(key, old.subject, extensions)
        return self.write(text, key_text(key), owner)


def signed(key, issuer, public_key, name, extensions, ca=False, start=-1, end=DAYS,
           digest="SHA256"):
    """A certificate, with the extensions that every one has beside those given."""
    builder = x509.CertificateBuilder(
        issuer_name=issuer, subject_name=name, public_key=public_key,
        serial_number=x509.random_serial_number(),
        not_valid_before=days(start), not_valid_after=days(end))
    every = [(x509.BasicConstraints(ca=ca, path_length=None), True),
             (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
             (x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)]
    for value, critical in every + extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(key, getattr(hashes, digest)())


class Authority:
    """A certificate that signs others: a root, or what its parent has signed."""

    def __init__(self, name, parent=None):
        self.key, self.name = make_key("ec"), subject(name)
        signer = parent or self
        self.x509 = signed(signer.key, signer.name, self.key.public_key(), self.name, [
            (key_usage("key_cert_sign", "crl_sign", "digital_signature"), True)], ca=True)
        self.text = self.x509.public_bytes(PEM)
        # What is sent behind the certificates that it signs: roots are known.
        self.chain = self.text if parent else b""

    def issue(self, key, name, extensions, **options):
        """The PEM text of a certificate and its chain."""
        made = signed(self.key, self.name, key.public_key(), name, extensions, **options)
        return made.public_bytes(PEM) + self.chain

    def revocation_list(self, *pairs):
        """PEM; those of these pairs are revoked."""
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=self.name, last_update=days(-1), next_update=days(DAYS))
        for pair in pairs:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(pair.x509.serial_number, days(-1)).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(PEM)

    def status(self, pair, status="GOOD"):
        """An OCSP response, DER, of a certificate that it has issued."""
        revoked = days(-1) if status == "REVOKED" else None
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=pair.x509, issuer=self.x509, algorithm=hashes.SHA1(),
            cert_status=getattr(ocsp.OCSPCertStatus, status), this_update=days(-1),
            next_update=days(7), revocation_time=revoked, revocation_reason=None)
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.x509)
        response = builder.sign(self.key, hashes.SHA256())
        return response.public_bytes(serialization.Encoding.DER)


class Certificates:
    """Makes what it is asked for, once, below a directory that every user may read.

    ca, client_ca and other_ca are the paths of the roots: of the servers, of the clients,
    and one that nobody trusts.
    """

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, mode=0o755, exist_ok=True)
        roots = {name: Authority("Test %s CA" % name)
                 for name in ("server", "client", "other")}
        self.ca, self.client_ca, self.other_ca = (
            write_file(self.path(name + "-ca.pem"), root.text) for name, root in roots.items())
        self.clients, self.others = roots["client"], roots["other"]
        self.servers = Authority("Test intermediate CA", roots["server"])
        self.made = {}

    def path(self, name):
        return os.path.join(self.directory, name)

    def _pair(self, words, issuer, kind, names, extensions, options):
        words = [*words, *("%s-%s" % o for o in options.items())]
        if issuer is self.others:
            words.append("other")
        label = "-".join(words).replace("*", "any")
        if len(label) > 100:
            label = hashlib.sha256(label.encode()).hexdigest()
        if label not in self.made:
            key = make_key(kind)
            chain = issuer.issue(key, subject(*names), extensions, **options)
            pair = Pair(self.path(label + ".pem"), self.path(label + ".key"), issuer)
            self.made[label] = pair.write(chain, key_text(key))
        return self.made[label]

    def server(self, *names, kind="ec", issuer=None, **options):
        """For these names (default: localhost) and 127.0.0.1; kind is "ec" or "rsa".

        Options, here and below, are those of signed(): start and end in days, digest.
        """
        names = names or ("localhost",)
        usage = ["digital_signature"] + ["key_encipherment"] * (kind == "rsa")
        known_as = [x509.DNSName(name) for name in names]
        known_as.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        lists = x509.DistributionPoint([x509.UniformResourceIdentifier(CRL_URI)],
                                       None, None, None)
        responder = x509.AccessDescription(AuthorityInformationAccessOID.OCSP,
                                           x509.UniformResourceIdentifier(OCSP_URI))
        return self._pair(["server", *names, kind], issuer or self.servers, kind, names[:1], [
            (key_usage(*usage), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectAlternativeName(known_as), False),
            (x509.CRLDistributionPoints([lists]), False),
            (x509.AuthorityInformationAccess([responder]), False)], options)

    def client(self, *names, emails=(), issuer=None, **options):
        """With any number of common names and of addresses: none, too."""
        extensions = [(key_usage("digital_signature"), True),
                      (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)]
        if emails:
            addresses = [x509.RFC822Name(address) for address in emails]
            extensions.append((x509.SubjectAlternativeName(addresses), False))
        return self._pair(["client", *names, *emails], issuer or self.clients, "ec", names,
                          extensions, options)

    def revocation_list(self, *clients):
        """A file of the clients' authority that revokes these; none, too."""
        name = "-".join(["revoked"] + [str(c.x509.serial_number)[:12] for c in clients])
        return write_file(self.path(name + ".pem"), self.clients.revocation_list(*clients))

    def ocsp(self, pair, status="GOOD"):
        """A file with a response for a server, that may be stapled: GOOD, REVOKED, UNKNOWN."""
        name = "%s-%s.ocsp" % (os.path.basename(pair.certificate)[:-4], status.lower())
        return write_file(self.path(name), pair.issuer.status(pair, status))
