#include "pop3d/ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>

void
ctl_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fputs("pop3ctl: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
}
