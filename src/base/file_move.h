/* file_move.h -- a file moved so that neither a crash nor a loss of power loses it. For
 * bind/file_move.c. */
#ifndef IFL_BASE_FILE_MOVE_H
#define IFL_BASE_FILE_MOVE_H

#include "iflow.h"

/* Renames from to to, and syncs both directories. Between file systems a regular file is copied
 * (mode and times too) under a hidden name, synced, named `to`, and only then removed at its old
 * place. With replace = false what is at `to` stays, and the error is IFLOW_EEXISTS. Blocks.
 * Errors: IFLOW_ENOENT, IFLOW_EACCESS, IFLOW_EEXISTS, IFLOW_EIO (also when the file changed while it
 * was copied; then it is where it was), IFLOW_ENOMEM. */
int ifl_file_move(const char *from, const char *to, bool replace, iflow_error *err);

#endif
