/* A writer's schema as a tree of nodes, each tied to the field of ours that takes its value (or to
 * none: then the value is skipped). Names are looked up here, once, not for each record. */
#include "core/wire/avro_plan.h"

#include <avro.h>
#include <stdlib.h>

enum { DEPTH_MAX = 16 };

static enum wb_rc compile(avro_schema_t schema, const struct wb_field *field, int depth,
                          struct wb_plan_node **ret, struct wb_err *err);

void wb_avro_plan_free(struct wb_plan_node **node)
{
    if (!*node)
        return;
    for (size_t i = 0; i < (*node)->count; i++)
        wb_avro_plan_free(&(*node)->children[i]);
    free((*node)->children);
    free((*node)->symbol_values);
    free(*node);
    *node = NULL;
}

static const struct wb_field *field_named(const struct wb_field *fields, const char *name)
{
    for (; fields && fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

static void children_make(struct wb_plan_node *node, size_t count)
{
    node->count = count;
    node->children = wb_xcalloc(count, sizeof(*node->children));
}

static enum wb_rc compile_record(avro_schema_t schema, struct wb_plan_node *node,
                                 const struct wb_field *fields, int depth, struct wb_err *err)
{
    size_t count = avro_schema_record_size(schema);
    children_make(node, count);
    for (size_t i = 0; i < count; i++) {
        const char *name = avro_schema_record_field_name(schema, (int)i);
        avro_schema_t type = avro_schema_record_field_get_by_index(schema, (int)i);
        if (compile(type, field_named(fields, name), depth + 1, &node->children[i], err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static enum wb_rc compile_union(avro_schema_t schema, struct wb_plan_node *node, int depth,
                                struct wb_err *err)
{
    size_t count = avro_schema_union_size(schema);
    children_make(node, count);
    for (size_t i = 0; i < count; i++)
        if (compile(avro_schema_union_branch(schema, (int)i), node->field, depth + 1,
                    &node->children[i], err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

static void compile_enum(avro_schema_t schema, struct wb_plan_node *node)
{
    node->symbol_count = avro_schema_enum_number_of_symbols(schema);
    node->symbol_values = wb_xcalloc((size_t)node->symbol_count, sizeof(int));
    if (!node->field || node->field->kind != WB_FIELD_ENUM)
        return;
    for (int i = 0; i < node->symbol_count; i++)
        node->symbol_values[i] =
            wb_symbol_index(node->field->symbols, avro_schema_enum_get(schema, i));
}

static enum wb_rc compile_inner(avro_schema_t schema, struct wb_plan_node *node, int depth,
                                struct wb_err *err)
{
    const struct wb_field *field = node->field;
    const struct wb_field *nested = field ? field->fields : NULL;
    switch (avro_typeof(schema)) {
    case AVRO_RECORD:
        return compile_record(schema, node, nested, depth, err);
    case AVRO_UNION:
        return compile_union(schema, node, depth, err);
    case AVRO_ARRAY:
        children_make(node, 1);
        return compile(avro_schema_array_items(schema), field, depth + 1, &node->children[0], err);
    case AVRO_MAP:
        children_make(node, 1);
        return compile(avro_schema_map_values(schema), field, depth + 1, &node->children[0], err);
    case AVRO_ENUM:
        compile_enum(schema, node);
        return WB_OK;
    case AVRO_FIXED:
        node->fixed_size = avro_schema_fixed_size(schema);
        return WB_OK;
    default:
        return WB_OK;
    }
}

static enum wb_rc compile(avro_schema_t schema, const struct wb_field *field, int depth,
                          struct wb_plan_node **ret, struct wb_err *err)
{
    if (depth > DEPTH_MAX)
        return wb_err_set(err, WB_CAT_INVALID, "schema nests deeper than %d or into itself",
                          DEPTH_MAX);
    if (avro_typeof(schema) == AVRO_LINK)
        schema = avro_schema_link_target(schema);
    struct wb_plan_node *node WB_AUTO(wb_avro_plan_free) = wb_xcalloc(1, sizeof(*node));
    node->type = (int)avro_typeof(schema);
    node->field = field;
    if (compile_inner(schema, node, depth, err) != WB_OK)
        return WB_ERROR;
    *ret = node;
    node = NULL;
    return WB_OK;
}

static void schema_release(avro_schema_t *schema)
{
    if (*schema)
        (void)avro_schema_decref(*schema);
}

static enum wb_record_type type_named(avro_schema_t schema)
{
    const char *space = avro_schema_namespace(schema);
    for (int type = WB_RECORD_NONE + 1; type < WB_RECORD_TYPE_COUNT; type++) {
        const char *full = wb_record_row((enum wb_record_type)type)->name;
        const char *dot = strrchr(full, '.');
        size_t len = (size_t)(dot - full);
        if (space && strlen(space) == len && strncmp(space, full, len) == 0 &&
            strcmp(avro_schema_name(schema), dot + 1) == 0)
            return (enum wb_record_type)type;
    }
    return WB_RECORD_NONE;
}

enum wb_rc wb_avro_compile(struct wb_span json, struct wb_plan_node **ret_node,
                           enum wb_record_type *ret_type, struct wb_err *err)
{
    avro_schema_t schema WB_AUTO(schema_release) = NULL;
    if (avro_schema_from_json_length((const char *)json.data, json.len, &schema) != 0)
        return wb_err_set(err, WB_CAT_INVALID, "not an avro schema: %s", avro_strerror());
    if (avro_typeof(schema) != AVRO_RECORD)
        return wb_err_set(err, WB_CAT_INVALID, "schema is not a record");
    enum wb_record_type type = type_named(schema);
    if (type == WB_RECORD_NONE)
        return wb_err_set(err, WB_CAT_INVALID, "schema \"%s\" is none of waybill's",
                          avro_schema_name(schema));
    struct wb_plan_node *node WB_AUTO(wb_avro_plan_free) = wb_xcalloc(1, sizeof(*node));
    node->type = AVRO_RECORD;
    if (compile_record(schema, node, wb_record_row(type)->fields, 0, err) != WB_OK)
        return WB_ERROR;
    *ret_node = node;
    *ret_type = type;
    node = NULL;
    return WB_OK;
}
