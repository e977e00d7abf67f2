/* The topic catalogue: one row a topic says partitions, retention and compaction; schemas/topics.md
 * explains them. */
#ifndef WB_WIRE_TOPICS_H
#define WB_WIRE_TOPICS_H

#include "core/base/config.h"
#include "core/wire/records.h"

enum wb_topic {
    WB_TOPIC_EVENTS,
    WB_TOPIC_TASKS,
    WB_TOPIC_TRANSFERS,
    WB_TOPIC_VERDICTS,
    WB_TOPIC_JOBS,
    WB_TOPIC_REPLICAS,
    WB_TOPIC_DEAD,
    WB_TOPIC_NODES,
    WB_TOPIC_SETTINGS,
    WB_TOPIC_COUNT
};

struct wb_topic_row {
    enum wb_topic topic;
    const char *name;   /* without prefix */
    bool home;          /* partitioned by file: `topics.partitions` of them */
    int32_t partitions; /* otherwise; 0: as `topics.partitions` */
    bool compacted;
    int64_t retention_ms; /* -1: for ever */
    const char *purpose;  /* one sentence */
};

/* The row of a topic; static. */
const struct wb_topic_row *wb_topic_row(enum wb_topic topic);

/* `<prefix>.<name>`, for tasks of another site `<prefix>.tasks.<site>` (`site` NULL or "" else).
 * `out` holds 256 bytes. Returns `out`. */
const char *wb_topic_name(const struct wb_config *config, enum wb_topic topic, const char *site,
                          char *out);

/* Home partition of a file: Java murmur2 of `node:path`, positive, mod `partitions`. */
int32_t wb_home_partition(const char *node, struct wb_span path, int32_t partitions);

/* What _check found, one line each for people. */
struct wb_topic_finding {
    char topic[256];
    char problem[256]; /* "missing", "has 6 partitions, not 12", "is not compacted" … */
    bool fatal;        /* the ring can't run on it */
};

/* Creates what is missing, and waits until every broker that can be asked knows all of them;
 * existing ones stay as they are. `ret_created` counts; dry run creates nothing. UNREACHABLE when
 * there is no broker. */
enum wb_rc wb_topics_init(const struct wb_config *config, bool dry_run, int *ret_created,
                          struct wb_err *err) WB_MUST_USE;

/* Compares the cluster with the catalogue. `ret_findings` is malloc'ed (caller frees), may be 0
 * long. */
enum wb_rc wb_topics_check(const struct wb_config *config, struct wb_topic_finding **ret_findings,
                           size_t *ret_count, struct wb_err *err) WB_MUST_USE;

/* Number of partitions of the home topics as they are on the cluster; NOT_FOUND when there are no
 * topics yet ("run waybill topics init"). */
enum wb_rc wb_topics_partitions(const struct wb_config *config, int32_t *ret,
                                struct wb_err *err) WB_MUST_USE;

#endif
