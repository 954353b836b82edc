/* SPDX-License-Identifier: ISC */
/*
 * nofile: the limit of open files.
 *
 * The soft limit that we were given is raised at need, as far as the hard one.  Commands that we start get it as it
 * was: programs that use select(2) rely on it.
 */
#ifndef BASE_NOFILE_H
#define BASE_NOFILE_H

#include <stdint.h>

/*
 * nofile_need -- have room for the files of n channels and commands at work, or for as many as the hard limit allows.
 */
void nofile_need(uint64_t n);

/* nofile_give_back -- in a process that is to become a command: have the limit as it was given. */
void nofile_give_back(void);

#endif
