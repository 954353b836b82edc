/* SPDX-License-Identifier: ISC */
/*
 * url: SCHEME://[USER@]HOST[:PORT][,HOST[:PORT]...]/PATH[?KEY=VALUE[&KEY=VALUE...]] taken apart.
 *
 * It never has a password: command lines are shown to all.
 */
#ifndef LINK_URL_H
#define LINK_URL_H

#include <stdint.h>

enum { URL_MAX = 2048, URL_HOSTS = 16, URL_OPTIONS = 16 };

struct url {
	const char *scheme;
	const char *user;               /* before the @ of its host; NULL: none */
	const char *path;               /* without its first slash, %XX decoded; "" where there is none */
	unsigned n_hosts, n_options;
	struct {
		const char *name;       /* an IPv6 address without its brackets */
		unsigned port;
	} hosts[URL_HOSTS];
	struct {
		const char *key, *value;        /* the value %XX decoded */
	} options[URL_OPTIONS];
	const char *wrong;              /* after a failure: what is wrong, in words */
	char shown[URL_MAX];            /* the URL for messages; where it had a name and a password, without them */
	char text[URL_MAX];             /* what all of them point into */
};

/*
 * url_parse -- take text apart.  port: of hosts that are given without.
 * Returns 0, or -1 with u->wrong: too long, no scheme, no host, a password in it, %XX that is none or is a NUL.
 */
int url_parse(struct url *u, const char *text, unsigned port);

/* url_option -- the value of ?KEY=, or NULL. */
const char *url_option(const struct url *u, const char *key);

/*
 * url_number -- the value of ?KEY= as a number from min to max; instead, where the URL has no such option.
 * Returns 0 with *n, or -1: it is none.
 */
int url_number(const struct url *u, const char *key, uint64_t instead, uint64_t min, uint64_t max, uint64_t *n);

#endif
