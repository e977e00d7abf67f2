/* Times, durations and sizes as people write them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/clock.h"

void wb_clock_format(int64_t wall_ms, char *out)
{
    int64_t ms = wall_ms % 1000;
    time_t seconds = (time_t)(wall_ms / 1000 - (ms < 0));
    struct tm parts;
    if (!gmtime_r(&seconds, &parts)) {
        (void)snprintf(out, 32, "@%lld", (long long)wall_ms);
        return;
    }
    char date[24];
    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out, 32, "%s.%03dZ", date, (int)(ms < 0 ? ms + 1000 : ms));
}

struct unit {
    const char *name;
    double factor;
};

static const struct unit durations[] = {{"ms", 1},    {"s", 1e3},    {"m", 6e4},
                                        {"h", 3.6e6}, {"d", 8.64e7}, {NULL, 0}};
static const struct unit sizes[] = {{"", 1},
                                    {"B", 1},
                                    {"KiB", 1024.0},
                                    {"MiB", 1048576.0},
                                    {"GiB", 1073741824.0},
                                    {"TiB", 1099511627776.0},
                                    {"kB", 1e3},
                                    {"KB", 1e3},
                                    {"MB", 1e6},
                                    {"GB", 1e9},
                                    {"TB", 1e12},
                                    {"K", 1024.0},
                                    {"M", 1048576.0},
                                    {"G", 1073741824.0},
                                    {"T", 1099511627776.0},
                                    {NULL, 0}};

/* `1.5GiB` -> number and unit; only plain decimals, so that hex and exponents are no surprise. */
static bool parse_scaled(const char *text, const struct unit *units, int64_t *ret)
{
    size_t digits = strspn(text, "0123456789.");
    if (digits == 0 || digits > 18 || text[0] == '.')
        return false;
    char number[24];
    memcpy(number, text, digits);
    number[digits] = 0;
    char *end;
    double value = strtod(number, &end);
    if (*end)
        return false;
    for (const struct unit *unit = units; unit->name; unit++) {
        if (strcmp(text + digits, unit->name) != 0)
            continue;
        double scaled = round(value * unit->factor);
        if (scaled > 9e18)
            return false;
        *ret = (int64_t)scaled;
        return true;
    }
    return false;
}

enum wb_rc wb_duration_parse(const char *text, int64_t *ret_ms, struct wb_err *err)
{
    if (parse_scaled(text, durations, ret_ms))
        return WB_OK;
    return wb_err_set(err, WB_CAT_USAGE,
                      "\"%s\" is not a duration such as 250ms, 10s, 5m, 2h or 30d", text);
}

enum wb_rc wb_size_parse(const char *text, int64_t *ret_bytes, struct wb_err *err)
{
    if (parse_scaled(text, sizes, ret_bytes))
        return WB_OK;
    return wb_err_set(err, WB_CAT_USAGE, "\"%s\" is not a size such as 512, 64KiB, 50MiB or 2GB",
                      text);
}

void wb_duration_format(int64_t ms, char out[16])
{
    if (ms < 1000)
        (void)snprintf(out, 16, "%lldms", (long long)(ms < 0 ? 0 : ms));
    else if (ms < 10000 && ms % 1000)
        (void)snprintf(out, 16, "%.1fs", (double)ms / 1000);
    else if (ms < 60000)
        (void)snprintf(out, 16, "%llds", (long long)ms / 1000);
    else if (ms < 3600000 && ms / 1000 % 60)
        (void)snprintf(out, 16, "%lldm%llds", (long long)ms / 60000, (long long)ms / 1000 % 60);
    else if (ms < 3600000)
        (void)snprintf(out, 16, "%lldm", (long long)ms / 60000);
    else if (ms < 172800000)
        (void)snprintf(out, 16, "%lldh", (long long)ms / 3600000);
    else
        (void)snprintf(out, 16, "%lldd", (long long)(ms / 86400000) % 1000000000);
}

void wb_size_format(int64_t bytes, char out[16])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit < 6) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, 16, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static bool parse_offset(const char *text, int64_t *ret_seconds)
{
    int hours;
    int minutes;
    char end;
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        *ret_seconds = 0;
        return true;
    }
    if (sscanf(text + 1, "%2d:%2d%c", &hours, &minutes, &end) != 2 || hours > 23 || minutes > 59 ||
        hours < 0 || minutes < 0 || (text[0] != '+' && text[0] != '-'))
        return false;
    *ret_seconds = (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

static bool parse_rfc3339(const char *text, int64_t *ret_ms)
{
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest)
        rest = strptime(text, "%Y-%m-%d %H:%M:%S", &parts);
    if (!rest)
        return false;
    int64_t ms = 0;
    if (*rest == '.') {
        int64_t place = 100;
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, place /= 10)
            ms += (*rest - '0') * place;
    }
    int64_t offset;
    if (!parse_offset(rest, &offset))
        return false;
    *ret_ms = ((int64_t)timegm(&parts) - offset) * 1000 + ms;
    return true;
}

enum wb_rc wb_clock_parse(const char *text, int64_t now_ms, int64_t *ret_ms, struct wb_err *err)
{
    int64_t age_ms;
    if (text[0] == '@') {
        char *end;
        long long ms = strtoll(text + 1, &end, 10);
        if (end != text + 1 && *end == 0) {
            *ret_ms = ms;
            return WB_OK;
        }
    } else if (parse_scaled(text, durations, &age_ms)) {
        *ret_ms = now_ms - age_ms;
        return WB_OK;
    } else if (parse_rfc3339(text, ret_ms)) {
        return WB_OK;
    }
    return wb_err_set(err, WB_CAT_USAGE,
                      "\"%s\" is not a time such as 2026-01-31T12:00:00Z, @1767225600000 or 2h",
                      text);
}
