/* Runs a function in a process of its own and stops, fails or cuts short any one of the system
 * calls that it makes, by ptrace: as honest as strace's injection, and fast enough to visit all. */
#ifndef WB_TESTS_CRASH_INJECT_H
#define WB_TESTS_CRASH_INJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct call {
    long number;
    uint64_t args[6];
};

enum fault_kind {
    FAULT_NONE,
    FAULT_KILL,      /* before the call */
    FAULT_ERROR,     /* the call fails and had no effect */
    FAULT_ERRORS,    /* so does every later one that can fail like that */
    FAULT_LOST,      /* the call has its effect, and fails all the same */
    FAULT_MEANWHILE, /* somebody else does something before it */
    FAULT_HALF,      /* it may move half of what it was told to */
    FAULT_ONE_BYTE   /* or one byte */
};

struct fault {
    enum fault_kind kind;
    int at; /* number of the call, from 0 */
    int errnum;
};

/* What a kind of call can come to. */
struct call_row {
    long number;
    const char *name;
    unsigned errors; /* of CALL_… */
    int count_at;    /* the argument that says how much to move; 0: nothing is moved */
    bool changes;    /* names or folders */
};

enum {
    CALL_EIO = 1,
    CALL_ENOSPC = 2,
    CALL_EDQUOT = 4,
    CALL_EINTR = 8,
    CALL_EACCES = 16,
    CALL_EMFILE = 32,
    CALL_ERRORS = 6
};

/* The row of a call; one without errors for those that cannot fail or whose failure ends the
 * process by design (memory). */
const struct call_row *call_row_of(long number);
/* Whether this very call can fail so. */
bool call_can_fail(const struct call *call, int errnum);
/* The errno value of error `index` below CALL_ERRORS. */
int call_errno(int index);

/* Sees each call when it is over, the process stopped: `real` is what the kernel did, `told` what
 * the process saw. */
typedef void inject_watch(void *arg, pid_t pid, const struct call *call, int64_t real,
                          int64_t told);

struct injection {
    void (*body)(void *arg); /* calls inject_end() when what counts is over */
    void *arg;
    struct fault fault;
    const struct call *fails; /* every call of this number (and with its 5th argument, if any) */
    int fails_errnum;         /* has no effect and fails so; NULL: none */
    void (*meanwhile)(void *arg);
    inject_watch *watch;
    void *watch_arg;
};

/* Runs it. Returns how many calls there were; `ret_status` as waitpid gives it. */
int inject_run(const struct injection *injection, int *ret_status);
/* What follows in the process is not traced. */
void inject_end(void);
/* Whether processes can be traced here. */
bool inject_works(void);

#endif
