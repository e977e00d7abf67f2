/* Producers of core/wire/log.h over the simulated log, with transactions as Kafka has them: what is
 * sent in one is open until its end, its end is for all partitions at once, offsets go with it if
 * the group's generation is the member's, a newer producer of the same name fences an older one,
 * and one that takes too long is aborted. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/simcheck.h"

enum { TXN_TIMEOUT_SECONDS = 15, COMMIT_SECONDS = 30, DELIVERIES_FIRST = 4096 };

struct txn_id {
    char name[SIM_NAME * 2];
    int32_t epoch;
    uint32_t open; /* number of the transaction; 0: none */
    int64_t begun_ns;
    uint32_t ending; /* one whose records wait for their markers; 0: none */
    bool commits;    /* its end */
    int64_t marked_ns;
};

struct delivery {
    uint64_t ticket;
    struct sim_topic *topic;
    int32_t partition;
    int64_t offset;
};

struct wb_producer {
    struct sim_proc *proc;
    struct txn_id *id; /* NULL: idempotent only */
    int32_t epoch;
    uint32_t txn;
    bool must_abort;
    bool fatal;
    wb_delivered_fn *delivered;
    void *arg;
    struct delivery *deliveries;
    size_t delivery_count;
    size_t delivery_room;
};

static struct txn_id ids[SIM_TXN_IDS_MOST];
static size_t id_count;
static uint32_t last_txn;

void sim_txns_begin(void)
{
    id_count = 0;
    last_txn = 0;
}

/* ---- the coordinator ---- */

static enum wb_topic topic_number(const struct sim_topic *topic)
{
    return (enum wb_topic)(topic - sim_topic((enum wb_topic)0));
}

static bool end_in(struct sim_topic *topic, int32_t number, uint32_t txn, bool commit)
{
    bool any = false;
    struct sim_partition *partition = &topic->partitions[number];
    for (int64_t i = sim_stable(partition); i < partition->count; i++) {
        struct sim_record *record = &partition->records[i];
        if (record->txn != txn || record->state != SIM_RECORD_OPEN)
            continue;
        record->state = commit ? SIM_RECORD_VISIBLE : SIM_RECORD_ABORTED;
        if (commit)
            sim_check_committed(topic_number(topic), record);
        any = true;
    }
    return any;
}

/* Records of all partitions become visible, or will never be. */
static void mark(struct txn_id *id)
{
    const struct wb_span none = wb_span_of(NULL, 0);
    uint32_t txn = id->ending;
    if (!txn)
        return;
    id->ending = 0;
    for (int t = 0; t < WB_TOPIC_COUNT; t++) {
        struct sim_topic *topic = sim_topic((enum wb_topic)t);
        for (int32_t p = 0; p < topic->partition_count; p++)
            if (end_in(topic, p, txn, id->commits))
                (void)sim_append(topic, p, none, none, txn, SIM_RECORD_MARKER);
    }
    sim_log_changed();
}

/* The end is decided at once for all; markers come to the partitions one after the other, that of
 * the offsets maybe first. Nobody begins a transaction of that name before all are there. */
static void end_txn(struct txn_id *id, bool commit)
{
    uint32_t txn = id->open;
    mark(id);
    if (!txn)
        return;
    id->open = 0;
    id->ending = txn;
    id->commits = commit;
    id->marked_ns = sim_now_ns();
    if (sim_fault(SIM_FAULT_SLOW_MARKERS))
        id->marked_ns += sim_spread(SIM_FAULTS, SIM_MS, 5 * SIM_SECOND);
    else
        mark(id);
    sim_groups_settle(txn, commit);
    sim_note(commit ? "committed" : "aborted", wb_span_str(id->name), txn, 0);
    sim_log_changed();
}

void sim_txns_tick(void)
{
    for (size_t i = 0; i < id_count; i++) {
        if (ids[i].ending && sim_now_ns() >= ids[i].marked_ns)
            mark(&ids[i]);
        if (ids[i].open && sim_now_ns() - ids[i].begun_ns > TXN_TIMEOUT_SECONDS * SIM_SECOND) {
            end_txn(&ids[i], false);
            ids[i].epoch++;
        }
    }
}

static struct txn_id *id_named(const char *name)
{
    for (size_t i = 0; i < id_count; i++)
        if (strcmp(ids[i].name, name) == 0)
            return &ids[i];
    if (id_count == SIM_TXN_IDS_MOST)
        abort();
    struct txn_id *id = &ids[id_count++];
    *id = (struct txn_id){.epoch = 0};
    (void)snprintf(id->name, sizeof(id->name), "%s", name);
    return id;
}

/* ---- producers ---- */

enum wb_rc wb_producer_new(const struct wb_config *config, const char *transactional_id,
                           wb_delivered_fn *delivered, void *arg, struct wb_producer **ret,
                           struct wb_err *err)
{
    (void)config;
    if (!sim_log_call("producer", err))
        return WB_ERROR;
    struct wb_producer *producer = wb_xcalloc(1, sizeof(*producer));
    producer->proc = sim_self();
    producer->delivered = delivered;
    producer->arg = arg;
    if (transactional_id) {
        producer->id = id_named(transactional_id);
        end_txn(producer->id, false);
        producer->epoch = ++producer->id->epoch;
    }
    *ret = producer;
    return WB_OK;
}

void wb_producer_free(struct wb_producer **producer)
{
    if (!*producer)
        return;
    free((*producer)->deliveries);
    free(*producer);
    *producer = NULL;
}

enum wb_producer_state wb_producer_state(const struct wb_producer *producer)
{
    if (producer->fatal || (producer->proc && producer->proc->killed))
        return WB_PRODUCER_FATAL;
    return producer->must_abort ? WB_PRODUCER_MUST_ABORT : WB_PRODUCER_FINE;
}

/* Fails as a fenced producer does. */
static enum wb_rc check_fenced(struct wb_producer *producer, const char *what, struct wb_err *err)
{
    if (!producer->id || (producer->epoch == producer->id->epoch && !producer->fatal))
        return WB_OK;
    producer->fatal = true;
    (void)wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_IO, "%s: the producer is fenced", what);
    err->retryable = true;
    return WB_ERROR;
}

static enum wb_rc call(struct wb_producer *producer, const char *what, struct wb_err *err)
{
    if (!sim_log_call(what, err))
        return WB_ERROR;
    return check_fenced(producer, what, err);
}

enum wb_rc wb_producer_prepare(struct wb_producer *producer, const char *topic, struct wb_err *err)
{
    (void)producer;
    (void)topic;
    (void)err;
    return WB_OK;
}

static void note_delivery(struct wb_producer *producer, struct delivery one)
{
    if (producer->delivery_count == producer->delivery_room) {
        producer->delivery_room =
            producer->delivery_room ? 2 * producer->delivery_room : DELIVERIES_FIRST;
        producer->deliveries =
            realloc(producer->deliveries, producer->delivery_room * sizeof(*producer->deliveries));
        if (!producer->deliveries)
            abort();
    }
    producer->deliveries[producer->delivery_count++] = one;
}

static void deliver(struct wb_producer *producer)
{
    for (size_t i = 0; i < producer->delivery_count && producer->delivered; i++) {
        const struct delivery *one = &producer->deliveries[i];
        producer->delivered(producer->arg, one->ticket, one->topic->name, one->partition,
                            one->offset, NULL);
    }
    producer->delivery_count = 0;
}

/* Sending only queues: nobody else runs meanwhile. */
enum wb_rc wb_producer_send_headers(struct wb_producer *producer, const char *name,
                                    int32_t partition, struct wb_span key, struct wb_span value,
                                    const struct wb_pair *headers, size_t header_count,
                                    uint64_t ticket, struct wb_err *err)
{
    struct sim_topic *topic = sim_topic_named(name);
    enum sim_record_state state = producer->txn ? SIM_RECORD_OPEN : SIM_RECORD_VISIBLE;
    (void)headers;
    (void)header_count;
    if (wb_producer_state(producer) == WB_PRODUCER_FATAL || !topic)
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_IO, "cannot send a record");
    if (check_fenced(producer, "send", err) != WB_OK)
        return WB_ERROR;
    int32_t to = partition < 0 ? 0 : partition;
    int64_t offset = sim_append(topic, to, key, value, producer->txn, state);
    sim_note("sent", wb_span_str(name), to, offset);
    if (ticket)
        note_delivery(producer, (struct delivery){ticket, topic, to, offset});
    return WB_OK;
}

enum wb_rc wb_producer_send(struct wb_producer *producer, const char *topic, int32_t partition,
                            struct wb_span key, struct wb_span value, uint64_t ticket,
                            struct wb_err *err)
{
    return wb_producer_send_headers(producer, topic, partition, key, value, NULL, 0, ticket, err);
}

void wb_producer_poll(struct wb_producer *producer, int timeout_ms)
{
    (void)timeout_ms;
    deliver(producer);
}

enum wb_rc wb_producer_flush(struct wb_producer *producer, int timeout_ms, struct wb_err *err)
{
    (void)timeout_ms;
    if (call(producer, "flush", err) != WB_OK)
        return WB_ERROR;
    deliver(producer);
    return WB_OK;
}

enum wb_rc wb_producer_end_of(struct wb_producer *producer, const char *topic, int32_t partition,
                              int64_t *ret, struct wb_err *err)
{
    (void)producer;
    if (!sim_log_call("end of", err))
        return WB_ERROR;
    *ret = sim_stable(&sim_topic_named(topic)->partitions[partition]);
    return WB_OK;
}

/* ---- transactions ---- */

enum wb_rc wb_txn_begin(struct wb_producer *producer, struct wb_err *err)
{
    if (call(producer, "begin", err) != WB_OK)
        return WB_ERROR;
    if (producer->txn)
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_INTERNAL, "a transaction is open already");
    mark(producer->id);
    producer->txn = producer->id->open = ++last_txn;
    producer->id->begun_ns = sim_now_ns();
    return WB_OK;
}

static enum wb_rc refused(struct wb_producer *producer, const char *why, struct wb_err *err)
{
    producer->must_abort = true;
    (void)wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_IO, "cannot commit a transaction: %s", why);
    err->retryable = true;
    return WB_ERROR;
}

static enum wb_rc add_offsets(struct wb_producer *producer, struct wb_consumer *consumer,
                              const struct wb_position *positions, size_t count, struct wb_err *err)
{
    if (!sim_group_current(consumer))
        return refused(producer, "illegal generation", err);
    for (size_t i = 0; i < count; i++)
        sim_group_hold(consumer->group, sim_topic_named(positions[i].topic), positions[i].partition,
                       producer->txn, positions[i].offset);
    return WB_OK;
}

/* The answer does not come in time: committed or not, only a new producer finds out. */
static enum wb_rc in_doubt(struct wb_producer *producer, struct wb_err *err)
{
    if (sim_chance(SIM_FAULTS, 500))
        end_txn(producer->id, true);
    producer->fatal = true;
    sim_sleep_ns(sim_below(SIM_FAULTS, COMMIT_SECONDS) * SIM_SECOND);
    return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_TIMEOUT,
                     "cannot commit a transaction: time out");
}

enum wb_rc wb_txn_commit(struct wb_producer *producer, struct wb_consumer *consumer,
                         const struct wb_position *positions, size_t count, struct wb_err *err)
{
    if (call(producer, "commit", err) != WB_OK ||
        (count && add_offsets(producer, consumer, positions, count, err) != WB_OK) ||
        call(producer, "commit", err) != WB_OK)
        return WB_ERROR;
    if (sim_fault(SIM_FAULT_TXN_ABORTED))
        return refused(producer, "the coordinator is moving", err);
    if (sim_fault(SIM_FAULT_TXN_IN_DOUBT))
        return in_doubt(producer, err);
    end_txn(producer->id, true);
    producer->txn = 0;
    /* Killed here, it is committed and nobody was told. */
    if (!sim_pause())
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_UNREACHABLE, "commit: killed");
    deliver(producer);
    return WB_OK;
}

enum wb_rc wb_txn_abort(struct wb_producer *producer, struct wb_err *err)
{
    if (call(producer, "abort", err) != WB_OK)
        return WB_ERROR;
    if (sim_fault(SIM_FAULT_ABORT_REFUSED)) {
        producer->fatal = true;
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_IO, "cannot abort a transaction");
    }
    end_txn(producer->id, false);
    producer->txn = 0;
    producer->must_abort = false;
    producer->delivery_count = 0;
    return WB_OK;
}
