/* Time: answers that are overdue, and jobs that wait for their turn. */
#include "planner/shell.h"

enum { OVERDUE_MOST = 1024, GIVE_MOST = 4096 };

static enum wb_rc step_keys(struct wb_shell *shell, struct wb_part *part,
                            const struct wb_span *keys, size_t count, enum wb_input_kind kind,
                            struct wb_err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct wb_loaded *loaded;
        struct wb_input input = {.kind = kind};
        if (wb_link_load_key(shell, part, keys[i], &loaded, err) != WB_OK)
            return WB_ERROR;
        wb_link_step(shell, loaded, &input);
    }
    return WB_OK;
}

static enum wb_rc time_out(struct wb_shell *shell, struct wb_part *part, struct wb_err *err)
{
    size_t count;
    struct wb_span *keys = wb_arena_alloc(shell->arena, OVERDUE_MOST * sizeof(*keys));
    if (wb_ledger_overdue(part->ledger, shell->now_ms, OVERDUE_MOST, shell->arena, keys, &count,
                          err) != WB_OK)
        return WB_ERROR;
    return step_keys(shell, part, keys, count, WB_INPUT_TIMER, err);
}

/* ---- giving out ---- */

struct giving {
    struct wb_shell *shell;
    struct wb_part *part;
    enum wb_rc rc;
    struct wb_err *err;
};

static enum wb_rc give_lane(struct giving *giving, const struct wb_load *load, enum wb_lane lane)
{
    size_t count;
    struct wb_shell *shell = giving->shell;
    int64_t room = wb_load_room(shell, load->target, lane);
    if (room <= 0 || load->count[lane][WB_STANDING_WAITING] <= 0)
        return WB_OK;
    size_t limit = room < GIVE_MOST ? (size_t)room : GIVE_MOST;
    struct wb_span *keys = wb_arena_alloc(shell->arena, limit * sizeof(*keys));
    if (wb_ledger_waiting(giving->part->ledger, load->target, lane, shell->now_ms, limit,
                          shell->arena, keys, &count, giving->err) != WB_OK)
        return WB_ERROR;
    return step_keys(shell, giving->part, keys, count, WB_INPUT_GIVE, giving->err);
}

static bool give_target(struct wb_span key, void *value, void *arg)
{
    struct giving *giving = arg;
    (void)key;
    for (int lane = 0; lane < WB_LANE_COUNT && giving->rc == WB_OK; lane++)
        giving->rc = give_lane(giving, value, (enum wb_lane)lane);
    return giving->rc == WB_OK;
}

enum wb_rc wb_dispatch(struct wb_shell *shell, struct wb_err *err)
{
    /* Another partition goes first each time, so that none lives on what the others leave. */
    int32_t first = (int32_t)(shell->now_ms % shell->partitions);
    for (int32_t i = 0; i < shell->partitions; i++) {
        struct wb_part *part = &shell->parts[(first + i) % shell->partitions];
        if (!part->ours)
            continue;
        struct giving giving = {shell, part, WB_OK, err};
        if (time_out(shell, part, err) != WB_OK)
            return WB_ERROR;
        wb_map_each(shell->loads, give_target, &giving);
        if (giving.rc != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}
