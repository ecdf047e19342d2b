"""pop3d -t, -c, -o: the effective configuration and every problem in it."""

import os
import subprocess

import pytest
from patience import patient

DEFAULTS = {
    "server.user": "pop3d", "server.log": "syslog", "server.log_level": "info",
    "server.run_directory": "/run/pop3d", "auth.modules": "passwd",
    "auth.plaintext_login": "local", "auth.min_uid": "1000", "auth.max_attempts": "3",
    "auth.failure_delay": "2",
    "auth.penalty_max": "30", "auth.penalty_user_max": "5", "auth.penalty_fade": "300",
    "auth.timeout": "30", "limits.connections": "500",
    "limits.connections_per_address": "50", "limits.half_open": "100:30:250",
    "limits.verifications": "4", "limits.login_commands": "100",
    "limits.login_octets": "1048576", "limits.session_commands": "10000000",
    "limits.session_octets": "0", "limits.connections_per_user": "10", "limits.login_seconds": "60",
    "limits.idle_seconds": "600", "limits.output_seconds": "120", "limits.lock_seconds": "3",
    "limits.lock_lease_seconds": "300", "limits.messages": "1000000", "limits.octets": "0",
    "limits.decompressed_octets": "4294967296", "limits.bad_commands": "20",
    "limits.session_megabytes": "4096", "server.sandbox": "yes",
    "limits.wait_idle_seconds": "60", "mail.location": "maildir:~/Maildir",
    "mail.mbox_locks": "fcntl dotlock", "mail.uidl": "auto",
    "mail.uidl_dovecot_format": "%08Xu%08Xv", "mail.login_delay": "0",
    "mail.login_delay_max": "0", "mail.expire": "never", "mail.expire_min": "never"}


def run(site, *args, conf=None):
    argv = [site.tree.pop3d] + (["-c", conf or site.conf] if conf != "" else [])
    return subprocess.run(argv + list(args), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=patient(10))


def parse(text):
    """`[section]` and `key = value` lines as section.key to value."""
    found, section = {}, None
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and not line.startswith("#"):
            key, _, value = line.partition(" =")
            assert section and key.isidentifier(), line
            found["%s.%s" % (section, key)] = value.strip()
    return found


def minimal(site, text=""):
    """The least that is no problem here: paths of the tree, a log that needs no syslog."""
    site.write_config("[server]\nchroot = %s\n[auth]\nmodule_directory = %s\n"
                      "[auth.passwd]\nfile = %s\n%s"
                      % (site.tree.empty, site.tree.modules, site.users, text))


def test_defaults(site):
    minimal(site)
    done = run(site, "-t")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = parse(done.stdout)
    for key, value in DEFAULTS.items():
        assert found[key] == value, key
    assert found["server.hostname"] != ""


def test_output_parses_back(site):
    site.set(limits__idle_seconds="1234", mail__location="mbox:/var/mail/%u",
             auth__plaintext_login="never", mail__mbox_locks="dotlock")
    first = run(site, "-t")
    assert first.returncode == 0, first.stderr
    copy = site.path("copy.conf")
    with open(copy, "w") as f:
        f.write(first.stdout)
    second = run(site, "-t", conf=copy)
    assert second.returncode == 0 and second.stdout == first.stdout
    found = parse(first.stdout)
    assert found["limits.idle_seconds"] == "1234"
    assert found["mail.location"] == "mbox:/var/mail/%u"
    assert found["auth.passwd.file"] == site.users


def test_option_overrides_the_file(site):
    done = run(site, "-o", "limits.idle_seconds=7", "-o", "mail.location=mbox:~/a=b",
               "-o", "limits.idle_seconds=8", "-t")
    assert done.returncode == 0, done.stderr
    found = parse(done.stdout)
    assert found["limits.idle_seconds"] == "8"
    assert found["mail.location"] == "mbox:~/a=b"


@pytest.mark.parametrize("option", [
    "nonsense", "limits.idle_seconds", "limits.idle_seconds=", "limits.idle_seconds=x",
    "limits.unknown=1", "unknown.key=1", "=1", ".=1", "idle_seconds=1", "auth.passwd.unknown=1",
    "limits.idle_seconds=-1", "limits.idle_seconds=1 2", "auth.modules="])
def test_wrong_option(site, option):
    done = run(site, "-o", option, "-t")
    assert done.returncode == 78, done.stdout
    assert done.stderr.startswith("pop3d: ") and done.stderr.endswith("\n")
    key = option.split("=")[0].rsplit(".", 1)[-1]
    assert key in done.stderr


@pytest.mark.parametrize("section,line,word", [
    ("server", "unknown = 1", 'unknown key "unknown" in section [server]'),
    ("nonsense", "x = 1", 'unknown key "x" in section [nonsense]'),
    ("auth.passwd", "unknown = 1", "unknown"),
    ("limits", "idle_seconds = x", "idle_seconds"),
    ("limits", "idle_seconds = -1", "idle_seconds"),
    ("limits", "idle_seconds = +1", "idle_seconds"),
    ("limits", "idle_seconds = 0x10", "idle_seconds"),
    ("limits", "idle_seconds = 10s", "idle_seconds"),
    ("limits", "idle_seconds =", "idle_seconds"),
    ("limits", "idle_seconds = 18446744073709551617", "idle_seconds"),
    ("limits", "connections = 0", "connections"),
    ("auth", "plaintext_login = maybe", "plaintext_login"),
    ("auth", "min_uid = 0", "min_uid"),
    ("auth", "modules = nosuchmodule", "nosuchmodule"),
    ("auth", "modules = ../passwd", "passwd"),
    ("server", "log = somewhere", "log"),
    ("server", "log = file:relative", "log"),
    ("server", "log_level = loud", "log_level"),
    ("server", "hostname = a b", "hostname"),
    ("server", "user = nosuchuser", "nosuchuser"),
    ("server", "user = root", "root"),
    ("server", "chroot = /etc", "/etc"),
    ("server", "chroot = /nonexistent", "/nonexistent"),
    ("mail", "location = Maildir", "location"),
    ("mail", "location = maildir:relative", "location"),
    ("mail", "location = imap:~/x", "location"),
    ("mail", "location = maildir:~/%x", "location"),
    ("mail", "mbox_locks = flock", "mbox_locks"),
    ("mail", "uid = nosuchuser", "nosuchuser"),
    ("mail", "uid = 0", "uid"),
    ("mail", "gid = nosuchgroup", "nosuchgroup"),
    ("mail", "extra_group = nosuchgroup", "nosuchgroup"),
    ("auth", "module_directory = /nonexistent", "/nonexistent")])
def test_problem_is_named(site, section, line, word):
    with open(site.conf) as f:
        text = f.read()
    key = line.split(" =")[0]
    text = "".join(l + "\n" for l in text.splitlines()
                   if not (key in ("hostname", "log", "chroot", "log_level", "module_directory")
                           and l.startswith(key + " =")))
    site.write_config(text + "[%s]\n%s\n" % (section, line))
    done = run(site, "-t")
    assert done.returncode == 78, (done.stdout, done.stderr)
    assert word in done.stderr
    assert all(l.startswith("pop3d: ") for l in done.stderr.splitlines())


def test_problem_names_file_and_line(site):
    minimal(site, "\n# a comment\n[limits]\nidle_seconds = 5\nidel_seconds = 6\n\n[auth]\n"
                  "plaintext_login = maybe\n")
    with open(site.conf) as f:
        lines = f.read().splitlines()
    done = run(site, "-t")
    assert done.returncode == 78
    for text in ("idel_seconds = 6", "plaintext_login = maybe"):
        number = lines.index(text) + 1
        assert "pop3d: %s:%d: " % (site.conf, number) in done.stderr, done.stderr
    assert parse(done.stdout)["limits.idle_seconds"] == "5"


def test_every_problem_is_reported_at_once(site):
    minimal(site, "[limits]\na = 1\nb = 2\nidle_seconds = x\n[auth]\nmin_uid = y\n")
    done = run(site, "-t")
    assert len(done.stderr.splitlines()) == 4, done.stderr


@pytest.mark.parametrize("text", ["garbage\n", "[server\nhostname = x\n", "= x\n",
                                  "[server]\n= y\n",
                                  "\0\n", "[server]\nhostname = " + "x" * 5000 + "\n"])
def test_syntax_errors(site, text):
    minimal(site)
    with open(site.conf, "a") as f:
        f.write(text)
    done = run(site, "-t")
    assert done.returncode == 78, (done.stdout, done.stderr)
    assert "pop3d: %s:" % site.conf in done.stderr


def test_a_key_that_is_set_twice(site):
    minimal(site, "[limits]\nidle_seconds = 5\nidle_seconds = 6\n")
    done = run(site, "-t")
    assert done.returncode == 78
    assert "idle_seconds" in done.stderr


def test_named_file_must_exist(site):
    done = run(site, "-t", conf="/nonexistent/pop3d.conf")
    assert done.returncode == 78
    assert "/nonexistent/pop3d.conf" in done.stderr


def test_module_that_others_may_write_is_refused(site):
    site.use_modules("passwd")
    assert run(site, "-t").returncode == 0
    os.chmod(site.path("modules", "passwd.so"), 0o666)
    done = run(site, "-t")
    assert done.returncode == 78 and "passwd" in done.stderr


@pytest.mark.parametrize("name", ["mod_badabi", "mod_badsize", "mod_badname", "mod_nosymbol"])
def test_broken_modules_are_refused(site, name):
    site.use_modules(name)
    done = run(site, "-t")
    assert done.returncode == 78 and name in done.stderr


def test_several_modules_in_order(site, maildir, alice):
    """mod_tempfail ends the chain: what stands behind it is not asked."""
    site.use_modules("passwd", "mod_tempfail")
    assert run(site, "-t").returncode == 0
    client = site.inetd()
    client.login(alice)
    client.quit()
    site.use_modules("mod_tempfail", "passwd")
    client = site.inetd()
    client.cmd_ok("USER " + alice.name)
    assert client.cmd("PASS " + alice.password).startswith(b"-ERR [SYS/TEMP] ")


def test_broken_configuration_serves_nobody(site):
    site.set(limits__idle_seconds="x")
    client = site.inetd(greeting=False)
    assert b"+OK" not in client.rest()
    assert client.wait() == 78


def test_options_work_where_there_is_a_client(site, maildir, alice):
    client = site.inetd("-o", "server.hostname=by-option.example.org")
    assert b"by-option.example.org" in client.greeting


def test_version_and_help(site):
    version = run(site, "-V", conf="")
    assert version.returncode == 0 and version.stdout.startswith("pop3d ")
    usage = run(site, "-h", conf="")
    assert usage.returncode == 0 and "-c" in usage.stdout + usage.stderr


@pytest.mark.parametrize("args", [["-x"], ["-c"], ["extra"], ["-l", "nonsense"],
                                  ["-l", "127.0.0.1:99999"], ["-o"]])
def test_usage_errors(site, args):
    done = run(site, *args)
    assert done.returncode in (64, 78), done
    assert done.stderr != ""
