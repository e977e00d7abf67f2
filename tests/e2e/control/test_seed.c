/* Not a test by itself: puts into the log (WB_KAFKA, WB_PREFIX) what planners would, for
 * tests/e2e/control.sh. `jobs`: some of a to b and to c; `health NODE STATE`: of it as a target. */
#include "tests/check.h"

#include "core/base/clock.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"

enum { PARTITIONS = 3, SKIPPED = 77 };

struct seed {
    struct wb_config *config;
    struct wb_codec *codec;
    struct wb_producer *producer;
};

static void send(const struct seed *seed, enum wb_topic topic, int32_t partition,
                 struct wb_span key, enum wb_record_type type, const void *record)
{
    struct wb_err err;
    char name[256];
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    check_ok(wb_codec_encode(seed->codec, type, record, &value, &err));
    check_ok(wb_producer_send(seed->producer, wb_topic_name(seed->config, topic, NULL, name),
                              partition, key, wb_buf_span(&value), 0, &err));
    check_ok(wb_producer_flush(seed->producer, 20000, &err));
}

static void send_job(const struct seed *seed, const char *id, const char *target, const char *path,
                     enum wb_job_state state)
{
    struct wb_err err;
    struct wb_buf key WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    int64_t now_ms = wb_clock_wall_ms();
    const struct wb_job job = {
        .id = id,
        .source = "a",
        .target = target,
        .path = wb_span_str(path),
        .partition = wb_home_partition("a", wb_span_str(path), PARTITIONS),
        .state = state,
        .rule = "all",
        .reason = "new",
        .max_attempts = 8,
        .created_ms = now_ms,
        .event = {.time_ms = now_ms, .accepted_ms = now_ms, .offset = 1},
    };
    check_ok(wb_replica_key(target, "a", job.path, &key, &err));
    send(seed, WB_TOPIC_JOBS, job.partition, wb_buf_span(&key), WB_RECORD_JOB, &job);
}

static void send_health(const struct seed *seed, const char *node, const char *state)
{
    char key[96];
    int64_t now_ms = wb_clock_wall_ms();
    bool sick = strcmp(state, "sick") == 0;
    struct wb_err error;
    (void)wb_err_at(&error, WB_SCOPE_TARGET, "check", WB_CAT_UNREACHABLE, "connection refused");
    const struct wb_node_health health = {
        .name = node,
        .source = {.state = WB_NODE_UP, .since_ms = now_ms, .p50_ms = 2, .p99_ms = 9, .window = 8},
        .target = {.state = sick ? WB_NODE_SICK : WB_NODE_UP,
                   .reason = sick ? "connection refused" : "",
                   .since_ms = now_ms - 300500,
                   .error = sick ? &error : NULL,
                   .p50_ms = 3,
                   .p99_ms = 1500,
                   .window = 1},
        .free_bytes = 5 << 20,
        .marker = "feed",
        .updated_ms = now_ms,
    };
    (void)snprintf(key, sizeof(key), "health/%s", node);
    send(seed, WB_TOPIC_NODES, 0, wb_span_str(key), WB_RECORD_NODE_HEALTH, &health);
}

static void send_jobs(const struct seed *seed)
{
    send_job(seed, "1", "b", "raw/x", WB_JOB_WAITING);
    send_job(seed, "2", "b", "raw/y", WB_JOB_COPYING);
    send_job(seed, "3", "c", "raw/x", WB_JOB_WAITING);
    send_job(seed, "4", "c", "raw/\xff", WB_JOB_WAITING);
    send_job(seed, "5", "c", "bad", WB_JOB_DEAD);
}

int main(int argc, char **argv)
{
    struct wb_err err;
    struct seed seed = {.config = wb_config_new()};
    if (!getenv("WB_KAFKA") || !getenv("WB_PREFIX") || argc < 2)
        return SKIPPED;
    check_ok(wb_config_set(seed.config, WB_OPT_BROKERS, getenv("WB_KAFKA"), "WB_KAFKA", &err));
    check_ok(wb_config_set(seed.config, WB_OPT_PREFIX, getenv("WB_PREFIX"), "WB_PREFIX", &err));
    check_ok(wb_codec_new(&seed.codec, &err));
    check_ok(wb_producer_new(seed.config, NULL, NULL, NULL, &seed.producer, &err));
    if (strcmp(argv[1], "jobs") == 0)
        send_jobs(&seed);
    else if (argc > 3)
        send_health(&seed, argv[2], argv[3]);
    wb_producer_free(&seed.producer);
    wb_codec_free(&seed.codec);
    wb_config_free(&seed.config);
    return 0;
}
