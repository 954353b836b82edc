/* SPDX-License-Identifier: ISC */
/* args: getopt_long(3), whose own messages are off: a mistake is told in one line, then the synopsis. */
#include "tool/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "frame/frame.h"
#include "tool/cli.h"

#ifndef LETTERBOX_VERSION
#define LETTERBOX_VERSION "unknown"
#endif

enum { HELP_COLUMN = 25 };      /* where --help begins to say what an option does */

/* ---- --help and --version ---- */

/* help_row -- the line, or lines, of one option; row: size bytes. */
static void
help_row(char *row, size_t size, const struct args_option *o)
{
	char names[64];
	const char *text = o->help, *line_end;
	size_t used;

	snprintf(names, sizeof names, "  -%c, --%s%s%s", o->letter, o->name, o->value != NULL ? "=" : "",
	    o->value != NULL ? o->value : "");
	used = (size_t)snprintf(row, size, "%-*s ", HELP_COLUMN - 1, names);
	while ((line_end = strchr(text, '\n')) != NULL && used < size) {
		used += (size_t)snprintf(row + used, size - used, "%.*s\n%*s", (int)(line_end - text), text,
		    HELP_COLUMN, "");
		text = line_end + 1;
	}
	if (used < size)
		snprintf(row + used, size - used, "%s\n", text);
}

static int
help(const struct tool *tool)
{
	char row[512];
	const char *const head[] = { "usage: ", tool->synopsis, "\n", NULL }, *const rows[] = { row, NULL };
	int status = cli_print(head);

	for (const struct args_option *o = tool->options; o->letter != 0 && status == CLI_OK; o++) {
		help_row(row, sizeof row, o);
		status = cli_print(rows);
	}
	return status;
}

static int
version(const struct tool *tool)
{
	const char *const parts[] = { tool->name, " (letterbox) " LETTERBOX_VERSION "\n", NULL };

	return cli_print(parts);
}

/* ---- options and operands ---- */

void
args_init(struct args *a, const struct tool *tool, int argc, char **argv)
{
	size_t n = 0;
	char *p;

	*a = (struct args){ .tool = tool, .argc = argc, .argv = argv, .next = argv + 1, .operands = argv };
	opterr = 0;
	p = stpcpy(a->letters, "-:");   /* operands in order; a value that is missing is told from an unknown option */
	for (const struct args_option *o = tool->options; o->letter != 0 && n < ARGS_MAX; o++, n++) {
		*p++ = o->letter;
		if (o->value != NULL)
			*p++ = ':';
		a->names[n] = (struct option){ o->name, o->value != NULL ? required_argument : no_argument, NULL,
			(unsigned char)o->letter };
	}
}

/* begins -- whether the option's long name begins with what was typed. */
static bool
begins(const struct args_option *o, struct slice typed)
{
	return strncmp(o->name, typed.p, typed.len) == 0;
}

/* refuse_long -- a long option is unknown, ambiguous, or has a value that it does not take.  Does not return. */
static _Noreturn void
refuse_long(const struct tool *tool, const char *word)
{
	struct slice typed = { word + 2, strcspn(word + 2, "=") };
	const struct args_option *found = NULL;
	char names[256] = "";
	size_t used = 0, n = 0;

	for (const struct args_option *o = tool->options; o->letter != 0; o++)
		if (begins(o, typed) && used < sizeof names) {
			used += (size_t)snprintf(names + used, sizeof names - used, "%s--%s", n++ > 0 ? ", " : "", o->name);
			if (found == NULL || slice_is(typed, o->name))
				found = o;
		}
	if (typed.len == 0 || found == NULL)
		exit(cli_usage("unknown option: --%.*s", (int)typed.len, typed.p));
	if (n == 1 || slice_is(typed, found->name))
		exit(cli_usage("--%s takes no value", found->name));
	exit(cli_usage("ambiguous option: --%.*s (%s)", (int)typed.len, typed.p, names));
}

int
args_next(struct args *a)
{
	const char *word = a->argv[optind];     /* the word that is read now, or of which a letter is */
	bool is_long = word != NULL && strncmp(word, "--", 2) == 0;
	int index, opt = getopt_long(a->argc, a->argv, a->letters, a->names, NULL);

	/* musl's ends at "-" as if it were no word of ours */
	if (opt == -1 && word != NULL && strcmp(word, "-") == 0) {
		optarg = a->argv[optind++];
		opt = ARGS_OPERAND;
	}
	a->next = a->argv + optind;
	a->value = optarg;
	if (opt == ARGS_OPERAND)
		return opt;
	if (opt == -1) {
		a->ended = is_long;
		return 0;
	}
	if (opt == '?' && is_long)
		refuse_long(a->tool, word);
	if (opt == '?')
		exit(cli_usage("unknown option: -%c", optopt));
	for (index = 0; a->names[index].val != (opt == ':' ? optopt : opt); index++)
		;
	if (is_long)
		snprintf(a->option, sizeof a->option, "--%s", a->names[index].name);
	else
		snprintf(a->option, sizeof a->option, "-%c", a->names[index].val);
	if (opt == ':')
		exit(cli_usage("%s takes a value, and none follows", a->option));
	if (opt == 'h')
		exit(help(a->tool));
	if (opt == 'V')
		exit(version(a->tool));
	return opt;
}

int
args_option(struct args *a)
{
	int opt;

	while ((opt = args_next(a)) == ARGS_OPERAND)
		a->operands[a->operands_n++] = a->value;
	if (opt != 0)
		return opt;
	for (; *a->next != NULL; a->next++)
		a->operands[a->operands_n++] = *a->next;
	a->operands[a->operands_n] = NULL;
	return 0;
}

int
args_leading(struct args *a)
{
	int opt = args_next(a);

	if (opt != ARGS_OPERAND)
		return opt;
	a->next--;
	return 0;
}

/* ---- values ---- */

/* digits -- read the decimal digits that s begins with, below 2^63.  Returns 0 with *n and *rest, or -1. */
static int
digits(const char *s, uint64_t *n, const char **rest)
{
	uint64_t sum = 0;
	const char *p;

	for (p = s; *p >= '0' && *p <= '9'; p++) {
		uint64_t d = (uint64_t)(*p - '0');

		if (sum > ((uint64_t)INT64_MAX - d) / 10)
			return -1;
		sum = sum * 10 + d;
	}
	if (p == s)
		return -1;
	*n = sum;
	*rest = p;
	return 0;
}

int
args_count(const struct args *a, uint64_t min, bool inf_ok, uint64_t *n)
{
	const char *rest;
	uint64_t value;

	if (inf_ok && strcmp(a->value, "inf") == 0) {
		*n = UINT64_MAX;
		return 0;
	}
	if (digits(a->value, &value, &rest) == 0 && *rest == '\0' && value >= min) {
		*n = value;
		return 0;
	}
	cli_warn("%s: '%s' is not a whole number from %llu on%s", a->option, a->value, (unsigned long long)min,
	    inf_ok ? ", or inf" : "");
	return -1;
}

int
args_bytes(const struct args *a, bool inf_ok, uint64_t *n)
{
	static const char units[] = "KMG";
	const char *rest, *unit;
	uint64_t value;
	int shift = 0;

	if (inf_ok && strcmp(a->value, "inf") == 0) {
		*n = UINT64_MAX;
		return 0;
	}
	if (digits(a->value, &value, &rest) == 0) {
		unit = *rest != '\0' ? strchr(units, *rest) : NULL;
		if (unit != NULL) {
			shift = 10 * (int)(unit - units + 1);
			rest++;
		}
		if (*rest == '\0' && value <= (uint64_t)INT64_MAX >> shift) {
			*n = value << shift;
			return 0;
		}
	}
	cli_warn("%s: '%s' is not a number of bytes (4096, 64K, 10M, 1G%s)", a->option, a->value, inf_ok ? ", inf" : "");
	return -1;
}

int
args_seconds(const struct args *a, uint64_t *ns)
{
	if (clock_parse(a->value, ns) == 0) {
		*ns += *ns == 0;        /* no time at all is still time that runs out */
		return 0;
	}
	cli_warn("%s: '%s' is not a duration (0.25, 500ms, 10s, 5m, 2h)", a->option, a->value);
	return -1;
}

int
args_tag(const struct args *a, struct slice *tag)
{
	*tag = slice_of(a->value);
	if (frame_name_ok(*tag))
		return 0;
	cli_warn("%s: '%s' is not a tag (1 to 255 bytes, no white space, no control bytes)", a->option, a->value);
	return -1;
}

int
args_glob(const struct args *a, struct filter *f, int kind)
{
	if (filter_add(f, (char)kind, a->value) == 0)
		return 0;
	cli_warn("%s: '%s': %s", a->option, a->value,
	    errno == EINVAL ? "not a pattern of 1 to 255 bytes" : "the patterns are too many or too long");
	return -1;
}
