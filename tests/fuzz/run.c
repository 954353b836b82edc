/* SPDX-License-Identifier: ISC */
/*
 * run: a fuzz target over inputs that are there, without a fuzzer.
 *
 *     TARGET CORPUS...
 *
 * A corpus has an input a line, as printf(1) takes it for %b: printable ASCII stands for itself, a backslash is double,
 * any other byte is \0 and three octal digits.  Lines that begin with # say where the next ones come from.  A file whose
 * name does not end in .corpus is one input, as it is.
 * Says how many inputs it was, and at SIGABRT and SIGSEGV which one did it: end one that hangs with SIGABRT.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"

static unsigned long inputs;
static char current[PATH_MAX + 32];

/* run_input -- one input.  Its bytes stand at the very end of what is allocated for them. */
static void
run_input(const char *bytes, size_t n)
{
	uint8_t *data = malloc(n > 0 ? n : 1);

	MUST(data != NULL);
	if (n > 0)
		memcpy(data, bytes, n);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	inputs++;
}

/* decode -- the bytes that a line stands for, in its place.  Returns how many. */
static size_t
decode(char *line)
{
	char *to = line;

	for (const char *p = line; *p != '\0' && *p != '\n'; p++) {
		if (*p == '\\' && p[1] == '0' && p[2] != '\0' && p[3] != '\0' && p[4] != '\0') {
			*to++ = (char)((p[2] - '0') << 6 | (p[3] - '0') << 3 | (p[4] - '0'));
			p += 4;
		} else {
			p += *p == '\\';
			*to++ = *p;
		}
	}
	return (size_t)(to - line);
}

static void
run_corpus(FILE *f, const char *path)
{
	char *line = NULL;
	size_t room = 0;

	for (unsigned n = 1; getline(&line, &room, f) != -1; n++) {
		snprintf(current, sizeof current, "%s:%u", path, n);
		if (line[0] != '#')
			run_input(line, decode(line));
	}
	free(line);
}

static void
run_file(FILE *f, const char *path)
{
	struct text t = { NULL, 0, 0 };
	char piece[4096];
	size_t n;

	snprintf(current, sizeof current, "%s", path);
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		text_add(&t, piece, n);
	run_input(t.p, t.len);
	free(t.p);
}

/* tell -- before the signal ends us: which input it was. */
static void
tell(int signal)
{
	if (write(STDERR_FILENO, current, strlen(current)) > 0)
		(void)!write(STDERR_FILENO, ": this input did it\n", 20);
	raise(signal);
}

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = tell, .sa_flags = (int)SA_RESETHAND };
	const char *dot;
	char *path;
	int status = 0;
	FILE *f;

	sigaction(SIGABRT, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	for (int i = 1; i < argc; i++) {
		path = argv[i][0] == '/' ? argv[i] : realpath(argv[i], NULL);   /* a target may go elsewhere */
		if (path != NULL)
			argv[i] = path;
	}
	for (int i = 1; i < argc; i++) {
		f = fopen(argv[i], "r");
		dot = strrchr(argv[i], '.');
		if (f == NULL) {
			fprintf(stderr, "cannot read %s: %s\n", argv[i], strerror(errno));
			status = 1;
			continue;
		}
		if (dot != NULL && strcmp(dot, ".corpus") == 0)
			run_corpus(f, argv[i]);
		else
			run_file(f, argv[i]);
		fclose(f);
	}
	printf("%lu inputs\n", inputs);
	return status;
}
