/* SPDX-License-Identifier: ISC */
/*
 * A Linux FIFO with non-blocking opens, after fs/pipe.c (fifo_open, pipe_release, pipe_poll).
 *   open to read   readers++; remembers the count of writers' opens where there is no writer now, else 0
 *   open to write  ENXIO without readers; else the count and writers go up
 *   close          the last of all descriptors frees the pipe, and the count begins again at 0
 *   POLLHUP        no writer, and the count is not the one remembered
 * poll(2) is level-triggered, so a guard on HUP() is exact.
 */
typedef fifo { byte r; byte w; byte wc };
#define HUP(F,sv)      (F.w == 0 && sv != F.wc)
#define F_FREE(F)      if :: F.r == 0 && F.w == 0 -> F.wc = 0 :: else fi
#define F_ROPEN(F,sv)  F.r++; if :: F.w == 0 -> sv = F.wc :: else -> sv = 0 fi
#define F_RCLOSE(F)    F.r--; F_FREE(F)
#define F_WOPEN(F,ok)  if :: F.r == 0 -> ok = 0 :: else -> F.wc++; F.w++; ok = 1 fi
#define F_WCLOSE(F)    F.w--; F_FREE(F)
