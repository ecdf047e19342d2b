"""What a Maildir's UPDATE answers when a system call fails, in detail.

That nothing is lost, whatever happens to a session, is shown by test_session_faults.py.
"""

import itertools
import os
import shutil
import subprocess
import tempfile
import threading

import pytest

import inject

# Names as load() orders them, and what is in them.  Numbers 1 and 3 are deleted.
MESSAGES = {
    "cur/1000000001.M1P1.host:2,": b"Subject: one\n\none\n",
    "cur/1000000002.M2P2.host:2,S": b"Subject: two\r\n\r\ntwo\r\n",
    "new/1000000003.M3P3.host": b"Subject: three\n\n" + b"x" * 70000 + b"\n",
    "new/1000000004.M4P4.host": b"Subject: four\n\nfour",
    "cur/1000000005.M5P5.host:2,FRS": b"Subject: five\n\n.\n",
}
DELETED = ("1", "3")
# What strace -y shows of a call on a message, or on a directory of messages.
MESSAGE = r"/(new|cur)>"
# What a session may leave.
ORDINARY = {"new", "cur", "tmp", ".pop3d-lock", ".pop3d-index", ".pop3d-uidl"}
# The driver writes with pwrite64 only; write is store_update's own output.
CALLS = [name for name in inject.FILE if name != "write"]


def base(name):
    return name.split("/")[1].split(":")[0]


TEXTS = {base(name): text for name, text in MESSAGES.items()}
MARKED = {base(list(MESSAGES)[int(i)]) for i in DELETED}


@pytest.fixture(scope="module", autouse=True)
def program():
    inject.build()


@pytest.fixture
def prepare():
    """A function that makes a fresh Maildir, as inject.sweep wants it."""
    top = tempfile.mkdtemp(prefix="pop3d-crash.")
    numbers = itertools.count()

    def make():
        path = os.path.join(top, str(next(numbers)), "Maildir")
        for part in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(path, part))
        for name, text in MESSAGES.items():
            with open(os.path.join(path, name), "wb") as f:
                f.write(text)
        return [inject.STORE_UPDATE, "maildir", path, *DELETED], path, path

    yield make
    shutil.rmtree(top)


def stored(path):
    """Base name -> texts of all files with it."""
    found = {}
    for part in ("new", "cur"):
        for name in os.listdir(os.path.join(path, part)):
            with open(os.path.join(path, part, name), "rb") as f:
                found.setdefault(name.split(":")[0], []).append(f.read())
    return found


def check_messages(path, place, gone):
    """gone: the deleted ones must be gone, not only may."""
    found = stored(path)
    for name, text in TEXTS.items():
        texts = found.pop(name, [])
        if name not in MARKED:
            assert texts == [text], (place, name)
        else:
            assert texts in ([[]] if gone else [[], [text]]), (place, name)
    assert not found, place
    assert not os.listdir(os.path.join(path, "tmp")), place
    assert set(os.listdir(path)) <= ORDINARY, place


def check_next_session(path, place):
    """The next session finds nothing locked or odd."""
    count = len(stored(path))
    done = subprocess.run([inject.STORE_UPDATE, "maildir", path], capture_output=True,
                          check=False, timeout=20)
    assert done.returncode == 0, (place, done.stderr)
    assert b"load OK %d\n" % count in done.stdout, place
    check_messages(path, place, gone=False)
    assert not os.listdir(os.path.join(path, "new")), place


def test_undisturbed(prepare):
    command, _, path = prepare()
    result = inject.run(command)
    assert result.code == 0, result
    assert result.stdout == "open OK\nload OK 5\nupdate OK removed 2\nclosed\n"
    assert result.stderr == ""
    check_messages(path, "undisturbed", gone=True)
    assert sorted(os.listdir(os.path.join(path, "cur"))) == [
        "1000000001.M1P1.host:2,", "1000000003.M3P3.host:2,",
        "1000000005.M5P5.host:2,FRS"]


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EACCES", "EROFS"])
def test_error(prepare, error):
    places = 0
    for place, result, path in inject.sweep(prepare, "error=" + error, names=CALLS):
        status = inject.status(result, "update")
        assert result.code == (0 if status == "OK" else 1), (place, result)
        check_messages(path, place, gone=status == "OK")
        name = place.split(":")[1]
        # What the client hears must be true.
        if name in ("fsync", "getdents64", "unlinkat") and inject.struck(result, MESSAGE):
            assert status in (None, "TEMP", "PERM"), (place, result.stdout)
        # A full disk keeps nobody from deleting mail, nor does a message in new/.
        if name in ("ftruncate", "pwrite64", "renameat2", "renameat", "close"):
            assert status == "OK", (place, result.stdout, result.stderr)
        # A file system that was mounted read-only is mended some day.
        if error == "EROFS":
            assert "PERM" not in result.stdout, (place, result.stdout)
        # fcntl says EACCES, too, when another session holds the lock.
        if status != "OK" and inject.status(result, "open") != "BUSY":
            assert result.stderr, place
        check_next_session(path, place)
        places += 1
    assert places > 30


@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT"])
def test_no_room_for_the_session_lock(prepare, error):
    """Where no file can be made, mail can be deleted nevertheless."""
    command, _, path = prepare()
    trace = inject.run(command, names=["openat"]).trace
    number = 1 + next(n for n, line in enumerate(trace.splitlines())
                      if '".pop3d-lock"' in line)
    command, _, path = prepare()
    result = inject.run(command, inject="openat:error=%s:when=%d" % (error, number))
    assert result.injected and result.code == 0, result
    assert "on this host only" in result.stderr
    check_messages(path, "no lock file", gone=True)


# A file system that does not tell the types of files in a directory, nor that of one.
UNKNOWN_TYPES = """
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
struct dirent *readdir(DIR *directory)
{
	struct dirent *(*next)(DIR *) = (struct dirent *(*)(DIR *))dlsym(RTLD_NEXT, "readdir");
	struct dirent *entry = next(directory);
	if (entry != NULL)
		entry->d_type = DT_UNKNOWN;
	return entry;
}
int fstatat(int dirfd, const char *name, struct stat *st, int flags)
{
	int (*next)(int, const char *, struct stat *, int) =
		(int (*)(int, const char *, struct stat *, int))dlsym(RTLD_NEXT, "fstatat");
	if (strstr(name, ".M3P3.") == NULL)
		return next(dirfd, name, st, flags);
	errno = ERROR;
	return -1;
}
"""


@pytest.mark.parametrize("error", ["EIO", "EACCES", "ENOENT"])
def test_type_cannot_be_asked_for(prepare, tmp_path, error):
    """A message is never left out of the list because of an error."""
    source, library = tmp_path / "types.c", tmp_path / "types.so"
    source.write_text(UNKNOWN_TYPES)
    subprocess.run(["cc", "-D_GNU_SOURCE", "-DERROR=" + error, "-shared", "-fPIC", "-o",
                    library, source], check=True)
    done = subprocess.run(prepare()[0][:3], env={"LD_PRELOAD": str(library)}, check=False,
                          capture_output=True, timeout=20)
    # ENOENT alone says that it is gone.
    assert (b"load OK 4\n" if error == "ENOENT" else b"load TEMP ") in done.stdout, done


def test_no_rename_without_replacing(prepare):
    """NFS and others know no RENAME_NOREPLACE."""
    command, _, path = prepare()
    result = inject.run(command, inject="renameat2:error=EINVAL")
    assert result.injected and result.code == 0
    check_messages(path, "fallback", gone=True)
    assert not os.listdir(os.path.join(path, "new"))


def test_removed_by_nobody(prepare):
    """A message that cannot be found under any of its names is not reported gone."""
    command, _, path = prepare()
    result = inject.run(command, inject="unlinkat:error=ENOENT")
    assert inject.status(result, "update") == "TEMP"
    assert "removed 0" in result.stdout
    check_messages(path, "ENOENT", gone=False)
    assert MARKED <= set(stored(path))


def test_delivery_meanwhile(prepare):
    """Mail that arrives during sessions is neither lost nor deleted unseen."""
    command, _, path = prepare()
    delivered, stop = {}, threading.Event()

    def deliver():
        for n in itertools.count():
            if stop.is_set():
                break
            name, text = "20000%05d.d" % n, b"message %d\n" % n
            with open(os.path.join(path, "tmp", name), "wb") as f:
                f.write(text)
            delivered[name] = text
            os.rename(os.path.join(path, "tmp", name), os.path.join(path, "new", name))

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        for _ in range(30):
            subprocess.run(command[:3], check=True, capture_output=True, timeout=20)
    finally:
        stop.set()
        thread.join()
    found = stored(path)
    for name, text in delivered.items():
        assert found[name] == [text]
    assert len(found) == len(delivered) + len(MESSAGES)
