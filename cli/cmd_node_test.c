/* node test: does with a node, from here, what its workers will do. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/out.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/stage/stores.h"

enum { PROBE_BYTES = 4096 };

/* One step: what is done, and how long it took. */
struct trial {
    struct wb_store *store;
    json_t *times;
    uint8_t bytes[PROBE_BYTES];
    char instance[64];
};

static void note(struct trial *trial, const char *step, int64_t begin_ns)
{
    double ms = (double)(wb_clock_mono_ns() - begin_ns) / 1e6;
    (void)json_object_set_new(trial->times, step, json_real(ms));
}

static enum wb_rc stage(struct trial *trial, struct wb_err *err)
{
    char tag[WB_TAG_MAX];
    char range_tag[WB_TAG_MAX];
    const char *tags[] = {range_tag};
    struct wb_file *file = NULL;
    const struct wb_meta meta = {.mtime_ns = 0};
    int64_t begin_ns = wb_clock_mono_ns();
    if (wb_store_create(trial->store, trial->instance, WB_FILE_REGULAR, PROBE_BYTES, false, &file,
                        err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = wb_file_write(file, 0, wb_span_of(trial->bytes, PROBE_BYTES), err);
    if (rc == WB_OK)
        rc = wb_file_range_done(file, 0, PROBE_BYTES, range_tag, err);
    if (rc == WB_OK)
        rc = wb_file_seal(file, &meta, tags, 1, tag, err);
    wb_file_close(&file);
    note(trial, "write_ms", begin_ns);
    return rc;
}

static enum wb_rc read_back(struct trial *trial, struct wb_err *err)
{
    size_t len = 0;
    uint8_t there[PROBE_BYTES];
    struct wb_file *file = NULL;
    int64_t begin_ns = wb_clock_mono_ns();
    if (wb_store_read(trial->store, WB_PLACE_STAGED, wb_span_str(trial->instance), true, &file,
                      err) != WB_OK)
        return WB_ERROR;
    enum wb_rc rc = wb_file_read(file, 0, there, sizeof(there), &len, err);
    wb_file_close(&file);
    note(trial, "read_ms", begin_ns);
    if (rc == WB_OK && (len != PROBE_BYTES || memcmp(there, trial->bytes, PROBE_BYTES) != 0))
        return wb_err_set(err, WB_CAT_CORRUPT, "what was written reads back as something else");
    return rc;
}

/* Nothing is left behind, and nothing takes effect under a final name. */
static enum wb_rc write_and_read(struct trial *trial, struct wb_err *err)
{
    struct wb_err ignored;
    wb_random_bytes(trial->bytes, PROBE_BYTES);
    (void)snprintf(trial->instance, sizeof(trial->instance), "test.%016llx",
                   (unsigned long long)wb_random_u64());
    if (stage(trial, err) == WB_OK && read_back(trial, err) == WB_OK)
        return wb_store_discard(trial->store, trial->instance, err);
    (void)!wb_store_discard(trial->store, trial->instance, &ignored);
    return WB_ERROR;
}

static json_t *limits_of(const struct wb_store *store)
{
    const char *list[WB_LIMITS_MOST];
    json_t *limits = json_array();
    size_t count = wb_limits_of(&store->caps, list);
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(limits, json_string(list[i]));
    return limits;
}

static enum wb_rc try_out(struct trial *trial, struct wb_err *err)
{
    int64_t free_bytes = -1;
    int64_t begin_ns = wb_clock_mono_ns();
    if (wb_store_check(trial->store, &free_bytes, err) != WB_OK)
        return WB_ERROR;
    note(trial, "look_ms", begin_ns);
    if (trial->store->caps.writes && wb_store_prepare(trial->store, err) != WB_OK)
        return WB_ERROR;
    return trial->store->caps.writes ? write_and_read(trial, err) : WB_OK;
}

static int run(struct wb_cli *cli)
{
    struct wb_err err;
    struct trial trial = {0};
    struct wb_registry *registry WB_AUTO(wb_registry_free) = NULL;
    struct wb_store *store WB_AUTO(wb_store_close) = NULL;
    if (wb_registry_new(cli->config, &registry, &err) != WB_OK ||
        wb_stores_open_node(cli->config, registry, cli->words[0], &store, &err) != WB_OK)
        return wb_cli_fail(cli, &err);
    trial.store = store;
    trial.times = json_object();
    if (try_out(&trial, &err) != WB_OK) {
        json_decref(trial.times);
        (void)wb_err_prefix(&err, "node \"%s\"", cli->words[0]);
        return wb_cli_fail(cli, &err);
    }
    json_t *document = json_object();
    (void)json_object_set_new(document, "name", json_string(cli->words[0]));
    (void)json_object_set_new(document, "writes", json_boolean(store->caps.writes));
    (void)json_object_set_new(document, "times", trial.times);
    (void)json_object_set_new(document, "limits", limits_of(store));
    wb_out_document(cli, document);
    return 0;
}

const struct wb_command wb_cmd_node_test = {
    .name = "node test",
    .words = "NAME",
    .group = "configure",
    .summary = "stage, read back and discard a small file on a node, from here",
    .help = "Says how long each step took, and what the node cannot do. Workers elsewhere may see\n"
            "another picture: `get nodes` shows theirs.\n\n"
            "example:\n  waybill node test b\n",
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
