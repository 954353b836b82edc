/* SPDX-License-Identifier: ISC */
/*
 * args: a tool's command line, word by word: options from its table, their values, and operands.
 *
 * getopt_long(3) takes the words apart; what it would say of a mistake (argv[0], path and all, in each libc's own
 * words) is said here.
 */
#ifndef TOOL_ARGS_H
#define TOOL_ARGS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "frame/filter.h"
#include "tool/cli.h"

struct args_option {
	char letter;
	const char *name;       /* the long one, without its hyphens */
	const char *value;      /* what --help calls its value; NULL: it takes none */
	const char *help;       /* what it does; where it is more than a line, with a newline between them */
};

/* The end of each tool's table, whose order is that of --help. */
#define ARGS_COMMON \
	{ 'h', "help", NULL, "print this help" }, \
	{ 'V', "version", NULL, "print the version" }, \
	{ 0, NULL, NULL, NULL }

enum {
	ARGS_OPERAND = 1,       /* as getopt_long(3) has it */
	ARGS_MAX = 32,          /* options of a tool */
};

struct args {
	const struct tool *tool;
	int argc;
	char **argv;
	struct option names[ARGS_MAX + 1];
	char letters[2 * ARGS_MAX + 3];
	char **next;            /* the words not yet read, NULL-terminated */
	bool ended;             /* "--" has ended the options */
	char **operands;        /* those that args_option has passed over */
	size_t operands_n;
	char *value;            /* the option's value, or the operand: a word, or the end of one */
	char option[32];        /* the option as it is to be named: "-w", "--wait" */
};

/* args_init -- begin with the words behind argv[0]; once in a process. */
void args_init(struct args *a, const struct tool *tool, int argc, char **argv);

/*
 * args_next -- read on.  -h and -V print what they ask for and exit; so does a mistake, with the reason, status 64.
 * Returns the letter of an option, ARGS_OPERAND, or 0 at the end: of the words, or at "--" (ended), which it
 * passes over.  What follows "--" is in next, and not read.
 */
int args_next(struct args *a);

/*
 * args_option -- the same for a tool whose options and operands come in any order: gathers the operands in operands,
 * NULL-terminated once it has returned 0, those behind "--" too.  They take the places of words that have been read.
 */
int args_option(struct args *a);

/* args_leading -- the same for a tool whose options end at the first operand: at 0 the operands are at next. */
int args_leading(struct args *a);

/*
 * args_count, args_bytes, args_seconds, args_tag, args_glob -- the value of the option just read: a whole number
 * from min on; bytes with K, M, G ("inf" is UINT64_MAX where inf_ok); a duration in nanoseconds, above 0; a tag;
 * a pattern for f, of this kind (filter.h).
 * Print what is wrong and return -1; else 0.
 */
int args_count(const struct args *a, uint64_t min, bool inf_ok, uint64_t *n);
int args_bytes(const struct args *a, bool inf_ok, uint64_t *n);
int args_seconds(const struct args *a, uint64_t *ns);
int args_tag(const struct args *a, struct slice *tag);
int args_glob(const struct args *a, struct filter *f, int kind);

#endif
