/*
 * One command line.  A second parser, written to be plain rather than quick, must come
 * to the same result.
 */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pop3d/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *name;
	enum command_verb verb;
	char kind;         /* 'n': none or numbers, 't': text, 'a': text or none */
	unsigned min, max; /* how many numbers */
} verbs[] = {
	{"APOP", COMMAND_APOP, 't', 0, 0},
	{"AUTH", COMMAND_AUTH, 'a', 0, 0},
	{"CAPA", COMMAND_CAPA, 'n', 0, 0},
	{"DELE", COMMAND_DELE, 'n', 1, 1},
	{"LIST", COMMAND_LIST, 'n', 0, 1},
	{"NOOP", COMMAND_NOOP, 'n', 0, 0},
	{"PASS", COMMAND_PASS, 't', 0, 0},
	{"QUIT", COMMAND_QUIT, 'n', 0, 0},
	{"RETR", COMMAND_RETR, 'n', 1, 1},
	{"RSET", COMMAND_RSET, 'n', 0, 0},
	{"STAT", COMMAND_STAT, 'n', 0, 0},
	{"STLS", COMMAND_STLS, 'n', 0, 0},
	{"TOP", COMMAND_TOP, 'n', 2, 2},
	{"UIDL", COMMAND_UIDL, 'n', 0, 1},
	{"USER", COMMAND_USER, 't', 0, 0},
	{"XCLIENT", COMMAND_XCLIENT, 't', 0, 0},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void
check(bool good)
{
	if (!good)
		abort();
}

/* The row of the verb, VERBS if it is none. */
static size_t
find_verb(const char *line, size_t *length)
{
	char name[8] = "";

	*length = 0;
	while (line[*length] != ' ' && line[*length] != '\0')
		*length += 1;
	if (*length >= sizeof(name))
		return VERBS;
	for (size_t i = 0; i < *length; i++)
		name[i] = (char)toupper((unsigned char)line[i]);
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(name, verbs[i].name) == 0)
			return i;
	return VERBS;
}

/* Text of digits with one space in front of each number; at most three are looked at. */
static bool
read_numbers(const char *text, unsigned *count, uint64_t numbers[3])
{
	for (*count = 0; *text != '\0'; *count += 1) {
		char *end;

		if (*count == 3 || text[0] != ' ' || !isdigit((unsigned char)text[1]))
			return false;
		errno = 0;
		numbers[*count] = strtoull(text + 1, &end, 10);
		check(errno == 0 || numbers[*count] == UINT64_MAX);
		text = end;
	}
	return true;
}

static void
check_numbers(const struct command *command, size_t row, const char *arguments)
{
	uint64_t numbers[3];
	unsigned count;
	bool good = read_numbers(arguments, &count, numbers) && count >= verbs[row].min &&
		    count <= verbs[row].max;

	check(command->well_formed == good);
	check(command->text == NULL);
	check(command->numbers <= 2);
	if (!good)
		return;
	check(command->numbers == count);
	for (unsigned i = 0; i < count; i++)
		check(command->number[i] == numbers[i]);
}

/* line is what command_parse() got, before it did anything to it. */
static void
check_command(const struct command *command, const char *line, const char *parsed)
{
	size_t length, n = strlen(line), row = find_verb(line, &length);
	char *copy;

	if (row == VERBS) {
		check(command->verb == COMMAND_UNKNOWN && !command->well_formed);
		return;
	}
	check(command->verb == verbs[row].verb);
	copy = strdup(line);
	check(copy != NULL);
	if (command->verb != COMMAND_PASS)
		while (n > 0 && copy[n - 1] == ' ')
			copy[--n] = '\0';
	if (verbs[row].kind == 'n') {
		check_numbers(command, row, copy + length);
	} else {
		check(command->well_formed == (n > length + 1 || verbs[row].kind == 'a'));
		check(n > length || command->text == NULL);
		if (n > length + 1) {
			check(command->text == parsed + length + 1);
			check(strcmp(command->text, copy + length + 1) == 0);
		}
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct command command;
	char *line = malloc(size + 1), *parsed;

	check(line != NULL);
	if (size > 0)
		memcpy(line, data, size);
	line[size] = '\0';
	/* A reader of lines lets no NUL through. */
	parsed = strdup(line);
	check(parsed != NULL);
	command_parse(&command, parsed, strlen(parsed));
	check_command(&command, line, parsed);
	free(parsed);
	free(line);
	return 0;
}
