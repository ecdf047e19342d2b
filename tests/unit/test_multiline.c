#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/octets.h"
#include "pop3d/multiline.h"
#include "tests/unit/letters.h"
#include "tests/unit/tests.h"
#include "tests/unit/wire_fixture.h"

#define CAP_MAX 40u
#define ROOM_MAX 1500u
#define LONGEST 700u
#define WIRE_MAX 4096u

/* A message, and what it must be on the wire. */
struct twin {
	unsigned char wire[WIRE_MAX];
	size_t n;
	uint64_t octets;
};

/* The same by one rule after the other, one octet after the other. */
static void
encode_slowly(struct twin *twin, const unsigned char *p, size_t n)
{
	int before = '\n';

	twin->n = 0;
	twin->octets = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '.' && before == '\n') {
			twin->wire[twin->n++] = '.';
			twin->octets--;
		}
		if (p[i] == '\n' && before != '\r')
			twin->wire[twin->n++] = '\r';
		twin->wire[twin->n++] = p[i];
		before = p[i];
	}
	if (before != '\n') {
		memcpy(twin->wire + twin->n, "\r\n", 2);
		twin->n += 2;
	}
	/* Stuffing went down by one for each dot: what is left is the message. */
	twin->octets += twin->n;
	memcpy(twin->wire + twin->n, ".\r\n", 3);
	twin->n += 3;
}

static uint64_t
count_octets(const unsigned char *p, size_t n)
{
	struct octets o = {0};

	octets_add(&o, p, n);
	return octets_total(&o);
}

typedef size_t encode_function(struct multiline *m, const unsigned char *p, size_t n,
	size_t *used, unsigned char *out, size_t cap);

/* Encode in chunks of one size into room of one size. */
static void
check_sizes(encode_function *encode, const struct twin *twin, const unsigned char *p,
	size_t n, size_t size, size_t cap)
{
	unsigned char wire[WIRE_MAX + ROOM_MAX + MULTILINE_FINISH];
	struct multiline m = {0};
	size_t written = 0;

	for (size_t at = 0; at < n;) {
		size_t part = n - at < size ? n - at : size;
		size_t used = SIZE_MAX;
		/* Of its own, so that a sanitizer sees a look or a step beyond. */
		unsigned char *room = malloc(cap);
		assert_non_null(room);
		size_t got = encode(&m, p + at, part, &used, room, cap);

		/* Room for the growth of one octet is enough to get on. */
		if (got > cap || used == 0 || used > part || written + got > WIRE_MAX)
			fail_msg("chunk %zu, room %zu: used %zu, wrote %zu", size, cap,
				used, got);
		memcpy(wire + written, room, got);
		free(room);
		at += used;
		written += got;
	}
	if (multiline_octets(&m) != twin->octets)
		fail_msg("chunk %zu, room %zu: %llu octets, not %llu", size, cap,
			(unsigned long long)multiline_octets(&m),
			(unsigned long long)twin->octets);
	written += multiline_finish(&m, wire + written);
	if (written != twin->n || memcmp(wire, twin->wire, written) != 0)
		fail_msg("chunk %zu, room %zu: not what the twin wrote", size, cap);
}

/* Under the sanitizers a read behind the message would be seen. */
static void
check_message(const void *message, size_t n, size_t most_size, size_t most_cap)
{
	static struct twin twin;
	unsigned char *p = malloc(n > 0 ? n : 1);

	assert_non_null(p);
	assert_true(2 * n + MULTILINE_FINISH < WIRE_MAX);
	if (n > 0)
		memcpy(p, message, n);
	encode_slowly(&twin, p, n);
	assert_int_equal(twin.octets, count_octets(p, n));
	for (size_t size = 1; size == 1 || size <= most_size; size++)
		for (size_t cap = MULTILINE_GROWTH; cap <= most_cap; cap++)
			check_sizes(multiline_encode, &twin, p, n, size, cap);
	free(p);
}

/* In chunks and rooms about the size of a vector, or of several, by either encoder. */
static void
check_vectors(const unsigned char *text, size_t n)
{
	static const size_t sizes[] = {1, 31, 32, 33, 70, LONGEST};
	static const size_t caps[] = {2, 34, 35, 36, 37, 68, 101, ROOM_MAX};
	static struct twin twin;
	unsigned char *p = malloc(n > 0 ? n : 1);

	assert_non_null(p);
	memcpy(p, text, n);
	encode_slowly(&twin, p, n);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t j = 0; j < sizeof(caps) / sizeof(caps[0]); j++) {
			check_sizes(multiline_encode, &twin, p, n, sizes[i], caps[j]);
			check_sizes(multiline_encode_portable, &twin, p, n, sizes[i],
				caps[j]);
		}
	free(p);
}

static void
test_nasty(void **state)
{
#define NASTY(text)                                                                      \
	{                                                                                \
		text, sizeof(text) - 1                                                   \
	}
	static const struct {
		const char *text;
		size_t n;
	} nasty[] = {
		NASTY(""),
		NASTY("\n"),
		NASTY("."),
		NASTY(".."),
		NASTY(".\n"),
		NASTY("..\n"),
		NASTY("\r"),
		NASTY("\r\n"),
		NASTY("\r\r\n"),
		NASTY("\n\r"),
		NASTY("\r."),
		NASTY("\r.\n"),
		NASTY("a\r"),
		NASTY("a\r\r"),
		NASTY("a\r\r\n"),
		NASTY("a\rb\r\nc\r"),
		NASTY(".\r\n."),
		NASTY(".\r\n.\r\n"),
		NASTY("a\n.\nb\n"),
		NASTY("a\r\n.\r\nb\r\n"),
		NASTY("a\n.\r\n"),
		NASTY("a\r.\nb"),
		NASTY("a\n..\n...\n"),
		NASTY("\n.\n.\n.\n"),
		NASTY("\n\n\n\n"),
		NASTY("\r\r\r\r"),
		NASTY("\0"),
		NASTY("\0\n.\0\n\0."),
		NASTY("\xff\xfe\x80.\n.\x85\x8a\x8d\n"),
		NASTY("caf\xc3\xa9\n.\xe2\x80\xa8\n"),
		NASTY("no line end at all"),
		NASTY("Subject: x\n\nbody\n.\nmore\n"),
		NASTY("Subject: x\r\n\r\nbody\r\n.\r\nmore"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++)
		check_message(nasty[i].text, nasty[i].n, nasty[i].n, CAP_MAX);
#undef NASTY
}

/* Each text there is of four letters that matter, cut at each place. */
static void
test_all_short(void **state)
{
	static const char letters[4] = {'a', '.', '\r', '\n'};
	char text[7];

	(void)state;
	for (size_t n = 0; n <= sizeof(text); n++)
		for (unsigned code = 0; code < 1u << (2 * n); code++) {
			for (size_t i = 0; i < n; i++)
				text[i] = letters[code >> (2 * i) & 3];
			check_message(text, n, n, 2 * n + MULTILINE_GROWTH);
		}
}

/* Lines longer than the room, with dots and CRs at each border of a chunk. */
static void
test_borders(void **state)
{
	unsigned char text[1500];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 61; i < sizeof(text); i += 67)
		memcpy(text + i, i % 2 == 0 ? "\r\n.\r" : "\n.\n.", 4);
	check_message(text, sizeof(text), 70, CAP_MAX);
	memset(text, '.', sizeof(text));
	check_message(text, sizeof(text), 7, CAP_MAX);
	memset(text, '\n', sizeof(text));
	check_message(text, sizeof(text), 7, CAP_MAX);
}

static void
test_vectors(void **state)
{
	static const char letters[] = "\n\r.\n.a";
	unsigned char text[LONGEST];

	(void)state;
	srandom(1);
	for (size_t round = 0; round < 1000; round++)
		check_vectors(text, letters_fill(text, LONGEST, letters));
}

static void
test_literally(void **state)
{
	static const char message[] = "To: jo\n\n.\n..x\r\n\ra\n\xe9";
	static const char wire[] = "To: jo\r\n\r\n..\r\n...x\r\n\ra\r\n\xe9";
	struct multiline m = {0};
	unsigned char out[64];
	size_t used, n;

	(void)state;
	n = multiline_encode(&m, (const unsigned char *)message, sizeof(message) - 1,
		&used, out, sizeof(out));
	assert_int_equal(used, sizeof(message) - 1);
	assert_int_equal(n, sizeof(wire) - 1);
	assert_memory_equal(out, wire, n);
	assert_int_equal(multiline_octets(&m), sizeof(wire) - 1 - 2 + 2);
	assert_int_equal(multiline_finish(&m, out), MULTILINE_FINISH);
	assert_memory_equal(out, "\r\n.\r\n", 5);
	memset(&m, 0, sizeof(m));
	assert_int_equal(multiline_octets(&m), 0);
	assert_int_equal(multiline_finish(&m, out), 3);
	assert_memory_equal(out, ".\r\n", 3);
}

static void
test_nothing(void **state)
{
	struct multiline m = {0};
	unsigned char out[8] = "";
	size_t used = 99;

	(void)state;
	assert_int_equal(multiline_encode(&m, out, 0, &used, out, sizeof(out)), 0);
	assert_int_equal(used, 0);
	/* Nothing in the middle changes nothing. */
	assert_int_equal(multiline_encode(&m, (const unsigned char *)"a\r", 2, &used, out,
				 sizeof(out)),
		2);
	assert_int_equal(multiline_encode(&m, out, 0, &used, out, sizeof(out)), 0);
	assert_int_equal(multiline_encode(&m, (const unsigned char *)"\n", 1, &used, out,
				 sizeof(out)),
		1);
	assert_int_equal(multiline_octets(&m), 3);
}

/* Through an output buffer of each small size. */
static void
test_put(void **state)
{
	static const char message[] = ".a\r\n.\n..\n\rlonger than any of the buffers";
	static const char wire[] = "..a\r\n..\r\n...\r\n\rlonger than any of the buffers"
				   "\r\n.\r\n";

	(void)state;
	for (size_t cap = MULTILINE_FINISH; cap < sizeof(wire) + 8; cap++)
		for (size_t size = 1; size < sizeof(message); size++) {
			struct multiline m = {0};
			struct output output;
			struct wire w;
			unsigned char *buf = malloc(cap);

			assert_non_null(buf);
			wire_open(&w, WIRE_SOCKET);
			output_init(&output, &w.stream, 1, buf, cap);
			for (size_t at = 0; at < sizeof(message) - 1; at += size) {
				size_t left = sizeof(message) - 1 - at;

				multiline_put(&m, &output, message + at,
					left < size ? left : size);
			}
			multiline_close(&m, &output);
			assert_int_equal(output_flush(&output), STREAM_OK);
			wire_expect(&w, wire);
			wire_close(&w);
			free(buf);
		}
}

int
test_multiline(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nasty),
		cmocka_unit_test(test_all_short),
		cmocka_unit_test(test_borders),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_literally),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_put),
	};

	return cmocka_run_group_tests_name("multiline", tests, NULL, NULL);
}
