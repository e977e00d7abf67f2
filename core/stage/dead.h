/* Dead letters for records that can't be read: their bytes untouched, their place, the reason, and
 * the headers that Kafka's own dead letter queues use. */
#ifndef WB_STAGE_DEAD_H
#define WB_STAGE_DEAD_H

#include "core/wire/codec.h"
#include "core/wire/log.h"

/* Sends `message` to waybill.dead with `why`; `ticket` as in wb_producer_send. Key and value are
 * cut where they leave no room for the letter around them within a record's bound, and left out
 * where the client's own limit is smaller still; the reason says so. */
enum wb_rc wb_dead_send(struct wb_producer *producer, struct wb_codec *codec,
                        const struct wb_config *config, const char *stage,
                        const struct wb_message *message, const struct wb_err *why, uint64_t ticket,
                        struct wb_err *err) WB_MUST_USE;

/* Takes the bytes away, and says so in the reason: for a letter that the broker found too large. */
void wb_dead_strip(struct wb_message *message, struct wb_err *why);

#endif
