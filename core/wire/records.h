/* Every record of the ring as C structs. The Avro schemas in schemas/ define the wire form and
 * document each field; fields.c maps the two by name. Structs decoded by codec.h live in the
 * caller's arena; those to encode borrow from wherever the caller likes. Texts are never NULL after
 * decoding ("" when absent); for encoding NULL counts as "". */
#ifndef WB_WIRE_RECORDS_H
#define WB_WIRE_RECORDS_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/version.h"

/* One range of a file and its XXH3-128. `tag` is the backend's own name for it (S3 part etag). */
struct wb_range {
    int64_t offset;
    int64_t length;
    struct wb_span digest; /* 16 bytes, or empty: not known */
    const char *tag;
};

struct wb_pair {
    const char *key;
    const char *value;
};

enum wb_event_kind { WB_EVENT_UNKNOWN, WB_EVENT_WRITTEN, WB_EVENT_DELETED };

/* waybill.events: "look at this file". */
struct wb_file_event {
    const char *id;
    int64_t time_ms;
    enum wb_event_kind kind;
    const char *node;
    struct wb_span path;
    int64_t size_bytes; /* claims: -1 or "" when not given */
    int64_t mtime_ns;
    const char *etag;
    const char *digest; /* "sha256:<hex>" */
    const char *mime;
    struct wb_pair *attributes;
    size_t attribute_count;
};

enum wb_op {
    WB_OP_UNKNOWN,
    WB_OP_PROBE,   /* look at the source: version and MIME by content */
    WB_OP_COPY,    /* stage whole files, each an instance of its own; seals them */
    WB_OP_OPEN,    /* make the instance that ranges are written into */
    WB_OP_RANGE,   /* copy ranges into an open instance */
    WB_OP_SEAL,    /* all ranges are in: metadata, sync, tag */
    WB_OP_PUBLISH, /* move the proved instance to its final name, durably */
    WB_OP_DISCARD, /* remove an instance: acknowledged when it is not staged; `tag` comes back when
                      that very file lies under the final name */
    WB_OP_DELETE,  /* remove what was replicated, when the source really lacks it */
    WB_OP_CHECK    /* look at node `target`, not at a file: each `path` is a side of it, `source`
                      (can it be read) or `target` (is it ours, does it take writes) */
};

/* How files are copied and proved; from the rules. */
struct wb_options {
    bool owner;
    bool group;
    bool xattrs;
    bool sha256; /* evidence wanted */
    bool medium; /* the verifier reads from the medium, not the page cache */
    bool keep;   /* a file on the target that is not ours is kept and reported, not replaced */
};

struct wb_task_file {
    const char *job;
    int32_t attempt;
    struct wb_span path;
    struct wb_version *version; /* COPY: what the event claims (a hint); RANGE, SEAL, PUBLISH: what
                                   the source must still hold / what was staged; NULL: any */
    struct wb_version *known;   /* COPY: proved on the target already: `current` if unchanged */
    bool fresh;                 /* COPY, OPEN, RANGE: write even what is there already */
    const char *instance;       /* RANGE, SEAL, PUBLISH, DISCARD */
    const char *tag;            /* PUBLISH: of the proved instance; COPY, DELETE: of the file that
                                   we published there last ("" when never) */
    const char *replaces;       /* COPY, OPEN, PUBLISH: tag of the file that we published there
                                   last, whatever is proved of it; "" when never */
    struct wb_span sha256;      /* claimed by the producer, 32 bytes or empty */
    struct wb_range *ranges;    /* RANGE: what to copy; SEAL: all, with their tags */
    size_t range_count;
};

/* waybill.tasks[.<site>]: files of one source, target and home partition. */
struct wb_task {
    const char *id;
    enum wb_op op;
    int64_t time_ms;
    int64_t not_after_ms; /* checked immediately before the call that takes effect */
    int32_t partition;    /* home partition: results go there */
    const char *source;
    const char *from; /* node whose proved replica is read instead of the source; "": none */
    const char *target;
    struct wb_options options;
    int64_t max_file_bytes; /* COPY: a larger file is reported as `probed`, not copied */
    struct wb_task_file *files;
    size_t file_count;
};

enum wb_outcome {
    WB_OUTCOME_UNKNOWN,
    WB_OUTCOME_FAILED,  /* `error` says why */
    WB_OUTCOME_PROBED,  /* the source holds `version`; nothing was done */
    WB_OUTCOME_ABSENT,  /* the source (healthy, right root) lacks the file */
    WB_OUTCOME_CURRENT, /* the source still holds `known` and the target our file: no copy */
    WB_OUTCOME_COPIED,  /* staged whole as `instance`, ranges digested, complete for ever */
    WB_OUTCOME_OPENED,
    WB_OUTCOME_RANGED,
    WB_OUTCOME_SEALED,
    WB_OUTCOME_PUBLISHED,
    WB_OUTCOME_DISCARDED,
    WB_OUTCOME_DELETED,  /* gone from the target, or was not there */
    WB_OUTCOME_MATCH,    /* verifier: what was read back equals what was read at the source */
    WB_OUTCOME_MISMATCH, /* verifier: it does not; `ranges` holds the bad ones only */
    WB_OUTCOME_CHECKED,  /* the side of the node is well */
    WB_OUTCOME_PRESENT   /* the target holds a file of `version`'s size and time that may be the
                            same: digests are the source's, `tag` is the file's, nothing copied */
};

/* What the verifier saw at the source after it had read the target. */
enum wb_source_state { WB_SOURCE_UNKNOWN, WB_SOURCE_SAME, WB_SOURCE_CHANGED, WB_SOURCE_GONE };

struct wb_result {
    const char *job;
    int32_t attempt;
    struct wb_span path;
    enum wb_outcome outcome;
    struct wb_version *version; /* of the source, as copied or seen; NULL: none */
    const char *instance;
    const char *tag;       /* identity of the instance; stays when it is published */
    struct wb_span sha256; /* of the bytes read, 32 bytes or empty */
    const char *mime;
    struct wb_range *ranges;
    size_t range_count;
    enum wb_source_state source_state;
    int64_t bytes;      /* moved or read */
    int64_t free_bytes; /* CHECK: on the node; -1: not known */
    int64_t started_ms;
    int64_t duration_ms;
    struct wb_err *error; /* NULL: none */
};

/* waybill.transfers and waybill.verdicts: what came of a task, one result a file. The two topics
 * have schemas of their own (Transfer, Verdict) with the same fields. */
struct wb_report {
    const char *task;
    enum wb_op op;
    int64_t time_ms;
    int32_t partition;
    const char *source;
    const char *from; /* as in the task */
    const char *target;
    const char *worker; /* host:pid:stage of who did it */
    struct wb_options options;
    struct wb_result *results;
    size_t result_count;
};

/* The event that a job serves. */
struct wb_event_ref {
    const char *id;
    int64_t time_ms;
    int64_t offset; /* in waybill.events, home partition */
    int64_t accepted_ms;
    enum wb_event_kind kind;
    struct wb_version claim;
    struct wb_span sha256;
    const char *mime;
    int32_t count; /* events coalesced into this one, itself included */
};

enum wb_strategy {
    WB_STRATEGY_UNKNOWN,
    WB_STRATEGY_AUTO,
    WB_STRATEGY_BATCH,
    WB_STRATEGY_DIRECT,
    WB_STRATEGY_CHUNKED,
    WB_STRATEGY_STREAMING
};

enum wb_job_state {
    WB_JOB_UNKNOWN,
    WB_JOB_WAITING, /* ready from `due_ms` on, not given out */
    WB_JOB_PROBING,
    WB_JOB_COPYING, /* whole copy given out or staged, not yet proved */
    WB_JOB_OPENING,
    WB_JOB_RANGING, /* chunks are copied and proved */
    WB_JOB_SEALING,
    WB_JOB_PUBLISHING, /* told to publish: only its answer or a discard ends this */
    WB_JOB_FENCING,    /* waits until `fences` are discarded, then goes on as WAITING or ends */
    WB_JOB_DELETING,
    WB_JOB_PARKED,
    WB_JOB_DEAD /* ended; kept so that it can be redriven and its fences are not lost */
};

/* waybill.jobs, key `target/source:path`: what is in flight. Tombstone: nothing is. */
struct wb_job {
    const char *id;
    const char *source;
    const char *target;
    struct wb_span path;
    int32_t partition;
    enum wb_job_state state;
    enum wb_strategy strategy;
    const char *reason; /* why this strategy or state, for people */
    const char *rule;
    struct wb_options options;
    bool deletes; /* the rule propagates deletes */
    int32_t priority;
    struct wb_event_ref event;
    struct wb_event_ref *pending; /* newest event that came while this one runs; NULL: none */
    int32_t attempt;              /* from 0 */
    int32_t max_attempts;
    int32_t unanswered; /* tasks in a row that got no answer: after the first it travels alone */
    bool fresh;         /* what the target holds was compared and is not the same */
    const char *from;   /* node whose proved replica serves as source; "": the source */
    bool whole;         /* the target said that it takes no ranges */
    int64_t due_ms;     /* WAITING: not before; else: answer due by */
    int64_t created_ms;
    int64_t updated_ms;
    struct wb_version *version; /* being replicated, once known */
    const char *mime;
    const char *instance;
    const char *tag;
    struct wb_span sha256; /* of the bytes proved, where evidence is wanted */
    const char **fences;   /* instances told to publish that must be discarded first */
    size_t fence_count;
    const char **fence_tags; /* theirs */
    size_t fence_tag_count;
    const char *landed; /* tag of one of them that turned out to be published after all; "": none */
    int64_t chunk_bytes;     /* chunked: size of a range; 0: one range */
    struct wb_span digests;  /* 16 bytes a range in order; all zero: not proved yet */
    struct wb_span given;    /* a byte a range: 0 free, 1 given out, 2 proved */
    const char **range_tags; /* backend's part tags, where it has them */
    size_t range_tag_count;
    int64_t first_proved_ms; /* the first range of the instance; 0: none yet */
    int64_t copied_ms;       /* the last range so far; 0: not known */
    struct wb_err *error;    /* last one, NULL: none */
    struct wb_err *first_error;
};

enum wb_end { WB_END_UNKNOWN, WB_END_VERIFIED, WB_END_SUPERSEDED, WB_END_DELETED, WB_END_DEAD };

/* waybill.replicas, key `target/source:path`: how the newest ended event ended, and what is proved
 * there. Public: others may consume it. */
struct wb_replica {
    const char *source;
    const char *target;
    struct wb_span path;
    int32_t partition;
    const char *job;
    enum wb_end end;
    const char *event_id;
    int64_t event_time_ms;
    int64_t event_offset; /* every event of this file up to here has ended on this target */
    int32_t event_count;  /* events ended by this record; all but the last were superseded */
    int64_t accepted_ms;
    int64_t ended_ms;
    struct wb_version *version; /* proved on the target now; NULL: nothing is */
    const char *tag;            /* of the file on the target */
    int64_t proved_ms;
    struct wb_span sha256;
    int64_t chunk_bytes;
    struct wb_span digests;
    enum wb_strategy strategy;
    int64_t first_proved_ms; /* first range of what is proved; 0: not known, as the next */
    int64_t copied_ms;       /* last range of it */
    int32_t attempts;
    const char *reason;
    struct wb_err *error;
    struct wb_err *first_error;
};

/* waybill.dead: what needs a person. Either a record that could not be read (`key`, `value`,
 * untouched) or a job that ended dead. */
struct wb_dead_letter {
    int64_t time_ms;
    const char *stage;
    const char *topic; /* place of the record or of the job's event */
    int32_t partition;
    int64_t offset;
    struct wb_span key;
    struct wb_span value;
    const char *job;
    const char *source;
    const char *target;
    struct wb_span path;
    const char *event_id;
    int32_t attempts;
    struct wb_err error;
    struct wb_err *first_error;
};

enum wb_node_state {
    WB_NODE_UNKNOWN,
    WB_NODE_UP,
    WB_NODE_DEGRADED,
    WB_NODE_SICK,
    WB_NODE_DRAINING
};

/* waybill.nodes, key: the name. What its operator says; `state` is UP or DRAINING. */
struct wb_node {
    const char *name;
    const char *url;    /* file:///srv/a, https://…, s3://bucket/prefix */
    const char *site;   /* "" the default site */
    const char *secret; /* a name, never a value */
    struct wb_pair *options;
    size_t option_count;
    enum wb_node_state state;
    const char *reason;
    int64_t since_ms;
    int64_t added_ms;
};

/* What is known of one side of a node: as a source, or as a target. */
struct wb_side_health {
    enum wb_node_state state;
    const char *reason; /* for people; "" when up */
    int64_t since_ms;
    struct wb_err *error; /* that made it sick or degraded; NULL: none */
    int64_t p50_ms;       /* of its operations of late; -1: none */
    int64_t p99_ms;
    int32_t window; /* tasks that may be in flight */
};

/* waybill.nodes, key `health/<name>`: what the planner that has the node's partition thinks. */
struct wb_node_health {
    const char *name;
    struct wb_side_health source;
    struct wb_side_health target;
    int64_t free_bytes; /* -1: not known */
    const char *marker; /* what the marker file at the root must hold; "": none was made yet */
    int64_t updated_ms;
};

/* waybill.settings, key `rule/<name>`. */
struct wb_rule {
    const char *name;
    const char *source;     /* node of the match */
    struct wb_span pattern; /* glob over paths */
    const char **targets;
    size_t target_count;
    enum wb_strategy strategy;
    struct wb_options options;
    bool deletes;
    int32_t priority;          /* higher first; default 0 */
    int64_t batch_below_bytes; /* -1: as configured */
    int64_t direct_below_bytes;
    int32_t attempts; /* 0: as configured */
    int32_t weight;   /* share of a target beside other rules; 0: 1 */
    int64_t updated_ms;
};

/* waybill.settings, key `setting/<key>`: an option of the table that may change while running. Keys
 * `pause/<scope>` and `cancel/<scope>`: what an operator holds up or calls off, value: why; scopes
 * are `node/<name>`, `link/<source>/<target>`, `rule/<name>`, `file/<node>:<path>`. A cancel is for
 * what was accepted before `updated_ms`. */
struct wb_setting {
    const char *key;
    const char *value;
    int64_t updated_ms;
    const char *by;
};

enum wb_record_type {
    WB_RECORD_NONE,
    WB_RECORD_FILE_EVENT,
    WB_RECORD_TASK,
    WB_RECORD_TRANSFER, /* struct wb_report */
    WB_RECORD_VERDICT,  /* struct wb_report */
    WB_RECORD_JOB,
    WB_RECORD_REPLICA,
    WB_RECORD_DEAD_LETTER,
    WB_RECORD_NODE,
    WB_RECORD_RULE,
    WB_RECORD_SETTING,
    WB_RECORD_NODE_HEALTH,
    WB_RECORD_TYPE_COUNT
};

/* Stable lower-case names ("chunked", "waiting", "verified", "publish"), those of the Avro enum
 * symbols; the _parse forms give the UNKNOWN value for anything else. */
const char *wb_op_name(enum wb_op op);
const char *wb_outcome_name(enum wb_outcome outcome);
const char *wb_strategy_name(enum wb_strategy strategy);
enum wb_strategy wb_strategy_parse(const char *name);
const char *wb_job_state_name(enum wb_job_state state);
const char *wb_end_name(enum wb_end end);
const char *wb_node_state_name(enum wb_node_state state);
const char *wb_event_kind_name(enum wb_event_kind kind);
enum wb_event_kind wb_event_kind_parse(const char *name);

/* Key of jobs and replicas, appended: `target/source:path`. _parse borrows from `key` (names
 * copied). */
enum wb_rc wb_replica_key(const char *target, const char *source, struct wb_span path,
                          struct wb_buf *out, struct wb_err *err) WB_MUST_USE;
enum wb_rc wb_replica_key_parse(struct wb_span key, char target[64], char source[64],
                                struct wb_span *ret_path, struct wb_err *err) WB_MUST_USE;
/* Key of events, appended: `node:path`. */
enum wb_rc wb_file_key(const char *node, struct wb_span path, struct wb_buf *out,
                       struct wb_err *err) WB_MUST_USE;

#endif
