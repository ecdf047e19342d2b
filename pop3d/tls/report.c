#include "pop3d/tls/report.h"

#include <stdarg.h>
#include <stdio.h>

void
tls_report(const struct tls_report *report, int priority, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	report->problem(report->cookie, priority, text);
}
