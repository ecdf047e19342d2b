#include "mailstore/octets.h"

#include "mailstore/scan.h"

void
octets_add(struct octets *o, const unsigned char *p, size_t n)
{
	if (n > 0)
		octets_add_seen(o, p, n, scan_bare(p, n));
}

void
octets_add_seen(struct octets *o, const unsigned char *p, size_t n, uint64_t bare)
{
	o->count += n + (p[0] == '\n' && o->last != '\r') + bare;
	o->last = p[n - 1];
	o->any = 1;
}

uint64_t
octets_total(const struct octets *o)
{
	if (!o->any || o->last == '\n')
		return o->count;
	return o->count + 2;
}
