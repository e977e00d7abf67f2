/* Shared by the files of the view only. */
#ifndef WB_CLI_VIEW_PARTS_H
#define WB_CLI_VIEW_PARTS_H

#include "cli/view.h"
#include "core/base/db.h"
#include "core/wire/codec.h"
#include "core/wire/log.h"

struct wb_view {
    const struct wb_config *config;
    sqlite3 *db;
    struct wb_codec *codec;
    struct wb_consumer *consumer; /* for the ends of partitions */
    int32_t partitions;
    int lock_fd; /* -1: none, the view is in memory */
    int64_t data_version;
    struct wb_holds holds; /* borrowed */
};

/* sqlite3_finalize for WB_AUTO. */
static inline void wb_view_finalize(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
}

#endif
