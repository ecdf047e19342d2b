#include "pop3d/penalty.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pop3d/run_directory.h"
#include "pop3d/shared_map.h"

#define TABLE_NAME "penalty"
#define KEY_NAME "penalty.key"

static uint64_t
end_mark(struct hmac *hmac)
{
	unsigned char mac[SHA256_DIGEST_LENGTH];
	uint64_t mark;

	hmac_end(hmac, mac);
	memcpy(&mark, mac, sizeof(mark));
	return mark != 0 ? mark : 1;
}

/*
 * A table of another key, start of the machine, or layout begins anew: what stands in it
 * belongs to nobody, and its times could keep places for years.  One process sees to it;
 * a failure that another one counts meanwhile may be lost.
 */
static void
settle(struct penalty *penalty)
{
	static const uint32_t layout[] = {PENALTY_LAYOUT, PENALTY_TICKS, PENALTY_AREAS,
		PENALTY_BUCKETS, PENALTY_WAYS};
	struct penalty_table *table = penalty->table;
	uint64_t seal, found = atomic_load(&table->seal);
	struct hmac hmac;

	host_key_begin(&hmac, &penalty->key, "table");
	host_key_add(&hmac, layout, sizeof(layout));
	seal = end_mark(&hmac);
	if (found == seal || !atomic_compare_exchange_strong(&table->seal, &found, seal))
		return;
	/* A new one has nothing in it but zeros. */
	if (found == 0)
		return;
	penalty->foreign = true;
	penalty_clear(table);
}

const char *
penalty_open(struct penalty *penalty, const char *run_directory, bool *directory)
{
	const char *wrong;
	int fd = run_directory_open(run_directory, &wrong);

	penalty->table = NULL;
	*directory = fd >= 0;
	penalty->foreign = false;
	if (fd < 0)
		return wrong;
	wrong = "the files of the table cannot be used";
	if (host_key_read(&penalty->key, fd, KEY_NAME)) {
		penalty->table = shared_map_open(
			fd, TABLE_NAME, sizeof(*penalty->table), &penalty->foreign);
		if (penalty->table == NULL && (errno == ENOSPC || errno == EDQUOT))
			wrong = "there is no room for the table in its file system";
	}
	(void)close(fd);
	if (penalty->table == NULL)
		return wrong;
	settle(penalty);
	return NULL;
}

void
penalty_close(struct penalty *penalty)
{
	if (penalty->table != NULL)
		shared_map_close();
	penalty->table = NULL;
	explicit_bzero(&penalty->key, sizeof(penalty->key));
}

bool
penalty_key(struct host_key *key, const char *run_directory)
{
	const char *wrong;
	int fd = run_directory_open(run_directory, &wrong);
	bool done = fd >= 0 && host_key_read(key, fd, KEY_NAME);

	if (fd >= 0)
		(void)close(fd);
	return done;
}

struct penalty_rule
penalty_address_rule(const struct config_auth *auth)
{
	return (struct penalty_rule){.fade = (uint32_t)auth->penalty_fade * PENALTY_TICKS,
		.longest = (uint32_t)auth->penalty_max * PENALTY_TICKS};
}

struct penalty_rule
penalty_user_rule(const struct config_auth *auth)
{
	return (struct penalty_rule){.fade = (uint32_t)auth->penalty_fade * PENALTY_TICKS,
		.longest = (uint32_t)auth->penalty_user_max * PENALTY_TICKS};
}

uint32_t
penalty_now(void)
{
	struct timespec now = {0};

	/* Time in which the machine sleeps counts, too. */
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint32_t)now.tv_sec * PENALTY_TICKS +
	       (uint32_t)(now.tv_nsec / (1000000000L / PENALTY_TICKS));
}

static void
add_name(struct hmac *hmac, const char *user)
{
	char name[AUTH_USER_MAX + 1];
	size_t n = 0;

	for (; n < AUTH_USER_MAX && user[n] != '\0'; n++) {
		bool upper = user[n] >= 'A' && user[n] <= 'Z';
		name[n] = (char)(upper ? user[n] - 'A' + 'a' : user[n]);
	}
	host_key_add(hmac, name, n);
}

uint64_t
penalty_address(const struct host_key *key, const char *network)
{
	struct hmac hmac;

	host_key_begin(&hmac, key, "address");
	host_key_add(&hmac, network, strlen(network));
	return end_mark(&hmac);
}

uint64_t
penalty_user(const struct host_key *key, const char *user)
{
	struct hmac hmac;

	host_key_begin(&hmac, key, "user");
	add_name(&hmac, user);
	return end_mark(&hmac);
}

uint64_t
penalty_familiar(const struct host_key *key, const char *network, const char *user)
{
	struct hmac hmac;

	host_key_begin(&hmac, key, "familiar");
	host_key_add(&hmac, network, strlen(network));
	add_name(&hmac, user);
	return end_mark(&hmac);
}

uint64_t
penalty_guess(const struct host_key *key, const char *network, const char *user,
	struct auth_span secret)
{
	struct hmac hmac;

	host_key_begin(&hmac, key, "guess");
	host_key_add(&hmac, network, strlen(network));
	add_name(&hmac, user);
	host_key_add(&hmac, secret.p, secret.n);
	return end_mark(&hmac);
}
