/* SPDX-License-Identifier: ISC */
/* args: see args.h.  A mistake is told in one line that names the option as the user typed it, then the synopsis. */
#include "args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "clock.h"
#include "frame.h"

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
help(void)
{
	char row[512];
	const char *const head[] = { "usage: ", tool_synopsis, "\n", NULL }, *const rows[] = { row, NULL };
	int status = cli_print(head);

	for (const struct args_option *o = tool_options; o->letter != 0 && status == CLI_OK; o++) {
		help_row(row, sizeof row, o);
		status = cli_print(rows);
	}
	return status;
}

static int
version(void)
{
	const char *const parts[] = { tool_name, " (letterbox) " LETTERBOX_VERSION "\n", NULL };

	return cli_print(parts);
}

/* ---- options and operands ---- */

void
args_init(struct args *a, int argc, char **argv)
{
	*a = (struct args){ .next = argv + (argc > 0), .operands = argv };
}

/* taken -- an option has been read whole.  Returns its letter; -h and -V are answered here. */
static int
taken(char letter)
{
	if (letter == 'h')
		exit(help());
	if (letter == 'V')
		exit(version());
	return (unsigned char)letter;
}

/* next_word -- the value that stands in a word of its own. */
static void
next_word(struct args *a)
{
	if (*a->next == NULL)
		exit(cli_usage("%s takes a value, and none follows", a->option));
	a->value = *a->next++;
}

static int
short_option(struct args *a)
{
	const struct args_option *o = tool_options;
	char letter = *a->letters++;

	snprintf(a->option, sizeof a->option, "-%c", letter);
	while (o->letter != 0 && o->letter != letter)
		o++;
	if (o->letter == 0)
		exit(cli_usage("unknown option: %s", a->option));
	if (*a->letters == '\0')
		a->letters = NULL;
	if (o->value == NULL)
		return taken(letter);
	a->value = a->letters;
	a->letters = NULL;
	if (a->value == NULL)
		next_word(a);
	return taken(letter);
}

/* begins -- whether the option's long name begins with what was typed. */
static bool
begins(const struct args_option *o, struct slice typed)
{
	return strncmp(o->name, typed.p, typed.len) == 0;
}

/* ambiguous -- several long names begin with what was typed: say which.  Does not return. */
static _Noreturn void
ambiguous(struct slice typed)
{
	char names[256] = "";
	size_t used = 0;

	for (const struct args_option *o = tool_options; o->letter != 0; o++)
		if (begins(o, typed) && used < sizeof names)
			used += (size_t)snprintf(names + used, sizeof names - used, "%s--%s", used > 0 ? ", " : "", o->name);
	exit(cli_usage("ambiguous option: --%.*s (%s)", (int)typed.len, typed.p, names));
}

/* find_long -- the option with this name, or the only one whose name begins so. */
static const struct args_option *
find_long(struct slice typed)
{
	const struct args_option *found = NULL;
	bool many = false;

	for (const struct args_option *o = tool_options; o->letter != 0; o++) {
		if (slice_is(typed, o->name))
			return o;
		if (begins(o, typed)) {
			many = found != NULL;
			found = o;
		}
	}
	if (found == NULL || typed.len == 0)
		exit(cli_usage("unknown option: --%.*s", (int)typed.len, typed.p));
	if (many)
		ambiguous(typed);
	return found;
}

/* long_option -- word: what follows "--". */
static int
long_option(struct args *a, char *word)
{
	char *equals = strchr(word, '=');
	const struct args_option *o = find_long((struct slice){ word, equals != NULL ? (size_t)(equals - word) : strlen(word) });

	snprintf(a->option, sizeof a->option, "--%s", o->name);
	if (equals != NULL && o->value == NULL)
		exit(cli_usage("%s takes no value", a->option));
	if (equals != NULL)
		a->value = equals + 1;
	else if (o->value != NULL)
		next_word(a);
	return taken(o->letter);
}

int
args_next(struct args *a)
{
	char *word;

	a->value = NULL;
	if (a->letters != NULL)
		return short_option(a);
	if (*a->next == NULL)
		return 0;
	word = *a->next++;
	if (word[0] != '-' || word[1] == '\0') {
		a->value = word;
		return ARGS_OPERAND;
	}
	if (word[1] != '-') {
		a->letters = word + 1;
		return short_option(a);
	}
	if (word[2] != '\0')
		return long_option(a, word + 2);
	a->ended = true;
	return 0;
}

int
args_option(struct args *a)
{
	int opt;

	while ((opt = args_next(a)) == ARGS_OPERAND)
		a->operands[a->operands_n++] = a->value;
	if (opt != 0)
		return opt;
	while (*a->next != NULL)
		a->operands[a->operands_n++] = *a->next++;
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
