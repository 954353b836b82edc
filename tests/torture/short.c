/* SPDX-License-Identifier: ISC */
/*
 * short: run a command, and let one of its system calls do only a part of what it asks for.
 *
 *     short -o FILE CALL:NTH:BYTES command [argument...]
 *
 * At the NTH CALL (counted for each call by itself, in the command's own process) the length that it asks for is made
 * BYTES, or with `/2` half of what it is; where it asks for no more than that, nothing is changed.  The kernel then does
 * the call, and says how far it came, as it does at a pipe that is nearly full, or a signal.  FILE gets a line if it
 * came to that.  The status is the command's, 128+N if signal N has ended it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <elf.h>

#ifdef __GLIBC__
#define REQUEST enum __ptrace_request
#else
#define REQUEST int
#endif

static const struct { const char *name; long nr; int length; } calls[] = {
	{ "read", SYS_read, 2 }, { "write", SYS_write, 2 },
	{ "pread64", SYS_pread64, 2 }, { "pwrite64", SYS_pwrite64, 2 },
	{ "splice", SYS_splice, 4 }, { "tee", SYS_tee, 2 },
};

static void
fail(const char *what)
{
	fprintf(stderr, "short: %s: %s\n", what, strerror(errno));
	exit(125);
}

/* A stopped process's registers: the call's number, and where its arguments are. */
#if defined(__x86_64__)
#define NR(r) ((long)(r)->orig_rax)
#define WORD __typeof__(((struct user_regs_struct *)0)->rdx)
static WORD *
argument(struct user_regs_struct *r, int n)
{
	return n == 2 ? &r->rdx : n == 3 ? &r->r10 : &r->r8;
}
#elif defined(__aarch64__)
#define NR(r) ((long)(r)->regs[8])
#define WORD __typeof__(((struct user_regs_struct *)0)->regs[0])
static WORD *
argument(struct user_regs_struct *r, int n)
{
	return &r->regs[n];
}
#else
#error "short: which registers hold a system call's arguments here?"
#endif

static void
registers(pid_t pid, REQUEST request, struct user_regs_struct *r)
{
	struct iovec v = { r, sizeof *r };

	if (ptrace(request, pid, (void *)NT_PRSTATUS, &v) == -1 && errno != ESRCH)
		fail("ptrace");
}

int
main(int argc, char **argv)
{
	char name[32], bytes[16];
	long nr = -1, nth;
	int length = 0, status, entering = 1, shortened = 0;
	WORD asked = 0, less;
	struct user_regs_struct r;
	FILE *out;
	pid_t pid;

	if (argc < 5 || strcmp(argv[1], "-o") != 0 || sscanf(argv[3], "%31[^:]:%ld:%15s", name, &nth, bytes) != 3)
		return 64;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (strcmp(calls[i].name, name) == 0) {
			nr = calls[i].nr;
			length = calls[i].length;
		}
	if (nr == -1)
		return 64;
	out = fopen(argv[2], "we");
	if (out == NULL)
		fail(argv[2]);
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execvp(argv[4], argv + 4);
		fail(argv[4]);
	}
	if (waitpid(pid, &status, 0) == -1 || !WIFSTOPPED(status))
		fail("the command did not start");
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL));
	for (int deliver = 0;;) {
		ptrace(nth > 0 || shortened ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, (void *)(long)deliver);
		while (waitpid(pid, &status, 0) == -1)
			if (errno != EINTR)
				fail("wait");
		if (!WIFSTOPPED(status))
			break;
		deliver = WSTOPSIG(status);
		if (deliver != (SIGTRAP | 0x80)) {
			if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
				deliver = 0;
			continue;
		}
		deliver = 0;
		registers(pid, PTRACE_GETREGSET, &r);
		if (shortened) {
			/* the caller counts on what it had there */
			*argument(&r, length) = asked;
			registers(pid, PTRACE_SETREGSET, &r);
			shortened = 0;
		} else if (entering && NR(&r) == nr && --nth == 0) {
			asked = *argument(&r, length);
			less = strcmp(bytes, "/2") == 0 ? asked / 2 : (WORD)strtoull(bytes, NULL, 10);
			if (less > 0 && less < asked) {
				*argument(&r, length) = less;
				registers(pid, PTRACE_SETREGSET, &r);
				shortened = 1;
				fprintf(out, "SHORT %s %llu %llu\n", name, (unsigned long long)asked,
				    (unsigned long long)less);
			}
		}
		entering = !entering;
	}
	fclose(out);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
