/* What cases need, and what of it is there. */
#include "tests/conformance/suite.h"

static const char *const names[WB_CONF_NEED_COUNT] = {
    "can be written to",
    "ranges in any order",
    "atomic publish",
    "conditional publish",
    "can be listed",
    "symbolic links",
    "modes",
    "times",
    "holes",
    "a folder here",
    "a root that can go away",
    "a root that another can stand for",
    "special files",
    "a small disk",
    "a secret",
    "an address",
};

const char *wb_conf_need_name(unsigned need)
{
    for (int bit = 0; bit < WB_CONF_NEED_COUNT; bit++)
        if (need == 1U << bit)
            return names[bit];
    return "nothing";
}

unsigned wb_conf_lacking(const struct wb_conf *conf, unsigned needs)
{
    const struct wb_store_caps *caps = &conf->store->caps;
    unsigned can = conf->backend->can;
    can |= caps->writes ? WB_CONF_WRITES : 0U;
    can |= caps->random_writes ? WB_CONF_RANDOM : 0U;
    can |= caps->atomic_publish ? WB_CONF_ATOMIC : 0U;
    can |= caps->conditional ? WB_CONF_CONDITIONAL : 0U;
    can |= caps->lists ? WB_CONF_LISTS : 0U;
    can |= caps->symlinks ? WB_CONF_SYMLINKS : 0U;
    can |= caps->modes ? WB_CONF_MODES : 0U;
    can |= caps->mtimes ? WB_CONF_MTIMES : 0U;
    can |= caps->sparse ? WB_CONF_SPARSE : 0U;
    return needs & ~can;
}
