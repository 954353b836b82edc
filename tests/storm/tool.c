/* SPDX-License-Identifier: ISC */
/* tool: a tool is run, and meets its end: its own, or SIGKILL. */
#include "storm.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHOWN = 20 };                    /* so many faults are told in words */

static FILE *notes;
static volatile pid_t victim;           /* whom the timer kills */
static volatile bool stopped, killed;

static void
arm(unsigned ms)
{
	struct itimerval t = { .it_value = { ms / 1000, (ms % 1000) * 1000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static void
on_alarm(int sig)
{
	int err = errno;

	(void)sig;
	if (victim == 0)
		return;
	if (stopped) {
		kill(victim, SIGCONT);
		stopped = false;
		arm(1 + roll(2 * set.kill_ms));
	} else if (roll(5) == 0) {
		kill(victim, SIGSTOP);
		stopped = true;
		shared->stops++;
		arm(1 + roll(60));
	} else {
		kill(victim, SIGKILL);
		killed = true;
	}
	errno = err;
}

void
wrong(enum fault what, const char *format, ...)
{
	va_list args;
	char line[1024];
	unsigned told = 0;
	int n;

	shared->faults[what]++;
	for (int i = 0; i < FAULTS; i++)
		told += shared->faults[i];
	if (told > SHOWN)
		return;
	va_start(args, format);
	n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	dprintf(STDERR_FILENO, "storm: driver %u: %.*s\n", driver, n, line);
}

void
die(const char *what)
{
	dprintf(STDERR_FILENO, "storm: %s: %s\n", what, strerror(errno));
	kill(0, SIGKILL);
	_exit(1);
}

void
note(struct note n)
{
	n.driver = (uint16_t)driver;
	if (fwrite(&n, sizeof n, 1, notes) != 1)
		die("notes");
}

void
begin_driver(unsigned number)
{
	struct sigaction action = { .sa_handler = on_alarm };
	char path[PATH_LEN];

	driver = number;
	seed_dice(set.seed * 1000 + number);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof path, "%s/notes.%u", set.dir, number);
	notes = fopen(path, "we");
	if (notes == NULL)
		die(path);
}

int
end_driver(void)
{
	return fclose(notes) == 0 ? 0 : -1;
}

/* start -- run argv with these descriptors as standard input and output; close_fd is not for it. */
pid_t
start(const char *const *argv, int in, int out, int close_fd)
{
	pid_t pid;
	char **args;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		if ((in != -1 && dup2(in, STDIN_FILENO) == -1) || (out != -1 && dup2(out, STDOUT_FILENO) == -1))
			_exit(99);
		if (close_fd != -1)
			close(close_fd);
		memcpy(&args, &argv, sizeof args);
		execvp(args[0], args);
		_exit(99);
	}
	killed = stopped = false;
	victim = pid;
	/* on a slow machine only who is spared comes to the end that a closed mailbox has */
	if (set.kill_ms > 0 && !(shared->sent && (shared->called || roll(2) == 0)))
		arm(1 + roll(2 * set.kill_ms));
	return pid;
}

/* finish -- wait for the tool's end.  Returns its exit status, or -1 where it was killed. */
int
finish(pid_t pid)
{
	siginfo_t info;
	int status;

	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == -1 && errno == EINTR)
		continue;
	victim = 0;                     /* the timer may still go off, and finds nobody */
	arm(0);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (!killed || WTERMSIG(status) != SIGKILL)
		wrong(FAULTS_OTHER, "a tool was ended by signal %d", WTERMSIG(status));
	shared->kills++;
	return -1;
}
