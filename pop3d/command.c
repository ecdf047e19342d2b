#include "pop3d/command.h"

#include <string.h>
#include <strings.h>

#include "pop3d/number.h"

enum arguments {
	ARGUMENTS_NONE,
	ARGUMENTS_TEXT,     /* the rest of the line */
	ARGUMENTS_ANY,      /* the same, or nothing */
	ARGUMENTS_OPTIONAL, /* at most one number */
	ARGUMENTS_ONE,
	ARGUMENTS_TWO,
};

static const struct {
	const char *name;
	enum command_verb verb;
	enum arguments arguments;
} verbs[] = {
	{"APOP", COMMAND_APOP, ARGUMENTS_TEXT},
	{"AUTH", COMMAND_AUTH, ARGUMENTS_ANY},
	{"CAPA", COMMAND_CAPA, ARGUMENTS_NONE},
	{"DELE", COMMAND_DELE, ARGUMENTS_ONE},
	{"LIST", COMMAND_LIST, ARGUMENTS_OPTIONAL},
	{"NOOP", COMMAND_NOOP, ARGUMENTS_NONE},
	{"PASS", COMMAND_PASS, ARGUMENTS_TEXT},
	{"QUIT", COMMAND_QUIT, ARGUMENTS_NONE},
	{"RETR", COMMAND_RETR, ARGUMENTS_ONE},
	{"RSET", COMMAND_RSET, ARGUMENTS_NONE},
	{"STAT", COMMAND_STAT, ARGUMENTS_NONE},
	{"STLS", COMMAND_STLS, ARGUMENTS_NONE},
	{"TOP", COMMAND_TOP, ARGUMENTS_TWO},
	{"UIDL", COMMAND_UIDL, ARGUMENTS_OPTIONAL},
	{"USER", COMMAND_USER, ARGUMENTS_TEXT},
	{"XCLIENT", COMMAND_XCLIENT, ARGUMENTS_TEXT},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static size_t
trim(char *text, size_t n)
{
	while (n > 0 && text[n - 1] == ' ')
		text[--n] = '\0';
	return n;
}

static bool
all_digits(const char *text, size_t n)
{
	return n > 0 && strspn(text, "0123456789") >= n;
}

/* Numbers of any size are well formed: one too large names no message, but is no typo. */
static bool
parse_numbers(struct command *command, const char *text, unsigned most)
{
	for (;;) {
		size_t n = strcspn(text, " ");
		uint64_t *number = &command->number[command->numbers];

		if (command->numbers == most || !all_digits(text, n))
			return false;
		if (!number_parse(text, n, number))
			*number = UINT64_MAX;
		command->numbers++;
		if (text[n] == '\0')
			return true;
		text += n + 1;
	}
}

static bool
parse_arguments(struct command *command, enum arguments arguments, char *rest, size_t n)
{
	switch (arguments) {
	case ARGUMENTS_NONE:
		return rest == NULL;
	case ARGUMENTS_TEXT:
		command->text = rest;
		return rest != NULL && n > 0;
	case ARGUMENTS_ANY:
		command->text = rest;
		return true;
	case ARGUMENTS_OPTIONAL:
		return rest == NULL || parse_numbers(command, rest, 1);
	case ARGUMENTS_ONE:
		return rest != NULL && parse_numbers(command, rest, 1);
	case ARGUMENTS_TWO:
		return rest != NULL && parse_numbers(command, rest, 2) &&
		       command->numbers == 2;
	}
	return false;
}

void
command_parse(struct command *command, char *line, size_t n)
{
	size_t verb = strcspn(line, " ");

	memset(command, 0, sizeof(*command));
	for (size_t i = 0; i < VERBS; i++) {
		char *rest = NULL;

		if (strlen(verbs[i].name) != verb ||
			strncasecmp(line, verbs[i].name, verb) != 0)
			continue;
		command->verb = verbs[i].verb;
		if (command->verb != COMMAND_PASS)
			n = trim(line, n);
		if (line[verb] == ' ')
			rest = line + verb + 1;
		command->well_formed = parse_arguments(command, verbs[i].arguments, rest,
			rest != NULL ? n - verb - 1 : 0);
		return;
	}
}
