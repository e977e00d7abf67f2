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
    struct wb_store
        *origin; /* what was read: the source, or the node of a replica; NULL as above */
    struct wb_store *target;
};

/* True for what is to be judged: bytes that were copied, a sealed instance, or a file that the
 * target held already. */
bool wb_judge_concerns(const struct wb_result *claim);

/* Reads back what `claim` names and fills `verdict`: MATCH, MISMATCH (with the bad ranges), or
 * FAILED when it could not be read. */
void wb_judge_result(struct wb_judge *judge, const struct wb_result *claim,
                     struct wb_result *verdict);

/* The verdict failed for `err`, which is copied. */
void wb_judge_fail(struct wb_judge *judge, struct wb_result *verdict, const struct wb_err *err);

/* Feeds [offset, offset + length) to the hasher; `ret_len` is less where the file ends. */
enum wb_rc wb_judge_digest(struct wb_judge *judge, struct wb_file *file, int64_t offset,
                           int64_t length, int64_t *ret_len, struct wb_err *err) WB_MUST_USE;

/* ---- blame.c ---- */

/* What went wrong with a range whose bytes on the target differ from what was copied: both sides
 * are read once more, from the medium where they can. Code TARGET_READ (the target holds what was
 * copied after all), SOURCE_READ (the source holds what is on the target), else TARGET_WRITE. */
void wb_judge_blame(struct wb_judge *judge, const struct wb_result *claim,
                    const struct wb_range *range, struct wb_err *err);

#endif
