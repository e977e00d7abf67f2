/* Time: answers that are overdue, and jobs that wait for their turn.
 *
 * Queues of a higher priority come first. Those of one priority, target and lane share the room of
 * the target by weight: each round gives every queue its part, and what some leave goes to whoever
 * has more. */
#include <stdlib.h>

#include "planner/shell.h"

enum { OVERDUE_MOST = 1024, GIVE_MOST = 4096, OTHERS_PAGE = 256, OTHERS_EVERY_MS = 5000 };

static enum wb_rc time_out(struct wb_shell *shell, struct wb_part *part, struct wb_err *err)
{
    size_t count;
    struct wb_span *keys = wb_arena_alloc(shell->arena, OVERDUE_MOST * sizeof(*keys));
    if (wb_ledger_overdue(part->ledger, shell->now_ms, OVERDUE_MOST, shell->arena, keys, &count,
                          err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count && !wb_turn_is_heavy(shell); i++) {
        struct wb_loaded *loaded;
        struct wb_input input = {.kind = WB_INPUT_TIMER};
        if (wb_link_load_key(shell, part, keys[i], &loaded, err) != WB_OK ||
            wb_link_step(shell, loaded, &input, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* ---- giving out ---- */

/* What the rules send to the other lane by now takes its turn there. */
static enum wb_rc give_keys(struct wb_shell *shell, struct wb_part *part,
                            const struct wb_span *keys, size_t count, enum wb_lane lane,
                            struct wb_err *err)
{
    for (size_t i = 0; i < count && !wb_turn_is_heavy(shell); i++) {
        struct wb_loaded *loaded;
        struct wb_input input = {.kind = WB_INPUT_GIVE};
        if (wb_link_load_key(shell, part, keys[i], &loaded, err) != WB_OK)
            return WB_ERROR;
        if (wb_link_stands_in(shell, loaded, lane) &&
            wb_link_step(shell, loaded, &input, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* At most `limit` jobs of a queue. Another partition goes first each time, so that none lives on
 * what the others leave. */
static enum wb_rc give(struct wb_shell *shell, const struct wb_queue *queue, enum wb_lane lane,
                       int64_t limit, struct wb_err *err)
{
    int64_t left = limit < GIVE_MOST ? limit : GIVE_MOST;
    int32_t first = (int32_t)(shell->now_ms % shell->partitions);
    for (int32_t i = 0; i < shell->partitions && left > 0; i++) {
        size_t count;
        struct wb_part *part = &shell->parts[(first + i) % shell->partitions];
        if (!part->ours || wb_turn_is_heavy(shell))
            continue;
        struct wb_span *keys = wb_arena_alloc(shell->arena, (size_t)left * sizeof(*keys));
        if (wb_ledger_waiting(part->ledger, queue->name, lane, shell->now_ms, (size_t)left,
                              shell->arena, NULL, keys, &count, err) != WB_OK ||
            give_keys(shell, part, keys, count, lane, err) != WB_OK)
            return WB_ERROR;
        left -= (int64_t)count;
    }
    return WB_OK;
}

struct line {
    struct wb_shell *shell;
    struct wb_queue **queues; /* with jobs that wait, highest priority first */
    size_t count;
};

static bool add_queue(struct wb_span key, void *value, void *arg)
{
    struct line *line = arg;
    struct wb_queue *queue = value;
    (void)key;
    for (int lane = 0; lane < WB_LANE_COUNT; lane++) {
        if (queue->count[lane][WB_STANDING_WAITING] <= 0)
            continue;
        line->queues[line->count++] = queue;
        break;
    }
    return true;
}

static int by_priority(const void *a, const void *b)
{
    const struct wb_queue *left = *(struct wb_queue *const *)a;
    const struct wb_queue *right = *(struct wb_queue *const *)b;
    if (left->priority != right->priority)
        return left->priority > right->priority ? -1 : 1;
    return strcmp(left->name, right->name);
}

static bool competes(const struct wb_queue *queue, const struct wb_queue *with, enum wb_lane lane)
{
    return queue->target == with->target && queue->priority == with->priority &&
           queue->count[lane][WB_STANDING_WAITING] > 0 && !queue->held;
}

/* What is due to the queue of the room that its target has left. Fractions are kept as credit. */
static int64_t fair_part(const struct line *line, struct wb_queue *queue, enum wb_lane lane,
                         int64_t room)
{
    int64_t weights = 0;
    for (size_t i = 0; i < line->count; i++)
        if (competes(line->queues[i], queue, lane))
            weights += line->queues[i]->weight;
    if (weights <= queue->weight)
        return room;
    queue->credit[lane] += room * 1000 * queue->weight / weights;
    int64_t part = queue->credit[lane] / 1000;
    return part < room ? part : room;
}

static enum wb_rc give_fairly(struct line *line, struct wb_queue *queue, enum wb_lane lane,
                              bool rest, struct wb_err *err)
{
    int64_t room = wb_queue_room(line->shell, queue, lane);
    int64_t before = queue->count[lane][WB_STANDING_WAITING];
    if (room <= 0 || before <= 0)
        return WB_OK;
    int64_t part = rest ? room : fair_part(line, queue, lane, room);
    if (part > 0 && give(line->shell, queue, lane, part, err) != WB_OK)
        return WB_ERROR;
    int64_t given = before - queue->count[lane][WB_STANDING_WAITING];
    queue->credit[lane] -= given * 1000;
    if (queue->credit[lane] < 0 || given < part)
        queue->credit[lane] = 0;
    return WB_OK;
}

/* All queues of one priority, `count` from `first` on. */
static enum wb_rc give_priority(struct line *line, size_t first, size_t count, struct wb_err *err)
{
    size_t turn = (size_t)line->shell->now_ms % count;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < count; i++)
            for (int lane = 0; lane < WB_LANE_COUNT; lane++)
                if (give_fairly(line, line->queues[first + (turn + i) % count], (enum wb_lane)lane,
                                round > 0, err) != WB_OK)
                    return WB_ERROR;
    return WB_OK;
}

static enum wb_rc give_all(struct line *line, struct wb_err *err)
{
    size_t first = 0;
    while (first < line->count) {
        size_t count = 1;
        while (first + count < line->count &&
               line->queues[first + count]->priority == line->queues[first]->priority)
            count++;
        if (give_priority(line, first, count, err) != WB_OK)
            return WB_ERROR;
        first += count;
    }
    return WB_OK;
}

/* ---- a source that is sick ---- */

static enum wb_rc give_from_other(struct wb_shell *shell, struct wb_part *part, struct wb_span key,
                                  struct wb_err *err)
{
    struct wb_loaded *loaded;
    const struct wb_replica *other;
    if (wb_link_load_key(shell, part, key, &loaded, err) != WB_OK ||
        wb_link_other(shell, loaded, NULL, &other, err) != WB_OK)
        return WB_ERROR;
    struct wb_input input = {.kind = WB_INPUT_GIVE, .other = other};
    return other && wb_plan_other_fits(&loaded->link, other)
               ? wb_link_step(shell, loaded, &input, err)
               : WB_OK;
}

/* One page of one partition and lane a call: what waits for a source that can't be read may have
 * been proved elsewhere. Jobs for which it was not are not touched. */
static enum wb_rc search_others(struct wb_shell *shell, struct wb_queue *queue, struct wb_err *err)
{
    size_t count = 0;
    enum wb_lane lane = (enum wb_lane)(queue->others_at % WB_LANE_COUNT);
    struct wb_part *part = &shell->parts[queue->others_at / WB_LANE_COUNT % shell->partitions];
    int64_t room = wb_side_room(shell, queue->target, WB_SIDE_TARGET, lane);
    size_t page = room < OTHERS_PAGE ? (size_t)(room > 0 ? room : 0) : OTHERS_PAGE;
    struct wb_span *keys = wb_arena_alloc(shell->arena, OTHERS_PAGE * sizeof(*keys));
    if (!page)
        return WB_OK;
    if (part->ours && wb_ledger_waiting(part->ledger, queue->name, lane, shell->now_ms, page,
                                        shell->arena, &queue->others, keys, &count, err) != WB_OK)
        return WB_ERROR;
    for (size_t i = 0; i < count && !wb_turn_is_heavy(shell); i++)
        if (give_from_other(shell, part, keys[i], err) != WB_OK)
            return WB_ERROR;
    if (count == page)
        return WB_OK;
    queue->others = (struct wb_ledger_place){0};
    if (++queue->others_at >= shell->partitions * WB_LANE_COUNT) {
        queue->others_at = 0;
        queue->others_due_ms = shell->now_ms + OTHERS_EVERY_MS;
    }
    return WB_OK;
}

static enum wb_rc give_others(struct line *line, struct wb_err *err)
{
    for (size_t i = 0; i < line->count; i++) {
        struct wb_queue *queue = line->queues[i];
        bool wanted = queue->source->side[WB_SIDE_SOURCE].state == WB_NODE_SICK && !queue->held &&
                      !queue->target->held && line->shell->now_ms >= queue->others_due_ms &&
                      wb_side_open(&queue->target->side[WB_SIDE_TARGET], line->shell->now_ms);
        if (wanted && search_others(line->shell, queue, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

enum wb_rc wb_dispatch(struct wb_shell *shell, struct wb_err *err)
{
    struct line line = {.shell = shell};
    for (int32_t p = 0; p < shell->partitions; p++)
        if (shell->parts[p].ours && time_out(shell, &shell->parts[p], err) != WB_OK)
            return WB_ERROR;
    line.queues =
        wb_arena_alloc(shell->arena, (wb_map_count(shell->queues) + 1) * sizeof(*line.queues));
    wb_map_each(shell->queues, add_queue, &line);
    qsort(line.queues, line.count, sizeof(*line.queues), by_priority);
    if (give_all(&line, err) != WB_OK || give_others(&line, err) != WB_OK)
        return WB_ERROR;
    wb_nodes_probe(shell);
    return WB_OK;
}
