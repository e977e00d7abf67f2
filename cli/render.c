#include "cli/render.h"

#include "cli/out.h"
#include "core/base/hash.h"

const char *wb_render_reason(const struct wb_err *err, char *out, size_t size)
{
    out[0] = 0;
    if (err)
        wb_err_format(err, out, size);
    return out;
}

json_t *wb_render_error(const struct wb_err *err)
{
    if (!err)
        return json_null();
    json_t *object = json_object();
    wb_json_set_str(object, "message", err->text);
    wb_json_set_str(object, "scope", wb_scope_name(err->scope));
    wb_json_set_str(object, "phase", err->phase);
    wb_json_set_str(object, "category", wb_category_name(err->category));
    wb_json_set_str(object, "code", err->code);
    (void)json_object_set_new(object, "retryable", json_boolean(err->retryable));
    return object;
}

json_t *wb_render_version(const struct wb_version *version)
{
    if (!version)
        return json_null();
    json_t *object = json_object();
    wb_json_set_str(object, "kind", wb_file_kind_name(version->kind));
    wb_json_set_int(object, "size", version->size_bytes);
    wb_json_set_time(object, "mtime", version->mtime_ns / 1000000);
    wb_json_set_int(object, "mtime_ns", version->mtime_ns);
    wb_json_set_str(object, "etag", version->etag ? version->etag : "");
    return object;
}

json_t *wb_render_options(const struct wb_options *options)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "owner", json_boolean(options->owner));
    (void)json_object_set_new(object, "group", json_boolean(options->group));
    (void)json_object_set_new(object, "xattrs", json_boolean(options->xattrs));
    (void)json_object_set_new(object, "sha256", json_boolean(options->sha256));
    (void)json_object_set_new(object, "medium", json_boolean(options->medium));
    wb_json_set_str(object, "existing", options->keep ? "keep" : "replace");
    return object;
}

int32_t wb_render_attempts(const struct wb_job *job)
{
    static const enum wb_job_state at_rest[] = {WB_JOB_WAITING, WB_JOB_PARKED, WB_JOB_FENCING,
                                                WB_JOB_DEAD};
    for (size_t i = 0; i < sizeof(at_rest) / sizeof(at_rest[0]); i++)
        if (job->state == at_rest[i])
            return job->attempt;
    return job->attempt + 1;
}

static json_t *event_of(const struct wb_event_ref *event)
{
    if (!event)
        return json_null();
    json_t *object = json_object();
    wb_json_set_str(object, "id", event->id);
    wb_json_set_str(object, "kind", wb_event_kind_name(event->kind));
    wb_json_set_time(object, "time", event->time_ms);
    wb_json_set_time(object, "accepted", event->accepted_ms);
    wb_json_set_int(object, "offset", event->offset);
    wb_json_set_int(object, "coalesced", event->count);
    return object;
}

static void set_link(const struct wb_cli *cli, json_t *object, const char *source,
                     const char *target, struct wb_span path, int32_t partition)
{
    wb_json_set_str(object, "source", source);
    wb_json_set_str(object, "target", target);
    wb_out_set_path(cli, object, path);
    wb_json_set_int(object, "partition", partition);
}

static int64_t proved_ranges(const struct wb_job *job)
{
    int64_t proved = 0;
    for (size_t i = 0; i < job->given.len; i++)
        proved += job->given.data[i] == 2;
    return proved;
}

static void set_chunks(json_t *object, const struct wb_job *job)
{
    if (job->chunk_bytes <= 0)
        return;
    wb_json_set_int(object, "chunk_bytes", job->chunk_bytes);
    wb_json_set_int(object, "chunks", (int64_t)job->given.len);
    wb_json_set_int(object, "chunks_proved", proved_ranges(job));
}

json_t *wb_render_job(const struct wb_cli *cli, const struct wb_job *job)
{
    json_t *object = json_object();
    wb_json_set_str(object, "id", job->id);
    set_link(cli, object, job->source, job->target, job->path, job->partition);
    wb_json_set_str(object, "state", wb_job_state_name(job->state));
    wb_json_set_str(object, "strategy", wb_strategy_name(job->strategy));
    wb_json_set_str(object, "reason", job->reason);
    wb_json_set_str(object, "rule", job->rule);
    wb_json_set_int(object, "priority", job->priority);
    wb_json_set_int(object, "attempt", wb_render_attempts(job));
    wb_json_set_int(object, "max_attempts", job->max_attempts);
    wb_json_set_time(object, "due", job->due_ms);
    wb_json_set_time(object, "created", job->created_ms);
    wb_json_set_time(object, "updated", job->updated_ms);
    wb_json_set_str(object, "mime", job->mime);
    wb_json_set_str(object, "instance", job->instance);
    set_chunks(object, job);
    wb_json_set_hex(object, "sha256", job->sha256);
    (void)json_object_set_new(object, "version", wb_render_version(job->version));
    (void)json_object_set_new(object, "options", wb_render_options(&job->options));
    (void)json_object_set_new(object, "event", event_of(&job->event));
    (void)json_object_set_new(object, "pending_event", event_of(job->pending));
    (void)json_object_set_new(object, "error", wb_render_error(job->error));
    (void)json_object_set_new(object, "first_error", wb_render_error(job->first_error));
    return object;
}

json_t *wb_render_held_job(const struct wb_cli *cli, const struct wb_job *job,
                           const struct wb_hold *hold)
{
    json_t *object = wb_render_job(cli, job);
    if (hold)
        wb_json_set_str(object, "state", wb_job_state_name(WB_JOB_PARKED));
    (void)json_object_set_new(object, "held_by", wb_render_hold(hold));
    return object;
}

json_t *wb_render_replica(const struct wb_cli *cli, const struct wb_replica *replica)
{
    json_t *object = json_object();
    set_link(cli, object, replica->source, replica->target, replica->path, replica->partition);
    wb_json_set_str(object, "end", wb_end_name(replica->end));
    wb_json_set_str(object, "reason", replica->reason);
    wb_json_set_str(object, "strategy", wb_strategy_name(replica->strategy));
    wb_json_set_str(object, "job", replica->job);
    wb_json_set_int(object, "attempts", replica->attempts);
    wb_json_set_str(object, "event_id", replica->event_id);
    wb_json_set_int(object, "event_offset", replica->event_offset);
    wb_json_set_int(object, "events", replica->event_count);
    wb_json_set_time(object, "event_time", replica->event_time_ms);
    wb_json_set_time(object, "accepted", replica->accepted_ms);
    wb_json_set_time(object, "ended", replica->ended_ms);
    wb_json_set_time(object, "proved", replica->proved_ms);
    wb_json_set_time(object, "first_proved", replica->first_proved_ms);
    wb_json_set_time(object, "copied", replica->copied_ms);
    (void)json_object_set_new(object, "version", wb_render_version(replica->version));
    wb_json_set_hex(object, "sha256", replica->sha256);
    wb_json_set_int(object, "digests", (int64_t)(replica->digests.len / WB_XXH3_SIZE));
    if (replica->digests.len == WB_XXH3_SIZE)
        wb_json_set_hex(object, "xxh3", replica->digests);
    (void)json_object_set_new(object, "error", wb_render_error(replica->error));
    (void)json_object_set_new(object, "first_error", wb_render_error(replica->first_error));
    return object;
}

json_t *wb_render_node(const struct wb_node *node)
{
    json_t *object = json_object();
    wb_json_set_str(object, "name", node->name);
    wb_json_set_str(object, "url", node->url);
    wb_json_set_str(object, "site", node->site);
    wb_json_set_str(object, "secret", node->secret);
    json_t *options = json_object();
    for (size_t i = 0; i < node->option_count; i++)
        wb_json_set_str(options, node->options[i].key, node->options[i].value);
    (void)json_object_set_new(object, "options", options);
    wb_json_set_str(object, "state", wb_node_state_name(node->state));
    wb_json_set_str(object, "reason", node->reason);
    wb_json_set_time(object, "since", node->since_ms);
    wb_json_set_time(object, "added", node->added_ms);
    return object;
}

static void set_known(json_t *object, const char *name, int64_t value)
{
    (void)json_object_set_new(object, name, value < 0 ? json_null() : json_integer(value));
}

static json_t *side_of(const struct wb_side_health *side)
{
    json_t *object = json_object();
    wb_json_set_str(object, "state", wb_node_state_name(side->state));
    wb_json_set_str(object, "reason", side->reason);
    wb_json_set_time(object, "since", side->since_ms);
    set_known(object, "p50_ms", side->p50_ms);
    set_known(object, "p99_ms", side->p99_ms);
    wb_json_set_int(object, "window", side->window);
    (void)json_object_set_new(object, "error", wb_render_error(side->error));
    return object;
}

json_t *wb_render_health(const struct wb_node_health *health)
{
    if (!health)
        return json_null();
    json_t *object = json_object();
    (void)json_object_set_new(object, "source", side_of(&health->source));
    (void)json_object_set_new(object, "target", side_of(&health->target));
    set_known(object, "free_bytes", health->free_bytes);
    wb_json_set_str(object, "marker", health->marker);
    wb_json_set_time(object, "updated", health->updated_ms);
    return object;
}

json_t *wb_render_pause(const struct wb_setting *pause)
{
    if (!pause)
        return json_null();
    json_t *object = json_object();
    wb_json_set_str(object, "reason", pause->value);
    wb_json_set_str(object, "by", pause->by);
    wb_json_set_time(object, "since", pause->updated_ms);
    return object;
}

json_t *wb_render_hold(const struct wb_hold *hold)
{
    if (!hold)
        return json_null();
    json_t *object = json_object();
    wb_json_set_str(object, "what", hold->what);
    wb_json_set_str(object, "state", hold->state);
    wb_json_set_str(object, "reason", hold->reason);
    wb_json_set_time(object, "since", hold->since_ms);
    return object;
}

json_t *wb_render_rule(const struct wb_cli *cli, const struct wb_rule *rule)
{
    json_t *object = json_object();
    wb_json_set_str(object, "name", rule->name);
    wb_json_set_str(object, "source", rule->source);
    (void)cli;
    wb_json_set_bytes(object, "pattern", rule->pattern);
    json_t *targets = json_array();
    for (size_t i = 0; i < rule->target_count; i++)
        (void)json_array_append_new(targets, json_string(rule->targets[i]));
    (void)json_object_set_new(object, "targets", targets);
    wb_json_set_str(object, "strategy", wb_strategy_name(rule->strategy));
    wb_json_set_str(object, "deletes", rule->deletes ? "propagate" : "ignore");
    wb_json_set_int(object, "priority", rule->priority);
    wb_json_set_int(object, "weight", rule->weight > 0 ? rule->weight : 1);
    if (rule->batch_below_bytes >= 0)
        wb_json_set_int(object, "batch_below", rule->batch_below_bytes);
    if (rule->direct_below_bytes >= 0)
        wb_json_set_int(object, "direct_below", rule->direct_below_bytes);
    if (rule->attempts > 0)
        wb_json_set_int(object, "attempts", rule->attempts);
    (void)json_object_set_new(object, "options", wb_render_options(&rule->options));
    wb_json_set_time(object, "updated", rule->updated_ms);
    return object;
}
