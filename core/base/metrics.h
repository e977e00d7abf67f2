/* Metrics in Prometheus' text format
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). A registry belongs to the process
 * that owns it; counters and gauges are updated without a lock. Names start with waybill_, base
 * units, counters end in _total; labels are few and never a path, job or error text. */
#ifndef WB_BASE_METRICS_H
#define WB_BASE_METRICS_H

#include "core/base/buf.h"

struct wb_metrics;
struct wb_metric;

enum wb_metric_kind { WB_METRIC_COUNTER, WB_METRIC_GAUGE, WB_METRIC_HISTOGRAM };

/* Never NULL; freed with all its series, no thread may use one then. */
struct wb_metrics *wb_metrics_new(void);
void wb_metrics_free(struct wb_metrics **metrics);

/* Finds or makes the series `name{labels}` (`labels` as written in the text format without braces,
 * e.g. `op="copy",category="io"`, or NULL). The registry owns it; at most 4096 series (then all
 * further ones share one series of that name without labels). Histograms: seconds, fixed buckets
 * 1 ms … 10 min. Thread-safe. `name`, `help` are string literals. */
struct wb_metric *wb_metrics_get(struct wb_metrics *metrics, enum wb_metric_kind kind,
                                 const char *name, const char *help, const char *labels);

void wb_metric_add(struct wb_metric *metric, double value);       /* counter, gauge */
void wb_metric_set(struct wb_metric *metric, double value);       /* gauge */
void wb_metric_observe(struct wb_metric *metric, double seconds); /* histogram */
double wb_metric_value(const struct wb_metric *metric);           /* histogram: the count */

/* The whole registry in the text format, appended. */
enum wb_rc wb_metrics_write(struct wb_metrics *metrics, struct wb_buf *out,
                            struct wb_err *err) WB_MUST_USE;

#endif
