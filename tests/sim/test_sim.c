/* Runs seeds of the simulator, many at once by default.
 *
 *   test_sim [--seeds N] [--long MINUTES] [--jobs N] [--coverage] [--keep-going] [--brief]
 *   test_sim --seed N [--trace] [--calm] [--shrink] [--without D,D,…]
 *   both: [--strong FAULT,FAULT,…], named as in simfault.c: at their strongest in every seed
 *
 * WB_SIM_SEEDS says how many seeds, WB_SEED which ones. */
#include <getopt.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "tests/sim/simcover.h"
#include "tests/sim/simshrink.h"

enum {
    SEEDS_USUAL = 100000,
    SEEDS_APART = 10000000, /* between the first seeds of one WB_SEED and the next */
    BLOCK = 50,
    TWICE = 40,
    JOBS_MOST = 64,
    SEED_SECONDS_MOST = 60,
    SECONDS_USUAL = 600 /* a busy machine does fewer seeds in it */
};

/* What the processes share. */
struct shared {
    atomic_ullong next;
    atomic_ullong done;
    atomic_ullong steps;
    atomic_ullong faults;
    atomic_ullong failed; /* the first seed that was found to fail; 0: none */
    atomic_int broken;
    atomic_bool stop;
    uint64_t running[JOBS_MOST];
    uint64_t first_hash;
    uint64_t cells[SIM_COVER_CELLS];
    atomic_bool happened[SIM_FAULT_COUNT];
};

struct arguments {
    struct sim_options options;
    bool one;
    bool shrink;
    bool coverage;
    bool keep_going; /* tells of each seed that fails and does not stop */
    bool brief;      /* says which seed fails and how, no more: it is known to */
    uint64_t first;
    uint64_t seeds;
    double minutes;
    int jobs;
    uint32_t without[SIM_SUPPRESSED_MOST];
};

static struct shared *shared;

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- many ---- */

static void note_failed(const struct arguments *arguments, uint64_t seed, int broken)
{
    unsigned long long nothing = 0;
    if (atomic_compare_exchange_strong(&shared->failed, &nothing, seed))
        atomic_store(&shared->broken, broken);
    if (arguments->keep_going && broken != SIM_INVARIANTS) {
        (void)printf("seed %llu: %s: %s\n", (unsigned long long)seed,
                     sim_invariant_name(sim.broken), sim.why);
        (void)fflush(stdout);
    } else {
        atomic_store(&shared->stop, true);
    }
}

static void note_faults(void)
{
    const uint32_t *decisions;
    const enum sim_fault *faults;
    size_t count = sim_faults_happened(&decisions, &faults);
    atomic_fetch_add(&shared->faults, count);
    for (size_t i = 0; i < count; i++)
        atomic_store(&shared->happened[faults[i]], true);
}

/* A kind of fault that never comes proves nothing. */
static int faults_missing(void)
{
    int missing = 0;
    for (int fault = 0; fault < SIM_FAULT_COUNT; fault++) {
        if (atomic_load(&shared->happened[fault]))
            continue;
        (void)printf("%s never happened\n", sim_fault_name((enum sim_fault)fault));
        missing++;
    }
    return missing;
}

static void run_block(const struct arguments *arguments, uint64_t first, uint64_t end, int job)
{
    struct sim_options options = arguments->options;
    for (options.seed = first; options.seed < end && !atomic_load(&shared->stop); options.seed++) {
        shared->running[job] = options.seed;
        (void)alarm(SEED_SECONDS_MOST);
        sim_run(&options);
        if (options.seed == arguments->first)
            shared->first_hash = sim_trace_hash();
        if (sim.broken)
            note_failed(arguments, options.seed, (int)sim.broken);
        atomic_fetch_add(&shared->done, 1);
        atomic_fetch_add(&shared->steps, (unsigned long long)sim.steps);
        note_faults();
    }
}

static void run_job(const struct arguments *arguments, int job, double until_s)
{
    uint64_t last = arguments->first + arguments->seeds;
    while (!atomic_load(&shared->stop) && now_s() < until_s) {
        uint64_t first = atomic_fetch_add(&shared->next, BLOCK);
        if (first >= last)
            break;
        run_block(arguments, first, first + BLOCK < last ? first + BLOCK : last, job);
    }
    shared->running[job] = 0;
}

static void run_jobs(const struct arguments *arguments)
{
    pid_t children[JOBS_MOST];
    double until_s = now_s() + (arguments->minutes > 0 ? arguments->minutes * 60 : SECONDS_USUAL);
    (void)fflush(NULL);
    for (int job = 0; job < arguments->jobs; job++) {
        children[job] = fork();
        if (children[job] < 0)
            abort();
        if (children[job] == 0) {
            run_job(arguments, job, until_s);
            _exit(0);
        }
    }
    for (int job = 0; job < arguments->jobs; job++) {
        int status;
        (void)waitpid(children[job], &status, 0);
        if (status != 0)
            note_failed(arguments, shared->running[job], SIM_INVARIANTS);
    }
}

/* The same seed gives the same history, whatever ran before it. */
static bool same_twice(const struct arguments *arguments)
{
    uint64_t hashes[TWICE];
    struct sim_options options = arguments->options;
    for (int i = 0; i < 2 * TWICE; i++) {
        options.seed = arguments->first + (uint64_t)(i % TWICE);
        sim_run(&options);
        if (i < TWICE) {
            hashes[i] = sim_trace_hash();
        } else if (hashes[i - TWICE] != sim_trace_hash()) {
            (void)printf("seed %llu is not the same history twice\n",
                         (unsigned long long)options.seed);
            return false;
        }
    }
    return true;
}

static bool check_twice(const struct arguments *arguments)
{
    int status;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        abort();
    if (child == 0) {
        bool same = same_twice(arguments);
        (void)fflush(NULL);
        _exit(same ? 0 : 1);
    }
    (void)waitpid(child, &status, 0);
    return status == 0;
}

static void report_failed(const struct arguments *arguments)
{
    struct sim_options options = arguments->options;
    int broken = atomic_load(&shared->broken);
    options.seed = atomic_load(&shared->failed);
    (void)printf("seed %llu: %s\n", (unsigned long long)options.seed,
                 broken == SIM_INVARIANTS ? "crashed or hung"
                                          : sim_invariant_name((enum sim_invariant)broken));
    if (arguments->brief)
        return;
    (void)printf("run it alone: build/release/tests/sim/test_sim --seed %llu --trace\n",
                 (unsigned long long)options.seed);
    if (broken != SIM_INVARIANTS)
        sim_shrink(&options, (enum sim_invariant)broken, stdout);
}

static int run_many(const struct arguments *arguments)
{
    double begun_s = now_s();
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    sim_cover_begin(shared->cells);
    atomic_store(&shared->next, arguments->first);
    bool same = arguments->brief || check_twice(arguments);
    run_jobs(arguments);
    double took_s = now_s() - begun_s;
    uint64_t done = atomic_load(&shared->done);
    (void)printf("%llu seeds from %llu, %.0f a second, %llu steps and %llu faults a seed, trace of "
                 "the first %016llx\n",
                 (unsigned long long)done, (unsigned long long)arguments->first,
                 (double)done / took_s,
                 (unsigned long long)(atomic_load(&shared->steps) / (done ? done : 1)),
                 (unsigned long long)(atomic_load(&shared->faults) / (done ? done : 1)),
                 (unsigned long long)shared->first_hash);
    if (arguments->coverage)
        sim_cover_print(stdout);
    if (atomic_load(&shared->failed) && !arguments->keep_going) {
        report_failed(arguments);
        return 1;
    }
    same &= !atomic_load(&shared->failed);
    bool enough = done >= SEEDS_USUAL / 2;
    return same && (!enough || sim_cover_missing(stdout) + faults_missing() == 0) ? 0 : 1;
}

/* ---- one ---- */

static int run_one(struct arguments *arguments)
{
    sim_run(&arguments->options);
    (void)printf("seed %llu: %s%s%s, %d steps, trace %016llx\n",
                 (unsigned long long)arguments->options.seed, sim_invariant_name(sim.broken),
                 sim.broken ? ": " : "", sim.broken ? sim.why : "", sim.steps,
                 (unsigned long long)sim_trace_hash());
    arguments->options.trace = NULL;
    if (sim.broken && arguments->shrink)
        sim_shrink(&arguments->options, sim.broken, stdout);
    return sim.broken ? 1 : 0;
}

/* ---- arguments ---- */

static uint64_t number_of(const char *text, uint64_t otherwise)
{
    char *end;
    unsigned long long number = text ? strtoull(text, &end, 10) : 0;
    return text && end != text && *end == 0 ? number : otherwise;
}

static void parse_without(struct arguments *arguments, const char *text)
{
    char *end;
    size_t count = 0;
    for (const char *at = text; *at && count < SIM_SUPPRESSED_MOST; at = *end ? end + 1 : end) {
        arguments->without[count++] = (uint32_t)strtoul(at, &end, 10);
        if (end == at)
            break;
    }
    arguments->options.suppressed = arguments->without;
    arguments->options.suppressed_count = count;
}

static void parse_strong(struct arguments *arguments, const char *text)
{
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, ",");
        enum sim_fault fault = sim_fault_named(at, len);
        if (fault == SIM_FAULT_COUNT) {
            (void)fprintf(stderr, "test_sim: there is no fault \"%.*s\"\n", (int)len, at);
            exit(2);
        }
        arguments->options.strong |= (uint64_t)1 << fault;
        at += at[len] ? len + 1 : len;
    }
}

static const struct option long_options[] = {{"seed", required_argument, NULL, 's'},
                                             {"seeds", required_argument, NULL, 'n'},
                                             {"long", required_argument, NULL, 'l'},
                                             {"jobs", required_argument, NULL, 'j'},
                                             {"coverage", no_argument, NULL, 'c'},
                                             {"trace", no_argument, NULL, 't'},
                                             {"keep-going", no_argument, NULL, 'g'},
                                             {"brief", no_argument, NULL, 'b'},
                                             {"calm", no_argument, NULL, 'q'},
                                             {"shrink", no_argument, NULL, 'k'},
                                             {"without", required_argument, NULL, 'w'},
                                             {"strong", required_argument, NULL, 'o'},
                                             {NULL, 0, NULL, 0}};

static bool parse(int argc, char **argv, struct arguments *arguments)
{
    int letter;
    while ((letter = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
        switch (letter) {
        case 's':
            arguments->one = true;
            arguments->options.seed = number_of(optarg, 1);
            break;
        case 'n':
            arguments->seeds = number_of(optarg, SEEDS_USUAL);
            break;
        case 'l':
            arguments->minutes = (double)number_of(optarg, 10);
            arguments->seeds = UINT32_MAX;
            break;
        case 'j':
            arguments->jobs = (int)number_of(optarg, 1);
            break;
        case 'c':
            arguments->coverage = true;
            break;
        case 't':
            arguments->options.trace = stdout;
            break;
        case 'g':
            arguments->keep_going = true;
            break;
        case 'b':
            arguments->brief = true;
            break;
        case 'q':
            arguments->options.calm = true;
            break;
        case 'k':
            arguments->shrink = true;
            break;
        case 'w':
            parse_without(arguments, optarg);
            break;
        case 'o':
            parse_strong(arguments, optarg);
            break;
        default:
            return false;
        }
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    static struct arguments arguments;
    uint64_t base = number_of(getenv("WB_SEED"), 1);
    arguments.first = (base ? base - 1 : 0) * SEEDS_APART + 1;
    arguments.seeds = number_of(getenv("WB_SIM_SEEDS"), SEEDS_USUAL);
    arguments.jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (!parse(argc, argv, &arguments)) {
        (void)fprintf(stderr, "test_sim: see the head of tests/sim/test_sim.c\n");
        return 2;
    }
    if (arguments.jobs < 1 || arguments.jobs > JOBS_MOST)
        arguments.jobs = 1;
    wb_log_setup(getenv("WB_SIM_LOG") ? WB_LOG_DEBUG : WB_LOG_ERROR, WB_LOG_TEXT, "sim");
    return arguments.one ? run_one(&arguments) : run_many(&arguments);
}
