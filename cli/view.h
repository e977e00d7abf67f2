/* What the log says of jobs and replicas, as an SQLite file of this machine: brought up to date
 * from where it was left, so that asking again is cheap. It can be deleted at any time. Several
 * processes may use one at once. One thread. */
#ifndef WB_CLI_VIEW_H
#define WB_CLI_VIEW_H

#include "cli/holds.h"
#include "cli/unread.h"

struct wb_view;

/* Opens `<state_dir>/view-<hash of prefix and brokers>.db` (in memory where that cannot be) and
 * brings it up to date. NOT_FOUND without topics, scope LOG without a broker. */
enum wb_rc wb_view_open(const struct wb_config *config, struct wb_view **ret,
                        struct wb_err *err) WB_MUST_USE;
void wb_view_free(struct wb_view **view); /* fits WB_AUTO */

/* Takes in what came since; `ret_changed` tells whether anything did. */
enum wb_rc wb_view_refresh(struct wb_view *view, bool *ret_changed, struct wb_err *err) WB_MUST_USE;

/* What the planners have not taken in now. */
enum wb_rc wb_view_unread(struct wb_view *view, struct wb_unread *ret,
                          struct wb_err *err) WB_MUST_USE;

/* Waiting jobs that these hold up count, and are shown, as parked from now on. `holds` is borrowed
 * until the next call. */
enum wb_rc wb_view_hold(struct wb_view *view, const struct wb_holds *holds,
                        struct wb_err *err) WB_MUST_USE;

/* One link (source and target) in numbers; files, unless said. */
struct wb_view_link {
    char source[64];
    char target[64];
    int64_t verified; /* proved on the target now */
    int64_t deleted;
    int64_t superseded; /* ended events whose newest one was superseded */
    int64_t running;
    int64_t waiting;
    int64_t parked; /* would wait, but something holds them up */
    int64_t dead;
    int64_t bytes;              /* of the proved versions */
    int64_t oldest_accepted_ms; /* of what is in flight; 0: nothing is */
    int64_t watermark_ms;       /* time of the event up to which every event has ended; 0: none */
    int64_t hour_ended;         /* within the last hour: ended, ended dead, bytes proved */
    int64_t hour_dead;
    int64_t hour_bytes;
    int64_t hour_busy_ms; /* time with something of that under way */
};

/* All links that have or had files, by source and target. The caller frees with free(). */
enum wb_rc wb_view_links(struct wb_view *view, int64_t now_ms, struct wb_view_link **ret,
                         size_t *ret_count, struct wb_err *err) WB_MUST_USE;

/* The event offsets of a link, by home partition, up to which every event has ended. */
enum wb_rc wb_view_offsets(struct wb_view *view, const char *source, const char *target,
                           void (*visit)(void *arg, int32_t partition, int64_t offset), void *arg,
                           struct wb_err *err) WB_MUST_USE;

/* One file on its way to one target: at least one of the two is there. Borrowed during the visit.
 */
struct wb_view_row {
    const struct wb_job *job;
    const struct wb_replica *replica;
    const struct wb_hold *hold; /* that parks the job; NULL: none */
};

enum wb_view_set {
    WB_VIEW_FILES, /* every replica and every job */
    WB_VIEW_JOBS,  /* jobs only, dead ones too; `replica` is NULL */
    WB_VIEW_FLYING /* jobs in flight: not the dead */
};

struct wb_view_filter {
    enum wb_view_set set;
    const char *source; /* NULL: any */
    const char *target;
    struct wb_span path; /* this file, or everything below this folder; empty: all */
    const char *job;     /* id; NULL: any */
    const char *state;   /* wb_view_state; NULL: any */
};

/* In order of target, source and path. WB_ERROR of the visitor ends it. */
enum wb_rc wb_view_each(struct wb_view *view, const struct wb_view_filter *filter,
                        enum wb_rc (*visit)(void *arg, const struct wb_view_row *row,
                                            struct wb_err *err),
                        void *arg, struct wb_err *err) WB_MUST_USE;

/* The job's state while there is one ("parked" when something holds it up), else how it ended. */
const char *wb_view_state(const struct wb_view_row *row);

#endif
