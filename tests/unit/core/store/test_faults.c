/* Every library call that an act of a worker makes is made to fail: once, and from then on. The act
 * ends with an error of the class that the call's has or succeeds; what it does when all is well
 * again is as if nothing had been. */
#include "tests/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/crash/acts.h"
#include "tests/crash/place.h"

enum { FDS_MAX = 64, CALLS_MOST = 1000, ACTS_MOST = 64 };

/* ---- the calls, put in the place of the library's by the linker */

static struct {
    bool armed;
    bool from_then_on;
    bool hit;
    bool memory; /* it was an allocation */
    int at;
    int count;
    int errnum;
    const char *name; /* of the call that failed first */
} plan;

static bool must_fail(const char *name)
{
    if (!plan.armed)
        return false;
    int index = plan.count++;
    if (index != plan.at && !(plan.from_then_on && index > plan.at))
        return false;
    if (!plan.hit)
        plan.name = name;
    plan.hit = true;
    plan.memory = plan.memory || strcmp(name, "realloc") == 0;
    errno = plan.errnum;
    return true;
}

#define WRAP(type, name, parameters, arguments, failed)               \
    type __real_##name parameters;                                    \
    type __wrap_##name parameters;                                    \
    type __wrap_##name parameters                                     \
    {                                                                 \
        return must_fail(#name) ? (failed) : __real_##name arguments; \
    }

WRAP(int, fstat, (int fd, struct stat *info), (fd, info), -1)
WRAP(int, fstatat, (int fd, const char *name, struct stat *info, int flags),
     (fd, name, info, flags), -1)
WRAP(int, fstatvfs, (int fd, struct statvfs *info), (fd, info), -1)
WRAP(int, dup, (int fd), (fd), -1)
WRAP(int, mkdirat, (int fd, const char *name, mode_t mode), (fd, name, mode), -1)
WRAP(int, unlinkat, (int fd, const char *name, int flags), (fd, name, flags), -1)
WRAP(int, renameat, (int from, const char *name, int to, const char *other),
     (from, name, to, other), -1)
WRAP(int, renameat2, (int from, const char *name, int to, const char *other, unsigned flags),
     (from, name, to, other, flags), -1)
WRAP(int, linkat, (int from, const char *name, int to, const char *other, int flags),
     (from, name, to, other, flags), -1)
WRAP(int, symlinkat, (const char *text, int fd, const char *name), (text, fd, name), -1)
WRAP(ssize_t, readlinkat, (int fd, const char *name, char *out, size_t size), (fd, name, out, size),
     -1)
WRAP(int, fsync, (int fd), (fd), -1)
WRAP(int, fdatasync, (int fd), (fd), -1)
WRAP(int, syncfs, (int fd), (fd), -1)
WRAP(int, sync_file_range, (int fd, off_t at, off_t len, unsigned flags), (fd, at, len, flags), -1)
WRAP(ssize_t, pread, (int fd, void *out, size_t len, off_t at), (fd, out, len, at), -1)
WRAP(ssize_t, pwrite, (int fd, const void *from, size_t len, off_t at), (fd, from, len, at), -1)
WRAP(ssize_t, read, (int fd, void *out, size_t len), (fd, out, len), -1)
WRAP(ssize_t, write, (int fd, const void *from, size_t len), (fd, from, len), -1)
WRAP(off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence), -1)
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t len), (fd, mode, at, len), -1)
WRAP(int, ftruncate, (int fd, off_t len), (fd, len), -1)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), -1)
WRAP(int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid), -1)
WRAP(int, fchownat, (int fd, const char *name, uid_t uid, gid_t gid, int flags),
     (fd, name, uid, gid, flags), -1)
WRAP(int, futimens, (int fd, const struct timespec times[2]), (fd, times), -1)
WRAP(int, utimensat, (int fd, const char *name, const struct timespec times[2], int flags),
     (fd, name, times, flags), -1)
WRAP(int, fsetxattr, (int fd, const char *name, const void *value, size_t len, int flags),
     (fd, name, value, len, flags), -1)
WRAP(ssize_t, fgetxattr, (int fd, const char *name, void *value, size_t size),
     (fd, name, value, size), -1)
WRAP(ssize_t, flistxattr, (int fd, char *names, size_t size), (fd, names, size), -1)
WRAP(DIR *, fdopendir, (int fd), (fd), NULL)
WRAP(struct dirent *, readdir, (DIR * folder), (folder), NULL)
WRAP(void *, realloc, (void *memory, size_t size), (memory, size), NULL)

int __real_openat(int fd, const char *name, int flags, ...);
int __wrap_openat(int fd, const char *name, int flags, ...);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_openat(int fd, const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return must_fail("openat") ? -1 : __real_openat(fd, name, flags, mode);
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return must_fail("open") ? -1 : __real_open(path, flags, mode);
}

int __wrap_fcntl(int fd, int command, ...)
{
    va_list more;
    va_start(more, command);
    int value = va_arg(more, int);
    va_end(more);
    return must_fail("fcntl") ? -1 : __real_fcntl(fd, command, value);
}

/* openat2 */
long __wrap_syscall(long number, ...)
{
    va_list more;
    va_start(more, number);
    long fd = va_arg(more, int);
    const void *path = va_arg(more, const void *);
    const void *how = va_arg(more, const void *);
    size_t size = va_arg(more, size_t);
    va_end(more);
    return must_fail("openat2") ? -1 : __real_syscall(number, fd, path, how, size);
}

/* A descriptor is given back even when this fails. */
int __wrap_close(int fd)
{
    int rc = __real_close(fd);
    return must_fail("close") ? -1 : rc;
}

/* ---- an act with one failure, or all from one on */

static struct act_world world;

static int count_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < FDS_MAX; fd++)
        count += __real_fcntl(fd, F_GETFD, 0) >= 0;
    return count;
}

static void check_names(bool done, const char *when)
{
    const struct act *act = world.act;
    for (size_t i = 0; i < ACT_NAMES && act->names[i].path; i++) {
        const struct act_name *name = &act->names[i];
        char after = act->expects ? name->before : name->after;
        if (!act_name_is(&world, name->path, after) &&
            (done || !act_name_is(&world, name->path, name->before)))
            fail_msg("%s: \"%s\" is not as it should be", when, name->path);
    }
}

static void check_result(enum wb_rc rc, const struct wb_err *err, const char *when)
{
    struct wb_err wanted = {.category = WB_CAT_LIMIT};
    bool as_expected = rc == WB_OK ? !world.act->expects
                                   : world.act->expects && err->category == world.act->expects;
    check_names(as_expected, when);
    if (as_expected)
        return;
    if (!plan.memory)
        (void)wb_err_errno(&wanted, plan.errnum, "injected");
    if (rc == WB_OK || err->category != wanted.category)
        fail_msg("%s: %s: %s", when, rc == WB_OK ? "ok" : wb_category_name(err->category),
                 rc == WB_OK ? "" : err->text);
    if ((plan.errnum == EINTR || plan.errnum == ENOMEM || plan.memory) && !err->retryable)
        fail_msg("%s: is for ever: %s", when, err->text);
}

static enum wb_rc run_armed(struct wb_err *err)
{
    plan.armed = true;
    enum wb_rc rc = act_run(&world, err);
    plan.armed = false;
    return rc;
}

/* False when the act makes fewer calls than that. */
static bool fail_at(int at, int errnum, bool from_then_on)
{
    char when[200];
    struct wb_err err;
    assert_int_equal(mkdir(world.root, 0700), 0);
    act_prepare(&world);
    int fds = count_fds();
    memset(&plan, 0, sizeof(plan));
    plan.at = at;
    plan.errnum = errnum;
    plan.from_then_on = from_then_on;
    enum wb_rc rc = run_armed(&err);
    (void)snprintf(when, sizeof(when), "%s %d (%s)%s", plan.hit ? plan.name : "none", at,
                   strerrorname_np(errnum), from_then_on ? " and on" : "");
    check_result(rc, &err, when);
    if (fds != count_fds())
        fail_msg("%s: a descriptor is left open", when);
    bool hit = plan.hit;
    plan.errnum = 0;
    rc = act_run(&world, &err);
    if (rc == WB_OK ? world.act->expects : err.category != world.act->expects)
        fail_msg("%s: done again: %s", when, rc == WB_OK ? "ok" : err.text);
    check_names(true, when);
    if (!act_sweeps_clean(&world) || fds != count_fds())
        fail_msg("%s: something is left behind", when);
    act_remove_tree(world.root);
    return hit;
}

static void fail_everywhere(void **state)
{
    static const int errnums[] = {EIO, ENOSPC, EINTR, EACCES, ENOMEM, ESTALE};
    world.act = &acts[*(const size_t *)*state];
    act_remove_tree(world.root);
    for (size_t i = 0; i < sizeof(errnums) / sizeof(errnums[0]); i++) {
        int at = 0;
        while (at < CALLS_MOST && fail_at(at, errnums[i], false))
            at++;
        assert_in_range(at, 1, CALLS_MOST - 1);
        /* What is interrupted every time is tried for ever. */
        for (at = 0; errnums[i] != EINTR && fail_at(at, errnums[i], true); at++)
            continue;
    }
}

int main(void)
{
    struct CMUnitTest tests[ACTS_MOST] = {0};
    static char base[100];
    static struct act_memory memory;
    static size_t places[ACTS_MOST];
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(base, sizeof(base), "%s/waybill-faults-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(base) || act_count > ACTS_MOST)
        return 1;
    pid_t pid = fork();
    if (pid > 0) {
        int status = 1;
        (void)waitpid(pid, &status, 0);
        (void)rmdir(base);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    place_isolate(base);
    (void)snprintf(world.root, sizeof(world.root), "%s/root", base);
    world.memory = &memory;
    for (size_t i = 0; i < act_count; i++) {
        places[i] = i;
        tests[i] = (struct CMUnitTest){
            .name = acts[i].name, .test_func = fail_everywhere, .initial_state = &places[i]};
    }
    return _cmocka_run_group_tests("faults", tests, act_count, NULL, NULL);
}
