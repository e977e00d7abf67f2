#include "core/stage/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PATH_BYTES = 600 };

/* KEPT: nobody executes it now, but it was being executed when a process ended. */
enum cell_state { FREE, KEPT, BUSY };

struct wb_journal_cell {
    atomic_uint state; /* changed last: the rest belongs to it */
    int32_t partition;
    int64_t offset;
    uint64_t digest;
    int32_t ends;
    int32_t unused;
};

static const char magic[8] = "wbjrnl1";

struct file {
    char magic[8];
    atomic_uint left; /* the process ended of its own will */
    uint32_t unused;
    struct wb_journal_cell cells[WB_JOURNAL_CELLS];
};

struct wb_journal {
    struct file *file;
    pthread_mutex_t lock; /* of the states */
    pthread_cond_t cleared;
    bool suspect_busy;              /* one of them is executed */
    bool claimed[WB_JOURNAL_CELLS]; /* by a thread, from _begin to _done */
    size_t evicted; /* where the next kept one is dropped when all cells are taken */
};

/* Space is taken ahead: a full disk must fail here, not as a signal at the first mark. */
static enum wb_rc map_file(const char *path, struct file **ret, struct wb_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return wb_err_errno(err, errno, "cannot open \"%s\"", path);
    void *mapped = MAP_FAILED;
    int errnum = posix_fallocate(fd, 0, sizeof(struct file));
    if (errnum == 0) {
        mapped = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        errnum = errno;
    }
    (void)close(fd);
    if (mapped == MAP_FAILED)
        return wb_err_errno(err, errnum, "cannot map \"%s\"", path);
    *ret = mapped;
    return WB_OK;
}

static void count_ends(struct file *file)
{
    bool left = atomic_load(&file->left) != 0;
    for (size_t i = 0; i < WB_JOURNAL_CELLS; i++) {
        struct wb_journal_cell *cell = &file->cells[i];
        if (atomic_load(&cell->state) == FREE)
            continue;
        bool busy = atomic_load(&cell->state) == BUSY;
        atomic_store(&cell->state, left && cell->ends == 0 ? FREE : KEPT);
        cell->ends += busy && !left;
    }
    atomic_store(&file->left, 0);
}

enum wb_rc wb_journal_open(const char *folder, struct wb_journal **ret, struct wb_err *err)
{
    char path[PATH_BYTES];
    struct file *file = NULL;
    (void)snprintf(path, sizeof(path), "%s/journal", folder);
    if (map_file(path, &file, err) != WB_OK)
        return WB_ERROR;
    if (memcmp(file->magic, magic, sizeof(magic)) != 0)
        memset(file, 0, sizeof(*file));
    memcpy(file->magic, magic, sizeof(magic));
    count_ends(file);
    struct wb_journal *journal = wb_xcalloc(1, sizeof(*journal));
    journal->file = file;
    (void)pthread_mutex_init(&journal->lock, NULL);
    (void)pthread_cond_init(&journal->cleared, NULL);
    *ret = journal;
    return WB_OK;
}

void wb_journal_close(struct wb_journal **journal)
{
    if (!*journal)
        return;
    (void)munmap((*journal)->file, sizeof(*(*journal)->file));
    (void)pthread_mutex_destroy(&(*journal)->lock);
    (void)pthread_cond_destroy(&(*journal)->cleared);
    free(*journal);
    *journal = NULL;
}

void wb_journal_leave(struct wb_journal *journal)
{
    atomic_store(&journal->file->left, 1);
}

static struct wb_journal_cell *find(struct wb_journal *journal, int32_t partition, int64_t offset,
                                    uint64_t digest)
{
    for (size_t i = 0; i < WB_JOURNAL_CELLS; i++) {
        struct wb_journal_cell *cell = &journal->file->cells[i];
        if (atomic_load(&cell->state) == KEPT && cell->partition == partition &&
            cell->offset == offset && cell->digest == digest)
            return cell;
    }
    return NULL;
}

/* There are more cells than a worker has threads, so at least one is free or kept. What is kept
 * may have gone to another worker long ago. */
static struct wb_journal_cell *take_cell(struct wb_journal *journal)
{
    struct wb_journal_cell *cells = journal->file->cells;
    for (size_t i = 0; i < WB_JOURNAL_CELLS; i++)
        if (atomic_load(&cells[i].state) == FREE)
            return &cells[i];
    while (journal->claimed[journal->evicted])
        journal->evicted = (journal->evicted + 1) % WB_JOURNAL_CELLS;
    struct wb_journal_cell *cell = &cells[journal->evicted];
    journal->evicted = (journal->evicted + 1) % WB_JOURNAL_CELLS;
    atomic_store(&cell->state, FREE);
    return cell;
}

static struct wb_journal_cell *fill_cell(struct wb_journal *journal, int32_t partition,
                                         int64_t offset, uint64_t digest)
{
    struct wb_journal_cell *cell = take_cell(journal);
    cell->partition = partition;
    cell->offset = offset;
    cell->digest = digest;
    cell->ends = 0;
    return cell;
}

int wb_journal_begin(struct wb_journal *journal, int32_t partition, int64_t offset, uint64_t digest,
                     struct wb_journal_cell **ret)
{
    (void)pthread_mutex_lock(&journal->lock);
    struct wb_journal_cell *cell = find(journal, partition, offset, digest);
    if (!cell)
        cell = fill_cell(journal, partition, offset, digest);
    journal->claimed[cell - journal->file->cells] = true;
    while (cell->ends > 0 && journal->suspect_busy)
        (void)pthread_cond_wait(&journal->cleared, &journal->lock);
    journal->suspect_busy = journal->suspect_busy || cell->ends > 0;
    atomic_store(&cell->state, BUSY);
    (void)pthread_mutex_unlock(&journal->lock);
    *ret = cell;
    return cell->ends;
}

void wb_journal_done(struct wb_journal *journal, struct wb_journal_cell *cell)
{
    (void)pthread_mutex_lock(&journal->lock);
    if (cell->ends > 0) {
        journal->suspect_busy = false;
        (void)pthread_cond_signal(&journal->cleared);
    }
    atomic_store(&cell->state, FREE);
    journal->claimed[cell - journal->file->cells] = false;
    (void)pthread_mutex_unlock(&journal->lock);
}
