/*
 * The interface between pop3d and an authentication module.
 *
 * A module is one shared object that exports one constant:
 *
 *	const struct auth_module pop3d_auth_module = { ... };
 *
 * It may have a second part, an object of its own with what not every answer needs, see
 * AUTH_FLAG_PART.
 *
 * It is a credential back end: it says whether a proof of identity is right and whose
 * mail that opens.  What the client says to hand over its proof (USER and PASS, SASL)
 * is the business of pop3d's mechanisms; a module never sees the client.
 *
 * A module is loaded by root, before or inside the auth process, which serves one
 * login attempt and dies.  It links to nothing of pop3d's: all that it needs from its
 * host comes in struct auth_host.  Nothing is freed across this boundary.
 *
 * See pop3d_auth(3).
 */
#ifndef AUTH_MODULE_H
#define AUTH_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The host refuses a module that was built for any other number. */
#define POP3D_AUTH_ABI 3u

#define AUTH_USER_MAX 255u  /* octets of a user name, RFC 4616 section 2 */
#define AUTH_PATH_MAX 1023u /* octets of a home directory or a mail location */

/* Of login_delay and expire: what the configuration says. */
#define AUTH_UNSET UINT32_MAX
/* Of expire: mail is kept for ever. */
#define AUTH_EXPIRE_NEVER (UINT32_MAX - 1)

#define AUTH_SALT_MAX 64u   /* octets of a SCRAM salt */
#define AUTH_KEY_OCTETS 32u /* of a SHA-256 */

/* What kind of proof a request carries; a module's `proofs` is a mask of these. */
enum auth_proof {
	/* secret is the password as the client sent it. */
	AUTH_PROOF_PASSWORD = 1u << 0,
	/* secret is the MD5 of challenge and shared secret in hex (RFC 1939 section 7).
	 */
	AUTH_PROOF_APOP = 1u << 1,
	/* secret is the HMAC-MD5 of challenge in hex, the key the shared secret (RFC
	   2195). */
	AUTH_PROOF_CRAM_MD5 = 1u << 2,
	/*
	 * There is no secret: with AUTH_OK the module fills out->scram as well, and the
	 * mechanism then sees for itself whether the client knows the password (RFC
	 * 5802).
	 */
	AUTH_PROOF_SCRAM_SHA_256 = 1u << 3,
	/* secret is a bearer token (RFC 7628); user may be "": the token tells. */
	AUTH_PROOF_TOKEN = 1u << 4,
	/* There is no secret: who the user is was proven otherwise, by a certificate. */
	AUTH_PROOF_TRUSTED = 1u << 5,
};

enum auth_flag {
	/* verify() needs uid 0.  Without it the auth process gives up root after open().
	 */
	AUTH_FLAG_ROOT = 1u << 0,
	/*
	 * There is a second part, NAME.part beside NAME.so.  Where each connection pays
	 * for what is loaded, the host tries without, if this module is the first: a user
	 * whose password is known needs no library that computes hashes.
	 */
	AUTH_FLAG_PART = 1u << 1,
};

/* Zeroed memory must never mean success. */
enum auth_result {
	AUTH_TEMPFAIL =
		0,     /* the back end is broken: [SYS/TEMP], no other module is asked */
	AUTH_DENY = 1, /* my user, wrong proof or no access: final */
	AUTH_UNKNOWN = 2, /* not my user: the next module may try */
	AUTH_MORE = 3,    /* for mechanisms: another message of the client is needed */
	AUTH_OK = 4,      /* out->identity is filled */
};

/* Borrowed bytes, not NUL-terminated. */
struct auth_span {
	const unsigned char *p;
	size_t n;
};

/* One question.  Owned by the host, constant and valid until verify() returns. */
struct auth_request {
	uint32_t size;           /* sizeof(struct auth_request) of the host */
	uint32_t proof;          /* one of enum auth_proof */
	const char *user;        /* 1 to AUTH_USER_MAX octets, no control bytes */
	struct auth_span secret; /* holds no NUL; followed by a NUL */
	struct auth_span
		challenge;     /* what secret answers; empty where nothing was asked */
	const char *mechanism; /* its name, for the log */
	const char *remote;    /* client's numeric address, "" if it has none */
	const char *local;     /* server's numeric address, "" if it has none */
	uint32_t secure;       /* 1: nobody can listen to the connection */
};

/* What SCRAM-SHA-256 stores of a password, RFC 5802 section 3. */
struct auth_scram {
	uint32_t iterations;
	uint32_t salt_octets;
	unsigned char salt[AUTH_SALT_MAX];
	unsigned char stored_key[AUTH_KEY_OCTETS];
	unsigned char server_key[AUTH_KEY_OCTETS];
};

/*
 * Whose mail a proof opens.  When verify() is called uid, gid, login_delay and expire
 * already say "the configuration's", and all else is zero.
 */
struct auth_identity {
	char user[AUTH_USER_MAX + 1]; /* canonical name; "": as the client gave it */
	uid_t uid;                    /* (uid_t)-1: the configuration's */
	gid_t gid;                    /* (gid_t)-1: the configuration's */
	char home[AUTH_PATH_MAX + 1]; /* absolute; "": none */
	char mail[AUTH_PATH_MAX + 1]; /* mail location; "": the configuration's */
	uint32_t login_delay; /* seconds from login to login, RFC 2449 section 6.5 */
	uint32_t expire;      /* days that mail is kept, RFC 2449 section 6.7 */
};

struct auth_out {
	struct auth_identity identity;
	char reason[128];        /* for the log only, never shown to the client */
	struct auth_scram scram; /* for AUTH_PROOF_SCRAM_SHA_256 */
	/*
	 * With AUTH_OK: keep this process, with its privileges, until the session has
	 * ended, however it ends, and call the module's close() then.
	 */
	uint32_t hold;
};

/* What the host lends.  Valid as long as the module's context. */
struct auth_host {
	uint32_t abi;
	uint32_t size; /* sizeof(struct auth_host) of the host */
	void *cookie;  /* to be handed back as the first argument below */
	/* Log a line; priority is one of syslog(3)'s.  Never log a secret. */
	void (*log)(void *cookie, int priority, const char *format, ...)
		__attribute__((format(printf, 3, 4)));
	/* The value of a key of the module's own section, NULL if it is not set. */
	const char *(*config)(void *cookie, const char *key);
	/* Fill with random bytes from the kernel; false on failure. */
	bool (*random)(void *cookie, void *p, size_t n);
	/* Overwrite a secret in a way the compiler cannot leave out. */
	void (*wipe)(void *p, size_t n);
	/*
	 * Remember that a proof that is costly to check was right, and ask for it. stored
	 * is what it was checked against: once that changes nothing is remembered.
	 * Neither it nor the request's secret is kept, only a keyed hash; false may come
	 * at any time.
	 */
	bool (*known)(void *cookie, const struct auth_request *request,
		struct auth_span stored);
	void (*remember)(void *cookie, const struct auth_request *request,
		struct auth_span stored);
	/*
	 * To be called in verify() before a computation that takes much time or memory:
	 * waits until no more than limits.verifications processes of this host have one
	 * under way for this module.  The turn lasts until verify() returns; more calls
	 * meanwhile do nothing.  false: it did not come in time, and the answer is
	 * AUTH_TEMPFAIL.
	 */
	bool (*wait_turn)(void *cookie);
	/* `functions` of the module's second part; NULL: this process has not loaded it.
	 */
	const void *part;
	/*
	 * To be called in verify() where part is NULL and there is no answer without it:
	 * whatever verify() returns then counts for nothing, and the same question is
	 * asked in another process, which has the part and has called open() as well.  So
	 * nothing that should happen once may have happened before.
	 */
	void (*want_part)(void *cookie);
};

/* What a second part exports, as pop3d_auth_part. */
struct auth_part {
	uint32_t abi;          /* POP3D_AUTH_ABI */
	uint32_t size;         /* sizeof(struct auth_part) of the part */
	const char *name;      /* of the module */
	const void *functions; /* a table that only the module knows; not NULL */
};

struct auth_module {
	uint32_t abi;     /* POP3D_AUTH_ABI */
	uint32_t size;    /* sizeof(struct auth_module) of the module */
	const char *name; /* as in `modules = NAME` and [auth.NAME] */
	const char *const
		*keys;   /* config keys it knows, NULL at the end; others are errors */
	uint32_t proofs; /* mask of enum auth_proof */
	uint32_t flags;  /* mask of enum auth_flag */
	/*
	 * Called once, with the privileges of the auth process at its start (root, where
	 * pop3d runs as root): open files here.  false: broken, already logged.
	 */
	bool (*open)(void **context, const struct auth_host *host);
	/* Never returns AUTH_MORE.  Takes as long for an unknown user as for a wrong
	 * proof. */
	enum auth_result (*verify)(
		void *context, const struct auth_request *request, struct auth_out *out);
	/* May be NULL. */
	void (*close)(void *context);
};

#endif
