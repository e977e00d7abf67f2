/* The judgement of one result of transfer: between the files of the verifier only. */
#ifndef WB_VERIFIER_JUDGE_H
#define WB_VERIFIER_JUDGE_H

#include "core/base/hash.h"
#include "core/stage/worker.h"

struct wb_judge {
    const struct wb_worker_env *env;
    struct wb_hasher *hasher;
    const struct wb_report *claims; /* what transfer reports */
    struct wb_arena *arena;
    bool medium;             /* read from the medium, not from a cache */
    struct wb_store *source; /* NULL when it can't be reached: its state is then unknown */
    struct wb_store *target;
};

/* True for what is to be judged: bytes that were copied, or a sealed instance. */
bool wb_judge_concerns(const struct wb_result *claim);

/* Reads back what `claim` names and fills `verdict`: MATCH, MISMATCH (with the bad ranges), or
 * FAILED when it could not be read. */
void wb_judge_result(struct wb_judge *judge, const struct wb_result *claim,
                     struct wb_result *verdict);

/* The verdict failed for `err`, which is copied. */
void wb_judge_fail(struct wb_judge *judge, struct wb_result *verdict, const struct wb_err *err);

#endif
