/* SPDX-License-Identifier: ISC */
/* near: whether a word that was typed is nearly another one. */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include "base/memory.h"

enum { NEAR_MOST = 2, NEAR_LEN = 64 };  /* edits that a word may be away; bytes of a word, at most */

/*
 * near_edits -- how many bytes are to be changed, put in, left out, or swapped with their neighbours, to make `to' of
 * typed.  Returns that; NEAR_MOST + 1 where it is more, or a word is too long, or nothing of what was typed would stay.
 * Source: optimal string alignment distance.
 */
COLD unsigned near_edits(const char *typed, const char *to);

#endif
