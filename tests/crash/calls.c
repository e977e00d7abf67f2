/* The system calls that the posix backend makes, and how each can fail. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "tests/crash/inject.h"

enum {
    LOOKS = CALL_EIO | CALL_EACCES,
    OPENS = CALL_EIO | CALL_EACCES | CALL_EINTR | CALL_EMFILE,
    MAKES = CALL_EIO | CALL_EACCES | CALL_ENOSPC | CALL_EDQUOT,
    WRITES = CALL_EIO | CALL_ENOSPC | CALL_EDQUOT | CALL_EINTR,
    SETS = MAKES,
    CREATE_FLAGS_AT = 2
};

static const struct call_row rows[] = {
    {SYS_openat, "openat", OPENS | MAKES, 0, false},
    {SYS_openat2, "openat2", OPENS, 0, false},
    {SYS_open, "open", OPENS, 0, false},
    {SYS_fcntl, "fcntl", CALL_EMFILE, 0, false},
    {SYS_dup, "dup", CALL_EMFILE, 0, false},
    {SYS_close, "close", WRITES, 0, false},
    {SYS_newfstatat, "newfstatat", LOOKS, 0, false},
    {SYS_statx, "statx", LOOKS, 0, false},
    {SYS_fstat, "fstat", CALL_EIO, 0, false},
    {SYS_fstatfs, "fstatfs", CALL_EIO | CALL_EINTR, 0, false},
    {SYS_mkdirat, "mkdirat", MAKES, 0, true},
    {SYS_renameat, "renameat", MAKES, 0, true},
    {SYS_renameat2, "renameat2", MAKES, 0, true},
    {SYS_linkat, "linkat", MAKES, 0, true},
    {SYS_symlinkat, "symlinkat", MAKES, 0, true},
    {SYS_unlinkat, "unlinkat", CALL_EIO | CALL_EACCES | CALL_ENOSPC, 0, true},
    {SYS_readlinkat, "readlinkat", LOOKS, 0, false},
    {SYS_getdents64, "getdents64", CALL_EIO | CALL_EINTR, 2, false},
    {SYS_read, "read", CALL_EIO | CALL_EINTR, 2, false},
    {SYS_pread64, "pread64", CALL_EIO | CALL_EINTR, 2, false},
    {SYS_write, "write", WRITES, 2, false},
    {SYS_pwrite64, "pwrite64", WRITES, 2, false},
    {SYS_lseek, "lseek", CALL_EIO, 0, false},
    {SYS_fallocate, "fallocate", WRITES, 0, false},
    {SYS_ftruncate, "ftruncate", WRITES, 0, false},
    {SYS_fsync, "fsync", WRITES, 0, false},
    {SYS_fdatasync, "fdatasync", WRITES, 0, false},
    {SYS_syncfs, "syncfs", WRITES, 0, false},
    {SYS_sync_file_range, "sync_file_range", WRITES, 0, false},
    {SYS_fchmod, "fchmod", SETS, 0, false},
    {SYS_fchown, "fchown", SETS, 0, false},
    {SYS_fchownat, "fchownat", SETS, 0, false},
    {SYS_utimensat, "utimensat", SETS, 0, false},
    {SYS_fsetxattr, "fsetxattr", SETS, 0, false},
    {SYS_fgetxattr, "fgetxattr", LOOKS, 0, false},
    {SYS_flistxattr, "flistxattr", LOOKS, 0, false},
    {SYS_getrandom, "getrandom", CALL_EINTR, 1, false},
};
static const struct call_row other = {.name = "another"};

static const int errnos[CALL_ERRORS] = {EIO, ENOSPC, EDQUOT, EINTR, EACCES, EMFILE};

const struct call_row *call_row_of(long number)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].number == number)
            return &rows[i];
    return &other;
}

int call_errno(int index)
{
    return errnos[index];
}

bool call_can_fail(const struct call *call, int errnum)
{
    const struct call_row *row = call_row_of(call->number);
    bool makes = call->number != SYS_openat || call->args[CREATE_FLAGS_AT] & O_CREAT;
    if (!makes && (errnum == ENOSPC || errnum == EDQUOT))
        return false;
    for (int i = 0; i < CALL_ERRORS; i++)
        if (errnos[i] == errnum)
            return row->errors & 1U << i;
    return false;
}
