#include "mailstore/maildir_ahead.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/block.h"
#include "mailstore/maildir_count.h"

#define THREADS 7u /* beside the one that is there */
#define BATCH 512u
#define BATCH_NS 5000000000 /* in between the client may go away, or the lock */
#define STACK_SIZE ((size_t)256 * 1024)

/* A message takes long if opening and reading it did not come from memory. */
#define SLOW_NS 150000
#define OCTETS_PER_NS 1u
#define SLOW_ENOUGH 16u /* so many slow ones more than fast ones */

struct batch {
	struct maildir *m;
	size_t todo[BATCH]; /* indices of messages */
	size_t n;
	atomic_size_t next;
	int64_t end; /* when no more is begun, by now_ns() */
};

struct worker {
	struct batch *batch;
	struct session_lock *lock; /* of the thread that may keep it; else NULL */
};

static int64_t
now_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void
maildir_ahead_begin(struct maildir_pace *pace)
{
	pace->begun = now_ns();
}

void
maildir_ahead_end(struct maildir_pace *pace, uint64_t octets)
{
	const int64_t taken = now_ns() - pace->begun;

	if (taken > SLOW_NS + (int64_t)(octets / OCTETS_PER_NS))
		pace->slow += pace->slow < 2 * SLOW_ENOUGH;
	else if (pace->slow > 0)
		pace->slow--;
}

/* Nothing here touches what another thread may touch. */
static void
count_file(const struct worker *worker, struct maildir_entry *entry, int fd,
	unsigned char *buffer)
{
	const struct mail_options *options = worker->batch->m->options;
	struct maildir_counted counted;
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
		maildir_count(fd, (uint64_t)st.st_size, options->max_decompressed, buffer,
			worker->lock, &counted) != DECODER_OK)
		return;
	maildir_entry_count(entry, &st, &counted);
}

static void *
work(void *cookie)
{
	const struct worker *worker = cookie;
	struct batch *batch = worker->batch;
	const struct maildir *m = batch->m;
	unsigned char *buffer = block_new(MAILDIR_COUNT_BUFFER);
	size_t k;

	while (buffer != NULL && now_ns() < batch->end &&
		(k = atomic_fetch_add(&batch->next, 1)) < batch->n) {
		struct maildir_entry *entry = &batch->m->list.entries[batch->todo[k]];
		const int fd = openat(m->dirs[entry->sub], entry->name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		if (fd == -1)
			continue;
		count_file(worker, entry, fd, buffer);
		(void)close(fd);
	}
	free(buffer);
	return NULL;
}

static void
run_batch(struct batch *batch)
{
	struct worker here = {batch, &batch->m->lock}, others = {batch, NULL};
	pthread_t threads[THREADS];
	pthread_attr_t attributes;
	size_t started = 0;

	if (pthread_attr_init(&attributes) != 0)
		return;
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	while (started < THREADS && started + 1 < batch->n &&
		pthread_create(&threads[started], &attributes, work, &others) == 0)
		started++;
	(void)pthread_attr_destroy(&attributes);
	(void)work(&here);
	while (started > 0)
		(void)pthread_join(threads[--started], NULL);
}

void
maildir_ahead(struct maildir *m, size_t i)
{
	struct batch batch = {.m = m};

	if (m->pace.slow < SLOW_ENOUGH)
		return;
	for (; i < m->list.count && batch.n < BATCH; i++)
		if ((m->list.entries[i].flags & (MAILDIR_COUNTED | MAILDIR_GONE)) == 0)
			batch.todo[batch.n++] = i;
	if (batch.n < 2)
		return;
	batch.end = now_ns() + BATCH_NS;
	run_batch(&batch);
	for (size_t k = 0; k < batch.n; k++) {
		const struct maildir_entry *entry = &m->list.entries[batch.todo[k]];

		if ((entry->flags & MAILDIR_COUNTED) == 0)
			continue;
		m->counted++;
		m->counted_octets += entry->octets;
	}
	m->learned = true;
}
