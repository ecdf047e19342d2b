#include "pop3d/verdict.h"

#include <string.h>

bool
verdict_send(int fd, const struct verdict *verdict)
{
	const struct auth_identity *identity = &verdict->out.identity;
	static struct ipc_message message;

	ipc_begin(&message, IPC_VERDICT);
	ipc_put_number(&message, verdict->result);
	ipc_put_text(&message, verdict->claimed);
	ipc_put_text(&message, verdict->out.reason);
	if (verdict->result == RESULT_DENIED) {
		ipc_put_number(&message, (uint32_t)(verdict->guess >> 32));
		ipc_put_number(&message, (uint32_t)verdict->guess);
	}
	if (verdict->result == RESULT_OK) {
		ipc_put_text(&message, identity->user);
		ipc_put_number(&message, identity->uid);
		ipc_put_number(&message, identity->gid);
		ipc_put_text(&message, identity->home);
		ipc_put_text(&message, identity->mail);
		ipc_put_number(&message, identity->login_delay);
		ipc_put_number(&message, identity->expire);
		ipc_put_number(&message, verdict->out.hold);
	}
	return ipc_send(fd, &message);
}

const char *
verdict_reply(uint32_t result, const char **code)
{
	if (result == RESULT_DENIED) {
		*code = "AUTH";
		return "Invalid user name or password";
	}
	if (result == RESULT_REFUSED) {
		*code = "SYS/PERM";
		return "Account cannot be used, see the server's log";
	}
	*code = "SYS/TEMP";
	return "Authentication failed for now, try again later";
}

bool
verdict_read(struct ipc_message *message, struct verdict *verdict)
{
	struct auth_identity *identity = &verdict->out.identity;
	uint32_t result;

	memset(verdict, 0, sizeof(*verdict));
	if (ipc_type(message) != IPC_VERDICT)
		return false;
	result = ipc_get_number(message);
	ipc_get_text(message, verdict->claimed, sizeof(verdict->claimed));
	ipc_get_text(message, verdict->out.reason, sizeof(verdict->out.reason));
	if (result == RESULT_DENIED) {
		verdict->guess = (uint64_t)ipc_get_number(message) << 32;
		verdict->guess |= ipc_get_number(message);
	}
	if (result == RESULT_OK) {
		ipc_get_text(message, identity->user, sizeof(identity->user));
		identity->uid = ipc_get_number(message);
		identity->gid = ipc_get_number(message);
		ipc_get_text(message, identity->home, sizeof(identity->home));
		ipc_get_text(message, identity->mail, sizeof(identity->mail));
		identity->login_delay = ipc_get_number(message);
		identity->expire = ipc_get_number(message);
		verdict->out.hold = ipc_get_number(message);
	}
	if (!ipc_end(message) || result > RESULT_OK)
		return false;
	verdict->result = (enum ipc_result)result;
	return true;
}
