/* zip.c -- fuzz target: any bytes as a zip archive. What comes out keeps the limits; written again
 * it is read back the same. */
#include "codec/zip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
  char names[IFL_ZIP_ENTRIES_MAX][IFL_ZIP_NAME_MAX + 1];
  struct ifl_buf data[IFL_ZIP_ENTRIES_MAX];
  size_t n, total;
};

static int keep(void *payload, const char *name, const void *data, size_t n, iflow_error *err)
{
  struct seen *s = payload;
  if (s->n == IFL_ZIP_ENTRIES_MAX || n > IFL_ZIP_ENTRY_MAX) abort();
  if (strlen(name) > IFL_ZIP_NAME_MAX || (s->total += n) > IFL_ZIP_TOTAL_MAX) abort();
  for (const char *c = name; *c != '\0'; c++)
    if (*c < 0x20 || *c > 0x7e) abort();
  memcpy(s->names[s->n], name, strlen(name) + 1);
  ifl_buf_init(&s->data[s->n], IFL_ZIP_ENTRY_MAX);
  return n == 0 ? (s->n++, 0) : ifl_buf_add(&s->data[s->n++], data, n, err);
}

static void forget(struct seen *s)
{
  for (size_t i = 0; i < s->n; i++) ifl_buf_done(&s->data[i]);
  free(s);
}

/* Entries that end with a slash would be taken for directories, and many zeros for a bomb. */
static bool is_plain(const struct seen *s)
{
  for (size_t i = 0; i < s->n; i++) {
    size_t n = strlen(s->names[i]);
    if (n == 0 || s->names[i][n - 1] == '/' || s->data[i].len > 64) return false;
  }
  return s->n > 0;
}

static void again(const struct seen *s)
{
  struct ifl_zip_entry entries[IFL_ZIP_ENTRIES_MAX];
  struct ifl_buf out = IFL_BUF_INIT(4 * IFL_ZIP_TOTAL_MAX);
  struct seen *back = calloc(1, sizeof *back);
  struct ifl_zip_sink sink = { keep, back };
  if (back == NULL) abort();
  for (size_t i = 0; i < s->n; i++)
    entries[i] = (struct ifl_zip_entry) { s->names[i], s->data[i].data, s->data[i].len };
  if (ifl_zip_write(&out, entries, s->n, NULL) < 0) abort();
  if (!ifl_zip_found(out.data, out.len)) abort();
  if (ifl_zip_read(out.data, out.len, &sink, NULL) < 0 || back->n != s->n) abort();
  for (size_t i = 0; i < s->n; i++) {
    if (strcmp(back->names[i], s->names[i]) != 0 || back->data[i].len != s->data[i].len) abort();
    if (s->data[i].len > 0 && memcmp(back->data[i].data, s->data[i].data, s->data[i].len) != 0)
      abort();
  }
  forget(back);
  ifl_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct seen *s = calloc(1, sizeof *s);
  struct ifl_zip_sink sink = { keep, s };
  iflow_error err = { 0 };
  if (s == NULL) return 0;
  int rc = ifl_zip_read(data, size, &sink, &err);
  if (err.code != rc) abort();
  if (rc == 0 && is_plain(s)) again(s);
  forget(s);
  return 0;
}
