/* Fields of every record: their names in schemas/ and their places in the structs of records.h, in
 * the order of the schema. The codec and the test of the schemas walk these tables. */
#include "core/wire/fields.h"

#include <stddef.h>

static const char *const file_kind_symbols[] = {"unknown",   "regular", "symlink",
                                                "directory", "special", NULL};
static const char *const event_kind_symbols[] = {"unknown", "written", "deleted", NULL};
static const char *const op_symbols[] = {"unknown", "probe",   "copy",   "open",  "range", "seal",
                                         "publish", "discard", "delete", "check", NULL};
static const char *const outcome_symbols[] = {
    "unknown", "failed",   "probed",  "absent",    "current",   "copied",
    "opened",  "ranged",   "sealed",  "published", "discarded", "deleted",
    "match",   "mismatch", "checked", "present",   NULL};
static const char *const source_state_symbols[] = {"unknown", "same", "changed", "gone", NULL};
static const char *const strategy_symbols[] = {"unknown", "auto",      "batch", "direct",
                                               "chunked", "streaming", NULL};
static const char *const job_state_symbols[] = {
    "unknown",    "waiting", "probing",  "copying", "opening", "ranging", "sealing",
    "publishing", "fencing", "deleting", "parked",  "dead",    NULL};
static const char *const end_symbols[] = {"unknown", "verified", "superseded",
                                          "deleted", "dead",     NULL};
static const char *const node_state_symbols[] = {"unknown", "up",       "degraded",
                                                 "sick",    "draining", NULL};
static const char *const scope_symbols[] = {"unknown", "source", "target", "transfer", "log", NULL};
static const char *const category_symbols[] = {
    "unknown",  "internal",  "usage",    "not_found",   "changed",   "corrupt",   "denied",
    "no_space", "read_only", "io",       "unreachable", "timeout",   "throttled", "unsupported",
    "invalid",  "limit",     "conflict", "expired",     "cancelled", NULL};

static const struct wb_field version_fields[] = {
    {.name = "kind",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_version, kind),
     .symbols = file_kind_symbols},
    {.name = "size",
     .kind = WB_FIELD_LONG_OR_NULL,
     .offset = offsetof(struct wb_version, size_bytes)},
    {.name = "mtime",
     .kind = WB_FIELD_LONG_OR_NULL,
     .offset = offsetof(struct wb_version, mtime_ns)},
    {.name = "etag", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_version, etag)},
    {.name = NULL},
};

static const struct wb_field range_fields[] = {
    {.name = "offset", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_range, offset)},
    {.name = "length", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_range, length)},
    {.name = "digest", .kind = WB_FIELD_BYTES_OR_NULL, .offset = offsetof(struct wb_range, digest)},
    {.name = "tag", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_range, tag)},
    {.name = NULL},
};

static const struct wb_field error_fields[] = {
    {.name = "scope",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_err, scope),
     .symbols = scope_symbols},
    {.name = "phase",
     .kind = WB_FIELD_CHARS,
     .offset = offsetof(struct wb_err, phase),
     .size = WB_ERR_PHASE_MAX},
    {.name = "category",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_err, category),
     .symbols = category_symbols},
    {.name = "code",
     .kind = WB_FIELD_CHARS,
     .offset = offsetof(struct wb_err, code),
     .size = WB_ERR_CODE_MAX},
    {.name = "message",
     .kind = WB_FIELD_CHARS,
     .offset = offsetof(struct wb_err, text),
     .size = WB_ERR_TEXT_MAX},
    {.name = "retryable", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_err, retryable)},
    {.name = "retry_after_ms",
     .kind = WB_FIELD_INT,
     .offset = offsetof(struct wb_err, retry_after_ms)},
    {.name = NULL},
};

static const struct wb_field options_fields[] = {
    {.name = "owner", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_options, owner)},
    {.name = "group", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_options, group)},
    {.name = "xattrs", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_options, xattrs)},
    {.name = "sha256", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_options, sha256)},
    {.name = "medium", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_options, medium)},
    {.name = "keep", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_options, keep)},
    {.name = NULL},
};

static const struct wb_field event_ref_fields[] = {
    {.name = "id", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_event_ref, id)},
    {.name = "time", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_event_ref, time_ms)},
    {.name = "offset", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_event_ref, offset)},
    {.name = "accepted",
     .kind = WB_FIELD_LONG,
     .offset = offsetof(struct wb_event_ref, accepted_ms)},
    {.name = "kind",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_event_ref, kind),
     .symbols = event_kind_symbols},
    {.name = "claim",
     .kind = WB_FIELD_RECORD,
     .offset = offsetof(struct wb_event_ref, claim),
     .fields = version_fields,
     .size = sizeof(struct wb_version)},
    {.name = "sha256",
     .kind = WB_FIELD_BYTES_OR_NULL,
     .offset = offsetof(struct wb_event_ref, sha256)},
    {.name = "mime", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_event_ref, mime)},
    {.name = "count", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_event_ref, count)},
    {.name = NULL},
};

static const struct wb_field file_event_fields[] = {
    {.name = "id", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_file_event, id)},
    {.name = "time", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_file_event, time_ms)},
    {.name = "kind",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_file_event, kind),
     .symbols = event_kind_symbols},
    {.name = "node", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_file_event, node)},
    {.name = "path", .kind = WB_FIELD_BYTES, .offset = offsetof(struct wb_file_event, path)},
    {.name = "size",
     .kind = WB_FIELD_LONG_OR_NULL,
     .offset = offsetof(struct wb_file_event, size_bytes)},
    {.name = "mtime",
     .kind = WB_FIELD_LONG_OR_NULL,
     .offset = offsetof(struct wb_file_event, mtime_ns)},
    {.name = "etag", .kind = WB_FIELD_TEXT_OR_NULL, .offset = offsetof(struct wb_file_event, etag)},
    {.name = "digest",
     .kind = WB_FIELD_TEXT_OR_NULL,
     .offset = offsetof(struct wb_file_event, digest)},
    {.name = "mime", .kind = WB_FIELD_TEXT_OR_NULL, .offset = offsetof(struct wb_file_event, mime)},
    {.name = "attributes",
     .kind = WB_FIELD_MAP,
     .offset = offsetof(struct wb_file_event, attributes),
     .count_offset = offsetof(struct wb_file_event, attribute_count)},
    {.name = NULL},
};

static const struct wb_field task_file_fields[] = {
    {.name = "job", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_task_file, job)},
    {.name = "attempt", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_task_file, attempt)},
    {.name = "path", .kind = WB_FIELD_BYTES, .offset = offsetof(struct wb_task_file, path)},
    {.name = "version",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_task_file, version),
     .fields = version_fields,
     .size = sizeof(struct wb_version)},
    {.name = "known",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_task_file, known),
     .fields = version_fields,
     .size = sizeof(struct wb_version)},
    {.name = "instance", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_task_file, instance)},
    {.name = "tag", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_task_file, tag)},
    {.name = "sha256",
     .kind = WB_FIELD_BYTES_OR_NULL,
     .offset = offsetof(struct wb_task_file, sha256)},
    {.name = "ranges",
     .kind = WB_FIELD_RECORDS,
     .offset = offsetof(struct wb_task_file, ranges),
     .fields = range_fields,
     .size = sizeof(struct wb_range),
     .count_offset = offsetof(struct wb_task_file, range_count)},
    {.name = "fresh", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_task_file, fresh)},
    {.name = NULL},
};

static const struct wb_field task_fields[] = {
    {.name = "id", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_task, id)},
    {.name = "op",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_task, op),
     .symbols = op_symbols},
    {.name = "time", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_task, time_ms)},
    {.name = "not_after", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_task, not_after_ms)},
    {.name = "partition", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_task, partition)},
    {.name = "source", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_task, source)},
    {.name = "target", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_task, target)},
    {.name = "options",
     .kind = WB_FIELD_RECORD,
     .offset = offsetof(struct wb_task, options),
     .fields = options_fields,
     .size = sizeof(struct wb_options)},
    {.name = "max_file_bytes",
     .kind = WB_FIELD_LONG,
     .offset = offsetof(struct wb_task, max_file_bytes)},
    {.name = "files",
     .kind = WB_FIELD_RECORDS,
     .offset = offsetof(struct wb_task, files),
     .fields = task_file_fields,
     .size = sizeof(struct wb_task_file),
     .count_offset = offsetof(struct wb_task, file_count)},
    {.name = "from", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_task, from)},
    {.name = NULL},
};

static const struct wb_field result_fields[] = {
    {.name = "job", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_result, job)},
    {.name = "attempt", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_result, attempt)},
    {.name = "path", .kind = WB_FIELD_BYTES, .offset = offsetof(struct wb_result, path)},
    {.name = "outcome",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_result, outcome),
     .symbols = outcome_symbols},
    {.name = "version",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_result, version),
     .fields = version_fields,
     .size = sizeof(struct wb_version)},
    {.name = "instance", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_result, instance)},
    {.name = "tag", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_result, tag)},
    {.name = "sha256",
     .kind = WB_FIELD_BYTES_OR_NULL,
     .offset = offsetof(struct wb_result, sha256)},
    {.name = "mime", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_result, mime)},
    {.name = "ranges",
     .kind = WB_FIELD_RECORDS,
     .offset = offsetof(struct wb_result, ranges),
     .fields = range_fields,
     .size = sizeof(struct wb_range),
     .count_offset = offsetof(struct wb_result, range_count)},
    {.name = "source_state",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_result, source_state),
     .symbols = source_state_symbols},
    {.name = "bytes", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_result, bytes)},
    {.name = "started", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_result, started_ms)},
    {.name = "duration_ms",
     .kind = WB_FIELD_LONG,
     .offset = offsetof(struct wb_result, duration_ms)},
    {.name = "error",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_result, error),
     .fields = error_fields,
     .size = sizeof(struct wb_err)},
    {.name = "free",
     .kind = WB_FIELD_LONG_OR_NULL,
     .offset = offsetof(struct wb_result, free_bytes)},
    {.name = NULL},
};

static const struct wb_field transfer_fields[] = {
    {.name = "task", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_report, task)},
    {.name = "op",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_report, op),
     .symbols = op_symbols},
    {.name = "time", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_report, time_ms)},
    {.name = "partition", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_report, partition)},
    {.name = "source", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_report, source)},
    {.name = "target", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_report, target)},
    {.name = "worker", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_report, worker)},
    {.name = "options",
     .kind = WB_FIELD_RECORD,
     .offset = offsetof(struct wb_report, options),
     .fields = options_fields,
     .size = sizeof(struct wb_options)},
    {.name = "results",
     .kind = WB_FIELD_RECORDS,
     .offset = offsetof(struct wb_report, results),
     .fields = result_fields,
     .size = sizeof(struct wb_result),
     .count_offset = offsetof(struct wb_report, result_count)},
    {.name = "from", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_report, from)},
    {.name = NULL},
};

static const struct wb_field job_fields[] = {
    {.name = "id", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_job, id)},
    {.name = "source", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_job, source)},
    {.name = "target", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_job, target)},
    {.name = "path", .kind = WB_FIELD_BYTES, .offset = offsetof(struct wb_job, path)},
    {.name = "partition", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_job, partition)},
    {.name = "state",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_job, state),
     .symbols = job_state_symbols},
    {.name = "strategy",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_job, strategy),
     .symbols = strategy_symbols},
    {.name = "reason", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_job, reason)},
    {.name = "rule", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_job, rule)},
    {.name = "options",
     .kind = WB_FIELD_RECORD,
     .offset = offsetof(struct wb_job, options),
     .fields = options_fields,
     .size = sizeof(struct wb_options)},
    {.name = "deletes", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_job, deletes)},
    {.name = "priority", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_job, priority)},
    {.name = "event",
     .kind = WB_FIELD_RECORD,
     .offset = offsetof(struct wb_job, event),
     .fields = event_ref_fields,
     .size = sizeof(struct wb_event_ref)},
    {.name = "pending",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_job, pending),
     .fields = event_ref_fields,
     .size = sizeof(struct wb_event_ref)},
    {.name = "attempt", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_job, attempt)},
    {.name = "max_attempts", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_job, max_attempts)},
    {.name = "due", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_job, due_ms)},
    {.name = "created", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_job, created_ms)},
    {.name = "updated", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_job, updated_ms)},
    {.name = "version",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_job, version),
     .fields = version_fields,
     .size = sizeof(struct wb_version)},
    {.name = "mime", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_job, mime)},
    {.name = "instance", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_job, instance)},
    {.name = "tag", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_job, tag)},
    {.name = "sha256", .kind = WB_FIELD_BYTES_OR_NULL, .offset = offsetof(struct wb_job, sha256)},
    {.name = "fences",
     .kind = WB_FIELD_TEXTS,
     .offset = offsetof(struct wb_job, fences),
     .count_offset = offsetof(struct wb_job, fence_count)},
    {.name = "chunk_bytes", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_job, chunk_bytes)},
    {.name = "digests", .kind = WB_FIELD_BYTES_OR_NULL, .offset = offsetof(struct wb_job, digests)},
    {.name = "given", .kind = WB_FIELD_BYTES_OR_NULL, .offset = offsetof(struct wb_job, given)},
    {.name = "range_tags",
     .kind = WB_FIELD_TEXTS,
     .offset = offsetof(struct wb_job, range_tags),
     .count_offset = offsetof(struct wb_job, range_tag_count)},
    {.name = "error",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_job, error),
     .fields = error_fields,
     .size = sizeof(struct wb_err)},
    {.name = "first_error",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_job, first_error),
     .fields = error_fields,
     .size = sizeof(struct wb_err)},
    {.name = "unanswered", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_job, unanswered)},
    {.name = "fresh", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_job, fresh)},
    {.name = "from", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_job, from)},
    {.name = NULL},
};

static const struct wb_field replica_fields[] = {
    {.name = "source", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_replica, source)},
    {.name = "target", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_replica, target)},
    {.name = "path", .kind = WB_FIELD_BYTES, .offset = offsetof(struct wb_replica, path)},
    {.name = "partition", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_replica, partition)},
    {.name = "job", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_replica, job)},
    {.name = "end",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_replica, end),
     .symbols = end_symbols},
    {.name = "event_id", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_replica, event_id)},
    {.name = "event_time",
     .kind = WB_FIELD_LONG,
     .offset = offsetof(struct wb_replica, event_time_ms)},
    {.name = "event_offset",
     .kind = WB_FIELD_LONG,
     .offset = offsetof(struct wb_replica, event_offset)},
    {.name = "event_count",
     .kind = WB_FIELD_INT,
     .offset = offsetof(struct wb_replica, event_count)},
    {.name = "accepted", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_replica, accepted_ms)},
    {.name = "ended", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_replica, ended_ms)},
    {.name = "version",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_replica, version),
     .fields = version_fields,
     .size = sizeof(struct wb_version)},
    {.name = "tag", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_replica, tag)},
    {.name = "proved", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_replica, proved_ms)},
    {.name = "sha256",
     .kind = WB_FIELD_BYTES_OR_NULL,
     .offset = offsetof(struct wb_replica, sha256)},
    {.name = "chunk_bytes",
     .kind = WB_FIELD_LONG,
     .offset = offsetof(struct wb_replica, chunk_bytes)},
    {.name = "digests",
     .kind = WB_FIELD_BYTES_OR_NULL,
     .offset = offsetof(struct wb_replica, digests)},
    {.name = "strategy",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_replica, strategy),
     .symbols = strategy_symbols},
    {.name = "attempts", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_replica, attempts)},
    {.name = "reason", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_replica, reason)},
    {.name = "error",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_replica, error),
     .fields = error_fields,
     .size = sizeof(struct wb_err)},
    {.name = "first_error",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_replica, first_error),
     .fields = error_fields,
     .size = sizeof(struct wb_err)},
    {.name = NULL},
};

static const struct wb_field dead_letter_fields[] = {
    {.name = "time", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_dead_letter, time_ms)},
    {.name = "stage", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_dead_letter, stage)},
    {.name = "topic", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_dead_letter, topic)},
    {.name = "partition",
     .kind = WB_FIELD_INT,
     .offset = offsetof(struct wb_dead_letter, partition)},
    {.name = "offset", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_dead_letter, offset)},
    {.name = "key", .kind = WB_FIELD_BYTES, .offset = offsetof(struct wb_dead_letter, key)},
    {.name = "value", .kind = WB_FIELD_BYTES, .offset = offsetof(struct wb_dead_letter, value)},
    {.name = "job", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_dead_letter, job)},
    {.name = "source", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_dead_letter, source)},
    {.name = "target", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_dead_letter, target)},
    {.name = "path", .kind = WB_FIELD_BYTES, .offset = offsetof(struct wb_dead_letter, path)},
    {.name = "event_id",
     .kind = WB_FIELD_TEXT,
     .offset = offsetof(struct wb_dead_letter, event_id)},
    {.name = "attempts", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_dead_letter, attempts)},
    {.name = "error",
     .kind = WB_FIELD_RECORD,
     .offset = offsetof(struct wb_dead_letter, error),
     .fields = error_fields,
     .size = sizeof(struct wb_err)},
    {.name = "first_error",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_dead_letter, first_error),
     .fields = error_fields,
     .size = sizeof(struct wb_err)},
    {.name = NULL},
};

static const struct wb_field node_fields[] = {
    {.name = "name", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_node, name)},
    {.name = "url", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_node, url)},
    {.name = "site", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_node, site)},
    {.name = "secret", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_node, secret)},
    {.name = "options",
     .kind = WB_FIELD_MAP,
     .offset = offsetof(struct wb_node, options),
     .count_offset = offsetof(struct wb_node, option_count)},
    {.name = "state",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_node, state),
     .symbols = node_state_symbols},
    {.name = "reason", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_node, reason)},
    {.name = "since", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_node, since_ms)},
    {.name = "added", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_node, added_ms)},
    {.name = NULL},
};

static const struct wb_field side_health_fields[] = {
    {.name = "state",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_side_health, state),
     .symbols = node_state_symbols},
    {.name = "reason", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_side_health, reason)},
    {.name = "since", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_side_health, since_ms)},
    {.name = "error",
     .kind = WB_FIELD_RECORD_OR_NULL,
     .offset = offsetof(struct wb_side_health, error),
     .fields = error_fields,
     .size = sizeof(struct wb_err)},
    {.name = "p50_ms",
     .kind = WB_FIELD_LONG_OR_NULL,
     .offset = offsetof(struct wb_side_health, p50_ms)},
    {.name = "p99_ms",
     .kind = WB_FIELD_LONG_OR_NULL,
     .offset = offsetof(struct wb_side_health, p99_ms)},
    {.name = "window", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_side_health, window)},
    {.name = NULL},
};

static const struct wb_field node_health_fields[] = {
    {.name = "name", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_node_health, name)},
    {.name = "source",
     .kind = WB_FIELD_RECORD,
     .offset = offsetof(struct wb_node_health, source),
     .fields = side_health_fields,
     .size = sizeof(struct wb_side_health)},
    {.name = "target",
     .kind = WB_FIELD_RECORD,
     .offset = offsetof(struct wb_node_health, target),
     .fields = side_health_fields,
     .size = sizeof(struct wb_side_health)},
    {.name = "free",
     .kind = WB_FIELD_LONG_OR_NULL,
     .offset = offsetof(struct wb_node_health, free_bytes)},
    {.name = "marker", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_node_health, marker)},
    {.name = "updated",
     .kind = WB_FIELD_LONG,
     .offset = offsetof(struct wb_node_health, updated_ms)},
    {.name = NULL},
};

static const struct wb_field rule_fields[] = {
    {.name = "name", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_rule, name)},
    {.name = "source", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_rule, source)},
    {.name = "pattern", .kind = WB_FIELD_BYTES, .offset = offsetof(struct wb_rule, pattern)},
    {.name = "targets",
     .kind = WB_FIELD_TEXTS,
     .offset = offsetof(struct wb_rule, targets),
     .count_offset = offsetof(struct wb_rule, target_count)},
    {.name = "strategy",
     .kind = WB_FIELD_ENUM,
     .offset = offsetof(struct wb_rule, strategy),
     .symbols = strategy_symbols},
    {.name = "options",
     .kind = WB_FIELD_RECORD,
     .offset = offsetof(struct wb_rule, options),
     .fields = options_fields,
     .size = sizeof(struct wb_options)},
    {.name = "deletes", .kind = WB_FIELD_BOOL, .offset = offsetof(struct wb_rule, deletes)},
    {.name = "priority", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_rule, priority)},
    {.name = "batch_below",
     .kind = WB_FIELD_LONG_OR_NULL,
     .offset = offsetof(struct wb_rule, batch_below_bytes)},
    {.name = "direct_below",
     .kind = WB_FIELD_LONG_OR_NULL,
     .offset = offsetof(struct wb_rule, direct_below_bytes)},
    {.name = "attempts", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_rule, attempts)},
    {.name = "updated", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_rule, updated_ms)},
    {.name = "weight", .kind = WB_FIELD_INT, .offset = offsetof(struct wb_rule, weight)},
    {.name = NULL},
};

static const struct wb_field setting_fields[] = {
    {.name = "key", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_setting, key)},
    {.name = "value", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_setting, value)},
    {.name = "updated", .kind = WB_FIELD_LONG, .offset = offsetof(struct wb_setting, updated_ms)},
    {.name = "by", .kind = WB_FIELD_TEXT, .offset = offsetof(struct wb_setting, by)},
    {.name = NULL},
};

static const struct wb_record_row rows[WB_RECORD_TYPE_COUNT] = {
    [WB_RECORD_FILE_EVENT] = {"waybill.v1.FileEvent", file_event_fields,
                              sizeof(struct wb_file_event)},
    [WB_RECORD_TASK] = {"waybill.v1.Task", task_fields, sizeof(struct wb_task)},
    [WB_RECORD_TRANSFER] = {"waybill.v1.Transfer", transfer_fields, sizeof(struct wb_report)},
    [WB_RECORD_VERDICT] = {"waybill.v1.Verdict", transfer_fields, sizeof(struct wb_report)},
    [WB_RECORD_JOB] = {"waybill.v1.Job", job_fields, sizeof(struct wb_job)},
    [WB_RECORD_REPLICA] = {"waybill.v1.Replica", replica_fields, sizeof(struct wb_replica)},
    [WB_RECORD_DEAD_LETTER] = {"waybill.v1.DeadLetter", dead_letter_fields,
                               sizeof(struct wb_dead_letter)},
    [WB_RECORD_NODE] = {"waybill.v1.Node", node_fields, sizeof(struct wb_node)},
    [WB_RECORD_RULE] = {"waybill.v1.Rule", rule_fields, sizeof(struct wb_rule)},
    [WB_RECORD_SETTING] = {"waybill.v1.Setting", setting_fields, sizeof(struct wb_setting)},
    [WB_RECORD_NODE_HEALTH] = {"waybill.v1.NodeHealth", node_health_fields,
                               sizeof(struct wb_node_health)},
};

const struct wb_record_row *wb_record_row(enum wb_record_type type)
{
    return (unsigned)type < WB_RECORD_TYPE_COUNT && rows[type].name ? &rows[type] : NULL;
}

const char *wb_op_name(enum wb_op op)
{
    return wb_symbol_name(op_symbols, (int)op);
}

const char *wb_outcome_name(enum wb_outcome outcome)
{
    return wb_symbol_name(outcome_symbols, (int)outcome);
}

const char *wb_strategy_name(enum wb_strategy strategy)
{
    return wb_symbol_name(strategy_symbols, (int)strategy);
}

const char *wb_job_state_name(enum wb_job_state state)
{
    return wb_symbol_name(job_state_symbols, (int)state);
}

const char *wb_end_name(enum wb_end end)
{
    return wb_symbol_name(end_symbols, (int)end);
}

const char *wb_node_state_name(enum wb_node_state state)
{
    return wb_symbol_name(node_state_symbols, (int)state);
}

const char *wb_event_kind_name(enum wb_event_kind kind)
{
    return wb_symbol_name(event_kind_symbols, (int)kind);
}

enum wb_strategy wb_strategy_parse(const char *name)
{
    return (enum wb_strategy)wb_symbol_index(strategy_symbols, name);
}

enum wb_event_kind wb_event_kind_parse(const char *name)
{
    return (enum wb_event_kind)wb_symbol_index(event_kind_symbols, name);
}
