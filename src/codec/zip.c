/* zip.c -- see zip.h. minizip does the format; here are its memory in place of files, and the
 * limits: on what an archive says of itself first, then on what really comes out of it. */
#include "codec/zip.h"

#include "base/error.h"

#include <minizip/unzip.h>
#include <minizip/zip.h>
#include <string.h>

#define LEVEL   9
#define DOS_DAY ((1 << 5) | 1) /* 1980-01-01: the format has no "no date" */
#define MASKED  0x1            /* general purpose bit: the entry is encrypted */

/* ---- memory as minizip's file ---- */

struct memory {
  const char *data; /* what is read; out: what is written */
  size_t n, pos;
  struct ifl_buf *out;
  size_t base;
};

static voidpf mem_open(voidpf opaque, const void *name, int mode)
{
  (void)name;
  (void)mode;
  return opaque;
}

static size_t mem_size(const struct memory *m)
{
  return m->out != NULL ? m->out->len - m->base : m->n;
}

static uLong mem_read(voidpf opaque, voidpf stream, void *buf, uLong size)
{
  struct memory *m = stream;
  const char *from = m->out != NULL ? m->out->data + m->base : m->data;
  size_t left = mem_size(m) - m->pos, n = size < left ? size : left;
  (void)opaque;
  if (n > 0) memcpy(buf, from + m->pos, n);
  m->pos += n;
  return n;
}

/* Over what is there, then behind it: minizip returns to a head to write the checksum. */
static uLong mem_write(voidpf opaque, voidpf stream, const void *buf, uLong size)
{
  struct memory *m = stream;
  size_t left = mem_size(m) - m->pos, over = size < left ? size : left;
  (void)opaque;
  if (ifl_buf_add(m->out, (const char *)buf + over, size - over, NULL) < 0) return 0;
  if (over > 0) memcpy(m->out->data + m->base + m->pos, buf, over);
  m->pos += size;
  return size;
}

static ZPOS64_T mem_tell(voidpf opaque, voidpf stream)
{
  (void)opaque;
  return ((struct memory *)stream)->pos;
}

static long mem_seek(voidpf opaque, voidpf stream, ZPOS64_T offset, int origin)
{
  struct memory *m = stream;
  size_t size = mem_size(m);
  size_t from = origin == ZLIB_FILEFUNC_SEEK_CUR   ? m->pos
                : origin == ZLIB_FILEFUNC_SEEK_END ? size
                                                   : 0;
  (void)opaque;
  if (offset > size - from) return -1;
  m->pos = from + (size_t)offset;
  return 0;
}

static int mem_nothing(voidpf opaque, voidpf stream)
{
  (void)opaque;
  (void)stream;
  return 0;
}

static zlib_filefunc64_def functions(struct memory *m)
{
  return (zlib_filefunc64_def) { mem_open, mem_read,    mem_write,   mem_tell,
                                 mem_seek, mem_nothing, mem_nothing, m };
}

/* ---- reading ---- */

bool ifl_zip_found(const void *data, size_t n)
{
  return n >= 4 && (memcmp(data, "PK\3\4", 4) == 0 || memcmp(data, "PK\5\6", 4) == 0);
}

static int fail_damaged(iflow_error *err)
{
  return ifl_fail(err, IFLOW_ECERT, "the zip archive is damaged");
}

static void clean(char *name)
{
  for (; *name != '\0'; name++)
    if (*name < 0x20 || *name > 0x7e) *name = '?';
}

/* What the archive says of an entry, before a byte is unpacked. */
static int check_entry(const unz_file_info64 *info, const char *name, iflow_error *err)
{
  if ((info->flag & MASKED) != 0)
    return ifl_fail(err, IFLOW_ECERT, "'%s' in the zip archive is encrypted", name);
  if (info->compression_method != 0 && info->compression_method != Z_DEFLATED)
    return ifl_fail(err, IFLOW_ECERT, "'%s' is packed by method %lu, not stored or deflated", name,
                    info->compression_method);
  if (info->uncompressed_size > IFL_ZIP_ENTRY_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "'%s' in the zip archive is larger than %d bytes", name,
                    IFL_ZIP_ENTRY_MAX);
  if (info->uncompressed_size > (info->compressed_size + 1) * IFL_ZIP_RATIO_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "'%s' in the zip archive is packed more than %d to 1", name,
                    IFL_ZIP_RATIO_MAX);
  return 0;
}

/* The bytes of the current entry; never more than it said that they are. */
static int unpack(struct ifl_buf *out, unzFile zip, const unz_file_info64 *info, iflow_error *err)
{
  size_t want = (size_t)info->uncompressed_size, got = 0;
  int rc = ifl_buf_reserve(out, want + 1, err), n = 0;
  if (rc < 0) return rc;
  if (unzOpenCurrentFile(zip) != UNZ_OK) return fail_damaged(err);
  while (got <= want &&
         (n = unzReadCurrentFile(zip, out->data + got, (unsigned)(want + 1 - got))) > 0)
    got += (size_t)n;
  int closed = unzCloseCurrentFile(zip); /* compares the checksum */
  if (n < 0 || got != want || closed != UNZ_OK) return fail_damaged(err);
  out->len = want;
  return 0;
}

static int read_entry(unzFile zip, size_t *total, const struct ifl_zip_sink *sink, iflow_error *err)
{
  struct ifl_buf data = IFL_BUF_INIT(IFL_ZIP_ENTRY_MAX + 1);
  unz_file_info64 info;
  char name[IFL_ZIP_NAME_MAX + 1] = "";
  if (unzGetCurrentFileInfo64(zip, &info, name, sizeof name - 1, NULL, 0, NULL, 0) != UNZ_OK)
    return fail_damaged(err);
  clean(name);
  if (name[0] != '\0' && name[strlen(name) - 1] == '/') return 0;
  int rc = check_entry(&info, name, err);
  if (rc == 0 && (*total += (size_t)info.uncompressed_size) > IFL_ZIP_TOTAL_MAX)
    rc = ifl_fail(err, IFLOW_ELIMIT, "more than %d bytes in the zip archive", IFL_ZIP_TOTAL_MAX);
  if (rc == 0) rc = unpack(&data, zip, &info, err);
  if (rc == 0) rc = sink->entry(sink->payload, name, data.data, data.len, err);
  ifl_buf_wipe(&data); /* it may be a private key */
  return rc;
}

static int read_all(unzFile zip, const struct ifl_zip_sink *sink, iflow_error *err)
{
  unz_global_info64 about;
  size_t total = 0;
  if (unzGetGlobalInfo64(zip, &about) != UNZ_OK) return fail_damaged(err);
  if (about.number_entry > IFL_ZIP_ENTRIES_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "more than %d files in the zip archive",
                    IFL_ZIP_ENTRIES_MAX);
  if (about.number_entry == 0) return 0;
  int rc = 0, at = unzGoToFirstFile(zip);
  for (int i = 0; i < IFL_ZIP_ENTRIES_MAX && at == UNZ_OK && rc >= 0; i++) {
    rc = read_entry(zip, &total, sink, err);
    at = unzGoToNextFile(zip);
  }
  if (rc < 0) return rc;
  return at == UNZ_END_OF_LIST_OF_FILE ? 0 : fail_damaged(err);
}

int ifl_zip_read(const void *data, size_t n, const struct ifl_zip_sink *sink, iflow_error *err)
{
  struct memory m = { .data = data, .n = n };
  zlib_filefunc64_def file = functions(&m);
  unzFile zip = unzOpen2_64("", &file);
  if (zip == NULL) return fail_damaged(err);
  int rc = read_all(zip, sink, err);
  unzClose(zip);
  return rc < 0 ? rc : 0;
}

/* ---- writing ---- */

static bool write_entry(zipFile zip, const struct ifl_zip_entry *e)
{
  zip_fileinfo info = { .dosDate = (uLong)DOS_DAY << 16 };
  bool ok =
      zipOpenNewFileInZip(zip, e->name, &info, NULL, 0, NULL, 0, NULL, Z_DEFLATED, LEVEL) == ZIP_OK;
  if (!ok) return false;
  ok = zipWriteInFileInZip(zip, e->data, (unsigned)e->n) == ZIP_OK;
  return zipCloseFileInZip(zip) == ZIP_OK && ok;
}

int ifl_zip_write(struct ifl_buf *out, const struct ifl_zip_entry *entries, size_t n,
                  iflow_error *err)
{
  struct memory m = { .out = out, .base = out->len };
  zlib_filefunc64_def file = functions(&m);
  if (n > IFL_ZIP_ENTRIES_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "more than %d files for a zip archive", IFL_ZIP_ENTRIES_MAX);
  for (size_t i = 0; i < n; i++)
    if (entries[i].n > IFL_ZIP_ENTRY_MAX || strlen(entries[i].name) > IFL_ZIP_NAME_MAX)
      return ifl_fail(err, IFLOW_ELIMIT, "a file is too large for a zip archive");
  zipFile zip = zipOpen2_64("", APPEND_STATUS_CREATE, NULL, &file);
  bool ok = zip != NULL;
  for (size_t i = 0; i < n && ok; i++) ok = write_entry(zip, &entries[i]);
  if (zip != NULL && zipClose(zip, NULL) != ZIP_OK) ok = false;
  return ok ? 0 : ifl_fail_nomem(err);
}
