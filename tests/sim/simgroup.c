/* Consumer groups with the eager protocol, range assignment and static members: a round of joining
 * begins when a member comes, goes or falls silent; those who had partitions are told that they are
 * revoked, all get new ones when everybody is there, and the generation goes up. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/simlog.h"

enum { SESSION_SECONDS = 10, REBALANCE_SECONDS = 60 };

struct held {
    uint32_t txn; /* 0: none */
    int64_t offset;
};

enum { STAGES = 3 };

struct sim_group {
    char name[SIM_NAME * 2];
    int32_t generation;
    bool joining;
    int64_t joining_since_ns;
    struct sim_member members[SIM_MEMBERS_MOST];
    size_t member_count;
    bool reads[WB_TOPIC_COUNT];
    int64_t committed[WB_TOPIC_COUNT][SIM_PARTITIONS];
    struct held held[WB_TOPIC_COUNT][SIM_PARTITIONS];
};

static struct sim_group groups[SIM_GROUPS_MOST];
static size_t group_count;

void sim_groups_begin(void)
{
    group_count = 0;
}

struct sim_group *sim_group_named(const char *name)
{
    for (size_t i = 0; i < group_count; i++)
        if (strcmp(groups[i].name, name) == 0)
            return &groups[i];
    struct sim_group *group = &groups[group_count++];
    *group = (struct sim_group){.generation = 0};
    (void)snprintf(group->name, sizeof(group->name), "%s", name);
    for (int topic = 0; topic < WB_TOPIC_COUNT; topic++)
        for (int p = 0; p < SIM_PARTITIONS; p++)
            group->committed[topic][p] = -1;
    return group;
}

static size_t topic_index(const struct sim_topic *topic)
{
    return (size_t)(topic - sim_topic((enum wb_topic)0));
}

void sim_group_commit(struct sim_group *group, const struct sim_topic *topic, int32_t partition,
                      int64_t offset)
{
    group->committed[topic_index(topic)][partition] = offset;
}

int64_t sim_group_committed(const struct sim_group *group, const struct sim_topic *topic,
                            int32_t partition)
{
    return group->committed[topic_index(topic)][partition];
}

void sim_group_hold(struct sim_group *group, const struct sim_topic *topic, int32_t partition,
                    uint32_t txn, int64_t offset)
{
    group->held[topic_index(topic)][partition] = (struct held){txn, offset};
}

static void settle(struct sim_group *group, uint32_t txn, bool commit)
{
    for (int topic = 0; topic < WB_TOPIC_COUNT; topic++)
        for (int p = 0; p < SIM_PARTITIONS; p++) {
            struct held *held = &group->held[topic][p];
            if (held->txn != txn)
                continue;
            if (commit)
                group->committed[topic][p] = held->offset;
            held->txn = 0;
        }
}

void sim_groups_settle(uint32_t txn, bool commit)
{
    for (size_t i = 0; i < group_count; i++)
        settle(&groups[i], txn, commit);
}

/* ---- members ---- */

static void begin_round(struct sim_group *group)
{
    if (!group->joining)
        sim_note("rebalance", wb_span_str(group->name), group->generation, 0);
    group->joining = true;
    group->joining_since_ns = sim_now_ns();
    for (size_t i = 0; i < group->member_count; i++)
        group->members[i].joined = false;
}

/* Consumers point at their members: those that move are told. */
static void drop_member(struct sim_group *group, size_t at)
{
    sim_note("member out", wb_span_str(group->members[at].instance), group->generation, 0);
    if (group->members[at].consumer)
        group->members[at].consumer->member = NULL;
    for (size_t i = at + 1; i < group->member_count; i++) {
        group->members[i - 1] = group->members[i];
        if (group->members[i - 1].consumer)
            group->members[i - 1].consumer->member = &group->members[i - 1];
    }
    group->member_count--;
}

static int64_t silent_since(const struct sim_member *member)
{
    if (member->left_ns >= 0)
        return member->left_ns;
    return member->proc ? member->proc->silent_ns : -1;
}

static void expire(struct sim_group *group)
{
    for (size_t i = 0; i < group->member_count;) {
        int64_t since = silent_since(&group->members[i]);
        if (since < 0 || sim_now_ns() - since < SESSION_SECONDS * SIM_SECOND) {
            i++;
            continue;
        }
        drop_member(group, i);
        begin_round(group);
    }
}

static int by_instance(const void *a, const void *b)
{
    const struct sim_member *const *left = a;
    const struct sim_member *const *right = b;
    return strcmp((*left)->instance, (*right)->instance);
}

/* Range: the first members in order get one partition more. */
static void assign_range(struct sim_group *group, struct wb_consumer *consumer)
{
    const struct sim_member *order[SIM_MEMBERS_MOST];
    size_t at = 0;
    for (size_t i = 0; i < group->member_count; i++)
        order[i] = &group->members[i];
    qsort(order, group->member_count, sizeof(order[0]), by_instance);
    while (order[at] != consumer->member)
        at++;
    consumer->assigned_count = 0;
    for (size_t t = 0; t < consumer->topic_count; t++) {
        struct sim_topic *topic = consumer->topics[t];
        size_t share = (size_t)topic->partition_count / group->member_count;
        size_t extra = (size_t)topic->partition_count % group->member_count;
        size_t first = at * share + (at < extra ? at : extra);
        size_t count = share + (at < extra ? 1 : 0);
        for (size_t p = first; p < first + count; p++)
            consumer->assigned[consumer->assigned_count++] = (struct sim_assignment){
                topic, (int32_t)p, sim_group_committed(group, topic, (int32_t)p), false};
    }
}

static bool everybody_joined(const struct sim_group *group)
{
    for (size_t i = 0; i < group->member_count; i++)
        if (!group->members[i].joined)
            return false;
    return group->member_count > 0;
}

static void drop_late(struct sim_group *group)
{
    if (sim_now_ns() - group->joining_since_ns < REBALANCE_SECONDS * SIM_SECOND)
        return;
    for (size_t i = 0; i < group->member_count;)
        if (!group->members[i].joined)
            drop_member(group, i);
        else
            i++;
}

static void tick(struct sim_group *group)
{
    expire(group);
    if (!group->joining)
        return;
    for (size_t i = 0; i < group->member_count; i++)
        group->members[i].joined |=
            group->members[i].consumer && group->members[i].consumer->background;
    drop_late(group);
    if (!everybody_joined(group))
        return;
    group->joining = false;
    group->generation++;
    for (size_t i = 0; i < group->member_count; i++)
        group->members[i].news = true;
    sim_note("generation", wb_span_str(group->name), group->generation,
             (int64_t)group->member_count);
    sim_log_changed();
}

void sim_groups_tick(void)
{
    for (size_t i = 0; i < group_count; i++)
        tick(&groups[i]);
}

static struct sim_member *member_named(struct sim_group *group, const char *instance)
{
    for (size_t i = 0; i < group->member_count; i++)
        if (strcmp(group->members[i].instance, instance) == 0)
            return &group->members[i];
    return NULL;
}

static void enter(struct wb_consumer *consumer, const char *instance)
{
    struct sim_group *group = consumer->group;
    struct sim_member *member = member_named(group, instance);
    if (member) {
        /* A static member that is back has what it had; whoever held its name is fenced. */
        if (member->consumer) {
            member->consumer->member = NULL;
            member->consumer->fenced = true;
        }
        member->news = !group->joining;
    } else {
        if (group->member_count == SIM_MEMBERS_MOST)
            abort();
        member = &group->members[group->member_count++];
        *member = (struct sim_member){.left_ns = -1};
        (void)snprintf(member->instance, sizeof(member->instance), "%s", instance);
        begin_round(group);
    }
    member->consumer = consumer;
    member->proc = consumer->proc;
    member->left_ns = -1;
    consumer->member = member;
}

void sim_group_leave(struct wb_consumer *consumer)
{
    if (!consumer->member)
        return;
    /* Static members do not say goodbye: their session runs out. */
    consumer->member->consumer = NULL;
    consumer->member->left_ns = sim_now_ns();
    consumer->member->proc = NULL;
    consumer->member = NULL;
}

void sim_groups_kick(void)
{
    struct sim_group *group = &groups[sim_below(SIM_FAULTS, (int64_t)group_count)];
    if (group_count == 0 || group->member_count == 0)
        return;
    drop_member(group, (size_t)sim_below(SIM_FAULTS, (int64_t)group->member_count));
    begin_round(group);
    sim_log_changed();
}

bool sim_group_current(const struct wb_consumer *consumer)
{
    return consumer->member && consumer->generation == consumer->group->generation;
}

static bool has_unread(const struct sim_group *group, int topic, int32_t number)
{
    const struct sim_partition *partition = &sim_topic((enum wb_topic)topic)->partitions[number];
    int64_t next = group->committed[topic][number];
    for (int64_t i = next < 0 ? 0 : next; i < partition->count; i++)
        if (partition->records[i].state == SIM_RECORD_VISIBLE ||
            partition->records[i].state == SIM_RECORD_OPEN)
            return true;
    return false;
}

static bool reads_any(const struct sim_group *group)
{
    for (int topic = 0; topic < WB_TOPIC_COUNT; topic++)
        if (group->reads[topic])
            return true;
    return false;
}

/* A stage that never read begins at the first record. */
int64_t sim_groups_need(const struct sim_topic *topic, int32_t partition)
{
    int64_t need = INT64_MAX;
    size_t reading = 0;
    for (size_t i = 0; i < group_count; i++) {
        int64_t next = sim_group_committed(&groups[i], topic, partition);
        reading += reads_any(&groups[i]);
        if (groups[i].reads[topic_index(topic)] && next < need)
            need = next;
    }
    return reading < STAGES || need == INT64_MAX || need < 0 ? 0 : need;
}

bool sim_group_idle(const char *name)
{
    const struct sim_group *group = sim_group_named(name);
    for (int topic = 0; topic < WB_TOPIC_COUNT; topic++)
        for (int32_t p = 0; group->reads[topic] && p < SIM_PARTITIONS; p++)
            if (has_unread(group, topic, p))
                return false;
    return group->member_count > 0;
}

void sim_group_reads(struct sim_group *group, const struct sim_topic *topic)
{
    group->reads[topic_index(topic)] = true;
}

/* ---- what a poll brings of the group ---- */

static struct wb_position *positions_of(const struct wb_consumer *consumer)
{
    struct wb_position *list = wb_xcalloc(consumer->assigned_count + 1, sizeof(*list));
    for (size_t i = 0; i < consumer->assigned_count; i++)
        list[i] = (struct wb_position){consumer->assigned[i].topic->name,
                                       consumer->assigned[i].partition, consumer->assigned[i].next};
    return list;
}

static void revoke(struct wb_consumer *consumer, bool lost)
{
    struct wb_position *positions WB_AUTO(wb_free_ptr) = positions_of(consumer);
    if (!consumer->joined)
        return;
    sim_note_plain(lost ? "partitions lost" : "revoked", (int64_t)consumer->assigned_count, 0);
    consumer->joined = false;
    if (consumer->has_ops && consumer->ops.revoked)
        consumer->ops.revoked(consumer->ops.arg, positions, consumer->assigned_count, lost);
    consumer->assigned_count = 0;
}

static bool held_open(const struct wb_consumer *consumer)
{
    for (size_t i = 0; i < consumer->assigned_count; i++)
        if (consumer->group
                ->held[topic_index(consumer->assigned[i].topic)][consumer->assigned[i].partition]
                .txn)
            return true;
    return false;
}

static enum wb_rc take_assignment(struct wb_consumer *consumer, struct wb_err *err)
{
    enum wb_rc rc = WB_OK;
    if (consumer->joined)
        revoke(consumer, false);
    assign_range(consumer->group, consumer);
    consumer->generation = consumer->group->generation;
    /* Committed offsets are given once no transaction holds them open. */
    if (held_open(consumer)) {
        consumer->assigned_count = 0;
        return WB_OK;
    }
    consumer->member->news = false;
    sim_note_plain("assigned", (int64_t)consumer->assigned_count, consumer->generation);
    struct wb_position *positions WB_AUTO(wb_free_ptr) = positions_of(consumer);
    size_t count = consumer->assigned_count;
    if (consumer->has_ops && consumer->ops.assigned)
        rc = consumer->ops.assigned(consumer->ops.arg, positions, count, err);
    if (rc != WB_OK) {
        consumer->assigned_count = 0;
        return WB_ERROR;
    }
    for (size_t i = 0; i < count; i++)
        consumer->assigned[i].next = positions[i].offset;
    consumer->joined = true;
    return WB_OK;
}

enum wb_rc sim_group_serve(struct wb_consumer *consumer, struct wb_err *err)
{
    struct sim_group *group = consumer->group;
    if (!group || consumer->topic_count == 0)
        return WB_OK;
    tick(group);
    if (consumer->fenced) {
        revoke(consumer, true);
        return wb_err_at(err, WB_SCOPE_LOG, "", WB_CAT_IO, "another member has the same name");
    }
    if (!consumer->member) {
        revoke(consumer, true);
        enter(consumer, consumer->instance);
        tick(group);
        return WB_OK;
    }
    if (group->joining && !consumer->member->joined) {
        revoke(consumer, false);
        if (consumer->member)
            consumer->member->joined = true;
        tick(group);
    }
    if (!group->joining && consumer->member && consumer->member->news)
        return take_assignment(consumer, err);
    return WB_OK;
}
