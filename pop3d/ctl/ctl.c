#include "pop3d/ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 1, 0))) static void
error_print(const char *format, va_list args)
{
	(void)fputs("pop3ctl: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
}

void
ctl_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_print(format, args);
	va_end(args);
}

void
ctl_module_log(void *cookie, int priority, const char *format, ...)
{
	va_list args;

	(void)cookie;
	(void)priority;
	va_start(args, format);
	error_print(format, args);
	va_end(args);
}
