/* What is done with a node, and what must be true on the server afterwards. */
#include <stdlib.h>

#include "tests/liar/cases.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

const char *server_name(const struct plan *plan, const char *path, char out[FLOW_NAME_MOST * 2])
{
    bool s3 = strcmp(plan->protocol, "s3") == 0;
    (void)snprintf(out, FLOW_NAME_MOST * 2, "%s%s", s3 ? "pre/" : "", path);
    return out;
}

static bool has(struct liar *liar, const struct plan *plan, const char *path, struct wb_span bytes)
{
    char name[FLOW_NAME_MOST * 2];
    return liar_has(liar, plan->protocol, server_name(plan, path, name), bytes);
}

static bool lacks(struct liar *liar, const struct plan *plan, const char *path)
{
    char name[FLOW_NAME_MOST * 2];
    return liar_lacks(liar, plan->protocol, server_name(plan, path, name));
}

static bool is_staged(struct liar *liar, const struct plan *plan, const char *instance)
{
    return liar_knows(liar, plan->protocol, instance) ||
           (strcmp(plan->protocol, "s3") == 0 && strcmp(liar_ask(liar, "uploads"), "0") != 0);
}

static const char *check_published(struct liar *liar, const struct plan *plan,
                                   const struct run *run, const struct lie *lie, enum wb_rc rc)
{
    bool is_new = has(liar, plan, run->path, run->bytes);
    if (rc == WB_OK && !is_new)
        return "FALSE SUCCESS: the final name does not have the bytes";
    if (rc == WB_OK && is_staged(liar, plan, run->instance))
        return "still staged after it was published";
    if (is_new || has_word(lie->flags, "spoils") || has(liar, plan, run->path, run->old))
        return NULL;
    return "neither the old file nor the new one is under the final name";
}

static const char *check_source(struct liar *liar, const struct plan *plan, const struct run *run,
                                const struct lie *lie, enum wb_rc rc)
{
    (void)liar;
    (void)plan;
    (void)lie;
    return rc == WB_OK && run->item_rcs[0] != WB_OK ? "FALSE SUCCESS: other bytes were read" : NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of both, in whatever order, are the same. */
static bool same_lines(struct wb_span a, struct wb_span b)
{
    enum { LINES_MOST = 256 };
    char *texts[2] = {strndup(a.len ? (const char *)a.data : "", a.len),
                      strndup(b.len ? (const char *)b.data : "", b.len)};
    char *lines[2][LINES_MOST];
    size_t counts[2] = {0};
    bool same = true;
    for (int side = 0; side < 2; side++) {
        char *rest = texts[side];
        for (char *line; (line = strsep(&rest, "\n")) && counts[side] < LINES_MOST;)
            lines[side][counts[side]++] = line;
        qsort(lines[side], counts[side], sizeof(char *), by_text);
    }
    same = counts[0] == counts[1];
    for (size_t i = 0; same && i < counts[0]; i++)
        same = strcmp(lines[0][i], lines[1][i]) == 0;
    free(texts[0]);
    free(texts[1]);
    return same;
}

/* `old` is what an honest server was heard to list. */
static const char *check_listed(struct liar *liar, const struct plan *plan, const struct run *run,
                                const struct lie *lie, enum wb_rc rc)
{
    (void)liar;
    (void)plan;
    if (run->item_rcs[0] != WB_OK)
        return "a name was shown that must never be";
    if (rc != WB_OK || has_word(lie->flags, "invents") ||
        same_lines(wb_buf_span(&run->listed), run->old))
        return NULL;
    return "FALSE SUCCESS: the listing is not what there is";
}

static const char *check_discarded(struct liar *liar, const struct plan *plan,
                                   const struct run *run, const struct lie *lie, enum wb_rc rc)
{
    (void)lie;
    return rc == WB_OK && is_staged(liar, plan, run->instance)
               ? "FALSE SUCCESS: discarded, but it is still there"
               : NULL;
}

static const char *check_removed(struct liar *liar, const struct plan *plan, const struct run *run,
                                 const struct lie *lie, enum wb_rc rc)
{
    (void)lie;
    bool gone = lacks(liar, plan, run->path);
    if (rc == WB_OK && !gone)
        return "FALSE SUCCESS: removed, but it is still there";
    return gone || has(liar, plan, run->path, run->bytes) ? NULL : "a file was spoilt";
}

static const char *check_batch(struct liar *liar, const struct plan *plan, const struct run *run,
                               const struct lie *lie, enum wb_rc rc)
{
    (void)rc;
    for (size_t i = 0; i < FLOW_FILES; i++) {
        bool there = has(liar, plan, run->items[i], run->bytes);
        if (run->item_rcs[i] == WB_OK && !there)
            return "FALSE SUCCESS: a final name does not have the bytes";
        if (!there && !has_word(lie->flags, "spoils") && !lacks(liar, plan, run->items[i]))
            return "a part of a file is under a final name";
    }
    return NULL;
}

static const char *check_marked(struct liar *liar, const struct plan *plan, const struct run *run,
                                const struct lie *lie, enum wb_rc rc)
{
    (void)lie;
    if (rc == WB_OK && run->item_rcs[0] != WB_OK)
        return "FALSE SUCCESS: two markers";
    return rc == WB_OK && !liar_knows(liar, plan->protocol, ".waybill/marker")
               ? "FALSE SUCCESS: the marker is not there"
               : NULL;
}

static const char *check_swept(struct liar *liar, const struct plan *plan, const struct run *run,
                               const struct lie *lie, enum wb_rc rc)
{
    (void)lie;
    (void)rc;
    return has(liar, plan, run->path, run->old) ? NULL : "what is under a final name was swept";
}

#define BOTH(...)                     \
    {.protocol = "dav", __VA_ARGS__}, \
    {                                 \
        .protocol = "s3", __VA_ARGS__ \
    }
#define COPY(bytes, share) \
    .name = "copy", .flow = flow_copy, .size = bytes, .every = share, .check = check_published
#define SOURCE(bytes, share) \
    .name = "source", .flow = flow_source, .size = bytes, .every = share, .check = check_source

static const struct plan plans[] = {
    BOTH(COPY(0, 3)),
    BOTH(COPY(1, 6)),
    BOTH(COPY(4 * KIB, 1)),
    BOTH(COPY(MIB, 12)),
    BOTH(COPY(3 * MIB + 1, 24)),
    BOTH(COPY(17 * MIB + 5, 120)),
    BOTH(SOURCE(0, 1)),
    BOTH(SOURCE(1, 1)),
    BOTH(SOURCE(4 * KIB, 1)),
    BOTH(SOURCE(MIB, 6)),
    BOTH(SOURCE(3 * MIB + 1, 12)),
    BOTH(.name = "ranges", .flow = flow_ranges, .size = 10 * MIB + 7, .every = 100,
         .check = check_published),
    BOTH(.name = "list", .flow = flow_list, .every = 1, .lists = true, .check = check_listed),
    BOTH(.name = "discard", .prepare = flow_stage, .flow = flow_discard, .size = 100, .every = 1,
         .check = check_discarded),
    BOTH(.name = "remove", .prepare = flow_copy, .flow = flow_remove, .size = 100, .every = 1,
         .check = check_removed),
    BOTH(.name = "batch", .prepare = flow_stage_batch, .flow = flow_batch, .size = 4 * KIB,
         .every = 4, .check = check_batch),
    BOTH(.name = "open", .flow = flow_check, .every = 4, .opens = true, .check = check_marked),
    BOTH(.name = "check", .flow = flow_check, .every = 1, .check = check_marked),
    BOTH(.name = "sweep", .prepare = flow_stage, .flow = flow_sweep, .size = 10, .every = 2,
         .check = check_swept),
};

const struct plan *all_plans(size_t *ret_count)
{
    *ret_count = sizeof(plans) / sizeof(plans[0]);
    return plans;
}
