/* SPDX-License-Identifier: ISC */
/* setting: see setting.h. */
#include "tool/setting.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "tool/cli.h"

unsigned
setting_mode(const struct args *a)
{
	const char *arg = a->value, *wrong;
	char *end;
	unsigned long n = strtoul(arg, &end, 8);

	wrong = *arg < '0' || *arg > '7' || *end != '\0' || n > 07777 ? "not an octal number" : mode_wrong((unsigned)n);
	if (wrong != NULL)
		cli_refuse("%s: '%s' is not a mode for a mailbox: %s", a->option, arg, wrong);
	return (unsigned)n;
}

gid_t
setting_group(const struct args *a)
{
	struct slice text = slice_of(a->value);
	FILE *f = fopen("/etc/group", "re");
	const struct group *g;
	uint64_t n;

	/* not from the name service, which a program that is linked statically may not have */
	while (f != NULL && (g = fgetgrent(f)) != NULL)
		if (strcmp(g->gr_name, a->value) == 0) {
			n = g->gr_gid;
			(void)fclose(f);
			return (gid_t)n;
		}
	if (f != NULL)
		(void)fclose(f);
	if (num_parse(text, &n) == -1 || n >= (gid_t)-1)
		cli_refuse("%s: '%s' is no group in /etc/group, and no number of one", a->option, a->value);
	return (gid_t)n;
}

static const char *const policies[] = { [MAILBOX_BLOCK] = "block", [MAILBOX_OLDEST] = "oldest", [MAILBOX_LATEST] = "latest" };

enum mailbox_policy
setting_policy(const struct args *a)
{
	for (unsigned i = 0; i < sizeof policies / sizeof policies[0]; i++)
		if (strcmp(a->value, policies[i]) == 0)
			return (enum mailbox_policy)i;
	cli_refuse("%s: '%s' is not block, oldest or latest", a->option, a->value);
}

const char *
setting_policy_name(enum mailbox_policy policy)
{
	return (unsigned)policy < sizeof policies / sizeof policies[0] ? policies[policy] : "unknown";
}

const char *
setting_bound(char text[SETTING_BOUND], uint64_t n, bool units)
{
	static const char *const unit[] = { "", "K", "M", "G" };
	int i = 0;

	for (; units && i < 3 && n > 0 && n % 1024 == 0; i++)
		n /= 1024;
	if (n == MAILBOX_UNBOUNDED)
		return "inf";
	(void)snprintf(text, SETTING_BOUND, "%llu%s", (unsigned long long)n, unit[i]);
	return text;
}
