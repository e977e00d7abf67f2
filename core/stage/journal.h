/* The records that a worker is executing, in a file that outlives the process however it ends: who
 * comes after it knows which record may have ended it. No call waits for a medium: what a process
 * wrote into the mapping is the kernel's. Thread-safe. */
#ifndef WB_STAGE_JOURNAL_H
#define WB_STAGE_JOURNAL_H

#include "core/base/buf.h"

enum { WB_JOURNAL_CELLS = 1024 };

struct wb_journal;
struct wb_journal_cell;

/* Opens or makes `folder`/journal. What is marked in it was being executed when the process before
 * this one ended: one end more for each. A file that is none is made anew. Errors: those of the
 * file system. */
enum wb_rc wb_journal_open(const char *folder, struct wb_journal **ret,
                           struct wb_err *err) WB_MUST_USE;
/* Marks stay as they are. Fits WB_AUTO. */
void wb_journal_close(struct wb_journal **journal);

/* The process is about to end of its own will: what is marked then is not at fault. */
void wb_journal_leave(struct wb_journal *journal);

/* Marks a record (its place and the digest of its bytes) as being executed, and says how many
 * processes ended while it was. A record that was there at an end waits until no other such one is
 * executed, so that each end speaks against one record only. `ret` for _done, from this thread. */
int wb_journal_begin(struct wb_journal *journal, int32_t partition, int64_t offset, uint64_t digest,
                     struct wb_journal_cell **ret);
/* It was executed, or refused: nothing is held against it any more. */
void wb_journal_done(struct wb_journal *journal, struct wb_journal_cell *cell);

#endif
