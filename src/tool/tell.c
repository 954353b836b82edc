/* SPDX-License-Identifier: ISC */
/* tell: see tell.h. */
#include "tool/tell.h"

#include <stdarg.h>
#include <stdio.h>

#include "tool/line.h"

enum { TEXT = 1024 };                           /* bytes of what is put together */

/* What has no room at its end, a very long name of a mailbox, is left out. */
struct text {
	size_t used;
	char of[TEXT];
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->of + t->used, TEXT - t->used, format, args);
	va_end(args);
	if (n > 0)
		t->used = (size_t)n < TEXT - t->used ? t->used + (size_t)n : TEXT - 1;
}

/* add_how -- how it ended, and which try that was. */
static void
add_how(struct text *text, const struct deliver *d, const struct told *t)
{
	if (t->expired != NULL)
		add(text, "%s", t->expired);
	else if (t->refused)
		add(text, "refused");
	else if (t->killed)
		add(text, "killed by signal %d", t->status - 128);
	else
		add(text, "status %d", t->status);
	if (t->expired != NULL || t->tries == 0)
		return;
	add(text, ", try %u", t->tries);
	if (d->max_tries != 0)
		add(text, " of %u", d->max_tries);
}

/* add_again -- when it comes again. */
static void
add_again(struct text *text, uint64_t us)
{
	if (us == 0)
		add(text, ", again at once");
	else if (us < 10 * UINT64_C(1000000))
		add(text, ", again in %llu ms", (unsigned long long)(us / 1000));
	else
		add(text, ", again in %llu s", (unsigned long long)(us / 1000000));
}

void
tell_end(const struct deliver *d, const char *channel, enum told_end end, const struct told *t)
{
	struct text text = { 0 };

	if (t->id != 0)
		add(&text, " %llu", (unsigned long long)t->id);
	if (t->n > 1)
		add(&text, " and %u more", t->n - 1);
	if (t->tag.len > 0 && !slice_is(t->tag, "-"))   /* that stands for none */
		add(&text, " (%.*s)", (int)t->tag.len, t->tag.p);
	add(&text, ": ");
	add_how(&text, d, t);
	if (end == TOLD_DONE && t->answered)
		add(&text, ", answered");
	if (end == TOLD_FULL)
		add(&text, ", no room in %s", d->dead->name);
	if (end == TOLD_AGAIN || end == TOLD_FULL)
		add_again(&text, t->again_us);
	else if (end == TOLD_BURIED)
		add(&text, ", sent to %s", d->dead->name);
	else
		add(&text, "%s", end == TOLD_BACK ? ", put back" : end == TOLD_SENDER ? ", back to its sender" :
		    end == TOLD_CUT ? ", cut short" : end == TOLD_DROPPED ? ", dropped" : end == TOLD_HALVED ? ", halved" : "");
	line_warn("%s%s", channel, text.of);
}
