/* The tables that map fields of the Avro schemas to members of the structs; between the files of
 * the codec only. */
#ifndef WB_WIRE_FIELDS_H
#define WB_WIRE_FIELDS_H

#include "core/wire/records.h"

enum wb_field_kind {
    WB_FIELD_TEXT,          /* const char *, "" by default */
    WB_FIELD_TEXT_OR_NULL,  /* the same, null on the wire when "" */
    WB_FIELD_CHARS,         /* char[size] */
    WB_FIELD_BYTES,         /* struct wb_span */
    WB_FIELD_BYTES_OR_NULL, /* null when empty */
    WB_FIELD_INT,           /* int32_t */
    WB_FIELD_LONG,          /* int64_t */
    WB_FIELD_LONG_OR_NULL,  /* null when -1 */
    WB_FIELD_BOOL,
    WB_FIELD_ENUM,           /* int, by symbol */
    WB_FIELD_RECORD,         /* struct in place */
    WB_FIELD_RECORD_OR_NULL, /* pointer to struct */
    WB_FIELD_RECORDS,        /* pointer to array of structs, count at count_offset */
    WB_FIELD_TEXTS,          /* const char **, count */
    WB_FIELD_MAP             /* struct wb_pair *, count */
};

struct wb_field {
    const char *name; /* NULL ends a table */
    enum wb_field_kind kind;
    size_t offset;
    size_t size; /* of the nested struct or char array */
    size_t count_offset;
    const struct wb_field *fields;
    const char *const *symbols;
};

struct wb_record_row {
    const char *name; /* full name of the schema */
    const struct wb_field *fields;
    size_t size;
};

/* NULL for a number that is no type. */
const struct wb_record_row *wb_record_row(enum wb_record_type type);

/* Symbols of each enum, by its C value; NULL ends a list. */
extern const char *const wb_file_kind_symbols[];
extern const char *const wb_event_kind_symbols[];
extern const char *const wb_op_symbols[];
extern const char *const wb_outcome_symbols[];
extern const char *const wb_source_state_symbols[];
extern const char *const wb_strategy_symbols[];
extern const char *const wb_job_state_symbols[];
extern const char *const wb_end_symbols[];
extern const char *const wb_node_state_symbols[];
extern const char *const wb_scope_symbols[];
extern const char *const wb_category_symbols[];

/* Symbols of a NULL-terminated list; "unknown" and 0 for what is not in it. */
const char *wb_symbol_name(const char *const *symbols, int index);
int wb_symbol_index(const char *const *symbols, const char *name);

/* The member of a struct that a field means. */
static inline void *wb_field_at(const struct wb_field *field, void *base)
{
    return (char *)base + field->offset;
}

/* Zeroes a struct and gives each member its default. */
void wb_fields_init(const struct wb_field *fields, size_t size, void *base);

/* Appends the Avro binary encoding (Avro 1.11 spec, "Binary Encoding") of a struct. */
enum wb_rc wb_avro_write(const struct wb_field *fields, const void *base, struct wb_buf *out,
                         struct wb_err *err) WB_MUST_USE;

/* A writer's schema, compiled against our table: which of its fields go where, which are skipped.
 */
struct wb_plan_node;

/* `json` is one record schema; the type comes from its full name. INVALID for what is no schema, is
 * not one of ours, refers to itself or nests deeper than 16. */
enum wb_rc wb_avro_compile(struct wb_span json, struct wb_plan_node **ret_node,
                           enum wb_record_type *ret_type, struct wb_err *err) WB_MUST_USE;
void wb_avro_plan_free(struct wb_plan_node **node);

/* Decodes one record of the writer's schema from `bytes`, all of them, into a struct in the arena.
 */
enum wb_rc wb_avro_read(const struct wb_plan_node *plan, const struct wb_record_row *row,
                        struct wb_span bytes, struct wb_arena *arena, void **ret_record,
                        struct wb_err *err) WB_MUST_USE;

#endif
