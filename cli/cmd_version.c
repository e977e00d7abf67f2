#include "cli/commands.h"
#include "cli/out.h"
#include "core/base/library.h"
#include "core/wire/library.h"

static int run_version(struct wb_cli *cli)
{
    if (!wb_out_is_json(cli) && !cli->verbose) {
        (void)printf("waybill %s\n", WB_VERSION);
        return 0;
    }
    json_t *document = json_object();
    json_t *libraries = json_object();
    wb_json_set_str(document, "version", WB_VERSION);
    wb_base_libraries(libraries);
    wb_wire_libraries(libraries);
    (void)json_object_set_new(document, "libraries", libraries);
    wb_out_document(cli, document);
    return 0;
}

const struct wb_command wb_cmd_version = {
    .name = "version",
    .group = "misc",
    .summary = "version of the program; with -v of its libraries too",
    .help = "example:\n  waybill version -v\n",
    .run = run_version,
};
