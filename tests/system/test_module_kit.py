"""What an author of modules gets: header, pkg-config, the example of the manual, tools."""

import os
import re
import subprocess

import pytest

from stores import message


class Kit:
    """The installed files, without the source tree."""

    def __init__(self, tree):
        self.destdir = tree.destdir
        self.prefix = os.path.dirname(os.path.dirname(tree.pop3d))
        self.env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=self.destdir,
                        PKG_CONFIG_LIBDIR=os.path.join(self.prefix, "lib", "pkgconfig"))

    def config(self, *args):
        return subprocess.run(["pkg-config", *args, "pop3d-auth"], env=self.env, check=True,
                              stdout=subprocess.PIPE).stdout.decode().split()

    def example(self):
        """The program in pop3d_auth(3), as one would copy it from there."""
        with open(os.path.join(self.prefix, "share", "man", "man3", "pop3d_auth.3")) as f:
            text = f.read().split(".Sh EXAMPLES\n")[1]
        source = re.search(r"\.Bd -literal\n(.*?)\n\.Ed\n", text, re.S).group(1)
        return source.replace("\\&", "").replace("\\e", "\\") + "\n"

    def build(self, source, target, compiler="cc"):
        subprocess.run([compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                        *self.config("--cflags"), "-o", target, source],
                       cwd="/", check=True, env=self.env)
        os.chmod(target, 0o644)


@pytest.fixture
def kit(tree):
    return Kit(tree)


def place_module(site, kit, source, compiler="cc"):
    """Build it as NAME.so in a module directory beside passwd."""
    site.use_modules("passwd")
    path = site.path("one.c")
    with open(path, "w") as f:
        f.write(source)
    kit.build(path, site.path("modules", "one.so"), compiler)
    site.set(auth__modules="passwd one", auth__one__user="guest",
             auth__one__password="a secret", mail__uid="p3alice")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_example_of_the_manual(site, maildir, alice, kit, compiler):
    """Built out of the tree, listed, tried, logged in with; a wrong password is refused."""
    maildir.fill([message(1)])
    place_module(site, kit, kit.example(), compiler)
    site.set(mail__location="maildir:" + alice.path("Maildir"))
    ctl = [site.tree.pop3ctl, "-c", site.conf, "auth"]
    listed = subprocess.run([*ctl, "list"], check=True, stdout=subprocess.PIPE).stdout
    assert re.search(rb"^one\t2\t%s\t" % kit.config("--variable=abi")[0].encode(), listed,
                     re.M), listed
    tried = subprocess.run([*ctl, "test", "guest"], input=b"a secret\n", check=True,
                           stdout=subprocess.PIPE).stdout
    assert b"module one: ok" in tried
    for log_in in ("inetd", "listener"):
        client = site.inetd() if log_in == "inetd" else site.listener().connect()
        client.cmd_ok("USER guest")
        assert client.cmd("PASS a secre") == b"-ERR [AUTH] Invalid user name or password"
        client.cmd_ok("USER guest")
        client.cmd_ok("PASS a secret")
        assert client.cmd("STAT").startswith(b"+OK 1 ")
        client.quit()
    site.wait_log("login", user="guest")


def test_example_has_its_own_keys(site, maildir, kit):
    place_module(site, kit, kit.example())
    site.set(auth__one__colour="red")
    run = subprocess.run([site.tree.pop3d, "-c", site.conf, "-t"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    assert run.returncode != 0 and b"colour" in run.stderr + run.stdout


def test_header_stands_alone(kit, tmp_path):
    """With the strictest of warnings, in C11 and C++, included twice."""
    flags = kit.config("--cflags")
    source = tmp_path / "alone.c"
    source.write_text("#include <pop3d/auth_module.h>\n#include <pop3d/auth_module.h>\n"
                      "unsigned abi(void);\nunsigned abi(void) { return POP3D_AUTH_ABI; }\n")
    for compiler in (["gcc", "-std=c11"], ["clang", "-std=c11"], ["gcc", "-std=gnu17"]):
        subprocess.run([*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", *flags,
                        "-o", str(tmp_path / "alone.o"), str(source)], check=True)


def test_numbers_agree(kit, tree):
    with open(os.path.join(kit.prefix, "include", "pop3d", "auth_module.h")) as f:
        abi = re.search(r"#define POP3D_AUTH_ABI (\d+)u", f.read()).group(1)
    assert kit.config("--variable=abi") == [abi]
    assert kit.destdir + kit.config("--variable=moduledir")[0].replace(
        kit.destdir, "") == tree.modules
    assert kit.config("--cflags") == ["-I" + os.path.join(kit.prefix, "include")]
    version = subprocess.run([tree.pop3d, "-V"], stdout=subprocess.PIPE).stdout.decode()
    assert kit.config("--modversion")[0] in version


def declared(text, kind, name):
    """The members of a struct, or the constants of an enum, in the order they stand."""
    body = re.search(r"%s %s \{\n(.*?)\n\};" % (kind, name), text, re.S).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    if kind == "enum":
        return re.findall(r"^\s*([A-Z]\w+)", body, re.M)
    body = re.sub(r"__attribute__\(\(.*?\)\)\)?", "", body, flags=re.S)
    names = []
    for member in body.split(";"):
        found = re.search(r"\(\*(\w+)\)", member) or re.search(r"(\w+)(\[[^]]*\])?\s*$",
                                                               member.strip())
        if found:
            names.append(found.group(1))
    return names


@pytest.mark.parametrize("name", ["auth_module", "auth_request", "auth_identity", "auth_scram",
                                  "auth_out", "auth_host"])
def test_manual_shows_the_structs_of_the_header(kit, name):
    with open(os.path.join(kit.prefix, "include", "pop3d", "auth_module.h")) as f:
        header = declared(f.read(), "struct", name)
    with open(os.path.join(kit.prefix, "share", "man", "man3", "pop3d_auth.3")) as f:
        manual = declared(f.read(), "struct", name)
    assert header == manual and len(header) >= 4


@pytest.mark.parametrize("name", ["auth_proof", "auth_flag", "auth_result"])
def test_manual_names_every_constant(kit, name):
    with open(os.path.join(kit.prefix, "include", "pop3d", "auth_module.h")) as f:
        constants = declared(f.read(), "enum", name)
    with open(os.path.join(kit.prefix, "share", "man", "man3", "pop3d_auth.3")) as f:
        manual = f.read()
    # AUTH_MORE is for mechanisms: no module may answer with it.
    missing = [c for c in constants if c not in manual and c != "AUTH_MORE"]
    assert constants and missing == []
