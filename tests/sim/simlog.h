/* The simulated log: topics, groups and transactions as Kafka has them, in memory. core/wire/log.h
 * is over it; this header is for the simulator's own parts. */
#ifndef WB_TESTS_SIM_SIMLOG_H
#define WB_TESTS_SIM_SIMLOG_H

#include "core/wire/log.h"
#include "tests/sim/sim.h"

enum { SIM_GROUPS_MOST = 4, SIM_MEMBERS_MOST = 8, SIM_TXN_IDS_MOST = 16, SIM_GROUP_TOPICS = 3 };

enum sim_record_state {
    SIM_RECORD_VISIBLE,
    SIM_RECORD_OPEN, /* of a transaction that has not ended */
    SIM_RECORD_ABORTED,
    SIM_RECORD_MARKER,
    SIM_RECORD_GONE /* compacted */
};

struct sim_record {
    struct wb_span key;
    struct wb_span value; /* data NULL: tombstone */
    int64_t timestamp_ms;
    uint32_t txn; /* 0: none */
    enum sim_record_state state;
};

struct sim_partition {
    struct sim_record *records; /* index: offset */
    int64_t count;
    int64_t room;
    int64_t stable; /* records before it are not open */
    int64_t start;  /* what is before it was kept for long enough */
};

struct sim_topic {
    char name[256];
    int32_t partition_count;
    struct sim_partition partitions[SIM_PARTITIONS];
};

/* ---- simlog.c: topics ---- */

void sim_log_begin(void);
void sim_log_end(void);
struct sim_topic *sim_topic(enum wb_topic topic);
struct sim_topic *sim_topic_named(const char *name);
/* Appends a copy. */
int64_t sim_append(struct sim_topic *topic, int32_t partition, struct wb_span key,
                   struct wb_span value, uint32_t txn, enum sim_record_state state);
/* Offset of the first open record, or the end: readers see what is before. */
int64_t sim_stable(struct sim_partition *partition);
/* The newest visible record of a key before the end; NULL when there is none, or a tombstone. */
const struct sim_record *sim_newest(enum wb_topic topic, int32_t partition, struct wb_span key);
/* Forgets at random what newer records of the same key replace. */
void sim_log_compact(void);
/* Forgets at random what all that read it have committed. */
void sim_log_retain(void);
/* Appends a random record of a topic once more. */
void sim_log_duplicate(void);
/* An outage: nothing is read or written. */
void sim_log_set_down(bool down);
bool sim_log_is_down(void);
/* The call of a process of the ring: false with an error when it must fail. */
bool sim_log_call(const char *what, struct wb_err *err) WB_MUST_USE;

/* ---- simgroup.c: groups ---- */

struct sim_group;

struct sim_member {
    char instance[SIM_NAME * 2];
    struct wb_consumer *consumer; /* NULL: its process is gone */
    struct sim_proc *proc;
    int64_t left_ns; /* since when nobody is there; -1: somebody is */
    bool joined;     /* this round */
    bool news;       /* has not heard of its assignment */
};

struct sim_assignment {
    struct sim_topic *topic;
    int32_t partition;
    int64_t next;
    bool paused;
};

struct wb_consumer {
    struct sim_proc *proc;
    struct sim_group *group;   /* NULL: by hand */
    struct sim_member *member; /* NULL: thrown out, or not in yet */
    char instance[SIM_NAME * 2];
    struct wb_rebalance_ops ops;
    bool has_ops;
    bool background; /* a worker: its polling goes on while it executes */
    bool joined;
    bool fenced; /* another one came under its name */
    int32_t generation;
    struct sim_topic *topics[SIM_GROUP_TOPICS];
    size_t topic_count;
    struct sim_assignment *assigned;
    size_t assigned_count;
};

void sim_groups_begin(void);
/* Members whose heart does not beat lose their place; rounds that are complete end. */
void sim_groups_tick(void);
/* What the group has for the consumer: revocation, assignment. */
enum wb_rc sim_group_serve(struct wb_consumer *consumer, struct wb_err *err) WB_MUST_USE;
/* The generation is the group's and the member in it. */
bool sim_group_current(const struct wb_consumer *consumer);
void sim_group_commit(struct sim_group *group, const struct sim_topic *topic, int32_t partition,
                      int64_t offset);
int64_t sim_group_committed(const struct sim_group *group, const struct sim_topic *topic,
                            int32_t partition);
/* Offsets that a transaction holds open; 0: none. */
void sim_group_hold(struct sim_group *group, const struct sim_topic *topic, int32_t partition,
                    uint32_t txn, int64_t offset);
/* The first offset that a group which reads the topic has still to read; 0: it has read none. */
int64_t sim_groups_need(const struct sim_topic *topic, int32_t partition);
/* The transaction ended: its offsets count, or not. */
void sim_groups_settle(uint32_t txn, bool commit);
void sim_group_leave(struct wb_consumer *consumer);
/* Throws a random member out. */
void sim_groups_kick(void);
struct sim_group *sim_group_named(const char *name);
void sim_group_reads(struct sim_group *group, const struct sim_topic *topic);
/* True when the group has read all there is. */
bool sim_group_idle(const char *name);

/* ---- simtxn.c: producers ---- */

void sim_txns_begin(void);
/* Transactions that take too long are aborted, and their producers fenced. */
void sim_txns_tick(void);

#endif
