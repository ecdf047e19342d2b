"""pop3d started without a super-server: -l, pipes, socketpairs, and its options."""

import os
import re
import signal
import socket
import subprocess

import pytest

from harness import TIMEOUT, Client, free_port, is_listening, wait_until
from supervisors import run_program, sample
from test_startup_supervisors import whole_life

EX_USAGE, EX_CONFIG = 64, 78


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_listener(site, store, alice, address):
    listener = site.listener(address=address)
    whole_life(listener.connect, store, alice)
    site.wait_log("connect", rip=address, lip=address, lport=listener.port)
    assert listener.stop() == 0
    assert not is_listening(listener.port)


def test_listener_on_several_addresses(site, maildir, alice):
    port = free_port("::1")
    listener = site.listener("-l", "[::1]:%d" % port)
    whole_life(listener.connect, maildir, alice)
    listener.address, listener.port = "::1", port
    client = listener.connect()
    client.login(alice)
    client.quit()
    assert listener.stop() == 0


def test_listener_on_a_taken_port_says_so(site):
    listener = site.listener()
    done = run_program(site, "-c", site.conf, "-l", "127.0.0.1:%d" % listener.port)
    assert done.returncode not in (0, -signal.SIGABRT)
    assert str(listener.port) in done.stderr + "".join(site.log_lines())
    listener.connect().quit()


def test_pipes(site, store, alice):
    clients = []

    def connect():
        clients.append(site.pipes())
        return clients[-1]
    whole_life(connect, store, alice)
    assert [c.wait() for c in clients] == [0, 0]


def unix_pair(site, *args):
    """A UNIX-domain socket pair on descriptors 0 and 1, as tcpserver-like programs give."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = site.spawn(site.argv(*args), stdin=theirs, stdout=theirs, stderr=theirs)
    return site.adopt(Client(ours.fileno(), sock=ours, process=process))


def test_socketpair(site, store, alice):
    clients = []

    def connect():
        clients.append(unix_pair(site))
        return clients[-1]
    whole_life(connect, store, alice)
    assert [c.wait() for c in clients] == [0, 0]


def test_inetd_on_ipv6(site, store, alice):
    clients = []

    def connect():
        clients.append(site.inetd(address="::1"))
        return clients[-1]
    whole_life(connect, store, alice)
    assert [c.wait() for c in clients] == [0, 0]
    site.wait_log("connect", rip="::1", lip="::1")


@pytest.mark.parametrize("text", ["[mail\n", "[limits]\nidle_seconds = soon\n",
                                  "[auth]\nmodules = no_such_module\n"])
@pytest.mark.parametrize("way", ["inetd", "pipes"])
def test_broken_configuration_over_any_descriptor(site, way, text):
    site.write_config(text)
    client = getattr(site, way)(greeting=False)
    assert re.fullmatch(rb"(-ERR [ -~]*\r\n)?", client.rest())
    assert client.wait() == EX_CONFIG


def test_closed_descriptors_are_no_client(site):
    """Started with 0, 1 and 2 closed: it ends, and no file it opens becomes one of them."""
    process = site.spawn(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *site.argv()])
    assert process.wait(TIMEOUT) >= 0
    for path in (site.log, site.conf, site.users):
        if os.path.exists(path):
            with open(path, encoding="latin-1") as f:
                assert "POP3 server ready" not in f.read()


def test_ignored_signals_of_the_parent_do_not_matter(site, maildir, alice):
    """SIGCHLD ignored and signals blocked by who starts it: children are still waited for."""
    def before():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD])
    listener = site.listener(preexec_fn=before)
    whole_life(listener.connect, maildir, alice)
    assert listener.stop() == 0


# Options

def test_help_and_version(site):
    for option, pattern in (("-h", r"(?s)usage: pop3d .*-c.*-l.*-o.*-t.*"),
                            ("-V", r"pop3d \d+\.\d+\n")):
        done = run_program(site, option)
        assert done.returncode == 0
        assert re.fullmatch(pattern, done.stdout), done.stdout
        assert done.stderr == ""


def taken_for(site, *args, stdin):
    """Wrong arguments: where there could be a client, it may see one -ERR and no more."""
    done = subprocess.run([site.tree.pop3d, *args], stdin=stdin, capture_output=True,
                          text=True, timeout=TIMEOUT, check=False)
    assert re.fullmatch(r"(-ERR [ -~]*\n)?", done.stdout), done.stdout
    return done


@pytest.mark.parametrize("args", [["-x"], ["operand"], ["-l"], ["-o"], ["-c"], ["-t", "-x"]])
def test_wrong_usage(site, args):
    done = taken_for(site, *args, stdin=subprocess.DEVNULL)
    assert done.returncode in (EX_USAGE, EX_CONFIG)
    assert "usage: pop3d " in done.stderr


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:", ":110", "127.0.0.1:0x6e",
                                     "127.0.0.1:65536", "127.0.0.1:-1", "::1:110", "[::1]",
                                     "[::1]110", "pop.example.org:110", "1.2.3:110"])
def test_wrong_listen_address(site, address):
    done = run_program(site, "-c", site.conf, "-l", address)
    assert done.returncode in (EX_USAGE, EX_CONFIG)
    assert done.stderr.startswith("pop3d: ") and address in done.stderr


def test_configuration_file_that_is_named_must_exist(site):
    missing = site.path("missing.conf")
    done = run_program(site, "-c", missing, "-t")
    assert done.returncode == EX_CONFIG
    assert missing in done.stderr


def test_broken_configuration_of_a_listener_is_named(site):
    site.write_config("[limits]\n\nidle_seconds = soon\n")
    done = run_program(site, "-c", site.conf, "-l", "127.0.0.1:%d" % free_port())
    assert done.returncode == EX_CONFIG
    assert "pop3d: %s:3: " % site.conf in done.stderr


def test_sample_configuration_is_right(site):
    """Every line of the sample put in force: nothing to complain about."""
    text = re.sub(r"(?m)^#([a-z_]+ =)", r"\1", sample("pop3d.conf"))
    for key, value in (("chroot = .*", site.tree.empty),
                       ("module_directory = .*", site.tree.modules),
                       # Another module's users have a file, too.
                       ("file = .*/users", site.users),
                       ("run_directory = .*", site.path("run"))):
        text, count = re.subn("(?m)^%s$" % key, "%s = %s" % (key.split()[0], value), text)
        assert count == 1, key
    site.write_config(text)
    done = run_program(site, "-c", site.conf, "-t")
    assert (done.returncode, done.stderr) == (0, "")
    assert "[auth.passwd]\nfile = %s\n" % site.users in done.stdout


def test_as_the_manual_says_it_is_tried(site, maildir, alice):
    """EXAMPLES of pop3d(8): the log on the terminal."""
    port = free_port()
    read, write = os.pipe()
    process = site.spawn([site.tree.pop3d, "-c", site.conf, "-l", "127.0.0.1:%d" % port,
                          "-o", "server.log=stderr"], stderr=write)
    os.close(write)
    wait_until(lambda: is_listening(port), what="listening")
    sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    client = site.adopt(Client(sock.fileno(), sock=sock))
    client.login(alice)
    client.quit()
    process.terminate()
    assert process.wait(TIMEOUT) == 0
    with os.fdopen(read, "r") as f:
        lines = f.read().splitlines()
    assert any(re.match(r"pop3d\[\d+\]: event=login user=%s " % alice.name, l)
               for l in lines), lines


def test_journal_gets_priorities(site, maildir, alice):
    """Under systemd standard error is the journal's: every line begins with <N>."""
    read, write = os.pipe()
    ours, theirs = socket.socketpair()
    with theirs:
        site.set(server__log="stderr")
        process = site.spawn(site.argv(), stdin=theirs, stdout=theirs, stderr=write,
                             env={"JOURNAL_STREAM": "8:1234"})
    os.close(write)
    client = site.adopt(Client(ours.fileno(), sock=ours, process=process))
    client.login(alice)
    client.quit()
    assert process.wait(TIMEOUT) == 0
    with os.fdopen(read, "r") as f:
        lines = f.read().splitlines()
    assert lines and all(re.match(r"<[3-7]>event=", l) for l in lines), lines
