/* SPDX-License-Identifier: ISC */
/*
 * line: see line.h.
 *
 * Text in an error line may come from another user's message, so only printable ASCII reaches the terminal, and where the
 * locale is one of UTF-8 what else is text.  A line is one write(2), so that lines of processes that share standard error
 * do not mix.
 */
#include "tool/line.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/num.h"

static const char *tool;
static volatile sig_atomic_t held;      /* line_hold */
static volatile sig_atomic_t missed;    /* the signal that is to come again; 0 none */
static volatile sig_atomic_t drawn;     /* so many columns are */

enum { COLUMNS = 80, WIDE = 500 };      /* of a terminal that does not say; and at most */

void
line_begin(const char *name)
{
	tool = name;
}

bool
line_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *value = NULL;

	for (size_t i = 0; i < sizeof names / sizeof names[0] && (value == NULL || *value == '\0'); i++)
		value = getenv(names[i]);
	return value != NULL && (strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL);
}

/* plain -- the length of the character that the n bytes at s begin with, where it is shown as it is; else 0. */
static size_t
plain(const char *s, size_t n, bool utf8)
{
	return (unsigned char)*s < 0x80 || utf8 ? json_plain(s, n) : 0;
}

bool
line_shows(const char *s)
{
	const bool utf8 = line_utf8();
	size_t n = strlen(s), len = 1;

	for (; n > 0 && len > 0; n -= len, s += len)
		len = plain(s, n, utf8);
	return n == 0 && len > 0;
}

/* escape -- copy s to out, bytes that are no text as \xHH.  Returns the bytes written, at most 4 * len. */
static size_t
escape(char *out, const char *s, size_t len)
{
	const bool utf8 = line_utf8();
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		size_t n = plain(s + i, len - i, utf8);

		if (n > 0) {
			memcpy(out + used, s + i, n);
			used += n;
			i += n - 1;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		used = (size_t)(num_hex(out + used, (unsigned char)s[i], 2) - out);
	}
	return used;
}

void
line_print(const char *tail, const char *format, va_list args)
{
	char raw[LINE_TEXT], line[4 * LINE_TEXT + 2048];
	size_t used = 0, tail_len = strlen(tail);
	int saved = errno, len;

	line_hold();
	if (format != NULL) {
		len = snprintf(raw, sizeof(raw), "%s: ", tool);
		used = escape(line, raw, (size_t)len);
		len = vsnprintf(raw, sizeof(raw), format, args);
		if (len < 0)
			len = 0;
		used += escape(line + used, raw, (size_t)len < sizeof(raw) ? (size_t)len : sizeof(raw) - 1);
		line[used++] = '\n';
	}
	if (tail_len > sizeof(line) - used)
		tail_len = sizeof(line) - used;
	memcpy(line + used, tail, tail_len);
	io_write(STDERR_FILENO, line, used + tail_len);
	line_go_on();
	errno = saved;
}

void
line_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_print("", format, args);
	va_end(args);
}

/* ---- the terminal's last line ---- */

/* blank -- write spaces over n columns of it, from its start, to out.  Returns the bytes, n + 2. */
static size_t
blank(char *out, size_t n)
{
	out[0] = '\r';
	memset(out + 1, ' ', n);
	out[n + 1] = '\r';
	return n + 2;
}

void
line_hold(void)
{
	char out[WIDE + 2];
	int err = errno;

	held = held + 1;
	if (drawn > 0)
		io_write(STDERR_FILENO, out, blank(out, (size_t)drawn));
	drawn = 0;
	errno = err;
}

void
line_go_on(void)
{
	int signal;

	held = held - 1;
	if (held > 0 || !missed)
		return;
	signal = missed;
	missed = 0;
	raise(signal);
}

bool
line_is_held(int signal)
{
	if (held > 0 && signal != 0)
		missed = signal;
	return held > 0;
}

/* is_ours -- whether we may draw there: it is a terminal, and we are not in the background. */
static bool
is_ours(void)
{
	pid_t front = tcgetpgrp(STDERR_FILENO);

	/* one that is not our session's has neither front nor background */
	return front == getpgrp() || (front == -1 && errno == ENOTTY);
}

/* columns -- how many a line may have, lest the terminal begins another one. */
static size_t
columns(void)
{
	struct winsize size;
	size_t n = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : COLUMNS;

	return n - 1 < WIDE ? n - 1 : WIDE;
}

bool
line_draw(const char *text, bool stays)
{
	char raw[LINE_TEXT], out[WIDE + 2 + 4 * LINE_TEXT + 2 + WIDE];
	size_t most, n, used;

	if ((!stays && !is_ours()) || io_ready(STDERR_FILENO, POLLOUT) != POLLOUT)
		return false;
	n = (size_t)(stpncpy(stpcpy(stpcpy(raw, tool), ": "), text, LINE_TEXT - 64) - raw);
	used = drawn > 0 ? blank(out, (size_t)drawn) : 0;
	if (stays) {
		used += escape(out + used, raw, n);
		out[used++] = '\n';
		n = 0;
	} else {
		most = columns();
		out[0] = '\r';
		n = escape(out + 1, raw, n);
		for (n = n < most ? n : most; n > 0 && n == most && ((unsigned char)out[n + 1] & 0xc0) == 0x80; n--, most--)
			;               /* not in the middle of a character */
		used = n + 1;
		for (; used < (size_t)drawn + 1; used++)
			out[used] = ' ';
	}
	if (write(STDERR_FILENO, out, used) == -1)
		return false;
	drawn = (sig_atomic_t)n;
	return true;
}
