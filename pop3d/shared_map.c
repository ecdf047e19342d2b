#include "pop3d/shared_map.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pop3d/run_directory.h"

#define STAT_BLOCK 512u /* unit of st_blocks, always */

static void *map; /* NULL: there is none */
static size_t map_size;
static struct sigaction before;

/* Where it is not the map that fails the fault comes again, and is then fatal. */
static void
on_bus_error(int number, siginfo_t *info, void *context)
{
	int error = errno;
	uintptr_t at = (uintptr_t)info->si_addr, begin = (uintptr_t)map;

	(void)number;
	(void)context;
	if (at < begin || at - begin >= map_size ||
		mmap(map, map_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		(void)signal(SIGBUS, SIG_DFL);
	errno = error;
}

/*
 * Else a page that finds no room when it is first written would become this process's
 * own, and what it is told there nobody else would ever learn.  Not by posix_fallocate():
 * where the file system cannot, that writes zeros, over what others put there meanwhile.
 */
static bool
make_room(int fd, size_t size)
{
	struct stat st;
	int done;

	if (fstat(fd, &st) == 0 && (uint64_t)st.st_blocks * STAT_BLOCK >= size)
		return true;
	do
		done = fallocate(fd, 0, 0, (off_t)size);
	while (done != 0 && errno == EINTR);
	return done == 0 || errno == EOPNOTSUPP;
}

static void *
map_file(int fd, size_t size, bool *replaced)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) != 0)
		return NULL;
	*replaced = st.st_size != 0 && st.st_size != (off_t)size;
	if ((*replaced && ftruncate(fd, 0) != 0) ||
		(st.st_size != (off_t)size && ftruncate(fd, (off_t)size) != 0) ||
		!make_room(fd, size))
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

void *
shared_map_open(int run_directory, const char *name, size_t size, bool *replaced)
{
	const struct sigaction action = {
		.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
	int error, fd = run_directory_file(run_directory, name);

	*replaced = false;
	if (fd < 0)
		return NULL;
	map = map_file(fd, size, replaced);
	error = errno;
	(void)close(fd);
	errno = error;
	if (map == NULL)
		return NULL;
	map_size = size;
	(void)sigaction(SIGBUS, &action, &before);
	return map;
}

void
shared_map_close(void)
{
	if (map == NULL)
		return;
	(void)sigaction(SIGBUS, &before, NULL);
	(void)munmap(map, map_size);
	map = NULL;
}
