/* SPDX-License-Identifier: ISC */
/*
 * users: what a user's number means.
 *
 * In a user namespace (user_namespaces(7)) users have other numbers than outside, and all that have none there show as
 * one number.  That number identifies no user: two files that have it may belong to two users.
 */
#ifndef BASE_USERS_H
#define BASE_USERS_H

#include <stdint.h>

enum { USERS_ALL_KNOWN = -1 };

/*
 * users_unknown -- the number that all users, and all groups, without one of their own have here.
 * Returns USERS_ALL_KNOWN where each number is one user's, the same as outside.
 */
int64_t users_unknown(void);

/*
 * users_learn -- the same, for a caller that can try again.
 * Returns 0 with *unknown, or -1 with errno: /proc is there and could not be read, and *unknown is a guess.
 */
int users_learn(int64_t *unknown);

#endif
