#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/checksum.h"
#include "tests/unit/tests.h"

#define SEED 0x0123456789ABCDEFu

static unsigned char text[1000];

static void
sum_with(struct checksum *checksum, uint64_t seed, size_t step, unsigned char *sum)
{
	checksum_begin(checksum, seed);
	for (size_t i = 0; i < sizeof(text); i += step)
		checksum_add(checksum, text + i,
			step < sizeof(text) - i ? step : sizeof(text) - i);
	checksum_end(checksum, sum);
}

static void
test_pieces_and_seeds(void **state)
{
	struct checksum *checksum = checksum_new();
	unsigned char whole[CHECKSUM_SIZE], sum[CHECKSUM_SIZE], other[CHECKSUM_SIZE];

	(void)state;
	assert_non_null(checksum);
	checksum_of(text, sizeof(text), whole);
	for (size_t step = 1; step <= sizeof(text); step += 37) {
		sum_with(checksum, 0, step, sum);
		assert_memory_equal(sum, whole, sizeof(sum));
	}
	sum_with(checksum, SEED, 7, other);
	assert_memory_not_equal(other, whole, sizeof(other));
	sum_with(checksum, SEED, 1000, sum);
	assert_memory_equal(sum, other, sizeof(sum));
	sum_with(checksum, 0, 1000, sum);
	assert_memory_equal(sum, whole, sizeof(sum));
	checksum_free(checksum);
}

/* Whatever vectors there are: pieces around the sizes of buffers, stripes and blocks. */
static void
test_same_on_all_processors(void **state)
{
	struct checksum *fast = checksum_new(), *portable = checksum_new();
	unsigned char *long_text = malloc(5010), sum[CHECKSUM_SIZE], other[CHECKSUM_SIZE];

	(void)state;
	assert_non_null(fast);
	assert_non_null(portable);
	assert_non_null(long_text);
	for (size_t i = 0; i < 5010; i++)
		long_text[i] = (unsigned char)(i * 2654435761u >> 13);
	for (size_t n = 1; n <= 5000; n = n < 1100 ? n + 1 : n + 61) {
		const size_t pieces[] = {n, n / 2, n / 3, 74, n};

		checksum_begin(fast, SEED);
		checksum_begin(portable, SEED);
		for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
			checksum_add(fast, long_text + i, pieces[i]);
			checksum_add_portable(portable, long_text + i, pieces[i]);
		}
		checksum_end(fast, sum);
		checksum_end(portable, other);
		assert_memory_equal(sum, other, sizeof(sum));
	}
	free(long_text);
	checksum_free(fast);
	checksum_free(portable);
}

/* Leave memory behind that looks like a checksum of this seed, at whatever alignment. */
static void
dirty_memory(void)
{
	const size_t words = 8192;
	uint64_t *p = malloc(words * sizeof(*p));

	assert_non_null(p);
	for (size_t i = 0; i < words; i++) {
		const size_t place = ((uintptr_t)(p + i) / sizeof(*p)) % 8;

		/* Where XXH3 has the seed, and a pointer to what is derived elsewhere. */
		p[i] = place == 5 ? SEED : place == 7 ? 0 : 0xA5A5A5A5A5A5A5A5;
	}
	__asm__ volatile("" : : "r"(p) : "memory");
	free(p);
}

/* Allocators give memory out again: what stands in it must play no part. */
static void
test_used_memory(void **state)
{
	unsigned char wanted[CHECKSUM_SIZE], sum[CHECKSUM_SIZE];
	struct checksum *first = checksum_new(), *second;

	(void)state;
	assert_non_null(first);
	sum_with(first, 0, 100, wanted);
	sum_with(first, SEED, 100, wanted);
	dirty_memory();
	second = checksum_new();
	assert_non_null(second);
	sum_with(second, SEED, 100, sum);
	assert_memory_equal(sum, wanted, sizeof(sum));
	checksum_free(first);
	checksum_free(second);
}

int
test_checksums(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_and_seeds),
		cmocka_unit_test(test_used_memory),
		cmocka_unit_test(test_same_on_all_processors),
	};

	return cmocka_run_group_tests_name("checksums", tests, NULL, NULL);
}
