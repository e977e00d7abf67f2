/* Configuration: one table (options.c) makes the YAML parser, the flags, the environment names,
 * `--help`, completion, man pages and docs/CONFIG.md. Precedence: flag > environment > file >
 * default. The file is strict YAML (libyaml): a key that is unknown or there twice is an error with
 * file, line, column and the nearest name. Environment twin of key `a.b_c`: WAYBILL_A_B_C. */
#ifndef WB_BASE_CONFIG_H
#define WB_BASE_CONFIG_H

#include <stdio.h>

#include "core/base/buf.h"

enum wb_opt_type {
    WB_OPT_TEXT,
    WB_OPT_BOOL,
    WB_OPT_INT,
    WB_OPT_SIZE,     /* bytes: 50MiB */
    WB_OPT_DURATION, /* ms: 1s, 5m */
    WB_OPT_SPAN,     /* two durations: 1s..5m */
    WB_OPT_CHOICE,   /* one of `choices`, separated by '|' */
    WB_OPT_MAP       /* verbatim key=value pairs (librdkafka's) */
};

enum wb_opt {
    WB_OPT_SITE,
    WB_OPT_BROKERS,         /* kafka.bootstrap.servers, -b/--brokers */
    WB_OPT_KAFKA,           /* kafka: {…}, -X key=value */
    WB_OPT_KAFKA_PRODUCER,  /* kafka.producer: {…} */
    WB_OPT_KAFKA_CONSUMER,  /* kafka.consumer: {…} */
    WB_OPT_PREFIX,          /* topics.prefix, --prefix */
    WB_OPT_PARTITIONS,      /* topics.partitions (default 12) */
    WB_OPT_REPLICATION,     /* topics.replication (default 1) */
    WB_OPT_REGISTRY_URL,    /* schema_registry.url */
    WB_OPT_TRANSFERS,       /* transfer.transfers: threads (default 4) */
    WB_OPT_TRANSFER_MEMORY, /* transfer.memory: buffer pool (default 256MiB) */
    WB_OPT_STALL_TIMEOUT,   /* transfer.stall_timeout (60s) */
    WB_OPT_VERIFIERS,       /* verifier.threads (default 2) */
    WB_OPT_VERIFIER_MEMORY, /* verifier.memory (64MiB) */
    WB_OPT_VERIFIER_READ,   /* verifier.read: cache|medium */
    WB_OPT_ATTEMPTS,        /* planner.attempts (8) */
    WB_OPT_BACKOFF,         /* planner.backoff (1s..5m) */
    WB_OPT_BATCH_BELOW,     /* planner.batch_below (1MiB) */
    WB_OPT_DIRECT_BELOW,    /* planner.direct_below (50MiB) */
    WB_OPT_BATCH_FILES,     /* planner.batch_files: most files of a batch (256) */
    WB_OPT_BATCH_BYTES,     /* planner.batch_bytes: most bytes of a batch (32MiB) */
    WB_OPT_CHUNK_SIZE,      /* planner.chunk_size (16MiB) */
    WB_OPT_WINDOW_TASKS,    /* planner.window_tasks: tasks in flight per target (32) */
    WB_OPT_TASK_DEADLINE,   /* planner.task_deadline: an answer is due by then (2m) */
    WB_OPT_WINDOW_BYTES,    /* planner.window_bytes: in flight for a node and direction (1GiB) */
    WB_OPT_WINDOW_LEAST,    /* planner.window_least: tasks that a window never goes below (1) */
    WB_OPT_PROBE_INTERVAL,  /* planner.probe_interval (5s) */
    WB_OPT_SICK_AFTER,      /* planner.sick_after: failures in a row (3) */
    WB_OPT_RECOVER_AFTER,   /* planner.recover_after: probes passed in a row (2) */
    WB_OPT_SICK_HOLD,       /* planner.sick_hold (5s..5m) */
    WB_OPT_SLOW_FACTOR,     /* planner.slow_factor (8) */
    WB_OPT_MIN_FREE,        /* planner.min_free: bytes (64MiB) */
    WB_OPT_LOST_ATTEMPTS,   /* planner.lost_attempts: tasks in a row without an answer (3) */
    WB_OPT_GRAIN,           /* planner.grain: clock grain of file times (20ms) */
    WB_OPT_STATE_DIR,       /* state_dir: ledgers and views (default: XDG state home /waybill) */
    WB_OPT_SECRETS_DIR,     /* secrets.dir */
    WB_OPT_HTTP_LISTEN,     /* http.listen (default 127.0.0.1:0; empty: none) */
    WB_OPT_DRAIN_TIMEOUT,   /* drain_timeout (30s) */
    WB_OPT_LOG_LEVEL,       /* log.level: error|warn|info|debug */
    WB_OPT_LOG_FORMAT,      /* log.format: auto|text|logfmt|json */
    WB_OPT_COUNT
};

/* One row of the table. */
struct wb_opt_row {
    enum wb_opt id;
    const char *key;  /* place in the file, dotted */
    const char *flag; /* long flag without dashes, or NULL */
    char short_flag;  /* or 0 */
    enum wb_opt_type type;
    const char *fallback; /* default, as written in the file; NULL: none */
    const char *choices;  /* WB_OPT_CHOICE: "a|b|c" */
    int64_t least;        /* bounds of INT, SIZE, DURATION; least == most == 0: none */
    int64_t most;
    bool live;            /* may change while running: `waybill settings set` */
    const char *argument; /* placeholder in help: ADDR, DUR, N … */
    const char *help;     /* one sentence */
};

/* The table, WB_OPT_COUNT rows, in the order of the enum. */
const struct wb_opt_row *wb_config_table(void);
/* NULL when there is none. */
const struct wb_opt_row *wb_config_row_by_flag(const char *flag);
const struct wb_opt_row *wb_config_row_by_key(const char *key);

struct wb_config;

/* All defaults. Never NULL. */
struct wb_config *wb_config_new(void);
/* All values as they are now. Never NULL. */
struct wb_config *wb_config_copy(const struct wb_config *config);
void wb_config_free(struct wb_config **config); /* fits WB_AUTO */

/* Each sets values of higher precedence than what was set before: call _file, _environment, then
 * _set for flags. USAGE errors name the place: `waybill.yaml:3:5: unknown key "tranfer", did you
 * mean "transfer"`. */
enum wb_rc wb_config_load_file(struct wb_config *config, const char *path,
                               struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_config_load_text(struct wb_config *config, const char *name, struct wb_span yaml,
                               struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_config_load_environment(struct wb_config *config, struct wb_err *err) WB_MUST_USE;
/* `origin` is for messages ("--memory", "WAYBILL_SITE"). MAP options take `key=value`, added. */
enum wb_rc wb_config_set(struct wb_config *config, enum wb_opt id, const char *value,
                         const char *origin, struct wb_err *err) WB_MUST_USE;

/* The row of an option that may change while running. USAGE for an unknown key (with the nearest
 * one) and for one that is fixed. */
enum wb_rc wb_config_live_row(const char *key, const struct wb_opt_row **ret,
                              struct wb_err *err) WB_MUST_USE;
/* Whether `value` may be set for the option; the error begins with its key. */
enum wb_rc wb_config_check(const struct wb_opt_row *row, const char *value,
                           struct wb_err *err) WB_MUST_USE;

/* Every name WAYBILL_… of the environment must mean something: be the twin of an option or of one
 * of `others` (flags as in an environment name, NULL-terminated), or begin with WAYBILL_SECRET_.
 * USAGE with the nearest name. */
enum wb_rc wb_config_check_environment(const char *const *others, struct wb_err *err) WB_MUST_USE;

/* Typed values; asking with the wrong type is a programming error (assert). Texts are owned by the
 * config; NULL where there is neither value nor default. */
const char *wb_config_text(const struct wb_config *config, enum wb_opt id);
/* False where the value is the default of the table. */
bool wb_config_is_set(const struct wb_config *config, enum wb_opt id);
int64_t wb_config_int(const struct wb_config *config,
                      enum wb_opt id); /* INT, SIZE, DURATION, BOOL */
void wb_config_span(const struct wb_config *config, enum wb_opt id, int64_t *ret_low,
                    int64_t *ret_high);

/* Pairs of a MAP option; index from 0; false past the end. */
bool wb_config_pair(const struct wb_config *config, enum wb_opt id, size_t index,
                    const char **ret_key, const char **ret_value);

/* Where the pair was set: as given to wb_config_set, for the file `FILE:LINE:COLUMN`. NULL past the
 * end. */
const char *wb_config_pair_origin(const struct wb_config *config, enum wb_opt id, size_t index);

/* The nearest of `names` (NULL-terminated) by edit distance, or NULL when none is near: for every
 * "did you mean". */
const char *wb_nearest_name(const char *word, const char *const *names);

/* docs/CONFIG.md, generated from the table. False when the stream failed. */
bool wb_config_write_markdown(FILE *out);

#endif
