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
	static const char pairs[] =
	    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657"
	    "58596061626364656667686970717273747576777879808182838485868788899091929394959697989900";
	char digits[NUM_DECIMAL_MAX];
	size_t at = sizeof digits;

	for (; n >= 100; n /= 100)
		memcpy(digits + (at -= 2), pairs + 2 * (n % 100), 2);
	if (n >= 10)
		memcpy(digits + (at -= 2), pairs + 2 * n, 2);
	else
		digits[--at] = (char)('0' + n);
	memcpy(out, digits + at, sizeof digits - at);
	return sizeof digits - at;
}

char *
num_hex(char *out, uint64_t n, unsigned digits)
{
	for (unsigned i = digits; i-- > 0; n >>= 4)
		out[i] = NUM_HEX[n & 15];
	return out + digits;
}

char *
num_hex_bytes(char *out, const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		*out++ = NUM_HEX[bytes[i] >> 4];
		*out++ = NUM_HEX[bytes[i] & 15];
	}
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
