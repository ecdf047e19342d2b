/*
 * Second parts of test modules: a good one, and with other values of these three ones
 * that are broken on purpose.
 */
#include "auth/auth_module.h"

#ifndef PART_ABI
#define PART_ABI POP3D_AUTH_ABI
#endif
#ifndef PART_SIZE
#define PART_SIZE sizeof(struct auth_part)
#endif
#ifndef PART_FUNCTIONS
#define PART_FUNCTIONS &answer
#endif

extern const enum auth_result answer;
const enum auth_result answer = AUTH_OK;

const struct auth_part pop3d_auth_part = {
	.abi = PART_ABI,
	.size = PART_SIZE,
	.name = "mod_part",
	.functions = PART_FUNCTIONS,
};
