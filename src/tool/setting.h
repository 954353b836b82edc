/* SPDX-License-Identifier: ISC */
/* setting: the settings of a mailbox on the command line.  A wrong one is reported, with exit status 64. */
#ifndef TOOL_SETTING_H
#define TOOL_SETTING_H

#include "mailbox/mailbox.h"
#include "tool/args.h"

/* setting_mode -- the value of the option just read, as a mode. */
unsigned setting_mode(const struct args *a);

/* setting_group -- the same as a group: its name in /etc/group, or its number. */
gid_t setting_group(const struct args *a);

/* setting_policy -- the same as a policy. */
enum mailbox_policy setting_policy(const struct args *a);

#endif
