/* The nodes as the planner sees them: outcomes and probes go into their health, changes of it into
 * the log, the metrics and the topic of nodes. Each planner goes by what it saw itself; the one
 * that has the partition of a node's name tells the others and the people. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/log.h"
#include "planner/shell.h"

enum { TELL_EVERY_MS = 30000, TELLING_BYTES = 1024 * 1024 };

static const char *const side_names[WB_SIDE_COUNT] = {"source", "target"};

static bool is_home(const struct wb_shell *shell, const struct wb_node_view *node)
{
    int32_t home = wb_home_partition(node->name, wb_span_of(NULL, 0), shell->partitions);
    return shell->parts && shell->parts[home].ours;
}

static void find_metrics(struct wb_shell *shell, struct wb_node_view *node)
{
    for (int side = 0; side < WB_SIDE_COUNT; side++) {
        char labels[128];
        (void)snprintf(labels, sizeof(labels), "node=\"%s\",side=\"%s\"", node->name,
                       side_names[side]);
        node->window[side] =
            wb_metrics_get(shell->env->metrics, WB_METRIC_GAUGE, "waybill_node_window_tasks",
                           "Tasks of a node that may be in flight.", labels);
        node->state[side] = wb_metrics_get(shell->env->metrics, WB_METRIC_GAUGE, "waybill_node_up",
                                           "1 up, 0.5 degraded or recovering, 0 sick.", labels);
    }
}

static void show(const struct wb_shell *shell, const struct wb_node_view *node)
{
    for (int side = 0; side < WB_SIDE_COUNT; side++) {
        enum wb_node_state state = node->side[side].state;
        wb_metric_set(node->window[side],
                      (double)wb_side_window(&node->side[side], &shell->health));
        wb_metric_set(node->state[side], state == WB_NODE_UP         ? 1
                                         : state == WB_NODE_DEGRADED ? 0.5
                                                                     : 0);
    }
}

static void know(struct wb_shell *shell, struct wb_node_view *node)
{
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    const struct wb_node_health *known = wb_registry_health(shell->registry, node->name, arena);
    wb_side_init(&node->side[WB_SIDE_SOURCE], &shell->health, known ? &known->source : NULL,
                 shell->now_ms);
    wb_side_init(&node->side[WB_SIDE_TARGET], &shell->health, known ? &known->target : NULL,
                 shell->now_ms);
    node->free_bytes = known ? known->free_bytes : -1;
}

struct wb_node_view *wb_node_view_of(struct wb_shell *shell, const char *name)
{
    struct wb_node_view *node = wb_map_get(shell->nodes, wb_span_str(name));
    if (node)
        return node;
    node = wb_xcalloc(1, sizeof(*node));
    (void)snprintf(node->name, sizeof(node->name), "%s", name);
    know(shell, node);
    find_metrics(shell, node);
    wb_map_put(shell->nodes, wb_span_str(name), node);
    return node;
}

/* ---- what is said of them ---- */

static bool refresh(struct wb_span key, void *value, void *arg)
{
    struct wb_node_view *node = value;
    struct wb_shell *shell = arg;
    const struct wb_link link = {.source = node->name, .target = ""};
    struct wb_arena *arena WB_AUTO(wb_arena_free) = wb_arena_new(WB_REGISTRY_ARENA);
    const struct wb_node_health *known = wb_registry_health(shell->registry, node->name, arena);
    (void)key;
    (void)snprintf(node->marker, sizeof(node->marker), "%s", known ? known->marker : "");
    memset(node->needed, 0, sizeof(node->needed));
    node->held = false;
    for (size_t i = 0; i < shell->pause_count; i++)
        node->held |= shell->pauses[i].node && wb_hold_matches(&shell->pauses[i], &link, "");
    return true;
}

void wb_nodes_refresh(struct wb_shell *shell)
{
    size_t count;
    struct wb_node **nodes;
    wb_registry_nodes(shell->registry, shell->catalog, &nodes, &count);
    for (size_t i = 0; i < count; i++)
        (void)wb_node_view_of(shell, nodes[i]->name);
    wb_map_each(shell->nodes, refresh, shell);
    for (size_t i = 0; i < count; i++)
        wb_node_view_of(shell, nodes[i]->name)->held |= nodes[i]->state == WB_NODE_DRAINING;
    for (size_t i = 0; i < shell->rule_count; i++) {
        const struct wb_rule *rule = shell->rules[i];
        wb_node_view_of(shell, rule->source)->needed[WB_SIDE_SOURCE] = true;
        for (size_t t = 0; t < rule->target_count; t++)
            wb_node_view_of(shell, rule->targets[t])->needed[WB_SIDE_TARGET] = true;
    }
}

/* ---- what happens to them ---- */

/* Before the first change of a turn. */
static void remember(const struct wb_shell *shell, struct wb_node_view *node)
{
    if (node->turn != shell->turn)
        memcpy(node->before, node->side, sizeof(node->before));
    node->turn = shell->turn;
}

static bool forget_turn(struct wb_span key, void *value, void *arg)
{
    struct wb_node_view *node = value;
    const struct wb_shell *shell = arg;
    (void)key;
    if (node->turn != shell->turn)
        return true;
    memcpy(node->side, node->before, sizeof(node->side));
    node->turn = 0;
    show(shell, node);
    return true;
}

void wb_nodes_undo(struct wb_shell *shell)
{
    wb_map_each(shell->nodes, forget_turn, shell);
}

static void note_change(struct wb_shell *shell, struct wb_node_view *node, enum wb_side side,
                        const struct wb_health_change *change)
{
    const struct wb_side_state *state = &node->side[side];
    int64_t window = wb_side_window(state, &shell->health);
    if (change->state)
        WB_LOG(state->state == WB_NODE_SICK ? WB_LOG_WARN : WB_LOG_INFO, "node changed its state",
               WB_LOG_STR("node", node->name), WB_LOG_STR("side", side_names[side]),
               WB_LOG_STR("state", change->state), WB_LOG_STR("reason", wb_side_reason(state)),
               WB_LOG_INT("window", window));
    else if (change->window)
        WB_LOG(WB_LOG_INFO, "window of a node changed", WB_LOG_STR("node", node->name),
               WB_LOG_STR("side", side_names[side]), WB_LOG_STR("reason", change->window),
               WB_LOG_INT("window", window));
    if (change->window) {
        char labels[64];
        (void)snprintf(labels, sizeof(labels), "reason=\"%s\"", change->window);
        wb_metric_add(wb_metrics_get(shell->env->metrics, WB_METRIC_COUNTER,
                                     "waybill_window_changes_total",
                                     "Windows cut or opened, by reason.", labels),
                      1);
    }
    node->changed |= change->state != NULL;
    if (change->state || change->window)
        show(shell, node);
}

static bool is_blamed(const struct wb_err *err, enum wb_side side)
{
    return err && err->scope == (side == WB_SIDE_SOURCE ? WB_SCOPE_SOURCE : WB_SCOPE_TARGET);
}

/* Only operations on little say how quick a node is. */
static int64_t telling_ms(const struct wb_result *result)
{
    return result->bytes <= TELLING_BYTES ? result->duration_ms : -1;
}

/* A worker's clock may be ahead of ours. */
static int64_t ended_ms_of(const struct wb_shell *shell, const struct wb_result *result)
{
    int64_t ended_ms = result->started_ms + result->duration_ms;
    return ended_ms < shell->now_ms ? ended_ms : shell->now_ms;
}

static bool says_the_same(const struct wb_result *result, const struct wb_result *before,
                          enum wb_side side)
{
    return before && (result->error == NULL) == (before->error == NULL) &&
           is_blamed(result->error, side) == is_blamed(before->error, side);
}

/* All files of one task count once. */
static bool take_side(struct wb_shell *shell, struct wb_node_view *node, enum wb_side side,
                      const struct wb_result *result, const struct wb_result *before)
{
    struct wb_side_state *state = &node->side[side];
    int64_t ended_ms = ended_ms_of(shell, result);
    const struct wb_err *err = is_blamed(result->error, side) ? result->error : NULL;
    if (!err && result->error)
        return false;
    bool excused = err && wb_side_excuses(state, err, ended_ms - result->duration_ms);
    if (says_the_same(result, before, side) || excused)
        return excused;
    bool trial = state->trial;
    remember(shell, node);
    struct wb_health_change change =
        wb_side_outcome(state, &shell->health, err, telling_ms(result), ended_ms);
    note_change(shell, node, side, &change);
    return err && !trial && change.state && state->state == WB_NODE_SICK;
}

static bool uses_source(enum wb_op op)
{
    return op != WB_OP_PUBLISH && op != WB_OP_DISCARD;
}

bool wb_nodes_outcome(struct wb_shell *shell, const struct wb_report *report,
                      const struct wb_result *result, const struct wb_result *before,
                      enum wb_input_kind kind)
{
    bool excused = false;
    const char *source = report->from && *report->from ? report->from : report->source;
    int64_t *seen_ms = kind == WB_INPUT_REPORT ? &shell->answered_ms : &shell->judged_ms;
    int64_t begun_ms = ended_ms_of(shell, result) - result->duration_ms;
    if (begun_ms > *seen_ms)
        *seen_ms = begun_ms;
    if (result->error && result->error->category == WB_CAT_EXPIRED)
        return false;
    /* The verifier reads the target only. */
    if (kind == WB_INPUT_REPORT && uses_source(report->op))
        excused |= take_side(shell, wb_node_view_of(shell, source), WB_SIDE_SOURCE, result, before);
    if (report->op != WB_OP_PROBE)
        excused |= take_side(shell, wb_node_view_of(shell, report->target), WB_SIDE_TARGET, result,
                             before);
    return excused;
}

/* ---- probes ---- */

void wb_nodes_probed(struct wb_shell *shell, const struct wb_report *report)
{
    struct wb_node_view *node = wb_map_get(shell->nodes, wb_span_str(report->target));
    for (size_t i = 0; node && i < report->result_count; i++) {
        const struct wb_result *result = &report->results[i];
        bool target = wb_span_eq(result->path, wb_span_str(side_names[WB_SIDE_TARGET]));
        enum wb_side side = target ? WB_SIDE_TARGET : WB_SIDE_SOURCE;
        bool workers = result->error && result->error->scope == WB_SCOPE_TRANSFER;
        if (workers || (result->outcome != WB_OUTCOME_CHECKED && !result->error))
            continue;
        remember(shell, node);
        struct wb_health_change change = wb_side_probed(
            &node->side[side], &shell->health, result->error, target ? result->free_bytes : -1,
            result->duration_ms, ended_ms_of(shell, result));
        note_change(shell, node, side, &change);
        if (!target || result->error)
            continue;
        node->free_bytes = result->free_bytes;
        if (!*node->marker && *result->tag && is_home(shell, node)) {
            (void)snprintf(node->marker, sizeof(node->marker), "%s", result->tag);
            node->changed = true;
        }
    }
}

static int32_t any_partition(const struct wb_shell *shell)
{
    int32_t p = 0;
    while (p < shell->partitions - 1 && !shell->parts[p].ours)
        p++;
    return p;
}

static void give_probe(struct wb_shell *shell, struct wb_node_view *node, enum wb_side side)
{
    struct wb_intent *intent = wb_outbox_add(&shell->outbox, WB_OP_CHECK);
    intent->partition = any_partition(shell);
    intent->source = intent->target = node->name;
    intent->file.path = wb_span_str(side_names[side]);
    intent->file.tag = wb_arena_strdup(shell->arena, side == WB_SIDE_TARGET ? node->marker : "");
}

static bool probe(struct wb_span key, void *value, void *arg)
{
    struct wb_node_view *node = value;
    struct wb_shell *shell = arg;
    (void)key;
    for (int side = 0; side < WB_SIDE_COUNT; side++) {
        /* Only one planner has a root marked: two might mark two roots. */
        bool may = side == WB_SIDE_SOURCE || *node->marker || is_home(shell, node);
        bool needed = node->needed[side] || node->side[side].state != WB_NODE_UP;
        if (!needed || !may)
            continue;
        remember(shell, node);
        if (wb_side_probe_due(&node->side[side], &shell->health, shell->now_ms))
            give_probe(shell, node, (enum wb_side)side);
    }
    return true;
}

void wb_nodes_probe(struct wb_shell *shell)
{
    wb_map_each(shell->nodes, probe, shell);
}

/* ---- telling ---- */

static bool worth_telling(const struct wb_shell *shell, const struct wb_node_view *node)
{
    bool needed = node->needed[WB_SIDE_SOURCE] || node->needed[WB_SIDE_TARGET];
    bool due = shell->now_ms - node->told_ms >= TELL_EVERY_MS;
    return needed && (node->changed || due) && is_home(shell, node);
}

struct telling {
    struct wb_shell *shell;
    enum wb_rc rc;
    struct wb_err *err;
};

static struct wb_side_health side_record(const struct wb_shell *shell, struct wb_node_view *node,
                                         enum wb_side side)
{
    struct wb_side_state *state = &node->side[side];
    struct wb_side_health record = {.state = state->state,
                                    .reason = wb_side_reason(state),
                                    .since_ms = state->since_ms,
                                    .p50_ms = wb_latency_at(&state->latency, 50),
                                    .p99_ms = wb_latency_at(&state->latency, 99),
                                    .window = (int32_t)wb_side_window(state, &shell->health)};
    if (wb_err_is_set(&state->error))
        record.error = &state->error;
    return record;
}

static enum wb_rc send_record(struct wb_shell *shell, struct wb_span key,
                              const struct wb_node_health *record, struct wb_err *err)
{
    struct wb_buf value WB_AUTO(wb_buf_free) = wb_buf_make(WB_RECORD_MAX);
    if (wb_codec_encode(shell->codec, WB_RECORD_NODE_HEALTH, record, &value, err) != WB_OK)
        return WB_ERROR;
    return wb_producer_send(shell->teller, shell->topics[WB_TOPIC_NODES], 0, key,
                            wb_buf_span(&value), 0, err);
}

static bool tell(struct wb_span key, void *value, void *arg)
{
    struct telling *telling = arg;
    struct wb_shell *shell = telling->shell;
    struct wb_node_view *node = value;
    (void)key;
    if (!worth_telling(shell, node))
        return true;
    const struct wb_node_health record = {.name = node->name,
                                          .source = side_record(shell, node, WB_SIDE_SOURCE),
                                          .target = side_record(shell, node, WB_SIDE_TARGET),
                                          .free_bytes = node->free_bytes,
                                          .marker = node->marker,
                                          .updated_ms = shell->now_ms};
    const char *name = wb_arena_printf(shell->arena, "health/%s", node->name);
    telling->rc = send_record(shell, wb_span_str(name), &record, telling->err);
    node->changed = false;
    node->told_ms = shell->now_ms;
    return telling->rc == WB_OK;
}

enum wb_rc wb_nodes_tell(struct wb_shell *shell, struct wb_err *err)
{
    struct telling telling = {.shell = shell, .rc = WB_OK, .err = err};
    wb_map_each(shell->nodes, tell, &telling);
    wb_producer_poll(shell->teller, 0);
    return telling.rc;
}
