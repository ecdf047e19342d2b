"""Every module with everything it can be asked, as one row each of BACK_ENDS.

A back end knows one user, p3alice, and puts itself into one of the states of KINDS.
prepare() gives the name and the secret that the client is to use in that state; both
are right but for the state, and the right ones again after repair().
"""

import base64
import ctypes
import hashlib
import hmac
import json
import os
import subprocess
import time

from mechanisms import DENIED, DOWN, LOGGED_IN, UNUSABLE, b64
from pam_services import PamServices
from patience import TIMEOUT

# What each state must lead to; a refusal never tells which of the first four it was.
KINDS = {"right": LOGGED_IN, "wrong": DENIED, "empty": DENIED, "unknown": DENIED,
         "locked": DENIED, "unusable": UNUSABLE, "down": DOWN}


class BackEnd:
    fixed = ("unusable",)  # states that stand in the configuration
    never = ()             # states that it cannot be in

    def __init__(self, site, account):
        self.site, self.account = site, account

    def prepare(self, kind):
        name, secret = self.account.name, self.account.password
        if kind == "unusable":
            self.site.set(auth__min_uid=self.account.uid + 1)
        elif kind in ("locked", "down"):
            getattr(self, kind)()
        return {"wrong": (name, "wrong"), "empty": (name, ""),
                "unknown": ("p3nobody", secret)}.get(kind, (name, secret))

    def repair(self, kind):
        if kind == "unusable":
            self.site.set(auth__min_uid=1000)
        else:
            self.install()

    def close(self):
        pass


def scram_keys(password, salt=b"W\x0b[m\x99h\x9d\x12", iterations=4096):
    """What RFC 5802 section 3 stores of a password, as Dovecot writes it."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return "%d,%s,%s,%s" % (iterations, b64(salt), b64(stored),
                            b64(hmac.digest(salted, b"Server Key", "sha256")))


class Passwd(BackEnd):
    name = "passwd"
    mechanisms = ["USER", "PLAIN", "LOGIN", "SCRAM-SHA-256"]

    def install(self, extra=""):
        extra = ("scram=%s " % scram_keys(self.account.password)) + extra
        self.site.write_users([self.site.user_line(self.account, extra=extra)])

    def locked(self):
        self.install("nologin")

    def down(self):
        os.unlink(self.site.users)


class Apop(BackEnd):
    name = "apop"
    mechanisms = ["APOP", "CRAM-MD5"]

    def install(self):
        site, account = self.site, self.account
        self.file, self.key = site.path("secrets"), site.path("secrets.key")
        site.set(auth__apop__file=self.file, auth__apop__key=self.key)
        for path in (self.file, self.key):
            if os.path.exists(path):
                os.unlink(path)
        pop3ctl(site, "apop", "set", "-u", account.uid, "-g", account.gid,
                "-d", account.home, account.name, text=account.password)

    def locked(self):
        with open(self.file) as f:
            fields = f.read().rstrip("\n").split(":")
        fields += [""] * (8 - len(fields))
        with open(self.file, "w") as f:
            f.write(":".join(fields[:7] + ["nologin"]) + "\n")

    def down(self):
        os.unlink(self.key)


class Pam(BackEnd):
    name = "pam"
    mechanisms = ["USER", "PLAIN", "LOGIN"]
    fixed = ("unusable", "down")
    services = None

    def install(self):
        if self.services is None:
            self.services = PamServices(self.site.directory)
            self.service = self.services.unix()
        self.services.set_password(self.account, self.account.password)
        self.services.change(self.account, "chage", "-E", "-1")
        # Its entry in /etc/passwd names a home that does not exist.
        self.site.set(auth__pam__service=self.service,
                      mail__location="maildir:" + self.account.path("Maildir"))

    def locked(self):
        self.services.change(self.account, "chage", "-E", "0")

    def down(self):
        self.site.set(auth__pam__service=self.services.puppet("auth=9"))

    def close(self):
        if self.services is not None:
            self.services.close()


CHECKPASSWORD = """#!/usr/bin/python3 -S
import hashlib, os, sys
name, secret, stamp, rest = os.read(3, 513).split(b"\\0")
if not os.path.exists("@UP@"):
    sys.exit(111)
if name != b"@NAME@":
    sys.exit(3)
right = b"@SECRET@"
if stamp:
    right = hashlib.md5(stamp + right).hexdigest().encode()
if secret != right or os.path.exists("@LOCKED@"):
    sys.exit(1)
os.environ.update(USER="@NAME@", HOME="@HOME@")
os.setgroups([])
os.setresgid(@GID@, @GID@, @GID@)
os.setresuid(@UID@, @UID@, @UID@)
os.execv(sys.argv[-1], sys.argv[-1:])
"""


class Checkpassword(BackEnd):
    name = "checkpassword"
    mechanisms = ["USER", "PLAIN", "LOGIN", "APOP"]

    def install(self):
        site, account = self.site, self.account
        self.up, self.off = site.path("up"), site.path("locked")
        text = CHECKPASSWORD
        for word, value in (("UP", self.up), ("LOCKED", self.off), ("NAME", account.name),
                            ("SECRET", account.password), ("HOME", account.home),
                            ("UID", account.uid), ("GID", account.gid)):
            text = text.replace("@%s@" % word, str(value))
        with open(site.path("program"), "w") as f:
            os.fchmod(f.fileno(), 0o755)
            f.write(text)
        site.set(auth__checkpassword__program=site.path("program"),
                 auth__checkpassword__apop="yes",
                 auth__checkpassword__reply=os.path.join(
                     os.path.dirname(site.tree.modules), "checkpassword-reply"))
        open(self.up, "w").close()
        if os.path.exists(self.off):
            os.unlink(self.off)

    def locked(self):
        open(self.off, "w").close()

    def down(self):
        os.unlink(self.up)


class Puppet(BackEnd):
    """Stands for a module that takes tokens: it gives the answer that it is told to."""

    name = "mod_puppet"
    mechanisms = ["OAUTHBEARER", "XOAUTH2"]
    fixed = KINDS
    # A uid that the configuration names is one that it permits.
    never = ("unusable",)
    RESULTS = {"down": "0", "wrong": "1", "empty": "1", "locked": "1", "unknown": "2"}

    def install(self):
        self.tell("4")
        self.site.set(auth__mod_puppet__user=self.account.name,
                      auth__mod_puppet__home=self.account.home,
                      mail__uid=self.account.uid, mail__gid=self.account.gid)

    def tell(self, result):
        self.site.set(auth__mod_puppet__result=result)

    def locked(self):
        pass

    down = locked

    def prepare(self, kind):
        self.tell(self.RESULTS.get(kind, "4"))
        return self.account.name, "" if kind == "empty" else "mF_9.B5f-4.1JqM"



class Jwt(BackEnd):
    """A key of Ed25519 (RFC 8037), and tokens of it made here."""

    name = "jwt"
    mechanisms = ["OAUTHBEARER", "XOAUTH2"]
    never = ("unusable",)
    ISSUER, AUDIENCE = "https://id.example.org", "mail"

    def __init__(self, site, account):
        super().__init__(site, account)
        self.sodium = ctypes.CDLL("libsodium.so.23")
        self.public = ctypes.create_string_buffer(32)
        self.secret = ctypes.create_string_buffer(64)
        assert self.sodium.sodium_init() >= 0
        assert self.sodium.crypto_sign_keypair(self.public, self.secret) == 0

    @staticmethod
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    def install(self):
        path, account = self.site.path("jwks"), self.account
        keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "1",
                          "alg": "EdDSA", "x": self.encode(self.public.raw).decode()}]}
        with open(path, "w") as f:
            json.dump(keys, f)
        # A token tells no home.
        self.site.set(auth__jwt__jwks=path, auth__jwt__issuer=self.ISSUER,
                      auth__jwt__audience=self.AUDIENCE, mail__uid=account.uid,
                      mail__gid=account.gid,
                      mail__location="maildir:" + account.path("Maildir"))

    def token(self, **claims):
        now = int(time.time())
        body = dict({"iss": self.ISSUER, "aud": self.AUDIENCE, "sub": self.account.name,
                     "iat": now, "exp": now + 600}, **claims)
        text = b".".join(self.encode(json.dumps(part).encode())
                         for part in ({"alg": "EdDSA", "kid": "1", "typ": "JWT"}, body))
        signature = ctypes.create_string_buffer(64)
        assert self.sodium.crypto_sign_detached(
            signature, None, text, ctypes.c_ulonglong(len(text)), self.secret) == 0
        return (text + b"." + self.encode(signature.raw)).decode()

    def prepare(self, kind):
        if kind == "down":
            os.unlink(self.site.path("jwks"))
        token = self.token(**{"unknown": {"iss": "https://other.example.org"},
                              "locked": {"exp": int(time.time()) - 3600}}.get(kind, {}))
        if kind == "wrong":
            at = token.rindex(".") + 5
            token = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:]
        return self.account.name, "" if kind == "empty" else token


BACK_ENDS = [Passwd, Apop, Pam, Checkpassword, Jwt, Puppet]
ROWS = [(mechanism, back_end) for back_end in BACK_ENDS for mechanism in back_end.mechanisms]


def pop3ctl(site, *arguments, text="", status=0):
    """Run pop3ctl with one line of input."""
    argv = [site.tree.pop3ctl, "-c", site.conf] + [str(a) for a in arguments]
    done = subprocess.run(argv, input=text.encode() + b"\n", capture_output=True,
                          check=False, timeout=TIMEOUT)
    assert done.returncode == status, (argv, done.returncode, done.stdout, done.stderr)
    return done.stdout.decode()
