/* zip.h -- small zip archives in memory, read and written; the only user of minizip is zip.c. An
 * archive is not trusted: its figures are limits to check, its names are texts and never paths. For
 * auth/certificate.c and bind/cert.c. */
#ifndef IFL_CODEC_ZIP_H
#define IFL_CODEC_ZIP_H

#include "base/buffer.h"

#define IFL_ZIP_ENTRIES_MAX 64
#define IFL_ZIP_ENTRY_MAX   (256 * 1024)  /* bytes of an entry, unpacked   */
#define IFL_ZIP_TOTAL_MAX   (1024 * 1024) /* of all of them                */
#define IFL_ZIP_RATIO_MAX   100           /* unpacked to packed, an entry  */
#define IFL_ZIP_NAME_MAX    200

/* Whether the bytes begin as an archive does. */
bool ifl_zip_found(const void *data, size_t n);

struct ifl_zip_sink {
  /* One entry that is no directory; name is printable ASCII, cut at IFL_ZIP_NAME_MAX. A negative
   * result ends the reading and is what ifl_zip_read gives. */
  int (*entry)(void *payload, const char *name, const void *data, size_t n, iflow_error *err);
  void *payload;
};
/* Unpacks entry by entry, in the order of the archive; checksums are checked. Errors: IFLOW_ECERT
 * (damaged, encrypted, a method other than stored and deflated), IFLOW_ELIMIT, IFLOW_ENOMEM. */
int ifl_zip_read(const void *data, size_t n, const struct ifl_zip_sink *sink, iflow_error *err);

struct ifl_zip_entry {
  const char *name; /* at most IFL_ZIP_NAME_MAX bytes */
  const void *data;
  size_t n;
};
/* Appends an archive of these entries; the same entries give the same bytes (no time is in it).
 * Errors: IFLOW_ELIMIT, IFLOW_ENOMEM. */
int ifl_zip_write(struct ifl_buf *out, const struct ifl_zip_entry *entries, size_t n,
                  iflow_error *err);

#endif
