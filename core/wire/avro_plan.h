/* The compiled form of a writer's schema; between avro_plan.c and avro_read.c only. */
#ifndef WB_WIRE_AVRO_PLAN_H
#define WB_WIRE_AVRO_PLAN_H

#include "core/wire/fields.h"

struct wb_plan_node {
    int type;                     /* avro_type_t */
    const struct wb_field *field; /* where the value goes; NULL: skipped */
    size_t count;
    struct wb_plan_node **children; /* fields, branches, or the one type of items */
    int symbol_count;
    int *symbol_values; /* the writer's index -> our enum value */
    int64_t fixed_size;
};

#endif
