/* The records that a worker has taken on: queued, in execution, and done. Thread-safe. */
#ifndef WB_STAGE_BACKLOG_H
#define WB_STAGE_BACKLOG_H

#include "core/wire/log.h"

struct wb_item {
    struct wb_message *message;
    int32_t partition;
    int64_t offset;
    int open;          /* the execution, and each report that is not durable yet */
    struct wb_err why; /* it goes to dead: the worker's own, set before the letter is sent */
    bool stripped;     /* its letter goes without its bytes */
    struct wb_item *next;
};

struct wb_backlog;

/* Empty. Never NULL; the caller frees. */
struct wb_backlog *wb_backlog_new(void);
/* No thread may use it any more. */
void wb_backlog_free(struct wb_backlog **backlog);

/* Queues a record and takes it over. False when it is here already (delivered again while it is
 * executed): the message is freed, and it will be done once. */
bool wb_backlog_add(struct wb_backlog *backlog, struct wb_message *message);

/* The next record to execute; waits for one, NULL once ended. */
struct wb_item *wb_backlog_next(struct wb_backlog *backlog);
/* One more report of this item is on its way; the ticket to send it with. */
uint64_t wb_backlog_ticket(struct wb_backlog *backlog, struct wb_item *item);
/* The execution is over, or a report is durable. When nothing is open the item is done and must not
 * be touched any more. */
void wb_backlog_settle(struct wb_backlog *backlog, struct wb_item *item);
static inline struct wb_item *wb_backlog_item(uint64_t ticket)
{
    return (struct wb_item *)(uintptr_t)ticket;
}

/* Takes one place that is done; false when there is none. */
bool wb_backlog_take_done(struct wb_backlog *backlog, int32_t *ret_partition, int64_t *ret_offset);

/* Forgets what is queued of a partition (-1: of all), which belongs to others now. */
void wb_backlog_drop(struct wb_backlog *backlog, int32_t partition);
size_t wb_backlog_queued(struct wb_backlog *backlog);
/* Queued or in execution or with reports under way. */
size_t wb_backlog_present(struct wb_backlog *backlog);
/* Wakes all that wait for work: there will be none. */
void wb_backlog_end(struct wb_backlog *backlog);

#endif
