#include "core/stage/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/wire/log.h"

enum {
    SLOTS_MOST = 1024,
    STATE_DIR_MOST = 300,
    CLUSTER_MAX = 64,
    ASK_MS = 10000,
    RANDOM_BYTES = 8
};

/* Where no state can be kept at all, another place helps, and only that. */
static enum wb_rc no_place(struct wb_err *err, const char *what, const char *path)
{
    (void)wb_err_errno(err, errno, "cannot %s \"%s\", see --state-dir", what, path);
    if (err->category == WB_CAT_NOT_FOUND || err->category == WB_CAT_DENIED ||
        err->category == WB_CAT_READ_ONLY)
        err->category = WB_CAT_USAGE;
    return WB_ERROR;
}

static enum wb_rc make_folders(const char *path, struct wb_err *err)
{
    char part[WB_SLOT_FOLDER_MAX];
    for (size_t i = 1;; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        (void)snprintf(part, sizeof(part), "%.*s", (int)i, path);
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return no_place(err, "make the folder", part);
        if (path[i] == 0)
            return WB_OK;
    }
}

/* The random part was drawn by whoever first held the slot. */
static enum wb_rc read_name(struct wb_slot *slot, const char *stage, int number, struct wb_err *err)
{
    uint8_t random[RANDOM_BYTES];
    char text[2 * RANDOM_BYTES + 1];
    ssize_t len = pread(slot->lock_fd, text, sizeof(text) - 1, 0);
    text[len > 0 ? len : 0] = 0;
    if (!wb_hex_parse(text, random, sizeof(random))) {
        wb_random_bytes(random, sizeof(random));
        wb_hex_format(wb_span_of(random, sizeof(random)), text);
        if (pwrite(slot->lock_fd, text, sizeof(text) - 1, 0) != (ssize_t)sizeof(text) - 1)
            return wb_err_errno(err, errno, "cannot write to \"%s\"", slot->folder);
    }
    (void)snprintf(slot->name, sizeof(slot->name), "%s-%d-%s", stage, number, text);
    return WB_OK;
}

static enum wb_rc try_slot(const char *base, const char *stage, int number, struct wb_slot *slot,
                           bool *ret_taken, struct wb_err *err)
{
    char lock[WB_SLOT_FOLDER_MAX + 8];
    *ret_taken = false;
    (void)snprintf(slot->folder, sizeof(slot->folder), "%.*s/%s-%d", WB_SLOT_FOLDER_MAX - 80, base,
                   stage, number);
    if (make_folders(slot->folder, err) != WB_OK)
        return WB_ERROR;
    (void)snprintf(lock, sizeof(lock), "%s/lock", slot->folder);
    slot->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (slot->lock_fd < 0)
        return no_place(err, "open", lock);
    if (flock(slot->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        wb_slot_release(slot);
        return WB_OK;
    }
    *ret_taken = true;
    return read_name(slot, stage, number, err);
}

enum wb_rc wb_slot_take(const struct wb_config *config, const char *stage, struct wb_slot *ret,
                        struct wb_err *err)
{
    char base[WB_SLOT_FOLDER_MAX];
    char cluster[CLUSTER_MAX];
    bool taken;
    *ret = (struct wb_slot){.lock_fd = -1};
    const char *state_dir = wb_config_text(config, WB_OPT_STATE_DIR);
    if (!state_dir || state_dir[0] != '/')
        return wb_err_set(err, WB_CAT_USAGE, "state_dir \"%s\" is not an absolute path",
                          state_dir ? state_dir : "");
    if (strlen(state_dir) > STATE_DIR_MOST)
        return wb_err_set(err, WB_CAT_USAGE, "state_dir is longer than %d bytes", STATE_DIR_MOST);
    if (make_folders(state_dir, err) != WB_OK ||
        wb_log_cluster(config, ASK_MS, cluster, err) != WB_OK)
        return WB_ERROR;
    (void)snprintf(base, sizeof(base), "%s/%.60s-%s", state_dir,
                   wb_config_text(config, WB_OPT_PREFIX), cluster);
    for (int number = 0; number < SLOTS_MOST; number++) {
        if (try_slot(base, stage, number, ret, &taken, err) != WB_OK) {
            wb_slot_release(ret);
            return WB_ERROR;
        }
        if (taken)
            return WB_OK;
    }
    return wb_err_set(err, WB_CAT_LIMIT, "%d processes of %s run here already", SLOTS_MOST, stage);
}

void wb_slot_release(struct wb_slot *slot)
{
    if (slot->lock_fd >= 0)
        (void)close(slot->lock_fd);
    slot->lock_fd = -1;
}
