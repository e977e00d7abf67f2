/* Queues of waiting jobs and what is in flight: counted for each queue, and for each side of the
 * nodes that it uses. */
#include <stdio.h>
#include <stdlib.h>

#include "planner/shell.h"

/* `target/source/rule/priority`; names hold no slash. */
static void parse(struct wb_shell *shell, struct wb_queue *queue, const char *name)
{
    char part[3][64] = {"", "", ""};
    (void)snprintf(queue->name, sizeof(queue->name), "%s", name);
    for (int i = 0; i < 3; i++) {
        size_t len = strcspn(name, "/");
        memcpy(part[i], name, len < sizeof(part[i]) ? len : sizeof(part[i]) - 1);
        name += name[len] ? len + 1 : len;
    }
    queue->target = wb_node_view_of(shell, part[0]);
    queue->source = wb_node_view_of(shell, part[1]);
    memcpy(queue->rule, part[2], sizeof(queue->rule));
    queue->priority = (int32_t)strtol(name, NULL, 10);
}

static bool refresh(struct wb_span key, void *value, void *arg)
{
    struct wb_queue *queue = value;
    const struct wb_shell *shell = arg;
    const struct wb_link link = {.source = queue->source->name, .target = queue->target->name};
    (void)key;
    queue->held = false;
    for (size_t i = 0; i < shell->pause_count; i++)
        queue->held |=
            !shell->pauses[i].path.data && wb_hold_matches(&shell->pauses[i], &link, queue->rule);
    queue->weight = 1;
    for (size_t i = 0; i < shell->rule_count; i++)
        if (strcmp(shell->rules[i]->name, queue->rule) == 0 && shell->rules[i]->weight > 0)
            queue->weight = shell->rules[i]->weight;
    return true;
}

void wb_queues_refresh(struct wb_shell *shell)
{
    wb_map_each(shell->queues, refresh, shell);
}

struct wb_queue *wb_queue_of(struct wb_shell *shell, const char *name)
{
    struct wb_queue *queue = wb_map_get(shell->queues, wb_span_str(name));
    if (queue)
        return queue;
    queue = wb_xcalloc(1, sizeof(*queue));
    parse(shell, queue, name);
    (void)refresh(wb_span_str(name), queue, shell);
    wb_map_put(shell->queues, wb_span_str(name), queue);
    return queue;
}

/* ---- counts ---- */

static void count(struct wb_queue *queue, enum wb_lane lane, enum wb_standing standing,
                  int64_t jobs, int64_t bytes)
{
    queue->count[lane][standing] += jobs;
    if (standing != WB_STANDING_FLIGHT)
        return;
    queue->source->flight[WB_SIDE_SOURCE][lane] += jobs;
    queue->target->flight[WB_SIDE_TARGET][lane] += jobs;
    queue->source->flight_bytes[WB_SIDE_SOURCE][lane] += bytes;
    queue->target->flight_bytes[WB_SIDE_TARGET][lane] += bytes;
}

void wb_queue_recount(struct wb_shell *shell, struct wb_loaded *loaded)
{
    char name[WB_QUEUE_TEXT];
    const struct wb_job *job = loaded->link.job;
    enum wb_standing standing = wb_standing_of(job);
    /* What flies stays in the lane whose room it was given, whatever the rules say by now. */
    bool flies_on =
        loaded->queue && loaded->standing == WB_STANDING_FLIGHT && standing == WB_STANDING_FLIGHT;
    if (loaded->queue)
        count(loaded->queue, loaded->lane, loaded->standing, -1, -loaded->bytes);
    loaded->standing = standing;
    loaded->queue = NULL;
    if (!job)
        return;
    wb_queue_name(job, name);
    loaded->queue = wb_queue_of(shell, name);
    if (!flies_on)
        loaded->lane = wb_plan_lane(&loaded->policy, job);
    loaded->bytes = wb_plan_bytes(job);
    count(loaded->queue, loaded->lane, loaded->standing, 1, loaded->bytes);
}

static void count_rows(void *arg, const char *name, enum wb_lane lane, enum wb_standing standing,
                       int64_t jobs, int64_t bytes)
{
    if (name)
        count(wb_queue_of(arg, name), lane, standing, jobs, bytes);
}

static bool forget_flight(struct wb_span key, void *value, void *arg)
{
    struct wb_node_view *node = value;
    (void)key;
    (void)arg;
    memset(node->flight, 0, sizeof(node->flight));
    memset(node->flight_bytes, 0, sizeof(node->flight_bytes));
    return true;
}

enum wb_rc wb_queues_count(struct wb_shell *shell, struct wb_err *err)
{
    wb_map_clear(shell->queues);
    wb_map_each(shell->nodes, forget_flight, NULL);
    for (int32_t p = 0; p < shell->partitions; p++)
        if (shell->parts[p].ours &&
            wb_ledger_count(shell->parts[p].ledger, count_rows, shell, err) != WB_OK)
            return WB_ERROR;
    return WB_OK;
}

/* ---- room ---- */

/* Windows are shared by all planners, by their share of the partitions. */
static int64_t share(const struct wb_shell *shell, int64_t whole)
{
    int64_t part = whole * shell->ours / (shell->partitions ? shell->partitions : 1);
    return part > 0 ? part : 1;
}

int64_t wb_side_room(const struct wb_shell *shell, const struct wb_node_view *node,
                     enum wb_side side, enum wb_lane lane)
{
    const struct wb_config *config = wb_shell_config(shell);
    int64_t files = lane == WB_LANE_SMALL ? wb_config_int(config, WB_OPT_BATCH_FILES) : 1;
    int64_t tasks = wb_side_window(&node->side[side], &shell->health);
    if (node->held || !wb_side_open(&node->side[side], shell->now_ms))
        return 0;
    if (node->flight_bytes[side][lane] > share(shell, wb_config_int(config, WB_OPT_WINDOW_BYTES)))
        return 0;
    return share(shell, tasks * files) - node->flight[side][lane];
}

int64_t wb_queue_room(struct wb_shell *shell, const struct wb_queue *queue, enum wb_lane lane)
{
    if (queue->held)
        return 0;
    int64_t source = wb_side_room(shell, queue->source, WB_SIDE_SOURCE, lane);
    int64_t target = wb_side_room(shell, queue->target, WB_SIDE_TARGET, lane);
    int64_t room = source < target ? source : target;
    return room > 0 ? room : 0;
}
