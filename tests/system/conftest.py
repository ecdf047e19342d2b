"""Fixtures: root, users, a temporary base, and a site that must leave nothing behind."""

import os
import pwd
import shutil
import signal
import tempfile

import pytest

from accounts import Account, SystemUsers
from certificates import Certificates
from harness import Site, Tree
from patience import patient
from processes import become_subreaper
from stores import MaildirStore, MboxStore

TEST_SECONDS = int(patient(90))


def pytest_configure(config):
    config.addinivalue_line("markers", "uninstrumented(reason): not with the sanitizers")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """What the server logged explains a failure best, and is removed with the site."""
    report = (yield).get_result()
    made = getattr(item, "funcargs", {}).get("site")
    if report.when == "call" and report.failed and made:
        report.sections.append(("log of the site", "\n".join(made.log_lines()[-40:])))


@pytest.fixture(scope="session", autouse=True)
def tree():
    """The installed tree; the tests cannot run without it, nor without root."""
    if os.geteuid() != 0:
        pytest.fail("the system tests must run as root", pytrace=False)
    found = Tree()
    if not os.access(found.pop3d, os.X_OK):
        pytest.fail("%s is missing: make install DESTDIR=%s PREFIX=/usr, or set POP3D_DESTDIR"
                    % (found.pop3d, found.destdir), pytrace=False)
    become_subreaper()
    return found


@pytest.fixture(scope="session")
def system_users(tree):
    users = SystemUsers()
    yield users
    users.remove()


@pytest.fixture(scope="session")
def base(tree):
    """A directory that every user may pass through."""
    path = tempfile.mkdtemp(prefix="pop3d-test-", dir=os.environ.get("TMPDIR", "/tmp"))
    os.chmod(path, 0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def certificates(base):
    """The authorities and certificates of this run."""
    return Certificates(os.path.join(base, "certificates"))


@pytest.fixture(autouse=True)
def deadline():
    """No test may hang, whatever it waits for."""
    def expire(number, frame):
        raise TimeoutError("the test took more than %d s" % TEST_SECONDS)
    old = signal.signal(signal.SIGALRM, expire)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


@pytest.fixture
def accounts(system_users, base):
    """p3alice, p3bob and p3carol with fresh, empty homes, by their short names."""
    homes = tempfile.mkdtemp(prefix="home-", dir=base)
    os.chmod(homes, 0o711)
    found = {}
    for name in ("alice", "bob", "carol"):
        entry = pwd.getpwnam("p3" + name)
        account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid,
                          os.path.join(homes, name))
        os.mkdir(account.home, 0o700)
        account.own(account.home)
        found[name] = account
    yield found
    shutil.rmtree(homes, ignore_errors=True)


@pytest.fixture
def alice(accounts):
    return accounts["alice"]


@pytest.fixture
def bob(accounts):
    return accounts["bob"]


@pytest.fixture
def carol(accounts):
    return accounts["carol"]


@pytest.fixture
def vmail(system_users, base):
    """An unprivileged user under whom pop3d may be started."""
    entry = pwd.getpwnam("p3vmail")
    home = tempfile.mkdtemp(prefix="vmail-", dir=base)
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, home)
    account.own(home, 0o711)
    yield account
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def site(tree, base, accounts):
    """A site with all accounts; the test fails if a process outlives it."""
    made = Site(tree, base, accounts)
    yield made
    left = made.close()
    assert left == [], "left behind: " + ", ".join(left)


@pytest.fixture(params=["maildir", "mbox"])
def store(request, site, alice):
    """The maildrop of p3alice, once as Maildir and once as mbox."""
    kind = MaildirStore if request.param == "maildir" else MboxStore
    made = kind(alice)
    site.set(mail__location=made.location)
    return made


@pytest.fixture
def maildir(site, alice):
    made = MaildirStore(alice)
    site.set(mail__location=made.location)
    return made


@pytest.fixture
def mbox(site, alice):
    made = MboxStore(alice)
    site.set(mail__location=made.location)
    return made


@pytest.fixture
def harsh(site, maildir):
    """Failures count, and are not forgotten while a test lasts."""
    site.set(server__trusted_networks="192.0.2.0/24", auth__plaintext_login="always",
             auth__penalty_max=1, auth__penalty_user_max=0, auth__penalty_fade=3600,
             auth__max_attempts=100)
    return site
