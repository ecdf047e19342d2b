"""pop3ctl auth test and list: what they say is what a client and pop3d would find."""

import os
import shutil
import subprocess
import time

import pytest

from harness import TEST_MODULES, descendants, role_of, wait_until
from patience import patient


class Answer:
    """What a run of pop3ctl said, its lines by what stands before the colon."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        self.lines = out.splitlines()

    def value(self, key):
        found = [l for l in self.lines if l.startswith(key + ": ")]
        assert len(found) == 1, (key, self.out, self.err)
        return found[0][len(key) + 2:]

    def modules(self):
        return [l[len("module "):] for l in self.lines if l.startswith("module ")]


def ctl(site, *args, given="", **kw):
    run = subprocess.run([site.tree.pop3ctl, "-c", site.conf, *args], input=given.encode(),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=patient(30), **kw)
    return Answer(run.returncode, run.stdout.decode("latin-1"), run.stderr.decode("latin-1"))


def attempt(site, user, password, mechanism=None, *more):
    how = ["--mechanism", mechanism] if mechanism else []
    return ctl(site, "auth", "test", *how, *more, user, given=password + "\n")


def server_says(site, user, password):
    """What a client is told by pop3d itself."""
    client = site.inetd()
    client.cmd("USER " + user)
    reply = client.cmd("PASS " + password)
    client.close()
    client.wait()
    return reply.decode()


# One answer, two ways


CASES = ["right", "wrong password", "unknown", "no uid allowed", "no mail", "no users file",
         "crash", "tempfail"]
STATUS = {"right": 0, "wrong password": 1, "unknown": 1, "no uid allowed": 78, "no mail": 78,
          "no users file": 78, "crash": 75, "tempfail": 75}


@pytest.mark.parametrize("case", CASES)
def test_says_what_the_server_says(site, maildir, alice, case):
    name, password = alice.name, alice.password
    if case == "wrong password":
        password = "wrong"
    elif case == "unknown":
        name = "nobody-knows"
    elif case == "no uid allowed":
        site.set(auth__min_uid=alice.uid + 1)
    elif case == "no mail":
        site.set(mail__location="maildir:%h/%d")
    elif case == "no users file":
        os.unlink(site.users)
    elif case in ("crash", "tempfail"):
        site.use_modules("mod_" + case)
    answer = attempt(site, name, password)
    assert answer.value("client is told") == server_says(site, name, password)
    assert answer.status == STATUS[case], answer.out


@pytest.mark.parametrize("mechanism", [None, "USER", "plain", "LOGIN"])
def test_right_password(site, maildir, alice, mechanism):
    answer = attempt(site, alice.name, alice.password, mechanism)
    assert answer.status == 0 and answer.err == ""
    assert answer.value("mechanism") == (mechanism or "USER").upper()
    assert answer.modules() == ["passwd: ok"]
    assert answer.value("user") == alice.name
    assert answer.value("uid") == str(alice.uid)
    assert answer.value("gid") == str(alice.gid)
    assert answer.value("home") == alice.home
    assert answer.value("mail") == "maildir:" + alice.home + "/Maildir"
    assert answer.value("result") == "ok"


def test_delay_and_expiry(site, maildir, alice):
    answer = attempt(site, alice.name, alice.password)
    assert answer.value("login delay") == "0" and answer.value("expire") == "never"
    site.set(mail__login_delay="5", mail__login_delay_max="60", mail__expire="30")
    site.write_users([site.user_line(alice, extra="userdb_login_delay=90 userdb_expire=9")])
    answer = attempt(site, alice.name, alice.password)
    assert answer.value("login delay") == "60" and answer.value("expire") == "30"
    assert "cut to mail.login_delay_max" in answer.err
    assert "mail.expire_min is not set" in answer.err


def test_every_module_that_was_asked_is_told(site, maildir, alice):
    site.use_modules("mod_hostile", "passwd", "mod_ok")
    answer = attempt(site, alice.name, alice.password)
    assert answer.modules()[0].startswith("mod_hostile: unknown user")
    assert answer.modules()[1] == "passwd: ok" and len(answer.modules()) == 2
    answer = attempt(site, alice.name, "wrong")
    assert answer.modules()[1] == "passwd: denied (wrong password)"
    assert answer.status == 1


def test_result_of_the_configuration(site, maildir, alice):
    site.use_modules("mod_puppet")
    site.set(auth__mod_puppet__result=4, auth__mod_puppet__user="p3bob",
             auth__mod_puppet__mail="mbox:/var/mail/%u", mail__uid="p3bob",
             auth__mod_puppet__home="/home/b")
    answer = attempt(site, alice.name, "x")
    assert answer.value("user") == "p3bob" and answer.value("mail") == "mbox:/var/mail/p3bob"
    site.set(auth__mod_puppet__reason="a\x1b[31mb")
    answer = attempt(site, alice.name, "x")
    assert "\x1b" not in answer.out and "a" in answer.modules()[0]


@pytest.mark.parametrize("mechanism", ["APOP", "CRAM-MD5"])
def test_shared_secret(site, maildir, alice, mechanism):
    site.set(auth__modules="apop", auth__mechanisms="APOP CRAM-MD5",
             auth__apop__file=site.path("apop"), auth__apop__key=site.path("key"))
    made = ctl(site, "apop", "set", "-u", str(alice.uid), "-g", str(alice.gid), "-d",
               alice.home, alice.name, given="tanstaaf\n")
    assert made.status == 0, made.err
    assert attempt(site, alice.name, "tanstaaf", mechanism).status == 0
    answer = attempt(site, alice.name, "tanstaa", mechanism)
    assert answer.status == 1 and answer.value("result") == "denied"


def test_scram(site, maildir):
    site.use_modules("mod_scram")
    site.set(auth__mechanisms="SCRAM-SHA-256", mail__uid="p3alice",
             mail__location="maildir:/tmp/%u")
    assert attempt(site, "user", "pencil", "SCRAM-SHA-256").status == 0
    answer = attempt(site, "user", "pencils", "scram-sha-256")
    assert answer.status == 1 and answer.value("reason") == "wrong password"
    assert answer.modules() == ["mod_scram: ok"]
    assert attempt(site, "nobody", "pencil", "SCRAM-SHA-256").status == 1


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
@pytest.mark.parametrize("length", [10, 20000])
def test_token(site, maildir, alice, mechanism, length):
    site.use_modules("mod_puppet")
    site.set(auth__mechanisms=mechanism, auth__mod_puppet__result=4, mail__uid="p3alice",
             auth__mod_puppet__home="/home/a")
    answer = attempt(site, alice.name, "t" * length, mechanism)
    assert answer.status == 0 and answer.value("user") == alice.name
    site.set(auth__mod_puppet__result=1)
    assert attempt(site, alice.name, "t" * length, mechanism).status == 1


def test_mechanism_that_is_not_offered_is_told(site, maildir, alice):
    site.set(auth__mechanisms="PLAIN LOGIN")
    answer = attempt(site, alice.name, alice.password, "USER")
    assert answer.value("mechanism") == "USER, which auth.mechanisms does not offer"
    assert attempt(site, alice.name, alice.password, "PLAIN").value("mechanism") == "PLAIN"


# Privileges


def ids_of(proc):
    status = proc.status()
    return proc.ids("Uid"), proc.ids("Gid"), status["Groups"], status["NoNewPrivs"]


def test_process_is_what_an_auth_process_is(site, alice):
    """The same uid, gids, groups and root directory; nothing on its standard channels."""
    site.use_modules("mod_hang")
    site.set(auth__timeout=2)
    client = site.inetd()
    client.send(b"USER mallory\r\nPASS x\r\n")
    client.ok()
    auth = wait_until(lambda: [p for p in descendants() if role_of(p) == "pop3d-auth"],
                      what="auth")[0]
    wait_until(lambda: auth.ids("Uid")[0] != 0, what="its uid")
    expected, root = ids_of(auth), auth.root()
    client.close()
    client.wait()
    test = subprocess.Popen([site.tree.pop3ctl, "-c", site.conf, "auth", "test", "mallory"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    test.stdin.write(b"x\n")
    test.stdin.close()
    child = wait_until(lambda: descendants(test.pid), what="its child")[0]
    wait_until(lambda: child.ids("Uid")[0] != 0, what="its uid")
    assert ids_of(child) == expected and child.root() == root
    assert [child.fds()[n] for n in (0, 1, 2)] == ["/dev/null"] * 3
    out = test.stdout.read().decode()
    assert test.wait() == 75
    assert "no answer within auth.timeout" in out and "[SYS/TEMP]" in out


def test_killed_tool_leaves_no_process(site):
    site.use_modules("mod_hang")
    test = subprocess.Popen([site.tree.pop3ctl, "-c", site.conf, "auth", "test", "mallory"],
                            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    test.stdin.write(b"x\n")
    test.stdin.close()
    child = wait_until(lambda: descendants(test.pid), what="its child")[0]
    time.sleep(0.1)
    test.kill()
    test.wait()
    wait_until(lambda: not child.alive(), what="the child's end")


def test_without_root(site, maildir, vmail):
    """A pop3d of that user is tried; the rest is said."""
    site.use_unprivileged(vmail)
    who = {"user": vmail.uid, "group": vmail.gid, "extra_groups": []}
    site.set(mail__location="maildir:/tmp/%u")
    answer = ctl(site, "auth", "test", "p3alice", given="open sesame\n", **who)
    assert "not root" in answer.err
    # The entry's uid is that of p3alice: not one that this pop3d may serve.
    assert answer.status == 78 and "not started by root" in answer.value("reason")
    site.use_modules("mod_puppet")
    answer = ctl(site, "auth", "test", "p3alice", given="x\n", **who)
    assert answer.status == 78 and "needs pop3d to be started by root" in answer.out


@pytest.mark.uninstrumented("modules break memory here, and a sanitizer tells")
@pytest.mark.parametrize("deed,what", [
    ("exit", "no verdict, exit status 0"), ("abort", "died of signal 6"),
    ("stray", "died of signal"), ("group", "died of signal 9"),
    ("fork-exit", "no verdict, exit status 3"), ("stop", "no answer within auth.timeout"),
    ("fork-hang", "no answer within auth.timeout"), ("close", "no verdict")])
def test_hostile_module(site, deed, what):
    site.use_modules("mod_hostile")
    site.set(auth__timeout=1)
    site.set(**{"auth__mod_hostile__deed": deed})
    answer = attempt(site, "mallory", "x")
    assert answer.status == 75 and what in answer.value("auth process"), answer.out
    wait_until(lambda: not any(p.alive() and p.comm().startswith("pop3ctl")
                               for p in descendants()), what="nothing to be left")


def test_module_that_prints_is_not_heard(site):
    site.use_modules("mod_hostile")
    site.set(auth__mod_hostile__deed="print")
    answer = attempt(site, "mallory", "x")
    assert answer.status == 1 and "pwned" not in answer.out + answer.err


def test_password_is_no_argument_and_in_no_output(site, maildir, alice):
    answer = attempt(site, alice.name, "zebra-quagga")
    assert "zebra" not in answer.out + answer.err
    assert ctl(site, "auth", "test", alice.name, given="").status == 64


@pytest.mark.parametrize("args", [
    [], ["a", "b"], ["--mechanism", "EXTERNAL", "a"], ["--mechanism", "SCRAM-SHA-256-PLUS", "a"],
    ["--mechanism", "NONE", "a"], ["--mechanism"], ["--remote", "localhost", "a"], [""],
    ["a\nb"], ["x" * 256], ["--frob", "a"], ["-x", "a"]])
def test_wrong_arguments(site, args):
    answer = ctl(site, "auth", "test", *args, given="x\n")
    assert answer.status == 64 and answer.err != "" and answer.out == ""


def test_options_set_keys(site, maildir, alice):
    run = subprocess.run([site.tree.pop3ctl, "-c", site.conf, "-o", "auth.min_uid=4000000000",
                          "auth", "test", alice.name], input=alice.password.encode(),
                         stdout=subprocess.PIPE, timeout=patient(30))
    assert run.returncode == 78 and b"uid is below auth.min_uid" in run.stdout
    answer = ctl(site, "-o", "auth.nonsense=1", "auth", "test", "x", given="x\n")
    assert answer.status == 78 and "nonsense" in answer.err
    # For the other commands, too.
    answer = ctl(site, "-o", "auth.passwd.file=" + site.path("none"), "passwd", "list")
    assert answer.status == 78


# auth list


def rows(answer):
    lines = [l.split("\t") for l in answer.lines]
    assert lines[0] == ["name", "place", "abi", "size", "flags", "proofs", "mechanisms"]
    return {l[0]: l[1:] for l in lines[1:]}


def test_list_of_shipped_modules(site):
    site.set(auth__modules="apop passwd")
    found = rows(ctl(site, "auth", "list"))
    assert set(found) >= {"passwd", "apop"}
    assert found["passwd"][0] == "2" and found["apop"][0] == "1"
    assert found["apop"][4:] == ["apop,cram-md5", "CRAM-MD5,APOP"]
    assert found["passwd"][1] == "3" and found["passwd"][3] == "-"
    assert "password" in found["passwd"][4].split(",")
    assert set(found["passwd"][5].split(",")) >= {"PLAIN", "LOGIN", "USER"}


def test_list_tells_what_is_refused(site):
    names = ["mod_ok", "mod_badabi", "mod_badsize", "mod_badname", "mod_nosymbol",
             "mod_puppet"]
    site.use_modules(*names)
    with open(site.path("modules", "text.so"), "w") as f:
        f.write("no module")
    os.symlink("mod_ok.so", site.path("modules", "link.so"))
    shutil.copyfile(os.path.join(TEST_MODULES, "mod_ok.so"), site.path("modules", "open.so"))
    os.chmod(site.path("modules", "open.so"), 0o666)
    with open(site.path("modules", "README"), "w") as f:
        f.write("no module either")
    site.set(auth__modules="mod_ok absent mod_puppet")
    answer = ctl(site, "auth", "list")
    found = rows(answer)
    assert answer.status == 78
    assert found["mod_ok"][0] == "1" and found["mod_puppet"][3] == "root"
    assert found["absent"][0] == "2" and "No such file" in found["absent"][1]
    for name, reason in {"mod_badabi": "interface 4, expected 3", "text": "cannot be loaded",
                         "mod_badsize": "octets, expected", "link": "symbolic link",
                         "mod_badname": "calls itself", "open": "mode 0666",
                         "mod_nosymbol": "no symbol"}.items():
        assert found[name][0] == "-" and found[name][1].startswith("refused: "), name
        assert reason in found[name][1]
    assert "README" not in found
    site.set(auth__modules="mod_ok")
    assert ctl(site, "auth", "list").status == 0


CONSTRUCTORS = {"crash": ("__builtin_trap();", "ended by signal"),
                "exit": ("_exit(0);", "ended the process"),
                "kill": ("kill(0, 9);", "ended by signal 9"),
                "hang": ("for (;;) pause();", "ended by signal 9"),
                "print": ('printf("pwned\\n"); fflush(stdout); write(2, "pwned", 5);',
                          "no symbol")}


@pytest.mark.parametrize("kind", sorted(CONSTRUCTORS))
def test_list_survives_modules_that_break_when_loaded(site, kind):
    site.use_modules("mod_ok")
    code, said = CONSTRUCTORS[kind]
    source = site.path("bad.c")
    with open(source, "w") as f:
        f.write("#include <signal.h>\n#include <stdio.h>\n#include <unistd.h>\n"
                "__attribute__((constructor)) static void start(void)\n{ %s }\n" % code)
    target = site.path("modules", "a-bad.so")
    subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", target, source], check=True)
    os.chmod(target, 0o644)
    site.set(auth__timeout=1)
    answer = ctl(site, "auth", "list")
    found = rows(answer)
    assert said in found["a-bad"][1], found
    assert found["mod_ok"][0] == "1" and answer.status == 0
    assert "pwned" not in answer.out + answer.err


def test_list_without_a_directory(site):
    site.set(auth__module_directory=site.path("none"))
    answer = ctl(site, "auth", "list")
    assert answer.status == 78 and site.path("none") in answer.err
    assert ctl(site, "auth", "list", "x").status == 64
