/* SPDX-License-Identifier: ISC */
/* setting: the settings of a mailbox on the command line, and in words.  A wrong one is reported, with exit status 64. */
#ifndef TOOL_SETTING_H
#define TOOL_SETTING_H

#include <stdbool.h>
#include <stdint.h>

#include "mailbox/mailbox.h"
#include "tool/args.h"

/* setting_mode -- the value of the option just read, as a mode. */
unsigned setting_mode(const struct args *a);

/* setting_group -- the same as a group: its name in /etc/group, or its number. */
gid_t setting_group(const struct args *a);

/* setting_policy -- the same as a policy.  setting_policy_name: the word for one. */
enum mailbox_policy setting_policy(const struct args *a);
const char *setting_policy_name(enum mailbox_policy policy);

enum { SETTING_BOUND = 24 };

/* setting_bound -- a capacity in words; with units, in the largest one that divides it.  Returns text, or "inf". */
const char *setting_bound(char text[SETTING_BOUND], uint64_t n, bool units);

#endif
