/* SPDX-License-Identifier: ISC */
/*
 * adapter: see adapter.h.
 *
 * An engine's words go into error lines, so only printable ASCII reaches the terminal.  A line is one write(2).
 */
#include "link/adapter.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "base/signals.h"

enum { LINE_MAX_RAW = 2048 };           /* bytes of an error line before they are escaped */

static const char *name = "link";

/* escape -- s, what is not printable ASCII as \xHH.  Returns the bytes written to out, at most 4 * len. */
static size_t
escape(char *out, const char *s, size_t len)
{
	char *p = out;

	for (size_t i = 0; i < len; i++) {
		if (s[i] >= 0x20 && s[i] <= 0x7e) {
			*p++ = s[i];
			continue;
		}
		*p++ = '\\';
		*p++ = 'x';
		p = num_hex(p, (unsigned char)s[i], 2);
	}
	return (size_t)(p - out);
}

void
adapter_say(const char *format, ...)
{
	char raw[LINE_MAX_RAW], line[4 * LINE_MAX_RAW + 1];
	int used = snprintf(raw, sizeof raw, "%s: ", name), saved = errno, more;
	size_t len = (size_t)used;
	va_list args;

	va_start(args, format);
	more = vsnprintf(raw + len, sizeof raw - len, format, args);
	va_end(args);
	len = more < 0 ? len : len + (size_t)more < sizeof raw ? len + (size_t)more : sizeof raw - 1;
	len = escape(line, raw, len);
	line[len++] = '\n';
	(void)io_write(STDERR_FILENO, line, len);
	errno = saved;
}

void
adapter_linked(void)
{
	(void)io_write(STDERR_FILENO, "linked\n", 7);
}

int
adapter_login(const char *host, struct netrc *login)
{
	int r = netrc_find(host, login);

	if (r != -1)
		return r;
	if (errno == EPERM)
		adapter_say("%s: others than its owner may read it, or it is not ours: chmod 600 it", login->path);
	else if (errno == EBADMSG)
		adapter_say("%s: a name or a password for %s that is no word of at most %d bytes", login->path, host,
		    NETRC_WORD_MAX - 1);
	else
		adapter_say("%s: %s", login->path, strerror(errno));
	return -1;
}

static int
usage(void)
{
	adapter_say("usage: %s form | out url | in url command [argument ...]", name);
	return ADAPTER_URL;
}

static bool
is_one_of(const char *s, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(s, *list) == 0)
			return true;
	return false;
}

/* read_url -- take the URL apart, and refuse what the adapter does not know.  Returns 0, or -1: said. */
static int
read_url(const struct adapter *a, struct url *u, const char *text)
{
	if (url_parse(u, text, a->port) == -1) {
		adapter_say("%s: %s", u->shown, u->wrong);
		return -1;
	}
	if (!is_one_of(u->scheme, a->schemes)) {
		adapter_say("%s: not a URL of this adapter: %s://host/...", u->shown, a->schemes[0]);
		return -1;
	}
	if (u->user != NULL && !a->users) {
		adapter_say("%s: no name and no password belong in a URL: everybody can see it; put them in ~/.netrc", u->shown);
		return -1;
	}
	for (unsigned i = 0; i < u->n_options; i++)
		if (!is_one_of(u->options[i].key, a->options)) {
			adapter_say("%s: there is no option %s", u->shown, u->options[i].key);
			return -1;
		}
	return 0;
}

int
adapter_run(const struct adapter *a, int argc, char **argv)
{
	static struct url u;
	int status;

	name = a->name;
	if (io_fill_streams() == -1)
		return ADAPTER_LATER;
	signals_ignore(SIGXFSZ);
	signals_ignore(SIGPIPE);
	if (argc == 2 && strcmp(argv[1], "form") == 0)
		return io_write(STDOUT_FILENO, "stream\n", 7) == 0 ? ADAPTER_OK : ADAPTER_LATER;
	if (argc == 3 && strcmp(argv[1], "out") == 0)
		return read_url(a, &u, argv[2]) == -1 ? ADAPTER_URL : a->out(&u);
	if (argc < 4 || strcmp(argv[1], "in") != 0)
		return usage();
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (read_url(a, &u, argv[2]) == -1)
		return ADAPTER_URL;
	status = a->in(&u, argv + 3);
	return status == ADAPTER_OK && io_stop ? 128 + io_stop : status;
}
