/* Versions of the libraries in use, for `waybill version -v`. */
#ifndef WB_WIRE_LIBRARY_H
#define WB_WIRE_LIBRARY_H

#include "core/base/json.h"

/* Sets one member a library: its name and the version that runs. */
void wb_wire_libraries(json_t *object);

#endif
