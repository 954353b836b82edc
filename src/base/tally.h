/* SPDX-License-Identifier: ISC */
/*
 * tally: how much has gone through this process, for those who ask how far it is.
 *
 * A signal handler may ask at any time: what it is told is whole, also where a number takes two stores.
 */
#ifndef BASE_TALLY_H
#define BASE_TALLY_H

#include <stdint.h>

enum tally {
	TALLY_READ,                     /* bytes of standard input, or of a stream */
	TALLY_WRITTEN,                  /* bytes of what was received, written out */
	TALLY_END,                      /* what TALLY_WRITTEN is to be at the end of the payload at hand; 0 not known */
	TALLY_SENT,                     /* messages */
	TALLY_RECEIVED,
	TALLY_NOTHING,                  /* it is not counted */
};

/* tally_add -- so much more. */
void tally_add(enum tally what, uint64_t n);

/* tally_payload -- a payload of so many bytes is about to be written; UINT64_MAX: its length is not known. */
void tally_payload(uint64_t len);

/* tally_of -- how much so far, 0 of TALLY_NOTHING.  For signal handlers, too. */
uint64_t tally_of(enum tally what);

#endif
