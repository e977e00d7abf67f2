#include <stdlib.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "core/wire/topics.h"

enum { EXIT_DIFFERENT = 5 };

static int run_init(struct wb_cli *cli)
{
    struct wb_err err;
    int created = 0;
    if (wb_topics_init(cli->config, cli->dry_run, &created, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (wb_out_is_json(cli)) {
        json_t *document = json_object();
        wb_json_set_int(document, "created", created);
        (void)json_object_set_new(document, "dry_run", json_boolean(cli->dry_run));
        wb_out_document(cli, document);
    } else if (!cli->quiet) {
        (void)printf("%d of %d topics %s%s\n", created, (int)WB_TOPIC_COUNT,
                     cli->dry_run ? "would be created" : "created",
                     created < WB_TOPIC_COUNT ? ", the others are there" : "");
    }
    return 0;
}

static int run_check(struct wb_cli *cli)
{
    static const struct wb_column columns[] = {
        {"TOPIC", false, false}, {"PROBLEM", false, false}, {"FATAL", false, false}};
    struct wb_err err;
    struct wb_topic_finding *findings WB_AUTO(wb_free_ptr) = NULL;
    size_t count = 0;
    if (wb_topics_check(cli->config, &findings, &count, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    if (count == 0 && !wb_out_is_json(cli)) {
        if (!cli->quiet)
            (void)printf("%d topics are as they should be\n", (int)WB_TOPIC_COUNT);
        return 0;
    }
    struct wb_list *list WB_AUTO(wb_list_end) = wb_list_new(cli, "findings", columns, 3);
    for (size_t i = 0; i < count; i++) {
        if (wb_list_is_json(list)) {
            json_t *object = json_object();
            wb_json_set_str(object, "topic", findings[i].topic);
            wb_json_set_str(object, "problem", findings[i].problem);
            (void)json_object_set_new(object, "fatal", json_boolean(findings[i].fatal));
            wb_list_object(list, object);
            continue;
        }
        wb_list_cell(list, "%s", findings[i].topic);
        wb_list_cell(list, "%s", findings[i].problem);
        wb_list_cell(list, "%s", findings[i].fatal ? "yes" : "no");
    }
    return count ? EXIT_DIFFERENT : 0;
}

const struct wb_command wb_cmd_topics_init = {
    .name = "topics init",
    .group = "configure",
    .summary = "create the topics that are missing",
    .help = "Topics that are there stay as they are. The number of partitions is fixed for ever\n"
            "at their birth (topics.partitions, --partitions).\n\n"
            "examples:\n"
            "  waybill topics init\n"
            "  waybill topics init --partitions 24 --replication 3 --dry-run\n",
    .run = run_init,
};

const struct wb_command wb_cmd_topics_check = {
    .name = "topics check",
    .group = "configure",
    .summary = "compare the topics with what they should be",
    .help = "Exit code 5 when something differs; a fatal finding stops the ring.\n\n"
            "example:\n  waybill topics check --json\n",
    .names = true,
    .run = run_check,
};
