/* SPDX-License-Identifier: ISC */
/* num: see num.h. */
#include "base/num.h"

#include "base/fail.h"

int
num_parse(struct slice s, uint64_t *n)
{
	const char *p = s.p;

	return s.len > 0 && num_scan(&p, s.p + s.len, n) && p == s.p + s.len ? 0 : fail_with(EINVAL);
}

size_t
num_decimal(char *out, uint64_t n)
{
	char digits[NUM_DECIMAL_MAX];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	memcpy(out, digits + at, sizeof digits - at);
	return sizeof digits - at;
}

char *
num_hex(char *out, uint64_t n, unsigned digits)
{
	while (digits-- > 0)
		*out++ = NUM_HEX[n >> (4 * digits) & 15];
	return out;
}

char *
num_hex_bytes(char *out, const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out = num_hex(out, bytes[i], 2);
	return out;
}

void
num_name(char *name, uint64_t number, const char *suffix)
{
	memcpy(name + num_decimal(name, number), suffix, strlen(suffix) + 1);
}

bool
num_name_parse(const char *name, const char *suffix, uint64_t *number)
{
	const char *dot = strchr(name, '.');

	return dot != NULL && strcmp(dot, suffix) == 0
	    && num_parse((struct slice){ name, (size_t)(dot - name) }, number) == 0;
}
