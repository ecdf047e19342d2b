/*
 * Executing the program again in the listener's place.
 */
#ifndef REEXEC_H
#define REEXEC_H

#include "pop3d/children.h"
#include "pop3d/options.h"
#include "pop3d/startup.h"

/* Behind the sockets: the table of children, and the listener's and the monitors' end
 * of the gate. */
#define REEXEC_FDS 3

/* Remember which file this program is; call while it still is that file. */
void reexec_prepare(void);

/*
 * The signals that the listener holds back stay so: none is lost on the way.
 *
 * Execute the program anew with the same arguments, the sockets, the table of children
 * and the gate, by which monitors from before still speak.  Returns only if that failed
 * before anything was given up: errno says why.
 */
void reexec_run(const struct startup *startup, const struct options *options,
	const struct children *children, const int gate[2]);

#endif
