/* Versions of the libraries in use, for `waybill version -v`. */
#ifndef WB_BASE_LIBRARY_H
#define WB_BASE_LIBRARY_H

#include "core/base/json.h"

/* Sets one member a library: its name and the version that runs. */
void wb_base_libraries(json_t *object);

#endif
