"""Mail programs that people use, told to use TLS: by STLS, or from the first octet on.

Each function gives the command line, and lets write(name, text, mode) make its files, as
Mailbox.write does.  They trust the ca, and give up without TLS.  And one that looks at
the server for weak points.
"""

import json
import os

# How they end when the certificate is of another authority, and when there is no TLS.
UNTRUSTED = {"curl": 60, "fetchmail": 2, "mpop": 69, "getmail": 127}
WITHOUT_STLS = {"curl": 64, "fetchmail": 2, "mpop": 69}


def curl(port, implicit, ca, user, password, path="", *options):
    scheme, tls = ("pop3s", []) if implicit else ("pop3", ["--ssl-reqd"])
    return ["curl", "--silent", "--show-error", *tls, "--cacert", ca,
            "--user", "%s:%s" % (user, password), *options,
            "%s://localhost:%d/%s" % (scheme, port, path)]


def fetchmail(write, port, implicit, ca, user, password, folder, *words):
    """Each message to a file of its own in the folder, as it came."""
    deliver = write("deliver", '#!/bin/sh\nn=$(ls "$1" | wc -l)\ncat >"$1/$n"\n', 0o700)
    tls = 'ssl sslproto "auto"' if implicit else 'sslproto "TLS1.2+"'
    rc = write("fetchmailrc", (
        'poll localhost service %d protocol POP3 auth password\n'
        'user "%s" password "%s" %s sslcertck sslcertfile "%s"\n'
        'no rewrite fetchall mda "%s %s" %s\n') % (
            port, user, password, tls, ca, deliver, folder, " ".join(words)))
    return ["fetchmail", "-f", rc, "--nosyslog", "--invisible"]


def mpop(write, port, implicit, ca, user, password, folder, *lines):
    """To a Maildir, without the header that mpop adds."""
    rc = write("mpoprc", "\n".join([
        "account default", "host localhost", "port %d" % port, "auth user", "user " + user,
        "password " + password, "tls on", "tls_starttls " + ("off" if implicit else "on"),
        "tls_trust_file " + ca, "received_header off",
        "uidls_file " + os.path.join(folder, "uidls"), "delivery maildir " + folder, *lines,
        ""]))
    return ["mpop", "--file=" + rc, "--quiet"]


def getmail(write, port, implicit, ca, user, password, folder, *lines):
    """To a Maildir; what it has seen, getmail keeps beside its file.

    It knows no STLS.
    """
    assert implicit
    rc = write("getmailrc", "\n".join([
        "[retriever]", "type = SimplePOP3SSLRetriever", "server = localhost",
        "port = %d" % port, "ca_certs = " + ca, "username = " + user, "password = " + password,
        "[destination]", "type = Maildir", "path = %s/" % folder,
        "[options]", "delivered_to = false", "received = false", "verbose = 0",
        "message_log_syslog = false", *lines, ""]))
    return ["getmail", "--getmaildir", os.path.dirname(rc), "--rcfile", rc]


def testssl(write, port, implicit, ca, report, *options):
    """testssl.sh, which writes to the file report; run it as root.  Half a minute.

    Its status says nothing.  It would ask for the name "invalid" over and over, to see
    what its openssl can do: it runs where only /etc/hosts has names.
    """
    names = write("nsswitch.conf", "hosts: files\n", 0o644)
    options = options or ("-p", "-s", "-f", "-P", "-S", "-U")
    return ["unshare", "--mount", "sh", "-c",
            'mount --bind "$0" /etc/nsswitch.conf && exec "$@"', names,
            "testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none",
            "--add-ca", ca, "--jsonfile", report, *([] if implicit else ["-t", "pop3"]),
            *options, "localhost:%d" % port]


def testssl_findings(report):
    """What testssl.sh has against a server: {id: (severity, text)}.

    Its warnings are left out, they are about itself: it has no engine, and in TLS 1.3 it
    may hang up before it was sent the ticket that it then wants to use.
    """
    with open(report) as f:
        found = json.load(f)
    assert found[-1]["id"] == "scanTime", found[-1]
    return {item["id"]: (item["severity"], item["finding"]) for item in found
            if item["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")}
