#include <stdlib.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "core/base/clock.h"
#include "core/wire/log.h"
#include "core/wire/topics.h"

enum { EXIT_DIFFERENT = 5, READY_TIMEOUT_MS = 15000, READY_POLL_NS = 50000000 };

/* ---- init ---- */

static enum wb_rc ask_all(const struct wb_config *config, struct wb_consumer *consumer,
                          struct wb_err *err)
{
    char name[256];
    int32_t homes;
    if (wb_topics_partitions(config, &homes, err) != WB_OK)
        return WB_ERROR;
    for (int i = 0; i < WB_TOPIC_COUNT; i++) {
        const struct wb_topic_row *row = wb_topic_row((enum wb_topic)i);
        int32_t count = row->home ? homes : row->partitions ? row->partitions : 1;
        (void)wb_topic_name(config, row->topic, wb_config_text(config, WB_OPT_SITE), name);
        for (int32_t partition = 0; partition < count; partition++) {
            int64_t low;
            int64_t high;
            if (wb_consumer_watermarks(consumer, name, partition, &low, &high, err) != WB_OK)
                return WB_ERROR;
        }
    }
    return WB_OK;
}

/* A topic is made before its partitions have leaders: the command after this one would fail. */
static enum wb_rc wait_ready(const struct wb_config *config, struct wb_err *err)
{
    struct wb_consumer *consumer WB_AUTO(wb_consumer_free) = NULL;
    const struct timespec pause = {0, READY_POLL_NS};
    int64_t deadline_ms = wb_clock_mono_ms() + READY_TIMEOUT_MS;
    if (wb_consumer_new(config, NULL, NULL, &consumer, err) != WB_OK)
        return WB_ERROR;
    while (ask_all(config, consumer, err) != WB_OK) {
        if (wb_clock_mono_ms() >= deadline_ms)
            return wb_err_prefix(err, "the new topics are not ready");
        (void)nanosleep(&pause, NULL);
    }
    return WB_OK;
}

static int run_init(struct wb_cli *cli)
{
    struct wb_err err;
    int created = 0;
    if (wb_topics_init(cli->config, cli->dry_run, &created, &err) != WB_OK ||
        (created && !cli->dry_run && wait_ready(cli->config, &err) != WB_OK))
        return wb_cli_fail(cli, &err);
    if (wb_out_is_json(cli)) {
        json_t *document = json_object();
        wb_json_set_int(document, "created", created);
        (void)json_object_set_new(document, "dry_run", json_boolean(cli->dry_run));
        wb_out_document(cli, document);
    } else if (!cli->quiet) {
        (void)printf("%d of %d topics %s\n", created, (int)WB_TOPIC_COUNT,
                     cli->dry_run ? "would be created" : "created, the others were there");
    }
    return 0;
}

/* ---- check ---- */

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
    .run = run_check,
};
