/*
 * What may stand in a maildirsize, and in the names of messages.  The input up to the
 * first 0xff is a maildirsize, and what is behind that a name.  Sums are what whoever
 * adds a line makes of them, and nothing that is damaged has any.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/maildir_quota.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* A definition that was read is one that can be written. */
static void
check_definition(const struct maildir_quota *q)
{
	struct maildir_quota again = {.lines = 0};

	require(q->max_bytes >= 0 && q->max_messages >= 0);
	require(strchr(q->definition, '\n') == NULL);
	require(maildir_quota_define(&again, q->definition, strlen(q->definition)));
	require(again.max_bytes == q->max_bytes && again.max_messages == q->max_messages);
}

/* One message of 5 bytes more or less: the sums tell, unless they are out of range. */
static void
check_line(const struct maildir_quota *q, const char *text, size_t n, int64_t sign)
{
	struct maildir_quota more;
	char *longer = malloc(n + MAILDIR_QUOTA_LINE);

	require(longer != NULL);
	memcpy(longer, text, n);
	n += maildir_quota_line(longer + n, 5 * sign, sign);
	require(maildir_quota_parse(&more, longer, n));
	free(longer);
	if (more.damaged)
		return;
	require(more.lines == q->lines + 1);
	require(more.bytes == q->bytes + 5 * sign && more.messages == q->messages + sign);
}

static void
check_file(const char *text, size_t n)
{
	struct maildir_quota q;

	if (!maildir_quota_parse(&q, text, n))
		return;
	check_definition(&q);
	require(q.bytes >= 0 && q.messages >= 0);
	if (q.damaged) {
		require(q.bytes == 0 && q.messages == 0);
		return;
	}
	require(n > 0 && n <= MAILDIR_QUOTA_MAX && text[n - 1] == '\n' && q.lines > 0);
	check_line(&q, text, n, 1);
	check_line(&q, text, n, -1);
}

static void
check_name(const char *name)
{
	int64_t size = -1;

	if (maildir_quota_name_size(name, &size))
		require(size >= 0 && strstr(name, ",S=") != NULL);
	if (!maildir_quota_name_counts(name))
		require(strstr(name, ":2,") != NULL && strchr(name, 'T') != NULL);
	require(maildir_quota_add(size > 0 ? size : 0, INT64_MAX) == INT64_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, 0xff, size) : NULL;
	const size_t n = end != NULL ? (size_t)(end - data) : size;
	char *text = malloc(size + 1);

	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check_file(text, n);
	if (end != NULL)
		check_name(text + n + 1);
	free(text);
	return 0;
}
