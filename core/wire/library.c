#include "core/wire/library.h"

#include <librdkafka/rdkafka.h>

void wb_wire_libraries(json_t *object)
{
    wb_json_set_str(object, "librdkafka", rd_kafka_version_str());
}
