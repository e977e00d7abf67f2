/* Where the acts take place. */
#ifndef WB_TESTS_CRASH_PLACE_H
#define WB_TESTS_CRASH_PLACE_H

/* Puts a file system in memory over the folder, seen by this process only and gone with it, where
 * that is allowed. It makes syncs cheap, which is all that would differ. */
void place_isolate(const char *base);

#endif
