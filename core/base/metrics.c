#include "core/base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/map.h"

enum { SERIES_MAX = 4096, BUCKETS = 18, OUT_NAME_MAX = 512 };

/* Seconds; the last bucket, +Inf, is the count. */
static const double bounds[BUCKETS] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
                                       1,     2,     5,     10,   30,   60,   120, 300, 600};

struct wb_metric {
    enum wb_metric_kind kind;
    const char *name;
    const char *help;
    char *labels;
    _Atomic double value; /* histogram: the sum */
    _Atomic uint64_t buckets[BUCKETS + 1];
};

struct wb_metrics {
    pthread_mutex_t lock;
    struct wb_map *series;
};

static void metric_free(void *value)
{
    struct wb_metric *metric = value;
    free(metric->labels);
    free(metric);
}

struct wb_metrics *wb_metrics_new(void)
{
    struct wb_metrics *metrics = wb_xcalloc(1, sizeof(*metrics));
    (void)pthread_mutex_init(&metrics->lock, NULL);
    metrics->series = wb_map_new(metric_free);
    return metrics;
}

void wb_metrics_free(struct wb_metrics **metrics)
{
    if (!*metrics)
        return;
    wb_map_free(&(*metrics)->series);
    (void)pthread_mutex_destroy(&(*metrics)->lock);
    free(*metrics);
    *metrics = NULL;
}

static struct wb_metric *find_or_make(struct wb_metrics *metrics, enum wb_metric_kind kind,
                                      const char *name, const char *help, const char *labels)
{
    char key[OUT_NAME_MAX];
    bool full = wb_map_count(metrics->series) >= SERIES_MAX;
    const char *own = labels && !full ? labels : "";
    (void)snprintf(key, sizeof(key), "%s{%s}", name, own);
    struct wb_metric *metric = wb_map_get(metrics->series, wb_span_str(key));
    if (metric)
        return metric;
    metric = wb_xcalloc(1, sizeof(*metric));
    metric->kind = kind;
    metric->name = name;
    metric->help = help;
    metric->labels = wb_xstrdup(own);
    wb_map_put(metrics->series, wb_span_str(key), metric);
    return metric;
}

struct wb_metric *wb_metrics_get(struct wb_metrics *metrics, enum wb_metric_kind kind,
                                 const char *name, const char *help, const char *labels)
{
    (void)pthread_mutex_lock(&metrics->lock);
    struct wb_metric *metric = find_or_make(metrics, kind, name, help, labels);
    (void)pthread_mutex_unlock(&metrics->lock);
    return metric;
}

static void atomic_add(_Atomic double *value, double more)
{
    double now = atomic_load(value);
    while (!atomic_compare_exchange_weak(value, &now, now + more))
        continue;
}

void wb_metric_add(struct wb_metric *metric, double value)
{
    atomic_add(&metric->value, value);
}

void wb_metric_set(struct wb_metric *metric, double value)
{
    atomic_store(&metric->value, value);
}

void wb_metric_observe(struct wb_metric *metric, double seconds)
{
    int bucket = 0;
    while (bucket < BUCKETS && seconds > bounds[bucket])
        bucket++;
    atomic_fetch_add(&metric->buckets[bucket], 1);
    atomic_add(&metric->value, seconds);
}

static uint64_t observed(const struct wb_metric *metric)
{
    uint64_t count = 0;
    for (int i = 0; i <= BUCKETS; i++)
        count += atomic_load(&metric->buckets[i]);
    return count;
}

double wb_metric_value(const struct wb_metric *metric)
{
    if (metric->kind == WB_METRIC_HISTOGRAM)
        return (double)observed(metric);
    return atomic_load(&metric->value);
}

struct writer {
    struct wb_buf *out;
    struct wb_err *err;
    const char *name; /* of the family being written; NULL: collect the next one */
    struct wb_map *written;
    struct wb_metrics *metrics;
    bool failed;
};

static enum wb_rc write_histogram(struct writer *writer, const struct wb_metric *metric)
{
    const char *comma = *metric->labels ? "," : "";
    uint64_t sum = 0;
    for (int i = 0; i < BUCKETS; i++) {
        sum += atomic_load(&metric->buckets[i]);
        if (wb_buf_printf(writer->out, writer->err, "%s_bucket{%s%sle=\"%g\"} %llu\n", metric->name,
                          metric->labels, comma, bounds[i], (unsigned long long)sum) != WB_OK)
            return WB_ERROR;
    }
    sum += atomic_load(&metric->buckets[BUCKETS]);
    const char *open = *metric->labels ? "{" : "";
    const char *shut = *metric->labels ? "}" : "";
    return wb_buf_printf(writer->out, writer->err,
                         "%s_bucket{%s%sle=\"+Inf\"} %llu\n%s_sum%s%s%s %g\n%s_count%s%s%s %llu\n",
                         metric->name, metric->labels, comma, (unsigned long long)sum, metric->name,
                         open, metric->labels, shut, atomic_load(&metric->value), metric->name,
                         open, metric->labels, shut, (unsigned long long)sum);
}

static bool write_series(struct wb_span key, void *value, void *arg)
{
    struct writer *writer = arg;
    const struct wb_metric *metric = value;
    (void)key;
    if (strcmp(metric->name, writer->name) != 0)
        return true;
    const char *open = *metric->labels ? "{" : "";
    const char *shut = *metric->labels ? "}" : "";
    enum wb_rc rc = metric->kind == WB_METRIC_HISTOGRAM
                        ? write_histogram(writer, metric)
                        : wb_buf_printf(writer->out, writer->err, "%s%s%s%s %.17g\n", metric->name,
                                        open, metric->labels, shut, atomic_load(&metric->value));
    writer->failed = rc != WB_OK;
    return !writer->failed;
}

/* All series of a name stand together under one HELP and TYPE, as the format demands. */
static bool write_family(struct wb_span key, void *value, void *arg)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    struct writer *writer = arg;
    struct wb_metric *metric = value;
    (void)key;
    if (wb_map_get(writer->written, wb_span_str(metric->name)))
        return true;
    wb_map_put(writer->written, wb_span_str(metric->name), metric);
    writer->name = metric->name;
    writer->failed =
        wb_buf_printf(writer->out, writer->err, "# HELP %s %s\n# TYPE %s %s\n", metric->name,
                      metric->help, metric->name, types[metric->kind]) != WB_OK;
    if (!writer->failed)
        wb_map_each(writer->metrics->series, write_series, writer);
    return !writer->failed;
}

enum wb_rc wb_metrics_write(struct wb_metrics *metrics, struct wb_buf *out, struct wb_err *err)
{
    struct wb_map *written WB_AUTO(wb_map_free) = wb_map_new(NULL);
    struct writer writer = {.out = out, .err = err, .written = written, .metrics = metrics};
    (void)pthread_mutex_lock(&metrics->lock);
    wb_map_each(metrics->series, write_family, &writer);
    (void)pthread_mutex_unlock(&metrics->lock);
    return writer.failed ? WB_ERROR : WB_OK;
}
