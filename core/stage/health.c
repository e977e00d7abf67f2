#include "core/stage/health.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"

struct wb_health {
    const char *name;
    pthread_mutex_t lock;
    int64_t beat_ms;
    bool ready;
    char reason[WB_HEALTH_REASON_MAX];
};

struct wb_health *wb_health_new(const char *name)
{
    struct wb_health *health = wb_xcalloc(1, sizeof(*health));
    health->name = name;
    pthread_mutex_init(&health->lock, NULL);
    wb_health_set(health, false, "starting");
    return health;
}

void wb_health_free(struct wb_health **health)
{
    if (!*health)
        return;
    pthread_mutex_destroy(&(*health)->lock);
    free(*health);
    *health = NULL;
}

const char *wb_health_name(const struct wb_health *health)
{
    return health->name;
}

void wb_health_set(struct wb_health *health, bool ready, const char *reason)
{
    pthread_mutex_lock(&health->lock);
    health->ready = ready;
    (void)snprintf(health->reason, sizeof(health->reason), "%s", ready || !reason ? "" : reason);
    health->beat_ms = wb_clock_mono_ms();
    pthread_mutex_unlock(&health->lock);
}

void wb_health_beat(struct wb_health *health)
{
    pthread_mutex_lock(&health->lock);
    health->beat_ms = wb_clock_mono_ms();
    pthread_mutex_unlock(&health->lock);
}

bool wb_health_alive(struct wb_health *health)
{
    pthread_mutex_lock(&health->lock);
    bool alive = wb_clock_mono_ms() - health->beat_ms < WB_HEALTH_SILENT_MS;
    pthread_mutex_unlock(&health->lock);
    return alive;
}

bool wb_health_ready(struct wb_health *health, char *reason)
{
    pthread_mutex_lock(&health->lock);
    bool ready = health->ready;
    memcpy(reason, health->reason, WB_HEALTH_REASON_MAX);
    pthread_mutex_unlock(&health->lock);
    return ready;
}
