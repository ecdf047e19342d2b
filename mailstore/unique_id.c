#include "mailstore/unique_id.h"

#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 128 bits of the hash: enough that no two messages will ever share one by chance. */
#define HASH_OCTETS 16u

bool
unique_id_is_valid(const char *id, size_t n)
{
	if (n == 0 || n > MAIL_UID_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (id[i] < 0x21 || id[i] > 0x7E)
			return false;
	return true;
}

void
unique_id_from_name(const char *name, size_t n, char uid[MAIL_UID_MAX + 1])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX sha;

	if (unique_id_is_valid(name, n)) {
		memcpy(uid, name, n);
		uid[n] = '\0';
		return;
	}
	SHA256Init(&sha);
	SHA256Update(&sha, (const uint8_t *)name, n);
	SHA256Final(digest, &sha);
	for (size_t i = 0; i < HASH_OCTETS; i++) {
		uid[2 * i] = hex[digest[i] >> 4];
		uid[2 * i + 1] = hex[digest[i] & 0xF];
	}
	uid[2 * (size_t)HASH_OCTETS] = '\0';
}

struct order {
	char (*ids)[MAIL_UID_MAX + 1];
	const unsigned char *given;
};

static bool
is_given(const struct order *order, size_t i)
{
	return order->given != NULL && (order->given[i / 8] & (1u << i % 8)) != 0;
}

/* By id; of equal ones those given already come first; then in list order. */
static int
compare_ids(const void *a, const void *b, void *cookie)
{
	const size_t i = *(const size_t *)a, j = *(const size_t *)b;
	const struct order *order = cookie;
	const int result = strcmp(order->ids[i], order->ids[j]);

	if (result != 0)
		return result;
	if (is_given(order, i) != is_given(order, j))
		return is_given(order, i) ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* Whether id is one of the n ids that `sorted` puts in order. */
static bool
ids_have(char (*ids)[MAIL_UID_MAX + 1], const size_t *sorted, size_t n, const char *id)
{
	size_t low = 0, high = n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = strcmp(ids[sorted[middle]], id);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

void
unique_id_number(const char *id, size_t k, char uid[MAIL_UID_MAX + 1])
{
	char text[MAIL_UID_MAX + 32];
	const int n = snprintf(text, sizeof(text), "%s.%zu", id, k);

	/* Cannot be cut: an id and the digits of a size_t always fit. */
	unique_id_from_name(text, (size_t)n, uid);
}

/*
 * Find the number for each duplicate; 0 for the others.  A number whose text is an id of
 * another message already is passed over, so that one round makes all ids distinct.
 */
static void
choose_numbers(
	char (*ids)[MAIL_UID_MAX + 1], const size_t *sorted, size_t n, size_t *numbers)
{
	char uid[MAIL_UID_MAX + 1];
	size_t k = 1;

	for (size_t i = 0; i < n; i++) {
		numbers[sorted[i]] = 0;
		if (i == 0 || strcmp(ids[sorted[i]], ids[sorted[i - 1]]) != 0) {
			k = 1;
			continue;
		}
		do
			unique_id_number(ids[sorted[i]], ++k, uid);
		while (ids_have(ids, sorted, n, uid));
		numbers[sorted[i]] = k;
	}
}

bool
unique_id_distinguish(char (*ids)[MAIL_UID_MAX + 1], size_t n, const unsigned char *given)
{
	struct order order = {ids, given};
	size_t *sorted, *numbers;
	char uid[MAIL_UID_MAX + 1];
	bool done = false;

	if (n < 2)
		return true;
	sorted = reallocarray(NULL, n, sizeof(*sorted));
	numbers = reallocarray(NULL, n, sizeof(*numbers));
	if (sorted == NULL || numbers == NULL)
		goto out;
	for (size_t i = 0; i < n; i++)
		sorted[i] = i;
	qsort_r(sorted, n, sizeof(*sorted), compare_ids, &order);
	choose_numbers(ids, sorted, n, numbers);
	for (size_t i = 0; i < n; i++) {
		if (numbers[i] == 0)
			continue;
		unique_id_number(ids[i], numbers[i], uid);
		memcpy(ids[i], uid, sizeof(uid));
	}
	done = true;
out:
	free(sorted);
	free(numbers);
	return done;
}
