/* Configuration files. What is taken is within the bounds of the table; what is refused is told in
 * one line. Reading a file again changes nothing. */
#include "core/base/config.h"
#include "tests/fuzz/fuzz.h"

static bool is_number(enum wb_opt_type type)
{
    return type == WB_OPT_BOOL || type == WB_OPT_INT || type == WB_OPT_SIZE ||
           type == WB_OPT_DURATION;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, value, len) == 0 && (at[len] == '|' || at[len] == 0))
            return true;
    return false;
}

static void check_value(const struct wb_config *config, const struct wb_opt_row *row)
{
    int64_t low;
    int64_t high;
    if (is_number(row->type)) {
        int64_t value = wb_config_int(config, row->id);
        must_hold(value >= 0 && value >= row->least);
        must_hold(row->most == 0 || value <= row->most);
    } else if (row->type == WB_OPT_SPAN) {
        wb_config_span(config, row->id, &low, &high);
        must_hold(low >= 0 && low <= high);
    } else if (row->type == WB_OPT_CHOICE) {
        must_hold(is_choice(row->choices, wb_config_text(config, row->id)));
    }
}

static void check_same(const struct wb_config *a, const struct wb_config *b,
                       const struct wb_opt_row *row)
{
    if (is_number(row->type)) {
        must_hold(wb_config_int(a, row->id) == wb_config_int(b, row->id));
    } else if (row->type == WB_OPT_TEXT || row->type == WB_OPT_CHOICE) {
        const char *one = wb_config_text(a, row->id);
        const char *two = wb_config_text(b, row->id);
        must_hold((!one && !two) || (one && two && strcmp(one, two) == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_err err = {0};
    struct wb_config *config WB_AUTO(wb_config_free) = wb_config_new();
    struct wb_config *again WB_AUTO(wb_config_free) = wb_config_new();
    struct wb_span yaml = wb_span_of(data, size);
    if (wb_config_load_text(config, "w.yaml", yaml, &err) != WB_OK) {
        must_be_error(&err);
        must_hold(err.category == WB_CAT_USAGE || err.category == WB_CAT_LIMIT);
        return 0;
    }
    must_hold(wb_config_load_text(again, "w.yaml", yaml, &err) == WB_OK);
    must_hold(wb_config_load_text(again, "w.yaml", yaml, &err) == WB_OK);
    for (int id = 0; id < WB_OPT_COUNT; id++) {
        check_value(config, &wb_config_table()[id]);
        check_same(config, again, &wb_config_table()[id]);
    }
    return 0;
}
