/* Files: each change of a final name is held against what the source held, and each instance that
 * is published against what the verifier read of it. */
#include "tests/sim/simcheck.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"

struct proof {
    bool published;
    uint8_t read[SIM_BYTES_MOST]; /* a byte each: 1 when it was read back since it was written */
};

static struct sim_file files[SIM_FILES_MOST];
static struct wb_map *proofs;  /* inode -> struct proof */
static struct wb_map *created; /* root/instance -> itself; once it was looked at: proofs */

struct sim_file *sim_file_at(int index)
{
    return &files[index];
}

struct sim_file *sim_file_named(struct wb_span path)
{
    for (int i = 0; i < sim.file_count; i++)
        if (wb_span_eq(path, wb_span_str(files[i].path)))
            return &files[i];
    return NULL;
}

int sim_node_index(const char *node)
{
    for (int i = 0; i < SIM_NODES; i++)
        if (strcmp(sim_nodes[i], node) == 0)
            return i;
    return -1;
}

void sim_check_begin(void)
{
    static const char *const names[SIM_FILES_USUAL] = {
        "a.txt", "pictures/b.jpg", "plain", "deep/er/d.bin", "e.mp4", "no-kind"};
    for (int i = 0; i < SIM_FILES_MOST; i++) {
        memset(&files[i], 0, offsetof(struct sim_file, states));
        files[i].state_count = 1;
        files[i].states[0].exists = false;
        memset(files[i].at, 0, sizeof(files[i].at));
        memset(files[i].stranger, 0, sizeof(files[i].stranger));
        memset(files[i].rotten, 0, sizeof(files[i].rotten));
        files[i].dirty = files[i].misread = false;
        (void)snprintf(files[i].path, sizeof(files[i].path), i < SIM_FILES_USUAL ? "%s" : "%s-%d",
                       names[i % SIM_FILES_USUAL], i);
    }
    if (!proofs)
        proofs = wb_map_new(free);
    wb_map_clear(proofs);
    if (!created)
        created = wb_map_new(NULL);
    wb_map_clear(created);
    sim_links_begin();
}

void sim_check_source(struct sim_file *file)
{
    struct wb_span bytes;
    bool exists = wb_mem_peek(sim_nodes[0], wb_span_str(file->path), &bytes, NULL);
    if (file->state_count == SIM_STATES_MOST)
        abort();
    file->states[file->state_count].exists = exists;
    file->states[file->state_count++].digest = exists ? wb_hash64_of(bytes) : 0;
    file->dirty = true;
    sim_note("source", wb_span_str(file->path), file->state_count - 1,
             exists ? (int64_t)bytes.len : -1);
}

/* The first state from `from` on that is so, or -1. */
static int find_state(const struct sim_file *file, int from, bool exists, uint64_t digest)
{
    for (int i = from; i < file->state_count; i++)
        if (file->states[i].exists == exists && (!exists || file->states[i].digest == digest))
            return i;
    return -1;
}

/* ---- proofs ---- */

static struct proof *proof_of(uint64_t inode)
{
    return wb_map_get(proofs, wb_span_of(&inode, sizeof(inode)));
}

static void mark(struct proof *proof, int64_t offset, size_t len, uint8_t value)
{
    if (offset >= 0 && offset + (int64_t)len <= SIM_BYTES_MOST)
        memset(proof->read + offset, value, len);
}

static struct proof *proof_made(uint64_t inode)
{
    struct proof *proof = proof_of(inode);
    if (!proof) {
        proof = wb_xcalloc(1, sizeof(*proof));
        wb_map_put(proofs, wb_span_of(&inode, sizeof(inode)), proof);
    }
    return proof;
}

void sim_check_proved(uint64_t inode, int64_t offset, size_t len)
{
    mark(proof_made(inode), offset, len, 1);
}

void sim_check_written(uint64_t inode, int64_t offset, size_t len)
{
    struct proof *proof = proof_of(inode);
    if (proof)
        mark(proof, offset, len, 0);
    /* A late range may mend what has rotted. */
    if (proof && proof->published && !sim_fault_happened(SIM_FAULT_ROT))
        sim_break(SIM_I1, "%zu bytes were written into a published file", len);
}

bool sim_check_is_published(uint64_t inode)
{
    const struct proof *proof = proof_of(inode);
    return proof && proof->published;
}

static bool is_proved(uint64_t inode, size_t len)
{
    const struct proof *proof = proof_of(inode);
    for (size_t i = 0; i < len; i++)
        if (!proof || !proof->read[i])
            return false;
    return true;
}

/* ---- instances ---- */

static struct wb_span name_of(const struct wb_mem_call *call, char key[WB_INSTANCE_MAX + SIM_NAME])
{
    (void)snprintf(key, WB_INSTANCE_MAX + SIM_NAME, "%s/%.*s", call->root, (int)call->name.len,
                   (const char *)call->name.data);
    return wb_span_str(key);
}

/* Who may discard a name at any time, and publish it late, must know that it is nobody else's. */
void sim_check_created(const struct wb_mem_call *call)
{
    char key[WB_INSTANCE_MAX + SIM_NAME];
    struct wb_span name = name_of(call, key);
    if (wb_map_get(created, name))
        sim_break(SIM_ONCE, "%s was staged under before", key);
    wb_map_put(created, name, created);
}

bool sim_check_first_look(const struct wb_mem_call *call)
{
    char key[WB_INSTANCE_MAX + SIM_NAME];
    struct wb_span name = name_of(call, key);
    bool first = wb_map_get(created, name) != proofs;
    wb_map_put(created, name, proofs);
    return first;
}

/* ---- final names ---- */

void sim_check_published(const struct wb_mem_call *call)
{
    struct wb_span bytes;
    int node = sim_node_index(call->root);
    struct sim_file *file = sim_file_named(call->name);
    if (call->bare) {
        sim_break(SIM_I6, "%s was published into an empty mount point", call->root);
        return;
    }
    if (!file || !wb_mem_peek(call->root, call->name, &bytes, NULL)) {
        sim_break(SIM_I1, "something else than a file of the source was published");
        return;
    }
    uint64_t digest = wb_hash64_of(bytes);
    int state = find_state(file, file->at[node], true, digest);
    sim_note("published", call->name, state, node);
    if (state < 0 && find_state(file, 0, true, digest) >= 0)
        sim_break(SIM_I4, "%s:%s went back to state %d, it was in %d", call->root, file->path,
                  find_state(file, 0, true, digest), file->at[node]);
    else if (state < 0 && !file->misread)
        sim_break(SIM_I1, "%s:%s holds %zu bytes that the source never held", call->root,
                  file->path, bytes.len);
    else if (!is_proved(call->inode, bytes.len))
        sim_break(SIM_I2, "%s:%s was published without having been read back", call->root,
                  file->path);
    else if (sim.keep && file->stranger[node])
        sim_break(SIM_STRANGER, "a stranger's %s:%s was replaced, which the rule forbids",
                  call->root, file->path);
    if (state >= 0)
        file->at[node] = state;
    proof_made(call->inode)->published = true;
    file->stranger[node] = file->rotten[node] = false;
}

void sim_check_removed(const struct wb_mem_call *call)
{
    int node = sim_node_index(call->root);
    struct sim_file *file = sim_file_named(call->name);
    if (!file || wb_mem_peek(call->root, call->name, NULL, NULL))
        return;
    if (file->stranger[node]) {
        sim_break(SIM_STRANGER, "a stranger's %s:%s was removed", call->root, file->path);
        return;
    }
    file->rotten[node] = false;
    int state = find_state(file, file->at[node], false, 0);
    sim_note("removed", call->name, state, node);
    if (state < 0)
        sim_break(SIM_I4, "%s:%s was removed, and the source has not lacked it since state %d",
                  call->root, file->path, file->at[node]);
    else
        file->at[node] = state;
}
