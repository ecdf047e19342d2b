#include "tests/unit/import_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

bool
import_log_found(void *cookie, const char *key, const char *id)
{
	struct import_log *log = cookie;
	const size_t space = sizeof(log->text) - log->length;
	const int n = snprintf(log->text + log->length, space, "%s %s\n", key, id);

	assert_true(n > 0 && (size_t)n < space);
	log->length += (size_t)n;
	return log->left == 0 || --log->left > 0;
}
