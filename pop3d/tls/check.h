/*
 * pop3d -t, as far as TLS goes.
 */
#ifndef TLS_CHECK_H
#define TLS_CHECK_H

#include <stdbool.h>

#include "pop3d/tls/report.h"
#include "pop3d/tls/setup.h"

/*
 * Report every problem with what the setup names: files, keys that do not belong to
 * their certificates, lists that OpenSSL does not take, certificates that have expired
 * (errors) or will within 14 days (warnings).  True if there was no error.
 */
bool tls_check(const struct tls_setup *setup, const struct tls_report *report);

#endif
