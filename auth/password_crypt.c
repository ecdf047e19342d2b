#include "auth/password_crypt.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(PASSWORD_CRYPT_MAX + 1 == CRYPT_MAX_PASSPHRASE_SIZE, "libcrypt's limit");

/* Each of these is a few seconds of a processor, or a gibibyte. */
#define ROUNDS_MAX 2000000u
#define BCRYPT_COST_MAX 15u
#define MEMORY_MAX_LOG2 30u

/* The digit of crypt(5)'s base 64; 64 if it is none. */
static unsigned
digit_value(char c)
{
	static const char digits[] =
		"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (unsigned)(p - digits) : 64;
}

/* "$6$rounds=NUMBER$salt$hash", or without the rounds */
static enum password_verdict
sha_cost(const char *options)
{
	static const char key[] = "rounds=";
	unsigned long rounds = 0;

	if (strncmp(options, key, sizeof(key) - 1) != 0)
		return PASSWORD_RIGHT;
	options += sizeof(key) - 1;
	if (*options < '1' || *options > '9')
		return PASSWORD_UNSUPPORTED;
	for (; *options >= '0' && *options <= '9'; options++) {
		rounds = rounds * 10 + (unsigned long)(*options - '0');
		if (rounds > ROUNDS_MAX)
			return PASSWORD_EXCESSIVE;
	}
	return *options == '$' ? PASSWORD_RIGHT : PASSWORD_UNSUPPORTED;
}

/* "$2b$10$", the logarithm of the cost in two digits */
static enum password_verdict
bcrypt_cost(const char *options)
{
	unsigned cost;

	if (options[0] < '0' || options[0] > '9' || options[1] < '0' ||
		options[1] > '9' || options[2] != '$')
		return PASSWORD_UNSUPPORTED;
	cost = (unsigned)(options[0] - '0') * 10 + (unsigned)(options[1] - '0');
	return cost <= BCRYPT_COST_MAX ? PASSWORD_RIGHT : PASSWORD_EXCESSIVE;
}

/* 128 octets by N = 2 to the power of log2 by r, p times over */
static enum password_verdict
memory_cost(unsigned log2, uint64_t r, uint64_t p)
{
	const uint64_t most = UINT64_C(1) << MEMORY_MAX_LOG2;

	if (log2 >= MEMORY_MAX_LOG2 || r > most || p > most)
		return PASSWORD_EXCESSIVE;
	if (r == 0 || p == 0)
		return PASSWORD_UNSUPPORTED;
	return r * p <= most / 128 && r * p <= most / 128 >> log2 ? PASSWORD_RIGHT
								  : PASSWORD_EXCESSIVE;
}

/*
 * "$y$jNr$": yescrypt with no more parameters than crypt_gensalt(3) gives it, each one
 * digit.  N is 2 to the power of its digit plus 1, r its digit plus 1.
 */
static enum password_verdict
yescrypt_cost(const char *options)
{
	unsigned n, r;

	if (options[0] != 'j')
		return PASSWORD_UNSUPPORTED;
	n = digit_value(options[1]);
	/* From 48 on a digit is the first of a longer number. */
	r = n < 48 ? digit_value(options[2]) : 64;
	if (r >= 48 || options[3] != '$')
		return PASSWORD_UNSUPPORTED;
	return memory_cost(n + 1, r + 1, 1);
}

/* Thirty bits in five digits, the lowest first */
static uint64_t
number_decode(const char *digits)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 5; i++) {
		unsigned digit = digit_value(digits[i]);

		if (digit == 64)
			return 0;
		value |= (uint64_t)digit << 6 * i;
	}
	return value;
}

/* "$7$Nrrrrrppppp": scrypt */
static enum password_verdict
scrypt_cost(const char *options)
{
	unsigned n = digit_value(options[0]);

	if (n == 64 || strlen(options) < 11)
		return PASSWORD_UNSUPPORTED;
	return memory_cost(n, number_decode(options + 1), number_decode(options + 6));
}

enum password_verdict
password_crypt_cost(const char *hash)
{
	if (strncmp(hash, "$6$", 3) == 0 || strncmp(hash, "$5$", 3) == 0)
		return sha_cost(hash + 3);
	if (strncmp(hash, "$2a$", 4) == 0 || strncmp(hash, "$2b$", 4) == 0 ||
		strncmp(hash, "$2y$", 4) == 0)
		return bcrypt_cost(hash + 4);
	if (strncmp(hash, "$y$", 3) == 0)
		return yescrypt_cost(hash + 3);
	if (strncmp(hash, "$7$", 3) == 0)
		return scrypt_cost(hash + 3);
	return strncmp(hash, "$1$", 3) == 0 ? PASSWORD_RIGHT : PASSWORD_UNSUPPORTED;
}

static enum password_verdict
output_compare(const char *output, const char *hash)
{
	size_t n = strlen(hash);

	if (strlen(output) != n)
		return PASSWORD_WRONG;
	return sodium_memcmp(output, hash, n) == 0 ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

enum password_verdict
password_crypt_verify(const char *hash, struct auth_span password)
{
	struct crypt_data *data;
	char phrase[PASSWORD_CRYPT_MAX + 1];
	enum password_verdict verdict;
	const char *output;

	if (password.n >= sizeof(phrase))
		return PASSWORD_WRONG;
	data = calloc(1, sizeof(*data));
	if (data == NULL)
		return PASSWORD_ERROR;
	if (password.n > 0)
		memcpy(phrase, password.p, password.n);
	phrase[password.n] = '\0';
	output = crypt_rn(phrase, hash, data, (int)sizeof(*data));
	if (output != NULL)
		verdict = output_compare(output, hash);
	else
		verdict = errno == ENOMEM ? PASSWORD_ERROR : PASSWORD_UNSUPPORTED;
	explicit_bzero(phrase, sizeof(phrase));
	explicit_bzero(data, sizeof(*data));
	free(data);
	return verdict;
}
