/* SPDX-License-Identifier: ISC */
/*
 * netrc: a name and a password for a host, from the file $NETRC, else ~/.netrc, as curl(1) and ftp(1) read it:
 *
 *     machine HOST login NAME password PASSWORD
 *
 * The words may stand on several lines; a word in double quotes may have spaces, and \ before a quote.  `default' in
 * place of machine HOST is for all other hosts.  A # where a word begins makes the rest of its line a comment.
 */
#ifndef LINK_NETRC_H
#define LINK_NETRC_H

#include <limits.h>

enum { NETRC_WORD_MAX = 256 };

struct netrc {
	char login[NETRC_WORD_MAX], password[NETRC_WORD_MAX];   /* "" where it has none */
	char path[PATH_MAX];                                    /* of the file */
};

/*
 * netrc_find -- find the first entry for host.
 * Returns 1, 0 where there is no file or no entry, or -1: EPERM where others than its owner may read the file, or it is
 * neither ours nor root's; EBADMSG for a word that is too long; or errno of open(2) or read(2).
 */
int netrc_find(const char *host, struct netrc *n);

#endif
