/* bodies.h -- large bodies in files beside the database, in the directory PATH-bodies. A file is
 * durable before the row that names it is committed, and removed after that row is gone; what a
 * crash in between leaves is collected when the outbox is opened. */
#ifndef IFL_OUTBOX_BODIES_H
#define IFL_OUTBOX_BODIES_H

#include "base/buffer.h"

#define IFL_BODIES_SUFFIX "-bodies"
#define IFL_BODY_NAME     33 /* 32 digits and a NUL */

/* Makes the directory if it is not there, beside a database that is. */
int ifl_bodies_open(struct ifl_buf *dir, const char *database, iflow_error *err);

/* Writes the bytes (or, with from, a copy of that file) under a new name: file and directory are
 * synced. size gets the number of bytes. Errors: outbox.disk_full and others; nothing is left. */
int ifl_bodies_store(char name[IFL_BODY_NAME], int64_t *size, const char *dir, const char *from,
                     const void *data, size_t n, iflow_error *err);

/* What is not there is removed. */
void ifl_bodies_remove(const char *dir, const char *name);

/* Removes every body that owned() does not know. */
int ifl_bodies_collect(const char *dir,
                       int (*owned)(void *payload, const char *name, bool *is, iflow_error *err),
                       void *payload, size_t *removed, iflow_error *err);

/* As ifl_fail_errno, with the outbox's codes for a full and a read-only disk. */
int ifl_outbox_errno(iflow_error *err, int errnum, const char *what, const char *path);

#endif
