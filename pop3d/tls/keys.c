#include "pop3d/tls/keys.h"

#include <unistd.h>

#include "pop3d/child.h"
#include "pop3d/ipc_fds.h"
#include "pop3d/tls/key_process.h"

bool
keys_start(struct keys *keys, const struct material *material,
	const struct tls_setup *setup, enum keys_for whom)
{
	int pair[2];

	keys->pid = 0;
	keys->channel = -1;
	if (!ipc_pair(pair))
		return false;
	keys->pid = fork();
	if (keys->pid == 0)
		key_process_run(pair[1], material, setup, whom);
	(void)close(pair[1]);
	if (keys->pid < 0) {
		keys->pid = 0;
		(void)close(pair[0]);
		return false;
	}
	keys->channel = pair[0];
	return true;
}

int
keys_channel(const struct keys *keys)
{
	static struct ipc_message message;
	int pair[2];
	bool given;

	if (!ipc_pair(pair))
		return -1;
	ipc_begin(&message, IPC_KEY_CHANNEL);
	given = ipc_send_fds(keys->channel, &message, &pair[1], 1);
	(void)close(pair[1]);
	if (given)
		return pair[0];
	(void)close(pair[0]);
	return -1;
}

void
keys_leave(struct keys *keys)
{
	if (keys->channel >= 0)
		(void)close(keys->channel);
	keys->channel = -1;
	keys->pid = 0;
}

void
keys_end(struct keys *keys)
{
	pid_t pid = keys->pid;

	keys_leave(keys);
	(void)child_finish(pid);
}
