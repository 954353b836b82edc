/* SPDX-License-Identifier: ISC */
/* process: what proc(5) tells of another process. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_NAME_MAX = 64 };         /* bytes of a name, its NUL included */

/*
 * process_look -- the name of a process, PROCESS_NAME_MAX bytes of it at most, and whether it is stopped.
 * Returns 0, or -1: it cannot be told; then it has the name "?", and is not stopped.
 */
int process_look(pid_t pid, char *name, bool *stopped);

/* process_age_ms -- how long this process has run; 0: it cannot be told.  For signal handlers, too. */
uint64_t process_age_ms(void);

#endif
