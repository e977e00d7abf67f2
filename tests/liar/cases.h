/* The cases: which lie, told to which flow, at which of its requests, how often. */
#ifndef WB_TESTS_LIAR_CASES_H
#define WB_TESTS_LIAR_CASES_H

#include "tests/liar/flows.h"

enum {
    CASE_NAME_MOST = 160,
    HOPELESS = 3 /* the process's exit code when going on is of no use */
};

/* What one process does; the parent looks on. */
struct shard {
    int index;
    int count;
    long skip_to;              /* cases before it were done by a process that is gone */
    volatile long number;      /* of the case that is run */
    volatile int64_t begun_ms; /* 0: none */
    char name[CASE_NAME_MOST];
    long told;
    long done;
    long failed;
    long blind;
    long broken;
    int crashes;
    long peak_kib;
    long slowest_ms;
};

/* One thing that is done with a node, and how its outcome is checked on the server. */
struct plan {
    const char *protocol;
    const char *name;
    flow_fn *prepare; /* while all is honest; NULL: nothing */
    flow_fn *flow;
    size_t size;
    int every;  /* one case of so many is run, unless all are wanted */
    bool opens; /* the node is opened under the lie as well */
    bool lists; /* the server has names to list */
    /* NULL when it is as it should be, else what is not. Called after the lie. */
    const char *(*check)(struct liar *liar, const struct plan *plan, const struct run *run,
                         const struct lie *lie, enum wb_rc rc);
};

/* All plans; `ret_count` of them. */
const struct plan *all_plans(size_t *ret_count);

/* The name on the server of a final name. */
const char *server_name(const struct plan *plan, const char *path, char out[FLOW_NAME_MOST * 2]);

/* Runs this process's share of the cases; a violation is told on stdout and counted. */
void run_cases(struct shard *shard, const char *only);

#endif
