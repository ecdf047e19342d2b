#include "pop3d/ctl/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pop3d/ctl/printable.h"

static void
text_print(const char *text)
{
	char shown[1024];

	(void)printable_copy(shown, sizeof(shown), sizeof(shown),
		(const unsigned char *)text, strlen(text));
	(void)fputs(shown, stdout);
}

void
check_say(const char *word, const char *directory, const char *name, const char *format,
	...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)printf("%s\t%s%s", word, directory, directory[0] != '\0' ? "/" : "");
	text_print(name);
	if (name[0] != '\0' && text[0] != '\0')
		(void)fputs(": ", stdout);
	text_print(text);
	(void)putchar('\n');
}

const char *
check_kind(mode_t mode)
{
	return S_ISDIR(mode)    ? "a directory"
	       : S_ISLNK(mode)  ? "a symbolic link"
	       : S_ISFIFO(mode) ? "a FIFO"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

void
check_holder(int dirfd, const char *name, char *text, size_t size)
{
	const int fd = openat(
		dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, size - 1);
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

bool
check_tmp_is_old(const struct stat *st)
{
	const time_t now = time(NULL);

	/* A delivery that is going on changes one or the other; a copy may keep the
	 * first.
	 */
	return S_ISREG(st->st_mode) && now - st->st_mtime > CHECK_TMP_SECONDS &&
	       now - st->st_ctime > CHECK_TMP_SECONDS;
}

static bool
entries_read(DIR *dir, int fd, const char *sub, check_entry *seen, void *cookie)
{
	const struct dirent *entry;
	struct stat st;

	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL)
			return errno == 0;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			seen(cookie, fd, sub, entry->d_name, &st);
	}
}

bool
check_directory(const struct mailbox *m, const char *sub, check_entry *seen, void *cookie)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	const int root = open(m->location.path, flags);
	const int fd = root >= 0 ? openat(root, sub, flags) : -1;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	bool good = dir != NULL && entries_read(dir, fd, sub, seen, cookie);
	const int error = errno;

	if (dir != NULL)
		(void)closedir(dir);
	else if (fd >= 0)
		(void)close(fd);
	if (root >= 0)
		(void)close(root);
	errno = error;
	return good;
}
