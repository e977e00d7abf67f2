/* The simulator: one seed is one history of a ring.
 *
 * Everything that a history consists of is in here: virtual time, random numbers, processes, the
 * log, storage, who writes at the source, faults, and the independent record against which the
 * invariants are checked. What runs is the code that ships: the planner's stage, and what transfer
 * and verifier do with a record. One thread; each process is a coroutine that gives the turn to
 * the others at every call of the log and at every step of storage. The same seed gives the same
 * history, which the hash of its trace shows. */
#ifndef WB_TESTS_SIM_SIM_H
#define WB_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/config.h"
#include "core/base/map.h"
#include "core/stage/service.h"
#include "core/wire/codec.h"

#define SIM_MS 1000000LL
#define SIM_SECOND (1000 * SIM_MS)
#define SIM_HOUR (3600 * SIM_SECOND)

/* SIM_PARTITIONS, of each home topic, is the build's: the benchmark has as many as a ring. */
enum {
    SIM_PROCS_MOST = 16,
    SIM_NODES = 3,
    SIM_FILES_USUAL = 6,
    SIM_FILES_MOST = 24,
    SIM_SUPPRESSED_MOST = 4096,
    SIM_NAME = 32
};

/* ---- simtrace.c: what happened ---- */

/* One thing that happened; the texts are static or live as long as the call. */
void sim_note(const char *what, struct wb_span name, int64_t a, int64_t b);
/* The same, for what has no name. */
void sim_note_plain(const char *what, int64_t a, int64_t b);
uint64_t sim_trace_hash(void);
/* Begins a trace; `out` NULL: only its hash is made. */
void sim_trace_begin(FILE *out);

/* ---- simrandom.c: numbers ---- */

/* Streams are apart, so that a fault that is left out changes nothing before it. */
enum sim_stream { SIM_SCHEDULE, SIM_FAULTS, SIM_UPSTREAM, SIM_SHIPPED, SIM_STREAMS };
void sim_random_begin(uint64_t seed);
uint64_t sim_random(enum sim_stream stream);
/* Uniform below `bound` (at least 1). */
int64_t sim_below(enum sim_stream stream, int64_t bound);
/* True `per_mille` times of a thousand. */
bool sim_chance(enum sim_stream stream, int per_mille);
/* From least to most, small values as likely as large ones by order of magnitude. */
int64_t sim_spread(enum sim_stream stream, int64_t least, int64_t most);

/* ---- simtime.c: time; the clock of core/base is over it ---- */

int64_t sim_now_ns(void);
void sim_time_begin(void);
void sim_time_set(int64_t ns);

/* ---- simproc.c: processes ---- */

enum sim_role { SIM_ROLE_WORLD, SIM_ROLE_PLANNER, SIM_ROLE_TRANSFER, SIM_ROLE_VERIFIER };

struct sim_proc {
    char name[SIM_NAME];
    enum sim_role role;
    int index;
    void (*main)(struct sim_proc *proc);
    bool used;
    bool ended;
    bool killed;        /* all its calls fail without effect until it has unwound */
    bool stopped;       /* as by SIGSTOP: it beats no heart */
    int64_t silent_ns;  /* since when its heart does not beat; -1: it does */
    int64_t wake_ns;    /* runs from then on */
    bool waits_for_log; /* wakes when something comes to the log */
    int idle;           /* polls in a row that gave nothing */
    int64_t skew_ms;    /* its wall clock is ahead */
    void *context;      /* of simproc.c */
};

void sim_procs_begin(void);
struct sim_proc *sim_spawn(enum sim_role role, int index, void (*main)(struct sim_proc *proc));
/* The one that runs; NULL: the world itself. */
struct sim_proc *sim_self(void);
struct sim_proc *sim_proc_at(int index);
/* Lets others run; true when the process goes on, false when it was killed. Faults happen here:
 * it may be stopped for a while, or killed. */
bool sim_pause(void);
/* The process stands still, its heart, too. */
void sim_stop_ns(int64_t ns);
/* Waits; returns early when killed. */
void sim_sleep_ns(int64_t ns);
/* The same, and wakes as well when a record comes. */
void sim_wait_for_log_ns(int64_t ns);
void sim_log_changed(void);
/* Runs one step of one process: false when none is left. `until_ns`: no time passes beyond. */
bool sim_step(int64_t until_ns);
void sim_kill(struct sim_proc *proc);
/* Wakes all that are stopped. */
void sim_wake_all(void);
/* All processes are ended as if killed, and unwound. */
void sim_procs_end(void);

/* ---- simfault.c: what goes wrong ---- */

enum sim_fault {
    SIM_FAULT_KILL_WORKER,
    SIM_FAULT_KILL_PLANNER,
    SIM_FAULT_STOP,
    SIM_FAULT_STOP_LONG,
    SIM_FAULT_LOSE_LEDGER,
    SIM_FAULT_SLOT_TWICE,
    SIM_FAULT_SKEW,          /* a planner whose clock is ahead */
    SIM_FAULT_TXN_ABORTED,   /* the coordinator refuses the commit */
    SIM_FAULT_TXN_IN_DOUBT,  /* the commit's answer is lost */
    SIM_FAULT_ABORT_REFUSED, /* ends the producer */
    SIM_FAULT_REPORT_LOST,   /* a worker's record is not delivered */
    SIM_FAULT_REDELIVER,     /* a worker's offset is not committed */
    SIM_FAULT_DUPLICATE,     /* a record appears once more */
    SIM_FAULT_COMPACT,
    SIM_FAULT_KICK, /* the group loses a member that is well */
    SIM_FAULT_LOG_DOWN,
    SIM_FAULT_IO,
    SIM_FAULT_IO_AFTER, /* it took effect, the answer is an error */
    SIM_FAULT_NODE_AWAY,
    SIM_FAULT_NODE_BARE, /* not mounted: an empty folder */
    SIM_FAULT_NODE_FULL,
    SIM_FAULT_NODE_READ_ONLY,
    SIM_FAULT_FLIP_WRITE,
    SIM_FAULT_FLIP_PROOF,
    SIM_FAULT_TORN_WRITE,
    SIM_FAULT_SLOW,
    SIM_FAULT_STRANGER,
    SIM_FAULT_PAUSE,
    SIM_FAULT_CANCEL,
    SIM_FAULT_RULE, /* the rule is set anew with other wishes */
    SIM_FAULT_GARBAGE,
    SIM_FAULT_STOP_AT_EFFECT, /* right before a call that takes effect */
    SIM_FAULT_CHANGE_AT_READ, /* the source changes while it is read */
    SIM_FAULT_LATE_READ,      /* it reads on when the source has long changed */
    SIM_FAULT_TAMPER,         /* somebody writes to what is staged, after its proof */
    SIM_FAULT_REFUSED,        /* publishing, discarding or removing fails */
    SIM_FAULT_SLOW_MARKERS,   /* offsets are committed, records are not visible yet */
    SIM_FAULT_ROT,            /* a bit of a published file flips, in silence */
    SIM_FAULT_TARGETS,        /* the rule loses a target, or has it again */
    SIM_FAULT_FLIP_SOURCE,    /* what is read at the source is not what it holds */
    SIM_FAULT_FLIP_LOOK,      /* a worker that copies reads its target, and not what it holds */
    SIM_FAULT_RETENTION,      /* topics forget what was read */
    SIM_FAULT_COUNT
};

const char *sim_fault_name(enum sim_fault fault);
/* SIM_FAULT_COUNT: there is none of that name. */
enum sim_fault sim_fault_named(const char *name, size_t len);
/* Chooses which faults this seed has and how often. */
struct sim_options;
void sim_faults_begin(const struct sim_options *options);
/* Whether the fault happens now. Each decision has a number. */
bool sim_fault(enum sim_fault fault);
/* From now on nothing goes wrong. */
void sim_faults_end(void);
/* How many happened, and which decisions these were. */
size_t sim_faults_happened(const uint32_t **ret_decisions, const enum sim_fault **ret_faults);
bool sim_fault_happened(enum sim_fault fault);

/* ---- simworld.c: one seed ---- */

enum sim_invariant {
    SIM_HOLDS,
    SIM_ONCE,     /* a name is staged under twice */
    SIM_I1,       /* a final name holds bytes that the source never held */
    SIM_I2,       /* published without proof */
    SIM_I3,       /* an event that did not end once */
    SIM_TWO,      /* two instances of one file may be published at once */
    SIM_I4,       /* back to an older version */
    SIM_I6,       /* outside a node's root */
    SIM_I7,       /* more in flight than the window allows */
    SIM_I8,       /* the backlog does not drain, or ends wrong, after all is healed */
    SIM_DEADLINE, /* nobody asks why an answer does not come */
    SIM_STRANGER, /* a stranger's file was removed */
    SIM_PLANNER,  /* the planner ended by an error that nothing explains */
    SIM_INVARIANTS
};

const char *sim_invariant_name(enum sim_invariant invariant);

struct sim_world {
    uint64_t seed;
    bool chaos; /* upstream and faults are at work */
    bool over;
    struct wb_config *config;
    struct wb_codec *codec;
    struct wb_metrics *metrics;
    struct wb_arena *arena; /* of this seed */
    enum sim_invariant broken;
    char why[512];
    int steps;
    int64_t healed_ms; /* by the wall clock */
    /* the rules of this seed */
    bool chain;   /* a to b to c */
    bool fan_out; /* a to b and to c */
    bool narrow;  /* to b only, for a while */
    bool deletes;
    bool keep;   /* strangers stay */
    bool flood;  /* many files at once, and small windows */
    bool outage; /* nodes come and go, and nothing else goes wrong */
    int file_count;
    int planners;
    int transfers;
    int verifiers;
};

extern struct sim_world sim;

struct sim_options {
    uint64_t seed;
    bool calm;
    FILE *trace; /* NULL: none */
    const uint32_t *suppressed;
    size_t suppressed_count;
    uint64_t strong; /* 1 << fault: at its strongest, whatever the seed says */
};

/* One seed from beginning to end; what was broken is in `sim`. */
void sim_run(const struct sim_options *options);
/* Sets the rules anew, how files are to be copied drawn anew. */
void sim_rules_set(void);
/* The same, and one target goes or comes back. */
void sim_targets_change(void);
/* Pauses a node, a link, a rule or a file, or ends all pauses. */
void sim_pause_set(void);
void sim_pauses_end(void);
/* Calls off what was accepted so far for a node, a link, a rule or a file. */
void sim_cancel_set(void);

/* The first breach of the history is kept; the run ends soon after. */
void sim_break(enum sim_invariant invariant, const char *fmt, ...) WB_PRINTF(2, 3);

extern const char *const sim_nodes[SIM_NODES];

/* ---- simstage.c: the services ---- */

/* Bodies of processes: the stage is opened, turns, and is opened anew after errors and deaths. */
void sim_planner_main(struct sim_proc *proc);
void sim_transfer_main(struct sim_proc *proc);
void sim_verifier_main(struct sim_proc *proc);

/* ---- simstore.c: storage ---- */

void sim_store_begin(void);
/* For a while the node takes no writes, or is full. */
void sim_store_weather(int node, bool full, bool read_only);

/* ---- simsource.c: who writes at the source, and what becomes of its events ---- */

void sim_source_begin(void);
void sim_source_main(struct sim_proc *proc);
/* The file changes in one of the usual ways, and is told of or not. */
void sim_source_change(int file);
/* Sends what is due later, and an event for every file that changed since its last one. */
void sim_source_settle(void);
/* One more event for each file that has a dead job. */
int sim_source_redrive(void);
/* How many records nobody can read were sent. */
int sim_source_garbage(void);

/* ---- simweather.c: faults that last, of nodes and of the log ---- */

void sim_weather_main(struct sim_proc *proc);
void sim_weather_heal(void);

/* ---- simshare.c: what is the same for all seeds and dear to make ---- */

void sim_share_begin(void);
/* Forgets the ledgers of one slot, or of all (-1). */
void sim_ledgers_lose(int slot);

#endif
