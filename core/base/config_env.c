/* The environment: each option has a twin for its key and one for its flag, and no other name of
 * ours means anything. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/config.h"

enum { NAME_MAX_BYTES = 96, OTHERS_MOST = 64, NAMES_MOST = 2 * WB_OPT_COUNT + OTHERS_MOST };

static const char ours[] = "WAYBILL_";
static const char secrets[] = "SECRET_";

static void twin_name(const char *name, char out[NAME_MAX_BYTES])
{
    (void)snprintf(out, NAME_MAX_BYTES, "%s%s", ours, name);
    for (char *at = out; *at; at++)
        *at = *at == '.' || *at == '-' ? '_' : (char)toupper((unsigned char)*at);
}

static enum wb_rc set_from(struct wb_config *config, enum wb_opt id, const char *name,
                           struct wb_err *err)
{
    char twin[NAME_MAX_BYTES];
    if (!name)
        return WB_OK;
    twin_name(name, twin);
    const char *value = getenv(twin);
    return value ? wb_config_set(config, id, value, twin, err) : WB_OK;
}

enum wb_rc wb_config_load_environment(struct wb_config *config, struct wb_err *err)
{
    for (int id = 0; id < WB_OPT_COUNT; id++) {
        const struct wb_opt_row *row = &wb_config_table()[id];
        if (row->type == WB_OPT_MAP)
            continue;
        if (set_from(config, row->id, row->key, err) != WB_OK ||
            set_from(config, row->id, row->flag, err) != WB_OK)
            return WB_ERROR;
    }
    return WB_OK;
}

/* ---- names that mean nothing ---- */

struct names {
    char text[NAMES_MOST][NAME_MAX_BYTES];
    const char *list[NAMES_MOST + 1]; /* NULL-terminated */
    size_t count;
};

static void add_name(struct names *names, const char *name)
{
    if (!name || names->count == NAMES_MOST)
        return;
    twin_name(name, names->text[names->count]);
    names->list[names->count] = names->text[names->count];
    names->count++;
}

static void add_names(struct names *names, const char *const *others)
{
    for (int id = 0; id < WB_OPT_COUNT; id++) {
        const struct wb_opt_row *row = &wb_config_table()[id];
        if (row->type == WB_OPT_MAP)
            continue;
        add_name(names, row->key);
        add_name(names, row->flag);
    }
    for (; others && *others; others++)
        add_name(names, *others);
}

static bool is_known(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i], name) == 0)
            return true;
    return strncmp(name + strlen(ours), secrets, strlen(secrets)) == 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* Kubernetes tells each process of all services near by, and one is likely to be called waybill:
 * WAYBILL_SERVICE_HOST, WAYBILL_SERVICE_PORT_HTTP, WAYBILL_PORT_9090_TCP_ADDR. */
static bool is_service_link(const char *name)
{
    const char *port = strstr(name, "_PORT_");
    return ends_with(name, "_SERVICE_HOST") || strstr(name, "_SERVICE_PORT") ||
           strcmp(name + strlen(ours), "PORT") == 0 || (port && isdigit((unsigned char)port[6]));
}

enum wb_rc wb_config_check_environment(const char *const *others, struct wb_err *err)
{
    struct names *names WB_AUTO(wb_free_ptr) = wb_xcalloc(1, sizeof(*names));
    add_names(names, others);
    for (char **entry = environ; *entry; entry++) {
        char name[NAME_MAX_BYTES];
        if (strncmp(*entry, ours, strlen(ours)) != 0)
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(*entry, "="), *entry);
        if (is_known(names, name) || is_service_link(name))
            continue;
        const char *nearest = wb_nearest_name(name, names->list);
        return wb_err_set(err, WB_CAT_USAGE, "unknown %s in the environment%s%s", name,
                          nearest ? ", did you mean " : "", nearest ? nearest : "");
    }
    return WB_OK;
}
