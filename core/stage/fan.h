/* Several files of one task under way at once, for nodes where each call has to wait for an answer:
 * the caller's thread and helpers of its own, kept from one task to the next. */
#ifndef WB_STAGE_FAN_H
#define WB_STAGE_FAN_H

#include "core/base/buf.h"

enum { WB_FAN_MOST = 32 };

struct wb_fan;

/* Does item `index`. `lane` is this thread's own state; what goes into results is allocated from
 * `arena`, which is this thread's own as well. */
typedef void wb_fan_work(void *arg, void *lane, struct wb_arena *arena, size_t index);

/* `lane_open` makes the state of one thread, called by that thread; `lane_close` frees it. Both get
 * along with several threads. `arena_bytes`: what a lane may allocate for one run. Never NULL. */
struct wb_fan *wb_fan_new(void *(*lane_open)(void *arg), void (*lane_close)(void *lane), void *arg,
                          size_t arena_bytes);
/* No run may be under way. Fits WB_AUTO. */
void wb_fan_free(struct wb_fan **fan);

/* Does `work` for 0 … count-1, at most `width` (and WB_FAN_MOST) of them at once, fewer where the
 * system has no more threads. When it returns all are done, and `arena` owns what they allocated.
 * One thread at a time may call it. */
void wb_fan_run(struct wb_fan *fan, int32_t width, size_t count, struct wb_arena *arena,
                wb_fan_work *work, void *arg);

#endif
