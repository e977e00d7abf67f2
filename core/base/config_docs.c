#include "core/base/config.h"

static const char *const type_names[] = {
    [WB_OPT_TEXT] = "text",     [WB_OPT_BOOL] = "true or false", [WB_OPT_INT] = "number",
    [WB_OPT_SIZE] = "size",     [WB_OPT_DURATION] = "duration",  [WB_OPT_SPAN] = "two durations",
    [WB_OPT_CHOICE] = "choice", [WB_OPT_MAP] = "mapping",
};

static void write_row(FILE *out, const struct wb_opt_row *row)
{
    (void)fprintf(out, "| `%s` | ", row->key);
    if (row->flag)
        (void)fprintf(out, "`--%s` ", row->flag);
    if (row->short_flag)
        (void)fprintf(out, "`-%c` ", row->short_flag);
    (void)fprintf(out, "| %s | %s%s%s | %s", type_names[row->type], row->fallback ? "`" : "",
                  row->fallback ? row->fallback : "", row->fallback ? "`" : "", row->help);
    if (row->choices) {
        (void)fputs(" (", out);
        for (const char *at = row->choices; *at; at++)
            (void)fputs(*at == '|' ? ", " : (char[2]){*at, 0}, out);
        (void)fputs(")", out);
    }
    (void)fprintf(out, " | %s |\n", row->live ? "yes" : "no");
}

bool wb_config_write_markdown(FILE *out)
{
    (void)fputs(
        "# Configuration\n\n"
        "Generated from the option table (`core/base/options.c`).\n\n"
        "A flag wins over the environment, the environment over the file, the file over the\n"
        "default. The file is YAML; the dots of a key are its nesting. The environment twin "
        "of\n`transfer.memory` is `WAYBILL_TRANSFER_MEMORY`, that of `--brokers` "
        "`WAYBILL_BROKERS`.\nAny other name `WAYBILL_…` is an error, but for "
        "`WAYBILL_SECRET_…`.\n\n"
        "What is live changes while the ring runs, for all its processes: `waybill settings set` "
        "puts\nit into the log, and there it wins over flag, environment, file and default.\n\n"
        "| key | flag | type | default | what it does | live |\n|---|---|---|---|---|---|\n",
        out);
    for (int id = 0; id < WB_OPT_COUNT; id++)
        write_row(out, &wb_config_table()[id]);
    return ferror(out) == 0;
}
