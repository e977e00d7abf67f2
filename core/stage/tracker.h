/* Which offsets of a partition are safe to commit when records complete out of order. Pure; one
 * thread. */
#ifndef WB_STAGE_TRACKER_H
#define WB_STAGE_TRACKER_H

#include <stdbool.h>
#include <stdint.h>

struct wb_tracker;

/* Nothing taken. The caller frees. */
struct wb_tracker *wb_tracker_new(void);
void wb_tracker_free(struct wb_tracker **tracker); /* fits WB_AUTO */

/* A record was taken on; offsets ascend (gaps are fine). */
void wb_tracker_take(struct wb_tracker *tracker, int64_t offset);
/* It is done. Offsets that were never taken, or are done already, change nothing. */
void wb_tracker_done(struct wb_tracker *tracker, int64_t offset);

/* The offset to commit (next to read): all taken before it are done; -1 while there is none. */
int64_t wb_tracker_safe(const struct wb_tracker *tracker);
/* Taken and not done, or done behind one that is not. */
int64_t wb_tracker_open(const struct wb_tracker *tracker);

#endif
