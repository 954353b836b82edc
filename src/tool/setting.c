/* SPDX-License-Identifier: ISC */
/* setting: see setting.h. */
#include "tool/setting.h"

#include <stdlib.h>
#include <string.h>

#include "tool/cli.h"

unsigned
setting_mode(const struct args *a)
{
	const char *arg = a->value, *wrong;
	char *end;
	unsigned long n = strtoul(arg, &end, 8);

	wrong = *arg < '0' || *arg > '7' || *end != '\0' || n > 07777 ? "not an octal number" : mode_wrong((unsigned)n);
	if (wrong != NULL)
		cli_usage("%s: '%s' is not a mode for a mailbox: %s", a->option, arg, wrong);
	return (unsigned)n;
}

enum mailbox_policy
setting_policy(const struct args *a)
{
	static const char *const names[] = { [MAILBOX_BLOCK] = "block", [MAILBOX_OLDEST] = "oldest", [MAILBOX_LATEST] = "latest" };

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(a->value, names[i]) == 0)
			return (enum mailbox_policy)i;
	cli_usage("%s: '%s' is not block, oldest or latest", a->option, a->value);
}
