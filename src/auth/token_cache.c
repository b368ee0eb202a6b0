/* token_cache.c -- see token_cache.h. The lock is flock on a file that is never removed: the kernel
 * frees it with its process, so there are no stale ones, and it works between two sources of one
 * process too. */
#include "auth/token_cache.h"

#include "auth/token_request.h"
#include "auth/token_seal.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096
#define FILE_MAX       (IFL_TOKEN_MAX + 256) /* bytes of a sealed file */
#define MARGIN_MS      ((int64_t)30 * 1000)
#define RENEW_AFTER_MS ((int64_t)2 * 3600 * 1000)
#define SKEW_MS        ((int64_t)60 * 1000) /* of two clocks over one shared directory */

/* Where a token is kept. Immutable but for refs, which only the loop's thread touches. */
struct place {
  size_t refs;
  unsigned char key[IFL_SEAL_KEY];
  char label[65]; /* the hash of all that makes the token: its file name, and bound to its bytes */
  char *dir, *file, *lock;
};

struct look {
  ifl_token_cache *cache; /* NULL: freed meanwhile */
  struct place *place;
  iflow_loop *loop;
  bool fresh;
  char refused[65];
  void (*done)(void *payload, enum ifl_looked looked, struct ifl_kept_token *tok);
  void *payload;
  enum ifl_looked looked; /* what the thread found: */
  struct ifl_kept_token tok;
  int lock_fd;
  iflow_error err; /* why the disk is no help, for the log */
};

struct store {
  ifl_token_cache *cache; /* NULL: freed meanwhile */
  struct place *place;
  iflow_loop *loop;
  void (*done)(void *payload);
  void *payload;
  struct ifl_buf sealed;
  int lock_fd;
  iflow_error err;
};

struct ifl_token_cache {
  iflow_loop *loop;
  struct place *place;
  struct look *look; /* in flight, or NULL */
  struct store *store;
  int lock_fd; /* -1: not ours */
};

/* ---- how long a token is good ---------------------------------------------------------------- */

static int64_t life(const struct ifl_kept_token *t)
{
  return t->expires_at_ms - t->fetched_at_ms;
}

bool ifl_kept_good(const struct ifl_kept_token *t, int64_t now_ms)
{
  int64_t margin = life(t) / 10 < MARGIN_MS ? life(t) / 10 : MARGIN_MS;
  return t->access != NULL && now_ms < t->expires_at_ms - margin;
}

bool ifl_kept_fresh(const struct ifl_kept_token *t, int64_t now_ms)
{
  int64_t half = life(t) / 2;
  return ifl_kept_good(t, now_ms) &&
         now_ms < t->fetched_at_ms + (half < RENEW_AFTER_MS ? half : RENEW_AFTER_MS);
}

void ifl_kept_done(struct ifl_kept_token *t)
{
  ifl_secret_unref(t->access);
  *t = (struct ifl_kept_token) { 0 };
}

/* ---- where it is kept ------------------------------------------------------------------------ */

static void place_unref(struct place *p)
{
  if (p == NULL || --p->refs > 0) return;
  free(p->dir);
  free(p->file);
  free(p->lock);
  ifl_wipe(p, sizeof *p);
  free(p);
}

/* The cache key of DESIGN, section 3: never just the client id. */
static int label_of(char label[65], const struct ifl_token_opts *o, iflow_error *err)
{
  struct ifl_buf all = IFL_BUF_INIT(64 * 1024);
  char fingerprint[65];
  ifl_token_fingerprint(fingerprint, o);
  int rc = ifl_buf_addf(&all, err, "%s\n%s\n%s\n%s", o->token_url, o->client_id, fingerprint,
                        o->scope != NULL ? o->scope : "");
  if (rc == 0) ifl_sha256_hex(label, all.data, all.len);
  ifl_buf_done(&all);
  return rc;
}

static char *join(const char *dir, const char *name, const char *suffix)
{
  char *path = NULL;
  return asprintf(&path, "%s/%.32s%s", dir, name, suffix) < 0 ? NULL : path;
}

static int place_new(struct place **out, const struct ifl_token_opts *o, iflow_error *err)
{
  struct place *p = calloc(1, sizeof *p);
  if (p == NULL) return ifl_fail_nomem(err);
  p->refs = 1;
  int rc = ifl_seal_key(p->key, o, err);
  if (rc == 0) rc = label_of(p->label, o, err);
  if (rc == 0 && strlen(o->cache_dir) > PATH_BYTES_MAX - 64)
    rc = ifl_fail(err, IFLOW_ELIMIT, "the path of the token cache is too long");
  if (rc == 0) {
    p->dir = strdup(o->cache_dir);
    p->file = join(o->cache_dir, p->label, ".token");
    p->lock = join(o->cache_dir, p->label, ".lock");
    if (p->dir == NULL || p->file == NULL || p->lock == NULL) rc = ifl_fail_nomem(err);
  }
  if (rc < 0) place_unref(p);
  else *out = p;
  return rc;
}

/* ---- on a thread: reading -------------------------------------------------------------------- */

/* "fetched expires\ntoken", both in milliseconds. */
static int parse_kept(struct ifl_kept_token *out, const struct ifl_buf *plain, iflow_error *err)
{
  long long fetched, expires;
  int used = 0;
  if (sscanf(plain->data, "%lld %lld%n", &fetched, &expires, &used) != 2 || used == 0 ||
      plain->data[used] != '\n' || expires <= fetched || fetched < 0)
    return ifl_fail(err, IFLOW_ETOKENANSWER, "the kept token cannot be read");
  size_t at = (size_t)used + 1;
  ifl_secret *access = ifl_secret_new(plain->data + at, plain->len - at);
  if (access == NULL) return ifl_fail_nomem(err);
  *out = (struct ifl_kept_token) { access, fetched, expires };
  return 0;
}

static int read_kept(struct ifl_kept_token *out, const struct place *p, iflow_error *err)
{
  struct ifl_buf raw = IFL_BUF_INIT(FILE_MAX), plain = IFL_BUF_INIT(FILE_MAX);
  int rc = ifl_file_read(&raw, p->file, err);
  if (rc == 0) rc = ifl_unseal(&plain, p->key, p->label, raw.data, raw.len, err);
  if (rc == 0) rc = parse_kept(out, &plain, err);
  ifl_buf_done(&raw);
  ifl_buf_wipe(&plain);
  return rc;
}

static bool is_refused(const struct look *l, const struct ifl_kept_token *t)
{
  char hex[65];
  ifl_sha256_hex(hex, ifl_secret_data(t->access), ifl_secret_len(t->access));
  return strcmp(hex, l->refused) == 0;
}

/* Fills l->tok with what is on the disk if it can be used. A file from the future was written by a
 * clock that has been corrected since: its dates say nothing. */
static bool read_usable(struct look *l, bool drop_refused)
{
  struct ifl_kept_token t = { 0 };
  int64_t now = ifl_clock_wall_ms();
  if (read_kept(&t, l->place, NULL) < 0) return false;
  bool refused = is_refused(l, &t);
  if (!refused && t.fetched_at_ms <= now + SKEW_MS &&
      (l->fresh ? ifl_kept_fresh(&t, now) : ifl_kept_good(&t, now))) {
    l->tok = t;
    return true;
  }
  if (refused && drop_refused) unlink(l->place->file);
  ifl_kept_done(&t);
  return false;
}

/* ---- on a thread: the lock ------------------------------------------------------------------- */

/* As mkdir -p; only what is missing is made, for the user alone. */
static int make_dir(const char *path, iflow_error *err)
{
  char part[PATH_BYTES_MAX];
  size_t n = strlen(path);
  if (mkdir(path, 0700) == 0 || errno == EEXIST) return 0;
  for (size_t i = 1; i <= n && n < sizeof part; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    memcpy(part, path, i);
    part[i] = '\0';
    if (mkdir(part, 0700) < 0 && errno != EEXIST)
      return ifl_fail_errno(err, errno, "cannot make the directory '%s'", part);
  }
  return 0;
}

/* The descriptor that holds the lock; -1 when somebody else holds it; -2 when there can be none. */
static int try_lock(const struct place *p, iflow_error *err)
{
  if (make_dir(p->dir, err) < 0) return -2;
  int fd = open(p->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    ifl_fail_errno(err, errno, "cannot open '%s'", p->lock);
    return -2;
  }
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  int errnum = errno;
  close(fd);
  if (errnum == EWOULDBLOCK) return -1;
  ifl_fail_errno(err, errnum, "cannot lock '%s'", p->lock);
  return -2;
}

static void look_run(void *payload)
{
  struct look *l = payload;
  l->looked = IFL_LOOKED_FOUND;
  if (read_usable(l, false)) return;
  int fd = try_lock(l->place, &l->err);
  if (fd == -1) {
    l->looked = IFL_LOOKED_BUSY;
  } else if (fd >= 0 && read_usable(l, true)) { /* written between the first look and the lock */
    close(fd);
  } else {
    l->looked = IFL_LOOKED_OURS;
    l->lock_fd = fd; /* -2: without a lock is better than without a token */
  }
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void unlock(int *fd)
{
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static void look_done(void *payload)
{
  struct look *l = payload;
  ifl_token_cache *c = l->cache;
  if (l->err.code != 0)
    ifl_log_write(ifl_loop_log(l->loop), IFL_LOG_DEBUG, "token", "no disk cache: %s",
                  l->err.message);
  if (c != NULL) {
    c->look = NULL;
    c->lock_fd = l->lock_fd;
    l->done(l->payload, l->looked, &l->tok);
  } else {
    unlock(&l->lock_fd);
    ifl_kept_done(&l->tok);
  }
  place_unref(l->place);
  free(l);
}

int ifl_token_cache_look(ifl_token_cache *c, bool fresh, const char *refused,
                         void (*done)(void *payload, enum ifl_looked looked,
                                      struct ifl_kept_token *tok),
                         void *payload, iflow_error *err)
{
  struct look *l = calloc(1, sizeof *l);
  if (l == NULL) return ifl_fail_nomem(err);
  *l = (struct look) { .cache = c,
                       .place = c->place,
                       .loop = c->loop,
                       .fresh = fresh,
                       .done = done,
                       .payload = payload,
                       .lock_fd = -1 };
  memcpy(l->refused, refused, strlen(refused) < 65 ? strlen(refused) : 64);
  int rc = ifl_work(c->loop, look_run, look_done, l, err);
  if (rc < 0) {
    free(l);
    return rc;
  }
  c->place->refs++;
  c->look = l;
  return 0;
}

static void store_run(void *payload)
{
  struct store *s = payload;
  ifl_file_write(s->place->file, s->sealed.data, s->sealed.len, 0600, &s->err);
  unlock(&s->lock_fd);
}

static void store_free(struct store *s)
{
  ifl_buf_done(&s->sealed);
  free(s);
}

static void store_done(void *payload)
{
  struct store *s = payload;
  if (s->err.code != 0)
    ifl_log_write(ifl_loop_log(s->loop), IFL_LOG_DEBUG, "token", "the token is not kept: %s",
                  s->err.message);
  if (s->cache != NULL) {
    s->cache->store = NULL;
    s->done(s->payload);
  }
  place_unref(s->place);
  store_free(s);
}

static int seal(struct ifl_buf *out, const struct place *p, const struct ifl_kept_token *t,
                iflow_error *err)
{
  struct ifl_buf plain = IFL_BUF_INIT(FILE_MAX);
  int rc = ifl_buf_addf(&plain, err, "%lld %lld\n", (long long)t->fetched_at_ms,
                        (long long)t->expires_at_ms);
  if (rc == 0) rc = ifl_buf_add(&plain, ifl_secret_data(t->access), ifl_secret_len(t->access), err);
  if (rc == 0) rc = ifl_seal(out, p->key, p->label, plain.data, plain.len, err);
  ifl_buf_wipe(&plain);
  return rc;
}

static int store_start(ifl_token_cache *c, struct store *s, const struct ifl_kept_token *tok,
                       iflow_error *err)
{
  int rc = seal(&s->sealed, c->place, tok, err);
  if (rc == 0) rc = ifl_work(c->loop, store_run, store_done, s, err);
  if (rc < 0) return rc;
  c->place->refs++;
  c->store = s;
  c->lock_fd = -1; /* the job's now */
  return 0;
}

int ifl_token_cache_store(ifl_token_cache *c, const struct ifl_kept_token *tok,
                          void (*done)(void *payload), void *payload, iflow_error *err)
{
  struct store *s = calloc(1, sizeof *s);
  int rc = s == NULL ? ifl_fail_nomem(err) : 0;
  if (rc == 0) {
    *s = (struct store) { .cache = c,
                          .place = c->place,
                          .loop = c->loop,
                          .done = done,
                          .payload = payload,
                          .lock_fd = c->lock_fd };
    ifl_buf_init(&s->sealed, FILE_MAX);
    rc = store_start(c, s, tok, err);
  }
  if (rc < 0 && s != NULL) store_free(s);
  if (rc < 0) ifl_token_cache_unlock(c);
  return rc;
}

void ifl_token_cache_unlock(ifl_token_cache *c)
{
  unlock(&c->lock_fd);
}

int ifl_token_cache_new(ifl_token_cache **out, iflow_loop *loop, const struct ifl_token_opts *opts,
                        iflow_error *err)
{
  ifl_token_cache *c = calloc(1, sizeof *c);
  if (c == NULL) return ifl_fail_nomem(err);
  c->loop = loop;
  c->lock_fd = -1;
  int rc = place_new(&c->place, opts, err);
  if (rc < 0) free(c);
  else *out = c;
  return rc;
}

void ifl_token_cache_free(ifl_token_cache *c)
{
  if (c == NULL) return;
  if (c->look != NULL) c->look->cache = NULL;
  if (c->store != NULL) c->store->cache = NULL;
  ifl_token_cache_unlock(c);
  place_unref(c->place);
  free(c);
}
