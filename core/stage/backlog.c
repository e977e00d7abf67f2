#include "core/stage/backlog.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/map.h"

enum { PLACE_SIZE = sizeof(int32_t) + sizeof(int64_t) };

struct wb_backlog {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct wb_item *first; /* queue */
    struct wb_item **last;
    size_t queued;
    struct wb_item *done;
    struct wb_map *present; /* place -> struct wb_item */
    bool ended;
};

static struct wb_span place_of(int32_t partition, int64_t offset, uint8_t out[PLACE_SIZE])
{
    memcpy(out, &partition, sizeof(partition));
    memcpy(out + sizeof(partition), &offset, sizeof(offset));
    return wb_span_of(out, PLACE_SIZE);
}

static void item_free(void *value)
{
    struct wb_item *item = value;
    wb_message_free(&item->message);
    free(item);
}

struct wb_backlog *wb_backlog_new(void)
{
    struct wb_backlog *backlog = wb_xcalloc(1, sizeof(*backlog));
    backlog->last = &backlog->first;
    backlog->present = wb_map_new(item_free);
    pthread_mutex_init(&backlog->lock, NULL);
    pthread_cond_init(&backlog->work, NULL);
    return backlog;
}

void wb_backlog_free(struct wb_backlog **backlog)
{
    if (!*backlog)
        return;
    while ((*backlog)->done) {
        struct wb_item *item = (*backlog)->done;
        (*backlog)->done = item->next;
        item_free(item);
    }
    wb_map_free(&(*backlog)->present);
    pthread_mutex_destroy(&(*backlog)->lock);
    pthread_cond_destroy(&(*backlog)->work);
    free(*backlog);
    *backlog = NULL;
}

bool wb_backlog_add(struct wb_backlog *backlog, struct wb_message *message)
{
    uint8_t place[PLACE_SIZE];
    struct wb_span key = place_of(message->partition, message->offset, place);
    pthread_mutex_lock(&backlog->lock);
    bool new = !wb_map_get(backlog->present, key);
    if (new) {
        struct wb_item *item = wb_xcalloc(1, sizeof(*item));
        item->message = message;
        item->partition = message->partition;
        item->offset = message->offset;
        item->open = 1;
        wb_map_put(backlog->present, key, item);
        *backlog->last = item;
        backlog->last = &item->next;
        backlog->queued++;
        pthread_cond_signal(&backlog->work);
    }
    pthread_mutex_unlock(&backlog->lock);
    if (!new)
        wb_message_free(&message);
    return new;
}

struct wb_item *wb_backlog_next(struct wb_backlog *backlog)
{
    pthread_mutex_lock(&backlog->lock);
    while (!backlog->first && !backlog->ended)
        pthread_cond_wait(&backlog->work, &backlog->lock);
    struct wb_item *item = backlog->ended ? NULL : backlog->first;
    if (item) {
        backlog->first = item->next;
        if (!backlog->first)
            backlog->last = &backlog->first;
        item->next = NULL;
        backlog->queued--;
    }
    pthread_mutex_unlock(&backlog->lock);
    return item;
}

uint64_t wb_backlog_ticket(struct wb_backlog *backlog, struct wb_item *item)
{
    pthread_mutex_lock(&backlog->lock);
    item->open++;
    pthread_mutex_unlock(&backlog->lock);
    return (uint64_t)(uintptr_t)item;
}

void wb_backlog_settle(struct wb_backlog *backlog, struct wb_item *item)
{
    uint8_t place[PLACE_SIZE];
    pthread_mutex_lock(&backlog->lock);
    if (--item->open == 0) {
        (void)wb_map_take(backlog->present, place_of(item->partition, item->offset, place));
        item->next = backlog->done;
        backlog->done = item;
    }
    pthread_mutex_unlock(&backlog->lock);
}

bool wb_backlog_take_done(struct wb_backlog *backlog, int32_t *ret_partition, int64_t *ret_offset)
{
    pthread_mutex_lock(&backlog->lock);
    struct wb_item *item = backlog->done;
    if (item)
        backlog->done = item->next;
    pthread_mutex_unlock(&backlog->lock);
    if (!item)
        return false;
    *ret_partition = item->partition;
    *ret_offset = item->offset;
    item_free(item);
    return true;
}

void wb_backlog_drop(struct wb_backlog *backlog, int32_t partition)
{
    uint8_t place[PLACE_SIZE];
    pthread_mutex_lock(&backlog->lock);
    struct wb_item **at = &backlog->first;
    while (*at) {
        struct wb_item *item = *at;
        if (partition >= 0 && item->partition != partition) {
            at = &item->next;
            continue;
        }
        *at = item->next;
        backlog->queued--;
        (void)wb_map_del(backlog->present, place_of(item->partition, item->offset, place));
    }
    backlog->last = at;
    pthread_mutex_unlock(&backlog->lock);
}

size_t wb_backlog_queued(struct wb_backlog *backlog)
{
    pthread_mutex_lock(&backlog->lock);
    size_t queued = backlog->queued;
    pthread_mutex_unlock(&backlog->lock);
    return queued;
}

size_t wb_backlog_present(struct wb_backlog *backlog)
{
    pthread_mutex_lock(&backlog->lock);
    size_t present = wb_map_count(backlog->present);
    pthread_mutex_unlock(&backlog->lock);
    return present;
}

void wb_backlog_end(struct wb_backlog *backlog)
{
    pthread_mutex_lock(&backlog->lock);
    backlog->ended = true;
    pthread_cond_broadcast(&backlog->work);
    pthread_mutex_unlock(&backlog->lock);
}
