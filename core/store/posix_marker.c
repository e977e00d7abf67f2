/* The marker: a file in the staging area with a random text, made once. A mount point whose file
 * system is away, or holds another one, has none or another. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/base/path.h"
#include "core/store/posix_parts.h"

#define NAME "marker"

enum { RANDOM_BYTES = 16 };

bool wb_posix_is_marker(const char *name)
{
    return strcmp(name, NAME) == 0;
}

static bool write_whole(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);
        if (put < 0)
            return false;
        text += put;
        len -= (size_t)put;
    }
    return true;
}

/* Only whole markers are under the name: one is made under another, and linked when durable. */
static enum wb_rc draw(int staging, struct wb_err *err)
{
    char made[64];
    char text[2 * RANDOM_BYTES + 1];
    uint8_t random[RANDOM_BYTES];
    wb_random_bytes(random, sizeof(random));
    wb_hex_format(wb_span_of(random, sizeof(random)), text);
    (void)snprintf(made, sizeof(made), NAME ".%s", text);
    int fd WB_AUTO(wb_posix_close_fd) =
        openat(staging, made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return wb_err_errno(err, errno, "cannot make the root's marker");
    int errnum = 0;
    if (!write_whole(fd, text, strlen(text)) || fsync(fd) != 0 ||
        (linkat(staging, made, staging, NAME, 0) != 0 && errno != EEXIST) ||
        wb_posix_sync_folder(staging) != 0)
        errnum = errno;
    (void)unlinkat(staging, made, 0);
    return errnum ? wb_err_errno(err, errnum, "cannot make the root's marker") : WB_OK;
}

static enum wb_rc read_marker(int staging, char *ret, struct wb_err *err)
{
    int fd WB_AUTO(wb_posix_close_fd) = openat(staging, NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return wb_err_errno(err, errno, "cannot open the root's marker");
    size_t len = 0;
    ssize_t more = 1;
    while (more > 0 && len < WB_MARKER_MAX - 1) {
        more = read(fd, ret + len, WB_MARKER_MAX - 1 - len);
        if (more < 0)
            return wb_err_errno(err, errno, "cannot read the root's marker");
        len += (size_t)more;
    }
    ret[len] = 0;
    ret[strcspn(ret, "\n")] = 0;
    if (*ret == 0)
        return wb_err_set(err, WB_CAT_INVALID, "the root's marker is empty");
    return WB_OK;
}

enum wb_rc wb_posix_marker(struct wb_store *base, bool make, char *ret, struct wb_err *err)
{
    struct posix_store *store = posix_of(base);
    int staging WB_AUTO(wb_posix_close_fd) = -1;
    if (make && wb_posix_place_fd(store, WB_PLACE_STAGED, &staging, err) != WB_OK)
        return WB_ERROR;
    if (!make)
        staging = wb_posix_open_beneath(store->root_fd, WB_STAGING_DIR);
    if (staging < 0)
        return wb_err_errno(err, errno, "cannot open the staging folder");
    if (read_marker(staging, ret, err) == WB_OK) {
        /* Whoever made it may have ended before it was durable. */
        if (make && wb_posix_sync_folder(staging) != 0)
            return wb_err_errno(err, errno, "cannot sync the root's marker");
        return WB_OK;
    }
    if (!make || err->category != WB_CAT_NOT_FOUND || draw(staging, err) != WB_OK)
        return WB_ERROR;
    return read_marker(staging, ret, err);
}
