#include "cli/unread.h"

#include <stdlib.h>

#include "cli/out.h"

enum { TOPIC_MAX = 256, EXACT_MOST = 100 };

static enum wb_rc count_one(void *arg, const struct wb_message *message, struct wb_err *err)
{
    int64_t *count = arg;
    (void)message;
    (void)err;
    ++*count;
    return WB_OK;
}

/* Offsets hold markers of transactions, too (a planner forwards events by them): where it is cheap,
 * the records themselves are counted. */
static enum wb_rc count_records(const struct wb_config *config, const char *topic, int64_t *next,
                                int32_t partitions, int64_t *count, struct wb_err *err)
{
    if (*count == 0 || *count > EXACT_MOST)
        return WB_OK;
    *count = 0;
    return wb_log_scan(config, topic, next, partitions, count_one, count, err);
}

static enum wb_rc ask(const struct wb_config *config, struct wb_consumer *consumer,
                      int32_t partitions, struct wb_unread *ret, struct wb_err *err)
{
    char topic[TOPIC_MAX];
    char group[TOPIC_MAX];
    int64_t *next WB_AUTO(wb_free_ptr) = wb_xcalloc((size_t)partitions, sizeof(*next));
    (void)wb_topic_name(config, WB_TOPIC_EVENTS, NULL, topic);
    (void)snprintf(group, sizeof(group), "%s.planner", wb_config_text(config, WB_OPT_PREFIX));
    if (wb_consumer_group_members(consumer, group, &ret->planners, err) != WB_OK ||
        wb_consumer_group_offsets(consumer, group, topic, next, partitions, err) != WB_OK)
        return WB_ERROR;
    ret->events = 0;
    for (int32_t i = 0; i < partitions; i++) {
        int64_t low;
        int64_t high;
        if (wb_consumer_watermarks(consumer, topic, i, &low, &high, err) != WB_OK)
            return WB_ERROR;
        next[i] = next[i] > low ? next[i] : low;
        ret->events += high > next[i] ? high - next[i] : 0;
    }
    return count_records(config, topic, next, partitions, &ret->events, err);
}

enum wb_rc wb_unread_ask(const struct wb_config *config, struct wb_consumer *consumer,
                         int32_t partitions, struct wb_unread *ret, struct wb_err *err)
{
    enum wb_rc rc = ask(config, consumer, partitions, ret, err);
    if (rc == WB_OK || err->category == WB_CAT_UNREACHABLE || err->category == WB_CAT_TIMEOUT)
        return rc;
    *ret = (struct wb_unread){.events = -1};
    return WB_OK;
}

const char *wb_unread_text(const struct wb_unread *unread, char *out, size_t size)
{
    char text[64];
    out[0] = 0;
    if (unread->events < 0)
        return out;
    if (unread->planners == 0 && unread->events > 0)
        (void)snprintf(out, size, "%s for a planner; none is in the group",
                       wb_out_counted(unread->events, "event waits", "events wait", text));
    else if (unread->planners == 0)
        (void)snprintf(out, size, "no planner is in the group");
    else if (unread->events > 0)
        (void)snprintf(out, size, "%s not taken in yet",
                       wb_out_counted(unread->events, "event is", "events are", text));
    return out;
}

json_t *wb_unread_json(const struct wb_unread *unread)
{
    bool known = unread->events >= 0;
    json_t *object = json_object();
    (void)json_object_set_new(object, "unread", known ? json_integer(unread->events) : json_null());
    (void)json_object_set_new(object, "planners",
                              known ? json_integer(unread->planners) : json_null());
    return object;
}
