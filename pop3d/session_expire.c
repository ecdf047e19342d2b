/*
 * Mail that goes in the UPDATE state though the client has not marked it: the site's
 * retention policy (RFC 2449 section 6.7, RFC 1939 section 8).
 */
#include <time.h>

#include "pop3d/session_state.h"

#define DAY 86400

void
session_fetched(struct session *session, size_t i)
{
	if (session->policy.expire == 0)
		session->expired[i / 8] |= (unsigned char)(1u << i % 8);
}

enum mail_status
session_expire(struct session *session)
{
	const uint64_t days = session->policy.expire;
	enum mail_status status = MAIL_OK;

	if (days != 0 && days != CONFIG_NEVER)
		status = session->ops->older(session->store,
			(int64_t)time(NULL) - (int64_t)days * DAY, session->expired);
	for (size_t i = 0; i < session->count / 8 + 1; i++)
		session->expired[i] &=
			(unsigned char)~(session->deleted[i] | session->gone[i]);
	return status;
}
