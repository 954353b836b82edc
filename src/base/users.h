/* SPDX-License-Identifier: ISC */
/*
 * users: what the number of a user says.
 *
 * In a user namespace (user_namespaces(7)) users have other numbers than outside, and all who have none there are seen
 * as one number: that one says nobody's name, and two files that have it may be those of two users.
 */
#ifndef BASE_USERS_H
#define BASE_USERS_H

#include <stdint.h>

enum { USERS_ALL_KNOWN = -1 };

/*
 * users_unknown -- the number of all users, and of all groups, that have none of their own here.
 * USERS_ALL_KNOWN: each number is that of one user, the same as outside.
 */
int64_t users_unknown(void);

#endif
