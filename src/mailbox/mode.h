/* SPDX-License-Identifier: ISC */
/*
 * mode: what a mailbox's mode gives each class of users: its owner, its group, others.
 *
 * rw: a member, may send and receive, and is trusted with all files.  r: may look.  w: may only send, through drop/.
 */
#ifndef MAILBOX_MODE_H
#define MAILBOX_MODE_H

#include <stdbool.h>

enum { MODE_LOOK = 4, MODE_DROP = 2, MODE_MEMBER = MODE_LOOK | MODE_DROP };

/* mode_class -- the bits of the owner (shift 6), the group (3) or others (0). */
static inline unsigned
mode_class(unsigned mode, unsigned shift)
{
	return mode >> shift & 7;
}

/* mode_only -- these bits, for each class that has them all. */
static inline unsigned
mode_only(unsigned mode, unsigned bits)
{
	unsigned only = 0;

	for (unsigned shift = 0; shift < 9; shift += 3)
		only |= (mode_class(mode, shift) & bits) == bits ? bits << shift : 0;
	return only;
}

/* mode_members -- the permission bits of what members alone may open: locks and FIFOs. */
static inline unsigned
mode_members(unsigned mode)
{
	return mode_only(mode, MODE_MEMBER);
}

/* mode_files -- the permission bits of what classes that may look can read, too. */
static inline unsigned
mode_files(unsigned mode)
{
	return mode_only(mode, MODE_MEMBER) | mode_only(mode, MODE_LOOK);
}

/* mode_shared -- whether there are members besides the owner. */
static inline bool
mode_shared(unsigned mode)
{
	return (mode_members(mode) & 077) != 0;
}

/* mode_drops -- whether a class may only send: then there is a drop/. */
static inline bool
mode_drops(unsigned mode)
{
	return mode_class(mode, 0) == MODE_DROP || mode_class(mode, 3) == MODE_DROP;
}

/* mode_wrong -- NULL where a mailbox can have this mode, else what is wrong with it, in words. */
static inline const char *
mode_wrong(unsigned mode)
{
	if ((mode & ~0666U) != 0 || mode_class(mode, 6) != MODE_MEMBER)
		return "the owner needs rw, and each class rw, r, w or nothing (0600, 0640, 0660, 0622)";
	/* only the owner of drop/ can take what another user has put there */
	if (mode_drops(mode) && mode_shared(mode))
		return "where a class has send-only access (w), only the owner may have rw";
	/* a file belongs to the member that made it: for that file the mailbox's owner is in another class */
	if (mode_class(mode, 0) == MODE_MEMBER && mode_class(mode, 3) != MODE_MEMBER)
		return "where others have rw, the group needs it too";
	return NULL;
}

#endif
