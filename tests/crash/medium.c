#include "tests/crash/medium.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* The same number and flags for ext4 and XFS (XFS_IOC_GOINGDOWN). */
#define IOC_SHUTDOWN _IOR('X', 125, uint32_t)

enum { IMAGE_MIB = 320, TRIES = 20 };

/* mkfs' own words go nowhere: all that matters is whether there is a file system. */
static void exec_mkfs(const struct medium *medium)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(nowhere, STDERR_FILENO);
    (void)setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
    if (strcmp(medium->kind, "xfs") == 0)
        (void)execlp("mkfs.xfs", "mkfs.xfs", "-q", "-f", "-K", medium->device, NULL);
    else
        (void)execlp("mkfs.ext4", "mkfs.ext4", "-q", "-F", "-E",
                     "lazy_itable_init=0,lazy_journal_init=0", "-N", "2048", "-J", "size=4",
                     medium->device, NULL);
    _exit(1);
}

static bool make_fs(const struct medium *medium)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        exec_mkfs(medium);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Another process may take the free device first. */
static bool attach(struct medium *medium, int image)
{
    struct loop_config config = {
        .fd = (uint32_t)image, .block_size = 512, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    bool done = false;
    for (int i = 0; control >= 0 && !done && i < TRIES; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        (void)snprintf(medium->device, sizeof(medium->device), "/dev/loop%d", number);
        medium->loop_fd = number < 0 ? -1 : open(medium->device, O_RDWR | O_CLOEXEC);
        done = medium->loop_fd >= 0 && ioctl(medium->loop_fd, LOOP_CONFIGURE, &config) == 0;
        if (!done && medium->loop_fd >= 0)
            (void)close(medium->loop_fd);
    }
    if (control >= 0)
        (void)close(control);
    return done;
}

bool medium_make(struct medium *medium, const char *kind, const char *place, const char **ret_why)
{
    *medium = (struct medium){.kind = kind, .place = place, .loop_fd = -1};
    *ret_why = "a mount namespace of its own";
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return false;
    *ret_why = "a loop device";
    int image = memfd_create("waybill-medium", MFD_CLOEXEC);
    if (image < 0 || ftruncate(image, (off_t)IMAGE_MIB * 1024 * 1024) != 0 ||
        !attach(medium, image))
        return false;
    (void)close(image);
    *ret_why = "mkfs of this kind";
    if (!make_fs(medium))
        return false;
    *ret_why = "mount of this kind, and its shutdown";
    return medium_mount(medium) && medium_cut(medium, CUT_SUDDEN) && medium_unmount(medium);
}

bool medium_mount(const struct medium *medium)
{
    return mount(medium->device, medium->place, medium->kind, MS_NOATIME, NULL) == 0;
}

bool medium_cut(const struct medium *medium, enum medium_cut how)
{
    uint32_t flags = (uint32_t)how;
    int fd = open(medium->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && ioctl(fd, IOC_SHUTDOWN, &flags) == 0;
    if (fd >= 0)
        (void)close(fd);
    return done;
}

bool medium_unmount(const struct medium *medium)
{
    return umount2(medium->place, 0) == 0;
}
