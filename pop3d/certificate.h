/*
 * Which user a client's certificate stands for (EXTERNAL).  See client_user and
 * client_map in pop3d.conf(5).
 */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include "auth/auth_module.h"
#include "pop3d/tls/info.h"

enum certificate_user {
	CERTIFICATE_CN,    /* the common name is the user's */
	CERTIFICATE_EMAIL, /* the only address in subjectAltName is the user's */
	CERTIFICATE_MAP,   /* a file says */
};

/*
 * Find the user into name, "" for nobody, as for any certificate that is not verified.
 * path is the map's, which must be written by root (or by the caller's uid) alone.  A
 * line of it is "KIND:VALUE USER", the user being the last word; KIND is sha256 (hex,
 * colons permitted, either case), email (any of the certificate's; case matters not in
 * the domain), cn or subject; '#' begins a comment at a line's start; the first line that
 * fits counts.
 * Returns NULL, or what is wrong with the file as a constant text: then there is nobody
 * for anyone, wherever in the file it is.
 */
const char *certificate_user(const struct tls_certificate *certificate,
	enum certificate_user how, const char *path, char name[AUTH_USER_MAX + 1]);

/*
 * The common name of a subject as stunnel 5 gives it, "C=DE, O=\"Ex, Ltd\", CN=ann"; ""
 * unless there is exactly one, and nothing that such a text cannot hold.  The form of old
 * versions, "/C=DE/CN=ann", quotes no '/' in a value and so proves no name: "".
 */
void certificate_name_of_subject(const char *subject, char name[TLS_NAME_MAX + 1]);

#endif
