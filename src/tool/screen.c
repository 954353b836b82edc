/* SPDX-License-Identifier: ISC */
/*
 * screen: see screen.h.  What is written is ECMA-48 and xterm's other screen (mode 1049), which all terminals of today
 * know; those that do not are "dumb".  A kill (SIGKILL) leaves the terminal as it is: reset(1).
 */
#include "tool/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/signals.h"
#include "tool/cli.h"

static struct termios before;           /* the terminal as we found it, */
static bool begun, typed;               /* the screen is ours; so are the keys */
static sigset_t outside;                /* what is blocked while we wait */
static volatile sig_atomic_t stop_asked, changed;
static char keys[64];                   /* typed, and not yet returned */
static size_t keys_n;

static const int caught[] = { SIGTSTP, SIGCONT, SIGWINCH, SIGQUIT };

static void
on_signal(int signal)
{
	if (signal == SIGTSTP)
		stop_asked = 1;
	else if (signal == SIGQUIT)
		io_stop = signal;
	else
		changed = 1;
}

bool
screen_there(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

int
screen_columns(int *rows)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1)
		return 0;
	if (rows != NULL)
		*rows = size.ws_row;
	return size.ws_col;
}

/* take -- have the terminal: keys one by one, not shown; the other screen, without a cursor. */
static void
take(void)
{
	static const char text[] = "\033[?1049h\033[?25l";
	struct termios ours = before;

	ours.c_lflag &= (tcflag_t)~(ICANON | ECHO);
	ours.c_cc[VMIN] = 1;
	ours.c_cc[VTIME] = 0;
	if (typed)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &ours);
	io_write(STDOUT_FILENO, text, sizeof text - 1);
}

/* give_back -- have the terminal as we found it. */
static void
give_back(void)
{
	static const char text[] = "\033[?7h\033[?25h\033[?1049l";

	/* whatever asks to stop meanwhile, this is written */
	(void)!write(STDOUT_FILENO, text, sizeof text - 1);
	if (typed)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

static void
at_exit(int status)
{
	(void)status;
	screen_end();
}

void
screen_begin(void)
{
	sigset_t ours;

	typed = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) {
		sigaddset(&ours, caught[i]);
		signals_ask(caught[i], on_signal, 0);
	}
	sigprocmask(SIG_BLOCK, &ours, &outside);
	cli_at_exit(at_exit);
	begun = true;
	take();
}

void
screen_end(void)
{
	if (begun)
		give_back();
	begun = false;
}

/* stop -- stop, as the user has asked, with the terminal given back; return once we go on. */
static void
stop(void)
{
	sigset_t set;
	struct sigaction action = { .sa_handler = SIG_DFL }, old;

	stop_asked = 0;
	give_back();
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaction(SIGTSTP, &action, &old);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGTSTP, &old, NULL);
	changed = 1;
}

/* key -- the next of the keys typed.  Source: what xterm sends for keys without a character. */
static int
key(void)
{
	static const struct {
		const char *text;
		int key;
	} known[] = { { "\033[A", SCREEN_UP }, { "\033OA", SCREEN_UP }, { "\033[B", SCREEN_DOWN }, { "\033OB", SCREEN_DOWN },
		{ "\033[5~", SCREEN_PAGE_UP }, { "\033[6~", SCREEN_PAGE_DOWN }, { "\033[H", SCREEN_HOME }, { "\033OH", SCREEN_HOME },
		{ "\033[1~", SCREEN_HOME }, { "\033[F", SCREEN_END }, { "\033OF", SCREEN_END }, { "\033[4~", SCREEN_END } };
	size_t len = 1;
	int found = (unsigned char)keys[0];

	if (keys[0] == '\033' && keys_n > 1) {
		/* an unknown one goes in whole: none of its characters is a command */
		len = keys_n;
		found = SCREEN_OTHER;
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
			size_t n = strlen(known[i].text);

			if (n <= keys_n && memcmp(keys, known[i].text, n) == 0) {
				len = n;
				found = known[i].key;
				break;
			}
		}
	}
	keys_n -= len;
	memmove(keys, keys + len, keys_n);
	return found;
}

/* look_again -- whether a signal has come that the screen is to be drawn after. */
static bool
look_again(void)
{
	if (stop_asked)
		stop();
	if (!changed)
		return false;
	/* it may have been stopped by another signal: the shell has the terminal as it likes it */
	changed = 0;
	take();
	return true;
}

int
screen_wait(uint64_t deadline_ns)
{
	struct pollfd p = { .fd = typed ? STDIN_FILENO : -1, .events = POLLIN };
	struct timespec left;
	int ms, n;

	while (!io_stop) {
		if (look_again())
			return SCREEN_CHANGED;
		if (keys_n > 0)
			return key();
		ms = clock_left_ms(deadline_ns, 1000);
		if (ms == 0)
			return SCREEN_NONE;
		left = (struct timespec){ ms / 1000, ms % 1000 * 1000000L };
		n = ppoll(&p, 1, &left, &outside);
		if (n <= 0)
			continue;
		keys_n = 0;
		n = (int)read(STDIN_FILENO, keys, sizeof keys);
		if (n > 0)
			keys_n = (size_t)n;
		else if (n == 0 || errno != EINTR)
			typed = false;
		p.fd = typed ? STDIN_FILENO : -1;
	}
	return SCREEN_NONE;
}
