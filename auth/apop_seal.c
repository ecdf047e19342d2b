#include "auth/apop_seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "auth/module_file.h"

#define PAD 64u /* how long a secret is shows in steps of this only */
#define OVERHEAD (crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)
/* A name, a NUL and a secret of full length, rounded up to whole steps. */
#define PLAIN_MAX ((AUTH_USER_MAX + 1 + AUTH_PASSWORD_MAX) / PAD * PAD + PAD)
#define BOX_MAX (OVERHEAD + PLAIN_MAX)

_Static_assert(APOP_KEY_OCTETS == crypto_secretbox_KEYBYTES, "a key is a secretbox's");
_Static_assert(APOP_SEALED_SIZE >=
		       sodium_base64_ENCODED_LEN(BOX_MAX, sodium_base64_VARIANT_ORIGINAL),
	"every sealed secret fits");

bool
apop_seal_start(void)
{
	return sodium_init() >= 0;
}

bool
apop_seal_read_key(const struct auth_host *host, const char *path,
	unsigned char key[APOP_KEY_OCTETS])
{
	unsigned char octets[APOP_KEY_OCTETS + 1];
	ssize_t n;
	int fd;

	fd = module_file_open(host, path, MODULE_FILE_SECRET);
	if (fd < 0)
		return false;
	do
		n = read(fd, octets, sizeof(octets));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		host->log(host->cookie, LOG_ERR, "%s: %s", path, strerror(errno));
	else if (n != (ssize_t)APOP_KEY_OCTETS)
		host->log(host->cookie, LOG_ERR, "%s: not a key of %u octets", path,
			APOP_KEY_OCTETS);
	(void)close(fd);
	memcpy(key, octets, APOP_KEY_OCTETS);
	explicit_bzero(octets, sizeof(octets));
	return n == (ssize_t)APOP_KEY_OCTETS;
}

bool
apop_seal_close(char text[APOP_SEALED_SIZE], const unsigned char key[APOP_KEY_OCTETS],
	const char *user, struct auth_span secret)
{
	unsigned char plain[PLAIN_MAX], box[BOX_MAX];
	size_t name = strlen(user), n;
	bool good;

	if (name > AUTH_USER_MAX || secret.n > AUTH_PASSWORD_MAX)
		return false;
	memcpy(plain, user, name + 1);
	if (secret.n > 0)
		memcpy(plain + name + 1, secret.p, secret.n);
	good = sodium_pad(&n, plain, name + 1 + secret.n, PAD, sizeof(plain)) == 0;
	if (good) {
		randombytes_buf(box, crypto_secretbox_NONCEBYTES);
		good = crypto_secretbox_easy(box + crypto_secretbox_NONCEBYTES, plain, n,
			       box, key) == 0;
		(void)sodium_bin2base64(text, APOP_SEALED_SIZE, box, OVERHEAD + n,
			sodium_base64_VARIANT_ORIGINAL);
	}
	explicit_bzero(plain, sizeof(plain));
	return good;
}

static bool
box_decode(struct auth_span text, unsigned char box[BOX_MAX], size_t *n)
{
	return text.n > 0 &&
	       sodium_base642bin(box, BOX_MAX, (const char *)text.p, text.n, NULL, n,
		       NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       *n >= OVERHEAD + PAD;
}

/* Take the secret out of what was sealed for this user. */
static bool
plain_take(const unsigned char *plain, size_t padded, const char *user,
	struct apop_secret *secret)
{
	size_t name = strlen(user) + 1, n;

	if (sodium_unpad(&n, plain, padded, PAD) != 0 || n < name ||
		memcmp(plain, user, name) != 0 || n - name > sizeof(secret->p))
		return false;
	secret->n = n - name;
	memcpy(secret->p, plain + name, secret->n);
	return true;
}

bool
apop_seal_open(struct apop_secret *secret, const unsigned char key[APOP_KEY_OCTETS],
	const char *user, struct auth_span text)
{
	unsigned char plain[PLAIN_MAX], box[BOX_MAX];
	size_t n;
	bool good;

	secret->n = 0;
	good = box_decode(text, box, &n) &&
	       crypto_secretbox_open_easy(plain, box + crypto_secretbox_NONCEBYTES,
		       n - crypto_secretbox_NONCEBYTES, box, key) == 0 &&
	       plain_take(plain, n - OVERHEAD, user, secret);
	explicit_bzero(plain, sizeof(plain));
	return good;
}

bool
apop_seal_is_sealed(struct auth_span text)
{
	unsigned char box[BOX_MAX];
	size_t n;

	return box_decode(text, box, &n);
}
