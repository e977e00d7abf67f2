/* From the log to the ledgers: what the changelog topics hold past what each ledger reflects. */
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "planner/shell.h"

enum {
    BEAT_EVERY = 4096,
    CACHE_BYTES = 144 * 1024 * 1024, /* of all ledgers */
    CACHE_LEAST = 1024 * 1024        /* of one */
};

struct restoring {
    struct wb_shell *shell;
    enum wb_topic topic;
    size_t records;
};

/* A job's lane goes by the rules as they are now; it is corrected when the job is next touched. */
static enum wb_rc take_job(struct restoring *restoring, struct wb_ledger *ledger,
                           const struct wb_message *message, struct wb_err *err)
{
    void *record;
    struct wb_shell *shell = restoring->shell;
    if (!message->value.data)
        return wb_ledger_put_job(ledger, message->key, NULL, WB_LANE_SMALL, message->value, NULL,
                                 err);
    wb_arena_reset(shell->arena);
    if (wb_codec_decode_as(shell->codec, WB_RECORD_JOB, message->value, shell->arena, &record,
                           err) != WB_OK)
        return WB_ERROR;
    struct wb_policy policy =
        wb_catalog_policy(shell, ((struct wb_job *)record)->target,
                          ((struct wb_job *)record)->source, ((struct wb_job *)record)->path);
    return wb_ledger_put_job(ledger, message->key, record, wb_plan_lane(&policy, record),
                             message->value, NULL, err);
}

/* Whoever walks through a ledger counts on its keys. */
static enum wb_rc check_key(struct wb_span key, struct wb_err *err)
{
    char target[64];
    char source[64];
    struct wb_span path;
    if (wb_replica_key_parse(key, target, source, &path, err) != WB_OK ||
        wb_name_check(target, err) != WB_OK || wb_name_check(source, err) != WB_OK)
        return WB_ERROR;
    return wb_path_check(path, err);
}

static enum wb_rc take_record(struct restoring *restoring, struct wb_ledger *ledger,
                              const struct wb_message *message, struct wb_err *err)
{
    if (check_key(message->key, err) != WB_OK)
        return WB_ERROR;
    if (restoring->topic == WB_TOPIC_JOBS)
        return take_job(restoring, ledger, message, err);
    return wb_ledger_put_replica(ledger, message->key, message->value, NULL, err);
}

static enum wb_rc take(void *arg, const struct wb_message *message, struct wb_err *err)
{
    struct restoring *restoring = arg;
    struct wb_shell *shell = restoring->shell;
    struct wb_ledger *ledger = shell->parts[message->partition].ledger;
    if (++restoring->records % BEAT_EVERY == 0)
        wb_health_beat(shell->env->health);
    if (!ledger)
        return WB_OK;
    struct wb_err why;
    if (take_record(restoring, ledger, message, &why) == WB_OK)
        return WB_OK;
    /* Only we write here; a record of a stranger must not stop the partition for ever. */
    if (why.category != WB_CAT_INVALID) {
        *err = why;
        return WB_ERROR;
    }
    WB_LOG(WB_LOG_ERROR, "changelog record can't be read, passed over",
           WB_LOG_STR("topic", message->topic), WB_LOG_INT("partition", message->partition),
           WB_LOG_INT("offset", message->offset), WB_LOG_STR("reason", why.text));
    return WB_OK;
}

/* Offsets past the end are those of a topic that was made anew. */
static enum wb_rc check_ends(struct wb_shell *shell, enum wb_topic topic, const int32_t *partitions,
                             size_t count, struct wb_err *err)
{
    int64_t *ends WB_AUTO(wb_free_ptr) = wb_xcalloc((size_t)shell->partitions, sizeof(*ends));
    if (wb_log_ends(shell->env->config, shell->topics[topic], ends, shell->partitions, err) !=
        WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++) {
        struct wb_ledger *ledger = shell->parts[partitions[i]].ledger;
        if (wb_ledger_next(ledger, topic) > ends[partitions[i]] &&
            wb_ledger_reset(ledger, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

static enum wb_rc catch_up(struct wb_shell *shell, enum wb_topic topic, const int32_t *partitions,
                           size_t count, struct wb_err *err)
{
    struct restoring restoring = {.shell = shell, .topic = topic};
    int64_t *from WB_AUTO(wb_free_ptr) = wb_xcalloc((size_t)shell->partitions, sizeof(*from));
    for (int32_t p = 0; p < shell->partitions; p++)
        from[p] = INT64_MAX;
    for (size_t i = 0; i < count; i++)
        from[partitions[i]] = wb_ledger_next(shell->parts[partitions[i]].ledger, topic);
    if (wb_log_scan_whole(shell->env->config, shell->topics[topic], from, shell->partitions, take,
                          &restoring, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        wb_ledger_set_next(shell->parts[partitions[i]].ledger, topic, from[partitions[i]]);
    WB_LOG(WB_LOG_INFO, "state read from the log", WB_LOG_STR("topic", shell->topics[topic]),
           WB_LOG_INT("partitions", (int64_t)count),
           WB_LOG_INT("records", (int64_t)restoring.records));
    return WB_OK;
}

static enum wb_rc read_log(struct wb_shell *shell, const int32_t *partitions, size_t count,
                           struct wb_err *err)
{
    if (check_ends(shell, WB_TOPIC_JOBS, partitions, count, err) != WB_OK ||
        check_ends(shell, WB_TOPIC_REPLICAS, partitions, count, err) != WB_OK ||
        catch_up(shell, WB_TOPIC_JOBS, partitions, count, err) != WB_OK ||
        catch_up(shell, WB_TOPIC_REPLICAS, partitions, count, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        if (wb_ledger_commit(shell->parts[partitions[i]].ledger, err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

enum wb_rc wb_restore(struct wb_shell *shell, const int32_t *partitions, size_t count,
                      struct wb_err *err)
{
    int64_t cache_bytes = count ? CACHE_BYTES / (int64_t)count : CACHE_BYTES;
    if (cache_bytes < CACHE_LEAST)
        cache_bytes = CACHE_LEAST;
    for (size_t i = 0; i < count; i++) {
        struct wb_part *part = &shell->parts[partitions[i]];
        if (wb_ledger_open(shell->slot.folder, partitions[i], cache_bytes, &part->ledger, err) !=
            WB_OK)
            return WB_ERROR;
    }
    if (read_log(shell, partitions, count, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count; i++)
        shell->parts[partitions[i]].ours = true;
    return WB_OK;
}

enum wb_rc wb_restore_undone(struct wb_shell *shell, struct wb_err *err)
{
    size_t count = 0;
    int32_t *partitions WB_AUTO(wb_free_ptr) =
        wb_xcalloc((size_t)shell->partitions, sizeof(*partitions));
    for (int32_t p = 0; p < shell->partitions; p++) {
        if (!shell->parts[p].ours)
            continue;
        wb_ledger_rollback(shell->parts[p].ledger);
        partitions[count++] = p;
    }
    return read_log(shell, partitions, count, err);
}
