/* Secrets by name. Looked up as the environment's WAYBILL_SECRET_<NAME> (in capitals, `.` and `-`
 * as `_`), then as file <name> in $CREDENTIALS_DIRECTORY, then in `secrets.dir`. A file must belong
 * to this user or root and be open to nobody else (0600 or less). One line of text:
 * `user:password`, `Bearer TOKEN`, or what the backend says. Never in an error, a log or argv;
 * memory that held one is wiped. */
#ifndef WB_BASE_SECRET_H
#define WB_BASE_SECRET_H

#include "core/base/config.h"

enum { WB_SECRET_MAX = 8 * 1024 };

/* The text of the secret without its line end, NUL-terminated; `ret` holds WB_SECRET_MAX. `config`
 * may be NULL. DENIED where there is none, it is open to others, or holds more than a line; none of
 * it is of the file. The caller wipes. */
enum wb_rc wb_secret_get(const struct wb_config *config, const char *name, char *ret,
                         struct wb_err *err) WB_MUST_USE;

/* Overwrites memory that held a secret; never left out by a compiler. */
void wb_secret_wipe(void *memory, size_t len);

/* The same for a whole array of WB_SECRET_MAX; fits WB_AUTO. */
void wb_secret_wipe_text(char (*text)[WB_SECRET_MAX]);

#endif
