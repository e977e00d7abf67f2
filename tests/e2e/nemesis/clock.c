/* Preloaded into one process: its wall clock is off by as many nanoseconds as stand in the file
 * that WB_CLOCK_FILE names, eight bytes that a test changes while the process runs. Only what the
 * program reads is changed; what it waits for in the kernel goes by the true clock. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000, NS_PER_US = 1000 };

static const volatile int64_t none = 0;
static const volatile int64_t *offset_ns = &none;

static void map_offset(void) __attribute__((constructor));

static void map_offset(void)
{
    const char *path = getenv("WB_CLOCK_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(none), PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        _Exit(EXIT_FAILURE);
    offset_ns = at;
    (void)close(fd);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    if (syscall(SYS_clock_gettime, id, now) != 0)
        return -1;
    if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)
        return 0;
    int64_t ns = (int64_t)now->tv_sec * NS_PER_S + now->tv_nsec + *offset_ns;
    *now = (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact) != 0)
        return -1;
    *now = (struct timeval){.tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / NS_PER_US};
    return 0;
}

time_t time(time_t *now)
{
    struct timespec exact = {0};
    (void)clock_gettime(CLOCK_REALTIME, &exact);
    if (now)
        *now = exact.tv_sec;
    return exact.tv_sec;
}
