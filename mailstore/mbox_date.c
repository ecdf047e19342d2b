#include "mailstore/mbox_date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "mailstore/mbox_from.h"

/* Minutes east of Greenwich, on either side of the dateline. */
#define WESTMOST (-12 * 60)
#define EASTMOST (14 * 60)
#define LATEST 32503679999LL /* the end of the year 2999 */

/* Minutes east of Greenwich; false: to be taken for the host's zone. */
static bool
zone_read(const char *zone, int *minutes)
{
	static const struct {
		char name[6];
		int hours;
	} names[] = {{"UT", 0}, {"UTC", 0}, {"GMT", 0}, {"Z", 0}, {"EST", -5},
		{"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6},
		{"PST", -8}, {"PDT", -7}};
	int number;

	if (zone[0] == '+' || zone[0] == '-') {
		number = (zone[1] - '0') * 1000 + (zone[2] - '0') * 100 +
			 (zone[3] - '0') * 10 + (zone[4] - '0');
		number = number / 100 * 60 + number % 100;
		*minutes = zone[0] == '-' ? -number : number;
		return true;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcasecmp(zone, names[i].name) == 0) {
			*minutes = names[i].hours * 60;
			return true;
		}
	return false;
}

/* False: not a From_ line, or one without a day. */
static bool
line_read(const unsigned char *p, size_t n, struct tm *tm, bool *zoned, int *minutes)
{
	struct mbox_from_date date;

	if (!mbox_from_read(p, n, &date) || date.day == 0)
		return false;
	*tm = (struct tm){.tm_isdst = -1,
		.tm_year = date.year - 1900,
		.tm_mon = date.month,
		.tm_mday = date.day,
		.tm_hour = date.hour,
		.tm_min = date.minute,
		.tm_sec = date.second};
	*zoned = zone_read(date.zone, minutes);
	return true;
}

bool
mbox_date_read(const unsigned char *p, size_t n, int64_t *seconds)
{
	struct tm tm;
	int minutes;
	bool zoned;

	if (!line_read(p, n, &tm, &zoned, &minutes))
		return false;
	*seconds = zoned ? timegm(&tm) - (time_t)minutes * 60 : mktime(&tm);
	return true;
}

bool
mbox_date_latest(const unsigned char *p, size_t n, int64_t *seconds)
{
	struct tm tm;
	int minutes;
	bool zoned;

	if (!line_read(p, n, &tm, &zoned, &minutes))
		return false;
	/* One that is nowhere must not make it earlier. */
	if (!zoned || minutes > EASTMOST)
		minutes = WESTMOST;
	*seconds = timegm(&tm) - (time_t)minutes * 60;
	return true;
}

static bool
date_compose(const struct tm *tm, const char *zone, char text[MBOX_DATE_SIZE])
{
	char form[MBOX_DATE_SIZE];

	/* Weekdays and months are in English, for no locale was ever set. */
	return strftime(form, sizeof form, "%a %b %e %H:%M:%S %Y", tm) > 0 &&
	       snprintf(text, MBOX_DATE_SIZE, "%s%s", form, zone) > 0;
}

void
mbox_date_write(int64_t seconds, char text[MBOX_DATE_SIZE])
{
	char line[MBOX_DATE_SIZE + 8];
	int64_t again;
	struct tm tm;
	time_t t;

	t = seconds < 0 ? 0 : seconds > LATEST ? (time_t)LATEST : (time_t)seconds;
	if (localtime_r(&t, &tm) != NULL && date_compose(&tm, "", text) &&
		snprintf(line, sizeof line, "From  %s", text) > 0 &&
		mbox_date_read((const unsigned char *)line, strlen(line), &again) &&
		again == t)
		return;
	if (gmtime_r(&t, &tm) == NULL || !date_compose(&tm, " +0000", text))
		(void)snprintf(text, MBOX_DATE_SIZE, "Thu Jan  1 00:00:00 1970");
}
