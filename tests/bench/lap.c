/* SPDX-License-Identifier: ISC */
/*
 * lap: run a command a number of times and print what that took.
 *
 *     lap [-q] [-n times] [-j at-once] command [argument...]
 *
 * prints one line: the wall-clock time, the user and system time of all processes waited for, both in nanoseconds for
 * all runs together, and the largest resident set of one of them in KiB.  Commands are started with posix_spawn(3),
 * the cheapest way there is; with -q their output goes to /dev/null.  Exits 1 where one of them failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t
of_timeval(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

static int
usage(void)
{
	fprintf(stderr, "usage: lap [-q] [-n times] [-j at-once] command [argument...]\n");
	return 64;
}

/* reap -- wait for one command.  Returns whether it succeeded. */
static int
reap(void)
{
	int status;

	while (wait(&status) == -1)
		if (errno != EINTR)
			return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int
main(int argc, char **argv)
{
	long times = 1, at_once = 1, running = 0;
	struct rusage used;
	uint64_t start, wall;
	pid_t pid;
	int opt, err, ok = 1, quiet = 0;
	FILE *out = stdout;

	while ((opt = getopt(argc, argv, "+qn:j:")) != -1) {
		if (opt == '?')
			return usage();
		if (opt == 'q')
			quiet = 1;
		else
			*(opt == 'n' ? &times : &at_once) = atol(optarg);
	}
	if (optind == argc || times < 1 || at_once < 1)
		return usage();
	if (quiet) {
		out = fdopen(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), "w");
		if (out == NULL || freopen("/dev/null", "w", stdout) == NULL)
			return usage();
	}
	start = now_ns();
	for (long i = 0; i < times && ok; i++) {
		if (running == at_once) {
			ok = reap();
			running--;
		}
		err = posix_spawnp(&pid, argv[optind], NULL, NULL, argv + optind, environ);
		if (err != 0) {
			fprintf(stderr, "lap: %s: %s\n", argv[optind], strerror(err));
			return 1;
		}
		running++;
	}
	for (; running > 0; running--)
		ok &= reap();
	wall = now_ns() - start;
	if (!ok) {
		fprintf(stderr, "lap: %s failed\n", argv[optind]);
		return 1;
	}
	getrusage(RUSAGE_CHILDREN, &used);
	fprintf(out, "%llu %llu %ld\n", (unsigned long long)wall,
	    (unsigned long long)(of_timeval(used.ru_utime) + of_timeval(used.ru_stime)), used.ru_maxrss);
	return 0;
}
