/* SPDX-License-Identifier: ISC */
/*
 * spawn: what a C program would do in place of mrecv -j 2 -f box -- COMMAND: for each of N messages, start the command
 * with the message on its standard input, two at once.
 *
 *     spawn times command [argument...]
 */
#include <spawn.h>

#include "peer.h"

enum { AT_ONCE = 2 };

extern char **environ;

int
main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;
	long n = argc > 2 ? atol(argv[1]) : 0;
	int ends[2], running = 0;
	pid_t pid;

	if (n < 1)
		return 64;
	for (; n > 0; n--) {
		if (running == AT_ONCE) {
			wait(NULL);
			running--;
		}
		peer_check(pipe(ends), "pipe");
		if (write(ends[1], "hello\n", 6) != 6)
			peer_die("write");
		close(ends[1]);
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
		posix_spawn_file_actions_addclose(&actions, ends[0]);
		if (posix_spawnp(&pid, argv[2], &actions, NULL, argv + 2, environ) != 0)
			peer_die(argv[2]);
		posix_spawn_file_actions_destroy(&actions);
		close(ends[0]);
		running++;
	}
	while (wait(NULL) != -1)
		;
	return 0;
}
