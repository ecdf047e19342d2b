/*
 * A message from a role that has been taken over: any octets, taken by any sequence of
 * getters, and as a verdict.  Nothing is read beyond the end, ipc_end() is true only
 * if all fields were there and nothing else, and a verdict that is accepted is, octet
 * for octet, one that verdict_send() would have sent.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pop3d/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GETTERS 8u

static void
check(bool good)
{
	if (!good)
		abort();
}

/* The same message, read with a cursor of its own. */
struct cursor {
	const uint8_t *p;
	size_t left;
	bool bad;
};

static const uint8_t *
cursor_take(struct cursor *cursor, size_t n)
{
	const uint8_t *p = cursor->p;

	cursor->bad = cursor->bad || n > cursor->left;
	if (cursor->bad)
		return NULL;
	cursor->p += n;
	cursor->left -= n;
	return p;
}

static uint32_t
cursor_number(struct cursor *cursor)
{
	uint32_t number = 0;
	const uint8_t *p = cursor_take(cursor, 4);

	if (p != NULL)
		memcpy(&number, p, 4);
	return number;
}

static void
get_text(struct ipc_message *message, struct cursor *cursor, size_t size)
{
	/* Its size is exact, so that the sanitizers see an octet too many. */
	char *text = malloc(size);
	size_t n = cursor_number(cursor);
	const uint8_t *p = cursor_take(cursor, n);

	check(text != NULL);
	ipc_get_text(message, text, size);
	check(memchr(text, '\0', size) != NULL);
	if (p != NULL && (n >= size || memchr(p, '\0', n) != NULL))
		cursor->bad = true;
	check(cursor->bad ? text[0] == '\0'
			  : strlen(text) == n && memcmp(text, p, n) == 0);
	free(text);
}

static void
get_field(struct ipc_message *message, struct cursor *cursor, uint8_t getter)
{
	const unsigned char *p;
	size_t n, length;

	switch (getter % 3) {
	case 0:
		check(ipc_get_number(message) == cursor_number(cursor));
		break;
	case 1:
		length = cursor_number(cursor);
		p = ipc_get_bytes(message, &n);
		if (cursor_take(cursor, length) == NULL) {
			check(p == NULL && n == 0);
			break;
		}
		check(p >= message->data && n == length);
		check(p + n <= message->data + message->n);
		break;
	default:
		get_text(message, cursor, 1u + getter / 3u);
		break;
	}
	check(message->bad == cursor->bad);
	check(ipc_end(message) == (!cursor->bad && cursor->left == 0));
}

static void
check_verdict(int fds[2], const struct ipc_message *message)
{
	static struct verdict verdict;
	static struct ipc_message copy, again;

	copy = *message;
	copy.at = 1;
	copy.bad = false;
	if (!verdict_read(&copy, &verdict)) {
		/* Whoever does not look at what was returned sees no success. */
		check(verdict.result != RESULT_OK);
		return;
	}
	check(verdict.result <= RESULT_OK);
	check(verdict_send(fds[0], &verdict));
	check(ipc_receive(fds[1], &again) == 1);
	check(again.n == message->n && memcmp(again.data, message->data, again.n) == 0);
}

/* The first octets choose getters, the rest is the message. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ipc_message message;
	const uint8_t *raw = data + GETTERS;
	size_t n = size - GETTERS;
	struct cursor cursor;
	int fds[2];

	if (size <= GETTERS)
		return 0;
	check(ipc_pair(fds));
	check(send(fds[0], raw, n, 0) == (ssize_t)n);
	if (n > IPC_MAX) {
		check(ipc_receive(fds[1], &message) == -1);
		check(!ipc_end(&message));
	} else {
		check(ipc_receive(fds[1], &message) == 1);
		check(message.n == n && ipc_type(&message) == raw[0]);
		cursor = (struct cursor){raw + 1, n - 1, false};
		for (size_t i = 0; i < GETTERS; i++)
			get_field(&message, &cursor, data[i]);
		check_verdict(fds, &message);
	}
	check(close(fds[0]) == 0);
	check(close(fds[1]) == 0);
	return 0;
}
