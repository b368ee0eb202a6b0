/* lock.h -- one process owns an outbox. The file PATH-lock is locked and says who holds it. */
#ifndef IFL_OUTBOX_LOCK_H
#define IFL_OUTBOX_LOCK_H

#include "iflow.h"

/* Waits up to wait_ms. Errors: outbox.locked, which names the holder. */
int ifl_outbox_lock(int *fd, const char *path, int64_t wait_ms, iflow_error *err);
void ifl_outbox_unlock(int fd); /* -1: nothing */

#endif
