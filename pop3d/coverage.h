/*
 * Do the mechanisms that are offered and the modules that are loaded fit together?
 */
#ifndef COVERAGE_H
#define COVERAGE_H

#include "pop3d/service.h"

/*
 * Report each mechanism of [auth] mechanisms that no module of the service's chain can
 * serve, and each module that serves none of them.  True if there is neither.
 */
bool coverage_check(const struct service *service, const struct config_report *report);

#endif
