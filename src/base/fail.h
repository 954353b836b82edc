/* SPDX-License-Identifier: ISC */
/* fail: how a function fails here: it returns -1, and errno says why. */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

#include <errno.h>

/* fail_with -- set errno to err.  Returns -1. */
static inline int
fail_with(int err)
{
	errno = err;
	return -1;
}

#endif
