/* SPDX-License-Identifier: ISC */
/*
 * args: a tool's command line, word by word: options from its table, their values, and operands.
 *
 * getopt_long(3) parses the words; its error messages are off, for they differ between libcs.  A mistake in the command
 * line ends the process with status 64 (cli_usage and cli_refuse tell what is said then).
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
	char letter;            /* or a number from ARGS_LONG on: it has only a long one */
	const char *name;       /* the long one, without its hyphens */
	const char *value;      /* its value in --help; NULL: it takes none */
	const char *help;       /* what it does; a second line begins with ARGS_MORE */
};

#define ARGS_MORE "                         "     /* up to the column of the text in --help */

/* The end of each tool's table, whose order is that of --help. */
#define ARGS_COMMON \
	{ 'h', "help", NULL, "print this help" }, \
	{ 'V', "version", NULL, "print the version" }, \
	{ 0, NULL, NULL, NULL }

enum {
	ARGS_OPERAND = 1,       /* as getopt_long(3) has it */
	ARGS_LONG = 2,          /* options without a letter are numbered from here on, in an enum of their names, */
	ARGS_LETTER = ' ',      /* below this */
	ARGS_MAX = 32,          /* options of a tool */
};

struct args {
	const struct tool *tool;
	int argc;
	char **argv;
	struct option names[ARGS_MAX + 1];
	char letters[2 * ARGS_MAX + 3];
	char **next;            /* the words not yet read, NULL-terminated */
	bool ended;             /* "--" ended the options */
	char **operands;        /* that args_option has read */
	size_t operands_n;
	char *value;            /* the option's value, or the operand: a word, or the end of one */
	char option[32];        /* as the user wrote it: "-w", "--wait" */
};

#define ARGS_BATCH_BYTES (UINT64_C(16) << 20)

/* args_init -- begin with the words behind argv[0]; once in a process. */
void args_init(struct args *a, const struct tool *tool, int argc, char **argv);

/*
 * args_next -- read the next word.  -h and -V print and exit.
 * Returns the letter of an option, or the number of one that has none, ARGS_OPERAND, or 0 at the end of the words or at
 * "--" (ended), which is skipped: what follows "--" is in next, unread.
 */
int args_next(struct args *a);

/*
 * args_option -- the same for a tool whose options and operands come in any order.  At 0 all operands, those behind
 * "--" too, are in operands, NULL-terminated.  They take the places of words that have been read.
 */
int args_option(struct args *a);

/*
 * args_not_command -- for a tool that takes a command behind "--": where the operand just read, which stands behind a channel,
 * is itself a command, report that, with the command line that was meant, and exit with status 66.
 */
void args_not_command(const struct args *a);

/*
 * args_leading -- the same for a tool whose options end at the first operand, a channel, and words behind it are a message:
 * at 0 the operands are at next.  A message that begins with an option is noted at a terminal.
 */
int args_leading(struct args *a);

/* What an option without a value sets. */
struct args_flag {
	int option;
	bool *set;                      /* NULL: the end of a list */
};

/* args_flag -- set what the option sets, if it is one of them. */
void args_flag(const struct args_flag *flags, int option);

/* The value of the option just read; a wrong one is reported, with exit status 64. */

/* args_count -- a whole number from 1 on; with inf_ok from 0 on, or "inf", which is UINT64_MAX. */
uint64_t args_count(const struct args *a, bool inf_ok);

/* args_bytes -- a number of bytes, with K, M or G behind it, or "inf", which is UINT64_MAX. */
uint64_t args_bytes(const struct args *a);

/* args_batch -- N[:BYTES], as args_count, at most `most`, and args_bytes, at least 1 and by default ARGS_BATCH_BYTES. */
uint32_t args_batch(const struct args *a, uint32_t most, uint64_t *bytes);

/* args_duration -- text, the value or a part of it, as a duration, in nanoseconds.  wanted: what the value is to be. */
uint64_t args_duration(const struct args *a, const char *text, const char *wanted);

/* args_seconds -- a duration, in nanoseconds, at least 1. */
uint64_t args_seconds(const struct args *a);

/*
 * args_backoff -- BASE[:MOST], two durations, in microseconds.  most_us: stays as it was where none is given, but is not
 * below the base.
 */
void args_backoff(const struct args *a, uint64_t *base_us, uint64_t *most_us);

struct slice args_tag(const struct args *a);

/* args_glob -- add the value to f, as a pattern of this kind (filter.h). */
void args_glob(const struct args *a, struct filter *f, int kind);

/* args_form -- set *form to the letter of an option of which only one may be given; 0 none yet. */
void args_form(char *form, int letter);

#endif
