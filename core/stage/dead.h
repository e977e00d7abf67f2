/* Dead letters for records that can't be read: their bytes untouched, their place, the reason, and
 * the headers that Kafka's own dead letter queues use. */
#ifndef WB_STAGE_DEAD_H
#define WB_STAGE_DEAD_H

#include "core/wire/codec.h"
#include "core/wire/log.h"

/* Sends `message` to waybill.dead with `why`; `ticket` as in wb_producer_send. A value that leaves
 * no room for the letter around it within a record's bound is cut, and the reason says so. */
enum wb_rc wb_dead_send(struct wb_producer *producer, struct wb_codec *codec,
                        const struct wb_config *config, const char *stage,
                        const struct wb_message *message, const struct wb_err *why, uint64_t ticket,
                        struct wb_err *err) WB_MUST_USE;

#endif
