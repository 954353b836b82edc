/* SPDX-License-Identifier: ISC */
/* args: see args.h. */
#include "tool/args.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/near.h"
#include "base/num.h"
#include "frame/frame.h"
#include "tool/cli.h"
#include "tool/line.h"
#include "tool/nearby.h"

/* ---- --help and --version ---- */

static int
help(const struct tool *tool)
{
	char names[64], row[512];
	const char *const head[] = { "usage: ", tool->synopsis, "\n", NULL }, *const rows[] = { row, NULL };
	const char *const tail[] = { "Examples (more in ", tool->name, "(1)):\n  ", tool->examples[0], "\n  ", tool->examples[1], "\n",
		NULL };
	int status = cli_print(head);

	for (const struct args_option *o = tool->options; o->letter != 0 && status == CLI_OK; o++) {
		snprintf(names, sizeof names, "  -%c, --%s%s%s", o->letter, o->name, o->value != NULL ? "=" : "",
		    o->value != NULL ? o->value : "");
		if (o->letter < ARGS_LETTER)
			memset(names, ' ', strlen("  -c, "));
		snprintf(row, sizeof row, "%-*s %s\n", (int)sizeof ARGS_MORE - 2, names, o->help);
		status = cli_print(rows);
	}
	return status == CLI_OK ? cli_print(tail) : status;
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
	p = stpcpy(a->letters, "-:");   /* operands in order; ':' rather than '?' for a missing value */
	for (const struct args_option *o = tool->options; o->letter != 0 && n < ARGS_MAX; o++, n++) {
		if (o->letter >= ARGS_LETTER)
			*p++ = o->letter;
		if (o->letter >= ARGS_LETTER && o->value != NULL)
			*p++ = ':';
		a->names[n] = (struct option){ o->name, o->value != NULL ? required_argument : no_argument, NULL,
			(unsigned char)o->letter };
	}
}

/* unknown_long -- report an unknown long option, and the one that was perhaps meant. */
static _Noreturn void
unknown_long(const struct tool *tool, struct slice typed)
{
	const char *meant = NULL;
	char word[NEAR_LEN + 2];
	unsigned best = NEAR_MOST + 1, edits;

	snprintf(word, sizeof word, "%.*s", (int)typed.len, typed.p);
	for (const struct args_option *o = tool->options; o->letter != 0; o++) {
		edits = near_edits(word, o->name);
		meant = edits < best ? o->name : meant;
		best = edits < best ? edits : best;
	}
	if (meant != NULL)
		cli_usage("unknown option: --%s (did you mean --%s?)", word, meant);
	cli_usage("unknown option: --%.*s", (int)typed.len, typed.p);
}

/* refuse_long -- report a long option that is unknown, ambiguous, or has a value that it does not take. */
static _Noreturn void
refuse_long(const struct tool *tool, const char *word)
{
	struct slice typed = { word + 2, strcspn(word + 2, "=") };
	const struct args_option *found = NULL;
	char names[256] = "";
	size_t used = 0, n = 0;

	for (const struct args_option *o = tool->options; o->letter != 0; o++)
		if (strncmp(o->name, typed.p, typed.len) == 0 && used < sizeof names) {
			used += (size_t)snprintf(names + used, sizeof names - used, "%s--%s", n++ > 0 ? ", " : "", o->name);
			if (found == NULL || slice_is(typed, o->name))
				found = o;
		}
	if (typed.len == 0 || found == NULL)
		unknown_long(tool, typed);
	if (n == 1 || slice_is(typed, found->name))
		cli_usage("--%s takes no value", found->name);
	cli_usage("ambiguous option: --%.*s (%s)", (int)typed.len, typed.p, names);
}

int
args_next(struct args *a)
{
	const char *word = a->argv[optind];     /* the word that is read now, or has the letter */
	bool is_long = word != NULL && strncmp(word, "--", 2) == 0;
	int index, opt = getopt_long(a->argc, a->argv, a->letters, a->names, NULL);

	/* musl's getopt_long stops at "-" */
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
		cli_usage("unknown option: -%c", optopt);
	for (index = 0; a->names[index].val != (opt == ':' ? optopt : opt); index++)
		;
	/* without printf(3), which is a page fault of its own */
	memcpy(a->option, is_long ? "--" : "-", 3 - !is_long);
	strncat(a->option, is_long ? a->names[index].name : (char[]){ (char)a->names[index].val, '\0' }, sizeof a->option - 3);
	if (opt == ':')
		cli_usage("%s takes a value, and none follows", a->option);
	if (opt == 'h')
		cli_exit(help(a->tool));
	if (opt == 'V')
		cli_exit(version(a->tool));
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

void
args_not_command(const struct args *a)
{
	static LARGE char path[PATH_MAX], line[NEARBY_QUOTED];
	const char *meant;

	for (char **word = a->next; *word != NULL; word++)
		if (strcmp(*word, "--") == 0)
			return;
	if (cli_path(path, a->value) == -1 || !nearby_command(path, a->value))
		return;
	meant = nearby_line(line, a->tool->name, a->argv, (int)(a->next - a->argv) - 1);
	if (meant != NULL && line_shows(meant))
		line_warn("%s is no mailbox: a command follows -- (%s)", a->value, meant);
	else
		line_warn("%s is no mailbox: a command follows --", a->value);
	cli_exit(CLI_NO_CHANNEL);
}

/* lettered -- the option with this letter, or NULL. */
static const struct args_option *
lettered(const struct tool *tool, char letter)
{
	const struct args_option *o = tool->options;

	while (o->letter != 0 && o->letter != letter)
		o++;
	return o->letter != 0 ? o : NULL;
}

/* is_option -- whether a word could be one of the tool's options, or several: letters up to one that takes a value. */
static bool
is_option(const struct tool *tool, const char *word)
{
	const struct slice name = { word + 2, strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0 };
	const struct args_option *o;

	if (word[0] != '-' || word[1] == '\0')
		return false;
	if (word[1] == '-') {
		for (o = tool->options; o->letter != 0 && !slice_is(name, o->name); o++)
			;
		return o->letter != 0;
	}
	for (word++; *word != '\0'; word++)
		if ((o = lettered(tool, *word)) == NULL || o->value != NULL)
			return o != NULL;
	return true;
}

/* note_message -- at a terminal, say that words behind the channel are the message, where the first could be an option. */
static void
note_message(const struct args *a)
{
	char text[64] = "";
	size_t used = 0;

	if (a->next[0] == NULL || a->next[1] == NULL || !is_option(a->tool, a->next[1]) || !isatty(STDERR_FILENO))
		return;
	for (char **word = a->next + 1; *word != NULL && used < sizeof text; word++)
		used += (size_t)snprintf(text + used, sizeof text - used, used > 0 ? " %s" : "%s", *word);
	line_warn("\"%s%s\" is the message: options come before %s", text, used < sizeof text ? "" : "...", a->next[0]);
}

int
args_leading(struct args *a)
{
	int opt = args_next(a);

	if (opt == ARGS_OPERAND) {
		a->next--;
		opt = 0;
	}
	if (opt == 0 && !a->ended)
		note_message(a);
	return opt;
}

/* ---- values ---- */

static _Noreturn void
bad_value(const struct args *a, const char *wanted)
{
	cli_refuse("%s: '%s' is not %s", a->option, a->value, wanted);
}

static const char below[] = "below 2^63";

/*
 * number -- read the decimal digits, a number below 2^63, that the value begins with; with inf_ok also "inf".
 * Returns what follows them, or NULL.
 */
static const char *
number(const struct args *a, bool inf_ok, uint64_t *n)
{
	const char *p = a->value;

	*n = UINT64_MAX;
	if (inf_ok && strcmp(p, "inf") == 0)
		return p + strlen(p);
	while (p[0] == '0' && p[1] >= '0' && p[1] <= '9')
		p++;
	if (num_scan(&p, p + strlen(p), n))
		return p;
	if (*p >= '0' && *p <= '9')
		bad_value(a, below);
	return NULL;
}

uint64_t
args_count(const struct args *a, bool inf_ok)
{
	uint64_t n;
	const char *rest = number(a, inf_ok, &n);

	if (rest == NULL || *rest != '\0' || (n == 0 && !inf_ok))
		bad_value(a, inf_ok ? "a whole number from 0 on, or inf" : "a whole number from 1 on");
	return n;
}

uint64_t
args_bytes(const struct args *a)
{
	static const char units[] = "KMG";
	uint64_t n;
	const char *rest = number(a, true, &n), *unit;
	int shift = 0;

	if (rest != NULL && *rest != '\0' && (unit = strchr(units, *rest)) != NULL) {
		shift = 10 * (int)(unit - units + 1);
		rest++;
	}
	if (shift > 0 && n > (uint64_t)INT64_MAX >> shift)
		bad_value(a, below);
	if (rest == NULL || *rest != '\0')
		bad_value(a, "a number of bytes (4096, 64K, 10M, 1G, inf)");
	return n << shift;
}

uint32_t
args_batch(const struct args *a, uint32_t most, uint64_t *bytes)
{
	uint64_t n;
	const char *rest = number(a, false, &n);
	struct args of_bytes = *a;

	if (rest == NULL || (*rest != '\0' && *rest != ':') || n == 0)
		bad_value(a, "a whole number from 1 on, or that and a number of bytes as in 100:16M");
	*bytes = ARGS_BATCH_BYTES;
	if (rest != NULL && *rest != '\0') {
		of_bytes.value += rest + 1 - a->value;
		*bytes = args_bytes(&of_bytes);
	}
	if (*bytes == 0)
		*bytes = 1;
	return n < most ? (uint32_t)n : most;
}

uint64_t
args_duration(const struct args *a, const char *text, const char *wanted)
{
	uint64_t ns = 0;

	if (clock_parse(text, &ns) == -1)
		bad_value(a, errno == ERANGE ? "within 146 years" : wanted);
	return ns;
}

uint64_t
args_seconds(const struct args *a)
{
	uint64_t ns = args_duration(a, a->value, "a duration (0.25, 500ms, 10s, 5m, 2h)");

	return ns > 0 ? ns : 1;         /* 0 is a deadline that has passed, not one that is missing */
}

void
args_backoff(const struct args *a, uint64_t *base_us, uint64_t *most_us)
{
	static const char wanted[] = "a duration, or two as in 1s:10m, the second no shorter";
	const char *rest = strchr(a->value, ':');
	size_t len = rest != NULL ? (size_t)(rest - a->value) : strlen(a->value);
	uint64_t base_ns, most_ns;
	char base[64] = "";

	if (len < sizeof base)
		memcpy(base, a->value, len);
	base_ns = args_duration(a, base, wanted);
	most_ns = rest != NULL ? args_duration(a, rest + 1, wanted) : *most_us * 1000;
	if (rest != NULL && most_ns < base_ns)
		bad_value(a, wanted);
	*base_us = base_ns / 1000;
	*most_us = most_ns > base_ns ? most_ns / 1000 : *base_us;
}

struct slice
args_tag(const struct args *a)
{
	struct slice tag = slice_of(a->value);

	if (!frame_name_ok(tag))
		bad_value(a, "a tag (1 to 255 bytes, no white space, no control bytes)");
	return tag;
}

void
args_glob(const struct args *a, struct filter *f, int kind)
{
	if (filter_add(f, (char)kind, a->value) == 0)
		return;
	if (errno == EINVAL)
		bad_value(a, "a pattern of 1 to 255 bytes");
	cli_exit(cli_fail("keep", "the patterns"));
}

void
args_form(char *form, int letter)
{
	if (*form != 0 && *form != letter)
		cli_refuse("-%c and -%c exclude each other", *form, letter);
	*form = (char)letter;
}

void
args_flag(const struct args_flag *flags, int option)
{
	for (; flags->set != NULL; flags++)
		if (flags->option == option)
			*flags->set = true;
}
