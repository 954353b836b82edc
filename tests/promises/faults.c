/* SPDX-License-Identifier: ISC */
/* faults COMMAND... -- run it, and print on standard error how many page faults it had.  Where addresses are drawn by
 * lot, and how large the environment is, say how many pages the stack touches: it has neither, where that is allowed. */
#include <stdio.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	pid_t pid;

	if (argc < 2 || (pid = vfork()) == -1)
		return 125;
	if (pid == 0) {
		(void)personality(ADDR_NO_RANDOMIZE);
		execve(argv[1], argv + 1, (char *[]){NULL});
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) == -1)
		return 125;
	fprintf(stderr, "%ld\n", usage.ru_minflt);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
