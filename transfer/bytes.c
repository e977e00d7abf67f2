/* Moving bytes: one block of the pool a thread, read, guarded, written, digested while in cache. */
#include "core/stage/pool.h"
#include "transfer/exec.h"

enum { COMPARE_BYTES = 32 * 1024 };

struct move {
    struct wb_exec *exec;
    struct wb_file *from;
    struct wb_file *to;
    enum wb_rc (*guard)(void *arg, struct wb_err *err);
    void *arg;
    uint8_t *block;
    bool keeps; /* what is there already is not written */
};

static int64_t block_len(int64_t left)
{
    return left < WB_POOL_BLOCK_BYTES ? left : WB_POOL_BLOCK_BYTES;
}

/* A range may be executed twice, the second time after its proof: what is there already is not
 * written again, so that no write can spoil it. What was never written is a hole. */
static bool is_there(struct move *move, int64_t offset, struct wb_span bytes)
{
    int64_t start;
    int64_t stop;
    struct wb_err err;
    uint8_t there[COMPARE_BYTES];
    if (wb_file_next_data(move->to, offset, &start, &stop, &err) != WB_OK ||
        start >= offset + (int64_t)bytes.len)
        return false;
    for (size_t at = 0; at < bytes.len; at += sizeof(there)) {
        size_t got = 0;
        size_t want = bytes.len - at < sizeof(there) ? bytes.len - at : sizeof(there);
        if (wb_file_read(move->to, offset + (int64_t)at, there, want, &got, &err) != WB_OK ||
            got != want || memcmp(there, bytes.data + at, want) != 0)
            return false;
    }
    return true;
}

static enum wb_rc move_block(struct move *move, int64_t offset, int64_t length, struct wb_err *err)
{
    size_t got;
    wb_hand_beat(move->exec->env->hand);
    if (wb_file_read(move->from, offset, move->block, (size_t)length, &got, err) != WB_OK) {
        wb_err_place(err, WB_SCOPE_SOURCE, "copy");
        return WB_ERROR;
    }
    if ((int64_t)got != length)
        return wb_err_at(err, WB_SCOPE_SOURCE, "copy", WB_CAT_CHANGED,
                         "the source ended at %lld while it was read",
                         (long long)offset + (long long)got);
    if (move->guard && move->guard(move->arg, err) != WB_OK)
        return WB_ERROR;
    struct wb_span bytes = wb_span_of(move->block, got);
    wb_hasher_update(move->exec->hasher, bytes);
    if (move->keeps && is_there(move, offset, bytes))
        return WB_OK;
    if (move->to && wb_file_write(move->to, offset, bytes, err) != WB_OK) {
        wb_err_place(err, WB_SCOPE_TARGET, "copy");
        return WB_ERROR;
    }
    return WB_OK;
}

static enum wb_rc move_data(struct move *move, int64_t offset, int64_t end, struct wb_err *err)
{
    while (offset < end) {
        int64_t length = block_len(end - offset);
        if (move_block(move, offset, length, err) != WB_OK)
            return WB_ERROR;
        offset += length;
    }
    return WB_OK;
}

/* A hole is not written, but its zeros count in the digest. */
static void digest_hole(struct move *move, int64_t length)
{
    memset(move->block, 0, (size_t)block_len(length));
    for (int64_t left = length; left > 0; left -= block_len(left)) {
        wb_hand_beat(move->exec->env->hand);
        wb_hasher_update(move->exec->hasher, wb_span_of(move->block, (size_t)block_len(left)));
    }
}

static enum wb_rc move_sparse(struct move *move, int64_t offset, int64_t end, struct wb_err *err)
{
    while (offset < end) {
        int64_t start;
        int64_t stop;
        if (wb_file_next_data(move->from, offset, &start, &stop, err) != WB_OK) {
            wb_err_place(err, WB_SCOPE_SOURCE, "copy");
            return WB_ERROR;
        }
        start = start < end ? start : end;
        stop = stop < end ? stop : end;
        digest_hole(move, start - offset);
        if (move_data(move, start, stop, err) != WB_OK)
            return WB_ERROR;
        /* Only a file that shrinks meanwhile gives a stretch without an end. */
        if (stop <= offset)
            return wb_err_at(err, WB_SCOPE_SOURCE, "copy", WB_CAT_CHANGED,
                             "the source shrank while it was read");
        offset = stop;
    }
    return WB_OK;
}

enum wb_rc wb_bytes_copy(struct wb_exec *exec, struct wb_file *from, struct wb_file *to,
                         int64_t offset, int64_t length, bool sparse, bool keeps,
                         enum wb_rc (*guard)(void *arg, struct wb_err *err), void *arg,
                         struct wb_err *err)
{
    if (length == 0)
        return WB_OK;
    wb_file_expect(from, offset, length);
    struct move move = {exec, from, to, guard, arg, wb_pool_get(exec->env->pool), keeps};
    enum wb_rc rc = sparse ? move_sparse(&move, offset, offset + length, err)
                           : move_data(&move, offset, offset + length, err);
    wb_pool_put(exec->env->pool, move.block);
    return rc;
}
