/* Symbols of the enums of schemas/, in the order of the C enums, and the names that people see. */
#include "core/wire/fields.h"

const char *const wb_file_kind_symbols[] = {"unknown",   "regular", "symlink",
                                            "directory", "special", NULL};
const char *const wb_event_kind_symbols[] = {"unknown", "written", "deleted", NULL};
const char *const wb_op_symbols[] = {"unknown", "probe",   "copy",   "open",  "range", "seal",
                                     "publish", "discard", "delete", "check", NULL};
const char *const wb_outcome_symbols[] = {"unknown",   "failed",  "probed", "absent",   "current",
                                          "copied",    "opened",  "ranged", "sealed",   "published",
                                          "discarded", "deleted", "match",  "mismatch", "checked",
                                          "present",   NULL};
const char *const wb_source_state_symbols[] = {"unknown", "same", "changed", "gone", NULL};
const char *const wb_strategy_symbols[] = {"unknown", "auto",      "batch", "direct",
                                           "chunked", "streaming", NULL};
const char *const wb_job_state_symbols[] = {
    "unknown",    "waiting", "probing",  "copying", "opening", "ranging", "sealing",
    "publishing", "fencing", "deleting", "parked",  "dead",    NULL};
const char *const wb_end_symbols[] = {"unknown", "verified", "superseded", "deleted", "dead", NULL};
const char *const wb_node_state_symbols[] = {"unknown", "up", "degraded", "sick", "draining", NULL};
const char *const wb_scope_symbols[] = {"unknown", "source", "target", "transfer", "log", NULL};
const char *const wb_category_symbols[] = {
    "unknown",  "internal",  "usage",    "not_found",   "changed",   "corrupt",   "denied",
    "no_space", "read_only", "io",       "unreachable", "timeout",   "throttled", "unsupported",
    "invalid",  "limit",     "conflict", "expired",     "cancelled", NULL};

const char *wb_op_name(enum wb_op op)
{
    return wb_symbol_name(wb_op_symbols, (int)op);
}

const char *wb_outcome_name(enum wb_outcome outcome)
{
    return wb_symbol_name(wb_outcome_symbols, (int)outcome);
}

const char *wb_strategy_name(enum wb_strategy strategy)
{
    return wb_symbol_name(wb_strategy_symbols, (int)strategy);
}

const char *wb_job_state_name(enum wb_job_state state)
{
    return wb_symbol_name(wb_job_state_symbols, (int)state);
}

const char *wb_end_name(enum wb_end end)
{
    return wb_symbol_name(wb_end_symbols, (int)end);
}

const char *wb_node_state_name(enum wb_node_state state)
{
    return wb_symbol_name(wb_node_state_symbols, (int)state);
}

const char *wb_event_kind_name(enum wb_event_kind kind)
{
    return wb_symbol_name(wb_event_kind_symbols, (int)kind);
}

enum wb_strategy wb_strategy_parse(const char *name)
{
    return (enum wb_strategy)wb_symbol_index(wb_strategy_symbols, name);
}

enum wb_event_kind wb_event_kind_parse(const char *name)
{
    return (enum wb_event_kind)wb_symbol_index(wb_event_kind_symbols, name);
}
