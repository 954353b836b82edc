/* SPDX-License-Identifier: ISC */
/* latest: see latest.h.  A table of open addressing, in memory; a crash forgets it. */
#include "mailbox/queue/latest.h"
#include "mailbox/disk/names.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

enum {
	PLACES_LEAST = 1024,
	PLACES_MOST = 65536,            /* 1 MiB; */
	TEXT_MOST = 512 * 1024,         /* so many bytes of tags */
};

struct latest_place {
	uint64_t id;                    /* 0: it is gone; the tag stays, for the next message that has it */
	uint32_t text;                  /* where its tag begins */
	uint16_t len;                   /* bytes of the tag */
	bool used;
};

static struct slice
tag_at(const struct latest *l, const struct latest_place *p)
{
	return (struct slice){ l->text + p->text, p->len };
}

/* first_place, next_place -- the places at which a tag may stand, up to the first that is not used. */
static struct latest_place *
first_place(const struct latest *l, struct slice tag)
{
	return &l->place[hash_sum(tag.p, tag.len) & (l->places - 1)];
}

static struct latest_place *
next_place(const struct latest *l, const struct latest_place *p)
{
	return &l->place[(uint32_t)(p - l->place + 1) & (l->places - 1)];
}

/* put -- remember message id.  Returns whether there was room. */
static bool
put(struct latest *l, struct slice tag, uint64_t id)
{
	struct latest_place *p = first_place(l, tag);
	uint32_t text = l->text_len;

	for (; p->used; p = next_place(l, p)) {
		if (!slice_eq(tag_at(l, p), tag))
			continue;
		if (p->id == 0) {
			p->id = id;
			return true;
		}
		text = p->text;         /* another one of that tag */
	}
	if (l->used >= l->places / 4 * 3 || (text == l->text_len && l->text_len + tag.len > TEXT_MOST))
		return false;
	if (text == l->text_len) {
		memcpy(l->text + text, tag.p, tag.len);
		l->text_len += (uint32_t)tag.len;
	}
	*p = (struct latest_place){ .id = id, .text = text, .len = (uint16_t)tag.len, .used = true };
	l->used++;
	return true;
}

/* rebuild -- have room for more, without the tags that are gone.  Returns whether there is any. */
static bool
rebuild(struct latest *l)
{
	struct latest old = *l;
	uint32_t live = 0;

	for (uint32_t i = 0; i < old.places; i++)
		live += old.place[i].id != 0;
	while (l->places < PLACES_LEAST || live >= l->places / 2)
		l->places = l->places < PLACES_LEAST ? PLACES_LEAST : l->places * 2;
	l->used = l->text_len = 0;
	l->place = l->places > PLACES_MOST ? NULL : calloc(l->places, sizeof *l->place);
	l->text = malloc(TEXT_MOST);
	l->off = l->place == NULL || l->text == NULL;
	for (uint32_t i = 0; i < old.places && !l->off; i++)
		if (old.place[i].id != 0)
			(void)put(l, tag_at(&old, &old.place[i]), old.place[i].id);
	free(old.place);
	free(old.text);
	if (l->off)
		latest_free(l);
	return l->places != 0;
}

/* remember -- put, with a table that grows. */
static void
remember(struct latest *l, struct slice tag, uint64_t id)
{
	if ((l->places == 0 || !put(l, tag, id)) && !l->off && (!rebuild(l) || !put(l, tag, id)))
		l->off = true;
}

void
latest_sent(struct latest *l, struct slice tag, uint64_t id)
{
	if (l->upto == id) {
		remember(l, tag, id);
		l->upto = id + 1;
	}
	l->begun = true;
}

/* learn -- get to know the messages from l->upto on. */
static OUT_OF_LINE int
learn(struct latest *l, struct mbox *m)
{
	struct names names;
	struct backlog c;
	int r;

	backlog_begin(&c, m, l->upto > m->ctl.first ? l->upto : m->ctl.first, UINT64_MAX, BACKLOG_LIVE);
	while (!l->off && (r = backlog_next(&c)) != 0) {
		if (r == -1 || backlog_slot(&c) == -1 || backlog_names(&c, &names) == -1)
			return -1;
		remember(l, names_get(&names, c.slot.tag), backlog_id(&c));
	}
	l->upto = m->ctl.next;
	return !l->off;
}

int
latest_known(struct latest *l, struct mbox *m)
{
	if (!l->begun || l->off)
		return 0;
	m->keeps = true;
	return l->upto == m->ctl.next ? 1 : learn(l, m);
}

int
latest_next(struct latest *l, struct mbox *m, struct slice tag, struct backlog *c)
{
	int r;

	if (l->places == 0)
		return 0;
	for (struct latest_place *p = first_place(l, tag); p->used; p = next_place(l, p)) {
		if (p->id == 0 || !slice_eq(tag_at(l, p), tag))
			continue;
		backlog_begin(c, m, p->id, p->id + 1, BACKLOG_LIVE);
		r = backlog_next(c);
		if (r == -1)
			return -1;
		if (r == 1 && state_status(c->state) == STATE_CLAIMED)
			continue;
		p->id = 0;
		if (r == 1)
			return 1;
	}
	return 0;
}

void
latest_free(struct latest *l)
{
	free(l->place);
	free(l->text);
	*l = (struct latest){ .upto = 0 };
}
