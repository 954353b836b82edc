/* SPDX-License-Identifier: ISC */
/* num: numbers as text, decimal and hexadecimal. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum { NUM_DECIMAL_MAX = 20 };          /* digits of a 64-bit number */

#define NUM_HEX "0123456789abcdef"
#define NUM_HEX_UPPER "0123456789ABCDEF"

/*
 * num_scan -- read canonical decimal (no sign, no leading zero) below 2^63 from *p on, and move *p behind it.
 * The caller judges what follows.  Returns whether there was a number; false: *p is at the first wrong byte.
 * Inline: each frame that is read has one.
 */
static inline bool
num_scan(const char **p, const char *end, uint64_t *number)
{
	const char *s = *p;
	uint64_t n;

	if (s == end || *s < '0' || *s > '9')
		return false;
	n = (uint64_t)(*s++ - '0');
	if (n != 0) {
		for (; s < end && *s >= '0' && *s <= '9'; s++) {
			uint64_t d = (uint64_t)(*s - '0');

			if (n >= (uint64_t)INT64_MAX / 10 && n > ((uint64_t)INT64_MAX - d) / 10) {
				*p = s;
				return false;
			}
			n = n * 10 + d;
		}
	}
	*p = s;
	*number = n;
	return true;
}

/* num_parse -- read all of s as such a number.  Returns 0 with *n, or -1 with EINVAL. */
int num_parse(struct slice s, uint64_t *n);

/* num_decimal -- write n in decimal to out (NUM_DECIMAL_MAX bytes, no NUL).  Returns their number. */
size_t num_decimal(char *out, uint64_t n);

/* num_hex -- write the lowest `digits` hexadecimal digits of n to out, no NUL.  Returns their end. */
char *num_hex(char *out, uint64_t n, unsigned digits);

/* num_hex_bytes -- write n bytes as 2 * n hexadecimal digits to out, no NUL.  Returns their end. */
char *num_hex_bytes(char *out, const unsigned char *bytes, size_t n);

/*
 * num_name -- the name of a file: the number in decimal, and the suffix.  name: 20 bytes, and those of the suffix and NUL.
 * num_name_parse -- take such a name apart.  Returns whether it is one with that suffix.
 */
void num_name(char *name, uint64_t number, const char *suffix);
bool num_name_parse(const char *name, const char *suffix, uint64_t *number);

#endif
