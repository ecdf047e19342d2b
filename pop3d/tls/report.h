/*
 * Where pop3d-tls tells its problems: a line of text without its newline.
 */
#ifndef TLS_REPORT_H
#define TLS_REPORT_H

struct tls_report {
	/* priority is one of syslog(3)'s: LOG_ERR ends what was begun, LOG_WARNING not.
	 */
	void (*problem)(void *cookie, int priority, const char *text);
	void *cookie;
};

void tls_report(const struct tls_report *report, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
