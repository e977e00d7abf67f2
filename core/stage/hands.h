/* The threads that do a worker's work. One that hangs in a call to a node (no call can be taken
 * back) gets another one beside it, so that the rest of the work goes on; it ends when it comes
 * back. */
#ifndef WB_STAGE_HANDS_H
#define WB_STAGE_HANDS_H

#include "core/base/buf.h"

struct wb_hands;
struct wb_hand; /* one thread */

/* What a thread does: takes work until there is none or it was replaced. */
typedef void wb_hands_work(void *arg, struct wb_hand *hand);

/* Starts `count` threads; at most three times as many will be there at once. The caller frees. */
enum wb_rc wb_hands_new(wb_hands_work *work, void *arg, size_t count, struct wb_hands **ret,
                        struct wb_err *err) WB_MUST_USE;
/* Waits for all threads: there must be no more work for them. Fits WB_AUTO. */
void wb_hands_free(struct wb_hands **hands);

/* Of the thread itself: it has work and makes progress (call it before anything that may take
 * long; NULL is fine), it has none, another one has taken its place. */
void wb_hand_beat(struct wb_hand *hand);
void wb_hand_rest(struct wb_hand *hand);
bool wb_hand_is_replaced(const struct wb_hand *hand);

/* Replaces the threads that have work and made no progress for `stall_ms`; how many that were. One
 * thread calls it, again and again. */
size_t wb_hands_watch(struct wb_hands *hands, int64_t now_ms, int64_t stall_ms);

#endif
