"""The file of the table of penalties: what is in it, who has it, what if it is not as it should be.
"""

import os
import resource

import pytest

from backends import pop3ctl
from harness import descendants, wait_role
from penalties import ANOTHER, ATTACKER, OTHER, Guesses, owed, table
from processes import role_of


def test_nothing_of_names_and_passwords_is_kept(harsh, alice):
    harsh.set(auth__penalty_user_max=1)
    Guesses(harsh, alice.name)(1, password="of-yesterday")
    for name in ("penalty", "penalty.key"):
        path = os.path.join(os.path.dirname(table(harsh)), name)
        assert os.stat(path).st_mode & 0o7777 == 0o600 and os.stat(path).st_uid == 0
        with open(path, "rb") as f:
            content = f.read()
        for word in (alice.name, "of-yesterday", ATTACKER):
            assert word.encode() not in content


@pytest.mark.parametrize("what", ["garbage", "short", "long", "empty", "directory", "link",
                                  "others"])
def test_whatever_stands_in_the_file(harsh, alice, what):
    """Mail is served; what can be put right is."""
    path = table(harsh)
    if what == "directory":
        os.mkdir(path)
    elif what == "link":
        os.symlink("/etc/passwd", path)
    else:
        Guesses(harsh, alice.name)(1)
        size = os.path.getsize(path)
        with open(path, "wb") as f:
            f.write(os.urandom({"garbage": size, "long": 2 * size, "empty": 0}.get(what, 100)))
        if what == "others":
            os.chmod(path, 0o644)
    for source in (ATTACKER, OTHER):
        client = harsh.inetd(source=source)
        client.login(alice)
        client.quit()
    usable = what not in ("directory", "link", "others")
    warnings = [l for l in harsh.log_lines() if "no penalties" in l]
    assert (len(warnings) == 0) == usable
    if usable:
        Guesses(harsh, alice.name)(2, source=ANOTHER)
        assert owed(harsh, ANOTHER) == 2


def test_unusable_run_directory(harsh, alice):
    """One warning for each inetd connection, one of a listener; mail is served."""
    os.chmod(os.path.dirname(table(harsh)), 0o777)
    client = harsh.inetd(source=ATTACKER)
    client.login(alice)
    client.quit()
    client.wait()
    assert len([l for l in harsh.log_lines() if "run directory" in l]) == 1
    listener = harsh.listener()
    for _ in range(2):
        client = listener.connect(source=ATTACKER)
        client.login(alice)
        client.quit()
    assert len([l for l in harsh.log_lines() if "run directory" in l]) == 2


def warnings(site, text="no penalties"):
    return [l for l in site.log_lines() if text in l]


@pytest.mark.parametrize("was", ["of another start", "of another build"])
def test_another_ones_table_is_replaced(harsh, alice, was):
    """With a warning: what stands in it means nothing, and would keep places for years."""
    Guesses(harsh, alice.name)(1)
    path = table(harsh)
    size = os.path.getsize(path)
    if was == "of another start":
        # The same, but that nobody knows the key any more.
        os.unlink(path + ".key")
    else:
        with open(path, "wb") as f:
            f.write(b"\xff" * (size // 2))
    Guesses(harsh, alice.name)(2)
    assert len(warnings(harsh, "begins anew")) == 1
    assert os.path.getsize(path) == size
    assert owed(harsh, ATTACKER) == 2
    assert pop3ctl(harsh, "penalty", "show").startswith("addresses\t1\n")


def test_full_file_system(harsh, alice):
    """There is no table without room for all of it: failures would be lost, unsaid."""
    directory = os.path.dirname(table(harsh))
    script = "mount -t tmpfs -o mode=700,size=512k none %s && exec \"$@\"" % directory
    client = harsh.inetd(source=ATTACKER,
                         prefix=["unshare", "--mount", "sh", "-c", script, "sh"])
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS wrong").startswith(b"-ERR")
    client.login(alice)
    client.quit()
    assert warnings(harsh, "no penalties: there is no room for the table")


def test_room_is_taken_for_all_of_it(harsh, alice):
    """As long as there is some: the file has no holes."""
    Guesses(harsh, alice.name)(1)
    status = os.stat(table(harsh))
    assert status.st_blocks * 512 >= status.st_size
    assert status.st_size > resource.getpagesize()


def holds_table(proc):
    """Whether a process has the table, or its key, in its memory or open."""
    found = [l for l in proc.maps().splitlines() if "/penalty" in l]
    for number in os.listdir("/proc/%d/fd" % proc.pid):
        try:
            name = os.readlink("/proc/%d/fd/%s" % (proc.pid, number))
        except FileNotFoundError:
            continue
        if "/penalty" in name:
            found.append(name)
    return found


@pytest.mark.parametrize("start", ["inetd", "listener"])
def test_no_role_keeps_the_table(harsh, maildir, certificates, alice, start):
    """The monitor has it for a moment at a time, and nobody is forked meanwhile."""
    harsh.use_tls(certificates.server())
    guesses = Guesses(harsh, alice.name, start)
    client = guesses.connect()
    client.login(alice)
    other = guesses.connect()
    other.send(b"AUTH LOGIN\r\n")
    other.line()
    wait_role("auth")
    seen = set()
    for proc in descendants():
        role = role_of(proc)
        if role and role.startswith("pop3d"):
            seen.add(role)
            assert holds_table(proc) == [], role
    assert {"pop3d-front", "pop3d-monitor", "pop3d-auth", "pop3d-session"} <= seen
    assert start == "inetd" or "pop3d-resident" in seen
    assert os.path.exists(table(harsh))
