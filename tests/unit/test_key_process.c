/*
 * What the key process does for who asks it in order, and for who does not.
 */
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#include "pop3d/clock.h"
#include "pop3d/ipc_fds.h"
#include "pop3d/tls/key_client.h"
#include "pop3d/tls/keys.h"
#include "tests/unit/tests.h"
#include "tests/unit/tls_fixture.h"

static struct material *material;
static struct keys keys;
static struct ipc_message message;
static int asking = -1; /* the channel in use */
static unsigned char text[130];

static int
set_up(void **state)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";

	if (tls_fixture_set_up(state) != 0)
		return -1;
	memset(text, ' ', sizeof(text));
	memcpy(text + 64, context, sizeof(context));
	material = material_load(&tls_fixture_setup, &tls_fixture_report);
	return material != NULL && keys_start(&keys, material, &tls_fixture_setup,
					   KEYS_FOR_RESIDENT)
		       ? 0
		       : -1;
}

/* Closed here, whatever a test found: the process ends when no channel is left. */
static int
tear_down(void **state)
{
	(void)close(asking);
	asking = -1;
	keys_end(&keys);
	material_free(material);
	return tls_fixture_tear_down(state);
}

static int
channel(void)
{
	if (asking >= 0)
		(void)close(asking);
	asking = keys_channel(&keys);
	assert_true(asking >= 0);
	key_client_use(asking, clock_after(20));
	return asking;
}

static struct key_request
request(size_t n)
{
	return (struct key_request){.file = (uint32_t)material->pairs[0].key,
		.digest = "SHA2-256",
		.text = text,
		.n = n};
}

/* True if a signature came, and it is one of main.key over the text. */
static bool
is_signed(const struct key_request *wish)
{
	unsigned char signature[KEY_SIGNATURE_MAX];
	size_t n = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = key_client_sign(wish, signature, &n);

	assert_non_null(ctx);
	if (good) {
		assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL,
					 tls_fixture_main.key, NULL),
			1);
		assert_int_equal(
			EVP_DigestVerify(ctx, signature, n, wish->text, wish->n), 1);
	}
	EVP_MD_CTX_free(ctx);
	return good;
}

static void
it_signs_once(void **state)
{
	const struct key_request wish = request(130);

	(void)state;
	(void)channel();
	assert_true(is_signed(&wish));
	assert_false(is_signed(&wish));
	(void)channel();
	assert_true(is_signed(&wish));
}

static void
it_signs_nothing_else(void **state)
{
	struct key_request wishes[5];

	(void)state;
	for (size_t i = 0; i < 5; i++)
		wishes[i] = request(130);
	wishes[0].n = 129;
	wishes[1].file = (uint32_t)material->n_files;
	wishes[2].file = (uint32_t)material->pairs[0].certificate;
	memcpy(wishes[3].digest, "MD5", sizeof("MD5"));
	wishes[4].padding = KEY_PADDING_PSS;
	for (size_t i = 0; i < 5; i++) {
		(void)channel();
		assert_false(is_signed(&wishes[i]));
	}
}

/* True if the channel is closed in answer to a message. */
static bool
is_closed(int fd)
{
	return ipc_send(fd, &message) && ipc_receive(fd, &message) != 1;
}

static void
others_are_shut_out(void **state)
{
	int fd = channel(), other[2];

	(void)state;
	ipc_begin(&message, IPC_TLS_UP);
	assert_true(is_closed(fd));
	fd = channel();
	ipc_begin(&message, IPC_KEY_OPEN);
	assert_true(is_closed(fd));
	/* Only the resident process may bring others. */
	fd = channel();
	assert_true(ipc_pair(other));
	ipc_begin(&message, IPC_KEY_CHANNEL);
	assert_true(ipc_send_fds(fd, &message, other, 1));
	assert_int_equal(ipc_receive(fd, &message), 0);
	(void)close(other[0]);
	assert_int_equal(ipc_receive(other[1], &message), 0);
	(void)close(other[1]);
}

static void
files_are_told_about_once_a_channel(void **state)
{
	const size_t file = material->pairs[0].key;
	int fd = channel();

	(void)state;
	assert_null(key_client_open(material, file));
	assert_true(material->files[file].n_half > 0);
	for (size_t i = 0; i < material->n_files; i++) {
		ipc_begin(&message, IPC_KEY_OPEN);
		ipc_put_number(&message, (uint32_t)file);
		if (is_closed(fd)) {
			assert_int_equal(i, material->n_files - 1);
			break;
		}
		assert_int_equal(ipc_type(&message), IPC_KEY_OPENED);
	}
}

static void
the_resident_one_gets_no_signature(void **state)
{
	const struct key_request wish = request(130);

	(void)state;
	key_client_use(keys.channel, clock_after(20));
	assert_false(is_signed(&wish));
}

/* One that serves relays goes on until the last has closed. */
static void
who_is_there_is_served(void **state)
{
	const struct key_request wish = request(130);
	pid_t pid = keys.pid;

	(void)state;
	(void)channel();
	keys_leave(&keys);
	assert_true(is_signed(&wish));
	keys = (struct keys){.pid = pid, .channel = -1};
}

/* The octets of the file, the key among them, stay where they are. */
static void
certificates_beside_a_key_are_told(void **state)
{
	struct material *m;
	size_t file;

	(void)state;
	keys_end(&keys);
	tls_fixture_pem("main.pem", 0600, &tls_fixture_main, &tls_fixture_main,
		tls_fixture_main.key);
	tls_fixture_setup.key = tls_fixture_setup.certificate;
	m = material_load(&tls_fixture_setup, &tls_fixture_report);
	assert_non_null(m);
	assert_true(keys_start(&keys, m, &tls_fixture_setup, KEYS_FOR_RESIDENT));
	(void)channel();
	file = m->pairs[0].key;
	assert_int_equal(file, m->pairs[0].certificate);
	assert_null(key_client_open(m, file));
	assert_non_null(m->files[file].data);
	assert_null(memmem(m->files[file].data, m->files[file].n, "PRIVATE", 7));
	assert_non_null(memmem(m->files[file].data, m->files[file].n, "CERTIFICATE", 11));
	material_free(m);
}

static void
why_it_cannot_begin_is_told(void **state)
{
	const char *wrong;

	(void)state;
	keys_end(&keys);
	tls_fixture_setup.root = true;
	tls_fixture_setup.root_directory = tls_fixture_path("missing");
	assert_true(keys_start(&keys, material, &tls_fixture_setup, KEYS_FOR_RELAY));
	key_client_use(keys.channel, 0);
	wrong = key_client_open(material, material->pairs[0].key);
	assert_non_null(wrong);
	assert_non_null(strstr(wrong, "cannot begin: cannot be entered"));
	assert_null(material->files[material->pairs[0].key].half);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
test_key_process(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_signs_once),
		TEST(it_signs_nothing_else),
		TEST(others_are_shut_out),
		TEST(files_are_told_about_once_a_channel),
		TEST(the_resident_one_gets_no_signature),
		TEST(who_is_there_is_served),
		TEST(certificates_beside_a_key_are_told),
		TEST(why_it_cannot_begin_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
