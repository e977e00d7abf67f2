#include "tests/crash/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        (void)fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
}

/* In a namespace of users only those are known that are told. */
static void map_self(uid_t uid, gid_t gid)
{
    char map[64];
    (void)snprintf(map, sizeof(map), "%u %u 1", uid, uid);
    write_text("/proc/self/uid_map", map);
    write_text("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof(map), "%u %u 1", gid, gid);
    write_text("/proc/self/gid_map", map);
}

void place_isolate(const char *base)
{
    uid_t uid = getuid();
    gid_t gid = getgid();
    if (unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)) != 0)
        return;
    if (uid)
        map_self(uid, gid);
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", base, "tmpfs", MS_NOSUID | MS_NODEV, "size=64m") != 0)
        (void)fprintf(stderr, "no file system of its own: %s\n", strerror(errno));
}
