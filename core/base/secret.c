#include "core/base/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/path.h"

/* systemd lets a service read by an access list, which shows as a right of the group. */
enum { NAME_MAX_BYTES = 63, OPEN_TO_OTHERS = 077, OPEN_CREDENTIALS = 037 };

void wb_secret_wipe(void *memory, size_t len)
{
    explicit_bzero(memory, len);
}

void wb_secret_wipe_text(char (*text)[WB_SECRET_MAX])
{
    wb_secret_wipe(*text, sizeof(*text));
}

/* One line, and nothing but text: what a header may hold. */
static enum wb_rc line_check(char *text, const char *origin, struct wb_err *err)
{
    size_t len = strlen(text);
    if (len && text[len - 1] == '\n')
        text[--len] = 0;
    if (len && text[len - 1] == '\r')
        text[--len] = 0;
    if (len == 0)
        return wb_err_set(err, WB_CAT_DENIED, "the secret in %s is empty", origin);
    for (size_t i = 0; i < len; i++)
        if (iscntrl((unsigned char)text[i]))
            return wb_err_set(err, WB_CAT_DENIED, "the secret in %s is not one line of text",
                              origin);
    return WB_OK;
}

/* ---- the environment ---- */

static void variable_of(const char *name, char *out, size_t size)
{
    int len = snprintf(out, size, "WAYBILL_SECRET_%s", name);
    for (int i = 0; i < len && out[i]; i++)
        out[i] = isalnum((unsigned char)out[i]) ? (char)toupper((unsigned char)out[i]) : '_';
}

static enum wb_rc from_environment(const char *name, char *ret, bool *ret_found, struct wb_err *err)
{
    char variable[NAME_MAX_BYTES + 32];
    variable_of(name, variable, sizeof(variable));
    const char *text = getenv(variable);
    *ret_found = text != NULL;
    if (!text)
        return WB_OK;
    if (strlen(text) >= WB_SECRET_MAX)
        return wb_err_set(err, WB_CAT_DENIED, "the secret in %s is too long", variable);
    memcpy(ret, text, strlen(text) + 1);
    return line_check(ret, variable, err);
}

/* ---- files ---- */

static enum wb_rc file_check(int fd, const char *path, mode_t refused, struct wb_err *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return wb_err_errno(err, errno, "cannot look at \"%s\"", path);
    if (!S_ISREG(info.st_mode))
        return wb_err_set(err, WB_CAT_DENIED, "\"%s\" is no regular file", path);
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return wb_err_set(err, WB_CAT_DENIED, "\"%s\" belongs to another user", path);
    if (info.st_mode & refused)
        return wb_err_set(err, WB_CAT_DENIED, "\"%s\" is open to others: chmod 600", path);
    return WB_OK;
}

static enum wb_rc file_read(int fd, const char *path, char *ret, struct wb_err *err)
{
    size_t len = 0;
    while (len < WB_SECRET_MAX) {
        ssize_t got = read(fd, ret + len, WB_SECRET_MAX - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return wb_err_errno(err, errno, "cannot read \"%s\"", path);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    if (len == WB_SECRET_MAX || memchr(ret, 0, len))
        return wb_err_set(err, WB_CAT_DENIED, "the secret in %s is not one line of text", path);
    ret[len] = 0;
    return line_check(ret, path, err);
}

static enum wb_rc from_folder(const char *folder, mode_t refused, const char *name, char *ret,
                              bool *ret_found, struct wb_err *err)
{
    char path[WB_PATH_MAX + 1];
    *ret_found = false;
    if (!folder || !*folder)
        return WB_OK;
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return wb_err_set(err, WB_CAT_DENIED, "the folder of secrets has too long a name");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return WB_OK;
    *ret_found = true;
    if (fd < 0)
        return wb_err_errno(err, errno, "cannot open \"%s\"", path);
    enum wb_rc rc = file_check(fd, path, refused, err);
    if (rc == WB_OK)
        rc = file_read(fd, path, ret, err);
    (void)close(fd);
    return rc;
}

/* A fault of a file of secrets is one of access, whatever it is. */
static enum wb_rc denied(struct wb_err *err)
{
    err->category = WB_CAT_DENIED;
    err->retryable = false;
    return WB_ERROR;
}

enum wb_rc wb_secret_get(const struct wb_config *config, const char *name, char *ret,
                         struct wb_err *err)
{
    bool found;
    const char *folder = config ? wb_config_text(config, WB_OPT_SECRETS_DIR) : NULL;
    if (wb_name_check(name, err) != WB_OK)
        return denied(err);
    enum wb_rc rc = from_environment(name, ret, &found, err);
    if (!found)
        rc = from_folder(getenv("CREDENTIALS_DIRECTORY"), OPEN_CREDENTIALS, name, ret, &found, err);
    if (!found && rc == WB_OK)
        rc = from_folder(folder, OPEN_TO_OTHERS, name, ret, &found, err);
    if (!found && rc == WB_OK)
        rc = wb_err_set(err, WB_CAT_DENIED,
                        "there is no secret \"%s\": neither in the environment nor in a folder of "
                        "secrets",
                        name);
    if (rc == WB_OK)
        return WB_OK;
    wb_secret_wipe(ret, WB_SECRET_MAX);
    return denied(err);
}
