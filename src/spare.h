/* SPDX-License-Identifier: ISC */
/* spare: a file without a name, for what must be whole before it goes on.  A crash leaves nothing. */
#ifndef SPARE_H
#define SPARE_H

/*
 * spare_open -- make a file without a name in $TMPDIR (else /tmp), for reading and writing, appended to.
 * Returns its descriptor, or -1 with errno of open(2).
 */
int spare_open(void);

#endif
