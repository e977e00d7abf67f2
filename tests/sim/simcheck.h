/* The independent record: what the source held and when, what was read back, what the log says of
 * each link. Nothing here asks the code that is under test. */
#ifndef WB_TESTS_SIM_SIMCHECK_H
#define WB_TESTS_SIM_SIMCHECK_H

#include "core/store/mem.h"
#include "tests/sim/simlog.h"

enum { SIM_STATES_MOST = 256, SIM_PATH = 32, SIM_BYTES_MOST = 8192 };

/* A file of the source, and its copies. */
struct sim_file {
    char path[SIM_PATH];
    struct {
        bool exists;
        uint64_t digest;
    } states[SIM_STATES_MOST]; /* of the source, in order */
    int state_count;
    int at[SIM_NODES];        /* the oldest state that a target may be in */
    bool stranger[SIM_NODES]; /* somebody else's file is under the name */
    bool rotten[SIM_NODES];   /* its bytes are not what was published */
    bool dirty;               /* changed since its last event */
    bool misread;             /* its source once gave a worker other bytes than it holds */
};

void sim_check_begin(void);
struct sim_file *sim_file_at(int index);
struct sim_file *sim_file_named(struct wb_span path);
int sim_node_index(const char *node);

/* The source's file is now another one. */
void sim_check_source(struct sim_file *file);
/* Storage is about to make an instance. */
void sim_check_created(const struct wb_mem_call *call);
/* Nobody who publishes it is beyond that point. */
bool sim_check_first_look(const struct wb_mem_call *call);
/* Storage moved something to a final name, or removed it, for a process of the ring. */
void sim_check_published(const struct wb_mem_call *call);
void sim_check_removed(const struct wb_mem_call *call);
/* The verifier was given these bytes as they are; somebody wrote to these. */
void sim_check_proved(uint64_t inode, int64_t offset, size_t len);
void sim_check_written(uint64_t inode, int64_t offset, size_t len);
/* What was published once is written to by nobody any more. */
bool sim_check_is_published(uint64_t inode);
/* A record became visible by a commit. */
void sim_check_committed(enum wb_topic topic, const struct sim_record *record);

/* ---- simlinks.c: what the log says ---- */

void sim_links_begin(void);
/* No answer that is due is overdue for long: all has been well for a while. */
void sim_check_deadlines(void);
/* How many links have a job that is not dead. */
int sim_check_jobs(void);
/* Calls `visit` for each file whose newest event ended dead on some target. */
void sim_check_dead(void (*visit)(struct sim_file *file, int node));
/* What must hold when all is healed and nothing moves any more. */
void sim_check_end(void);

#endif
