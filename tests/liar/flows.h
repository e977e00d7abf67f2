/* What transfer and the verifier do with a node, step by step and nothing else: copied is what was
 * read back with the right digest, done is what the node's calls said, and the first error ends
 * it. */
#ifndef WB_TESTS_LIAR_FLOWS_H
#define WB_TESTS_LIAR_FLOWS_H

#include "core/store/store.h"
#include "tests/liar/liar.h"

enum { FLOW_NAME_MOST = 96, FLOW_FILES = 5, FLOW_SIZES = 6 };

/* One run of a flow. */
struct run {
    struct wb_store *store;
    struct wb_span bytes; /* of the file */
    struct wb_span old;   /* what is under the final name before */
    char path[FLOW_NAME_MOST];
    char instance[FLOW_NAME_MOST];
    char tag[WB_TAG_MAX];
    bool claims;                     /* the event came with a digest */
    bool has_problem;                /* a listing told of a name that could not be looked at */
    bool judged;                     /* the error is the verifier's own */
    struct wb_err err;               /* set when it failed */
    enum wb_rc item_rcs[FLOW_FILES]; /* of a batch */
    char items[FLOW_FILES][FLOW_NAME_MOST + 8];  /* its final names */
    char staged[FLOW_FILES][FLOW_NAME_MOST + 8]; /* its instances */
    char item_tags[FLOW_FILES][WB_TAG_MAX];
    struct wb_buf listed; /* names of a listing, each with a newline */
};

/* WB_ERROR with run->err. The world is as a user of the node left it before. */
typedef enum wb_rc flow_fn(struct run *run);

/* A whole file: staged, read back, published over an old one. */
flow_fn flow_copy;
/* The same in ranges, last first, each proved. UNSUPPORTED where the node cannot. */
flow_fn flow_ranges;
/* Reads a file as a source. */
flow_fn flow_source;
/* Lists all, and what is below `sub`. */
flow_fn flow_list;
/* Stages (before the lie), then discards. */
flow_fn flow_stage;
flow_fn flow_discard;
/* Publishes (before the lie), then removes. */
flow_fn flow_remove;
/* Stages several (before the lie), then publishes them in one call. */
flow_fn flow_stage_batch;
flow_fn flow_batch;
/* Looks at the node, makes its marker, looks at the marker. */
flow_fn flow_check;
/* Discards what was staged (before the lie) and left alone. */
flow_fn flow_sweep;

/* Bytes that look random and are always the same. The caller frees. */
uint8_t *flow_bytes(size_t size, uint64_t seed);

#endif
