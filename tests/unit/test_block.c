#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailstore/block.h"
#include "tests/unit/tests.h"

static void
blocks_begin_where_copies_are_fast(void **state)
{
	static const size_t sizes[] = {1, 63, 64, 65, 65536, 262144, 1048577};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char *p = block_new(sizes[i]);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % BLOCK_ALIGNMENT, 0);
		memset(p, 'x', sizes[i]);
		free(p);
	}
}

static void
no_block_of_such_a_size(void **state)
{
	(void)state;
	assert_null(block_new(0));
	assert_null(block_new(SIZE_MAX));
}

int
test_block(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_begin_where_copies_are_fast),
		cmocka_unit_test(no_block_of_such_a_size),
	};

	return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
