#include "cli/limits.h"

size_t wb_limits_of(const struct wb_store_caps *caps, const char *ret[WB_LIMITS_MOST])
{
    const struct {
        bool can;
        const char *text;
    } limits[] = {
        {caps->writes, "cannot be written to; it can be a source only"},
        {!caps->writes || caps->atomic_publish,
         "may show a file in part while it is being replaced"},
        {!caps->writes || caps->conditional, "knows no conditions: a file that somebody else "
                                             "writes at the same moment may be replaced"},
        {!caps->writes || caps->random_writes,
         "takes no ranges: large files are copied by one worker, from the start when that fails"},
        {!caps->writes || caps->mtimes, "does not keep the times of files"},
        {!caps->writes || caps->modes, "does not keep modes, owners and attributes of files"},
        {!caps->writes || caps->symlinks, "has no symbolic links"},
        {caps->lists, "cannot be listed: its files have to be named one by one"},
    };
    size_t count = 0;
    _Static_assert(sizeof(limits) / sizeof(limits[0]) == WB_LIMITS_MOST, "room for all");
    for (size_t i = 0; i < WB_LIMITS_MOST; i++)
        if (!limits[i].can)
            ret[count++] = limits[i].text;
    return count;
}
