"""Mail programs that people use, over TLS: by STLS, and from the first octet on."""

import os
import subprocess

import pytest

import tls_mailers
from certificates import read_file
from patience import patient
from stores import MaildirStore
from test_clients_fetch import Mailbox, assert_fetched, text

IMPLICIT = {"stls": False, "implicit": True}


@pytest.fixture(params=IMPLICIT)
def box(request, site, alice, certificates):
    """A mailbox that opens inside TLS only; box.implicit says how that begins."""
    site.use_tls(certificates.server(), auth__plaintext_login="tls",
                 tls__ocsp=certificates.ocsp(certificates.server()))
    made = Mailbox(site, alice, MaildirStore(alice))
    made.implicit = IMPLICIT[request.param]
    if made.implicit:
        made.listener.stop()
        made.listener = site.listener(name="pop3s")
        made.port = made.listener.port
    return made


def arguments(box, certificates, folder, ca=None):
    return (box.write, box.port, box.implicit, ca or certificates.ca, box.account.name,
            box.account.password, folder)


def assert_inside_tls(box):
    lines = box.site.wait_log("login", user=box.account.name)
    assert lines and all("tls=TLSv1.3 " in line for line in lines)


def test_curl(box, certificates):
    for number, wire in enumerate(box.wires, 1):
        assert box.run(*tls_mailers.curl(
            box.port, box.implicit, certificates.ca, box.account.name,
            box.account.password, str(number))) == wire
    assert_inside_tls(box)


def files(folder):
    """What stands in a Maildir, or in a plain directory."""
    new = os.path.join(folder, "new")
    folder = new if os.listdir(new) else folder
    paths = [os.path.join(folder, name) for name in os.listdir(folder)]
    return [read_file(path) for path in paths if os.path.isfile(path)]


# getmail knows no STLS.
FETCHERS = [("fetchmail", "stls"), ("fetchmail", "implicit"), ("mpop", "stls"),
            ("mpop", "implicit"), ("getmail", "implicit")]


def fetcher(box, certificates, program, ca=None):
    """Its command line, and the folder that it puts mail into."""
    folder = box.maildir(program)
    return getattr(tls_mailers, program)(*arguments(box, certificates, folder, ca)), folder


@pytest.mark.parametrize("program,box", FETCHERS, indirect=["box"])
def test_fetching(box, certificates, program):
    command, folder = fetcher(box, certificates, program)
    if program == "getmail":
        box.run_getmail(os.path.join(folder, "new"), *command)
    else:
        box.run(*command)
    assert_inside_tls(box)
    found = [data for data in files(folder) if not data.startswith(b"127.") and data]
    assert_fetched([text(data) for data in found], box.wires)


@pytest.mark.parametrize("program,box", FETCHERS, indirect=["box"])
def test_a_certificate_that_they_do_not_trust(box, certificates, program):
    command, _ = fetcher(box, certificates, program, certificates.other_ca)
    box.run(*command, status=tls_mailers.UNTRUSTED[program])
    assert box.site.log_lines("login") == []


def test_curl_and_a_certificate_that_it_does_not_trust(box, certificates):
    box.run(*tls_mailers.curl(box.port, box.implicit, certificates.other_ca, box.account.name,
                              box.account.password, "1"),
            status=tls_mailers.UNTRUSTED["curl"])
    assert box.site.log_lines("login") == []


@pytest.mark.uninstrumented("a sanitizer takes many times the time")
def test_testssl(box, certificates):
    """No finding above LOW."""
    report = box.path("testssl.json")
    command = tls_mailers.testssl(box.write, box.port, box.implicit, certificates.ca, report)
    subprocess.run(command, cwd=box.work, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=patient(85), check=False)
    assert tls_mailers.testssl_findings(report) == {}
