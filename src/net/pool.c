/* pool.c -- see pool.h. A pool belongs to one (identity, origin, trust, proxy): nothing that was
 * negotiated as one credential is ever used by another. Waiting is first come, first served. */
#include "net/pool.h"

#include "base/clock.h"
#include "base/error.h"
#include "net/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_MS 5000

struct ifl_pool {
  ifl_client *client;
  struct ifl_pool *chain; /* of the same hash */
  size_t at;              /* its chain */
  size_t cap, open;       /* open: connecting, in use and idle */
  size_t users;           /* exchanges that belong to it, and functions that are using it */
  struct ifl_link *newest, *oldest; /* idle */
  ifl_exchange *first, *last;       /* waiting */
  bool serving;

  struct ifl_destination to; /* its strings are in the fields below */
  char host[256], authority[272];
  char *name; /* of the identity, as requests give it */
  char *identity, *cafile, *proxy;
  ifl_secret *proxy_userpwd;
};

/* ---- finding one ---- */

/* NULL and "" are different things: the environment's proxy, or none. */
static bool same_text(const char *a, const char *b)
{
  return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_secret(const ifl_secret *a, const ifl_secret *b)
{
  if (a == NULL || b == NULL) return a == b;
  return ifl_secret_len(a) == ifl_secret_len(b) &&
         memcmp(ifl_secret_data(a), ifl_secret_data(b), ifl_secret_len(a)) == 0;
}

static const char *name_of(const struct ifl_request *r)
{
  return r->identity != NULL ? r->identity : "";
}

static bool fits(const struct ifl_pool *p, const struct ifl_request *r)
{
  const ifl_credential *c = p->to.credential;
  const ifl_trust *t = p->to.trust;
  return p->to.port == r->url->port && p->to.tls == r->url->tls &&
         strcmp(p->host, r->url->host) == 0 && strcmp(p->name, name_of(r)) == 0 &&
         same_text(c != NULL ? c->fingerprint : NULL,
                   r->credential != NULL ? r->credential->fingerprint : NULL) &&
         same_text(p->cafile, r->cafile) &&
         same_text(t != NULL ? t->fingerprint : NULL,
                   r->trust != NULL ? r->trust->fingerprint : NULL) &&
         same_text(p->proxy, r->proxy) && same_secret(p->proxy_userpwd, r->proxy_userpwd);
}

static uint32_t hash_text(uint32_t h, const char *s)
{
  for (; *s != '\0'; s++) h = (h ^ (unsigned char)*s) * 16777619u; /* FNV-1a */
  return h;
}

static size_t chain_of(const struct ifl_request *r)
{
  return hash_text(hash_text(2166136261u, r->url->host), name_of(r)) % IFL_POOL_CHAINS;
}

static bool copy(char **out, const char *s)
{
  *out = s != NULL ? strdup(s) : NULL;
  return s == NULL || *out != NULL;
}

static void pool_free(struct ifl_pool *p)
{
  free(p->name);
  free(p->identity);
  free(p->cafile);
  free(p->proxy);
  ifl_secret_unref(p->proxy_userpwd);
  ifl_credential_unref(p->to.credential);
  ifl_trust_unref(p->to.trust);
  free(p);
}

/* TLS sessions are kept by the same rule as connections: the name of the identity alone is the
 * caller's word, and a session that is resumed asks no authority whether it is still trusted. */
static bool copy_identity(struct ifl_pool *p, const struct ifl_request *r)
{
  const char *name = name_of(r);
  const char *fingerprint = r->credential != NULL ? r->credential->fingerprint : "";
  const char *trust = r->trust != NULL ? r->trust->fingerprint : "";
  size_t n = strlen(name) + strlen(fingerprint) + strlen(trust) + 3;
  p->identity = malloc(n);
  if (p->identity != NULL) snprintf(p->identity, n, "%s %s %s", name, fingerprint, trust);
  return p->identity != NULL;
}

static struct ifl_pool *pool_new(ifl_client *client, const struct ifl_request *r)
{
  struct ifl_pool *p = calloc(1, sizeof *p);
  if (p == NULL) return NULL;
  p->client = client;
  p->proxy_userpwd = r->proxy_userpwd != NULL ? ifl_secret_new(ifl_secret_data(r->proxy_userpwd),
                                                               ifl_secret_len(r->proxy_userpwd))
                                              : NULL;
  p->to.credential = ifl_credential_ref(r->credential);
  p->to.trust = ifl_trust_ref(r->trust);
  if (!copy(&p->name, name_of(r)) || !copy_identity(p, r) || !copy(&p->cafile, r->cafile) ||
      !copy(&p->proxy, r->proxy) || (r->proxy_userpwd != NULL && p->proxy_userpwd == NULL)) {
    pool_free(p);
    return NULL;
  }
  snprintf(p->host, sizeof p->host, "%s", r->url->host);
  snprintf(p->authority, sizeof p->authority, "%s:%d", r->url->host, r->url->port);
  p->to.identity = p->identity;
  p->to.tls = r->url->tls;
  p->to.host = p->host;
  p->to.port = r->url->port;
  p->to.authority = p->authority;
  p->to.cafile = p->cafile;
  p->to.proxy = p->proxy;
  p->to.proxy_userpwd = p->proxy_userpwd;
  return p;
}

int ifl_pool_find(struct ifl_pool **out, ifl_client *client, const struct ifl_request *r,
                  iflow_error *err)
{
  size_t at = chain_of(r);
  struct ifl_pool *p = client->chains[at];
  while (p != NULL && !fits(p, r)) p = p->chain;
  if (p == NULL) {
    p = pool_new(client, r);
    if (p == NULL) return ifl_fail_nomem(err);
    p->cap = client->connections;
    p->at = at;
    p->chain = client->chains[at];
    client->chains[at] = p;
  }
  if (r->connections > 0) p->cap = r->connections;
  *out = p;
  return 0;
}

void ifl_pool_tidy(struct ifl_pool *p)
{
  if (p->users > 0 || p->open > 0) return;
  struct ifl_pool **q = &p->client->chains[p->at];
  while (*q != p) q = &(*q)->chain;
  *q = p->chain;
  pool_free(p);
}

const char *ifl_pool_authority(const struct ifl_pool *p)
{
  return p->authority;
}

/* ---- idle connections ---- */

static void idle_remove(struct ifl_link *l)
{
  struct ifl_pool *p = l->pool;
  if (l->prev != NULL) l->prev->next = l->next;
  else p->newest = l->next;
  if (l->next != NULL) l->next->prev = l->prev;
  else p->oldest = l->prev;
  l->next = l->prev = NULL;
  p->client->stats.idle--;
}

static void link_free(struct ifl_link *l)
{
  l->pool->open--;
  ifl_connection_free(l->connection);
  ifl_http1_free(l->parser);
  free(l);
}

static void close_idle(struct ifl_link *l)
{
  idle_remove(l);
  link_free(l);
}

/* "Readable" alone says nothing (TLS 1.3 tickets), and a FIN may be unread: only reading tells. */
static bool is_alive(struct ifl_link *l)
{
  size_t used;
  return ifl_connection_recv(l->connection, l->pool->client->buffer, 1, &used) == IFL_IO_AGAIN;
}

static struct ifl_link *take_idle(struct ifl_pool *p)
{
  int64_t now = ifl_clock_mono_ms();
  while (p->newest != NULL) {
    struct ifl_link *l = p->newest;
    if (now < l->idle_until && is_alive(l)) {
      idle_remove(l);
      ifl_connection_set_idle(l->connection, false);
      return l;
    }
    close_idle(l);
  }
  return NULL;
}

static void on_sweep(void *payload)
{
  ifl_client *c = payload;
  int64_t now = ifl_clock_mono_ms();
  for (size_t i = 0; i < IFL_POOL_CHAINS; i++) {
    for (struct ifl_pool *p = c->chains[i], *next; p != NULL; p = next) {
      next = p->chain;
      for (struct ifl_link *l = p->newest, *older; l != NULL; l = older) {
        older = l->next;
        if (l->idle_until <= now) close_idle(l);
      }
      ifl_pool_tidy(p);
    }
  }
  if (c->stats.idle > 0) ifl_timer_start(c->loop, &c->sweep, SWEEP_MS, on_sweep, c);
}

static void put_idle(struct ifl_link *l)
{
  struct ifl_pool *p = l->pool;
  ifl_client *c = p->client;
  int64_t keep = c->idle_ms;
  if (l->server_keep >= 0 && l->server_keep < keep) keep = l->server_keep;
  l->idle_until = ifl_clock_mono_ms() + keep;
  l->prev = NULL;
  l->next = p->newest;
  if (p->newest != NULL) p->newest->prev = l;
  else p->oldest = l;
  p->newest = l;
  c->stats.idle++;
  ifl_connection_set_idle(l->connection, true);
  ifl_connection_watch(l->connection, IFL_READABLE); /* hears when the server closes it */
  if (!c->sweep.running) ifl_timer_start(c->loop, &c->sweep, SWEEP_MS, on_sweep, c);
}

/* ---- connecting and serving ---- */

static void serve(struct ifl_pool *p);

static void on_connected(void *payload, const iflow_error *err)
{
  struct ifl_link *l = payload;
  struct ifl_pool *p = l->pool;
  ifl_exchange *x = l->user;
  if (err == NULL) {
    l->connected = true;
    p->client->stats.opened++;
    if (ifl_connection_resumed(l->connection)) p->client->stats.resumed++;
    ifl_exchange_granted(x, l);
    return;
  }
  p->users++; /* it may be the last thing that keeps the pool */
  link_free(l);
  x->link = NULL;
  ifl_exchange_lost(x, err);
  serve(p);
  p->users--;
  ifl_pool_tidy(p);
}

static void on_ready(void *payload, int events)
{
  struct ifl_link *l = payload;
  struct ifl_pool *p = l->pool;
  if (l->user != NULL) {
    ifl_exchange_ready(l->user, events);
  } else if (!is_alive(l)) {
    close_idle(l);
    ifl_pool_tidy(p);
  }
}

static int link_open(struct ifl_link **out, struct ifl_pool *p, ifl_exchange *x, iflow_error *err)
{
  static const struct ifl_connection_events events = { on_connected, on_ready };
  struct ifl_link *l = calloc(1, sizeof *l);
  if (l == NULL) return ifl_fail_nomem(err);
  l->pool = p;
  l->user = x;
  l->server_keep = -1;
  p->open++;
  p->to.timeout_ms = x->connect_ms;
  int rc = ifl_http1_new(&l->parser, IFL_HTTP1_RESPONSE, &ifl_exchange_events, l, err);
  if (rc == 0) rc = ifl_connection_open(&l->connection, p->client->dialer, &p->to, &events, l, err);
  if (rc < 0) link_free(l);
  else *out = l;
  return rc;
}

static void enqueue(struct ifl_pool *p, ifl_exchange *x, bool front)
{
  x->next = front ? p->first : NULL;
  x->prev = front ? NULL : p->last;
  if (x->next != NULL) x->next->prev = x;
  else p->last = x;
  if (x->prev != NULL) x->prev->next = x;
  else p->first = x;
  x->queued = true;
  p->client->stats.waiting++;
}

void ifl_pool_leave(ifl_exchange *x)
{
  struct ifl_pool *p = x->pool;
  if (!x->queued) return;
  if (x->prev != NULL) x->prev->next = x->next;
  else p->first = x->next;
  if (x->next != NULL) x->next->prev = x->prev;
  else p->last = x->prev;
  x->next = x->prev = NULL;
  x->queued = false;
  p->client->stats.waiting--;
}

static void connect_for(struct ifl_pool *p, ifl_exchange *x)
{
  struct ifl_link *l = NULL;
  iflow_error err;
  ifl_error_clear(&err);
  if (link_open(&l, p, x, &err) < 0) ifl_exchange_lost(x, &err);
  else ifl_exchange_connecting(x, l);
}

/* Gives every exchange its turn that can have one. What it calls may come back here by
 * ifl_pool_release; the outer call goes on then. */
static void serve(struct ifl_pool *p)
{
  if (p->serving) return;
  p->serving = true;
  p->users++; /* an exchange that ends at once may be the last thing that keeps the pool */
  while (p->first != NULL) {
    ifl_exchange *x = p->first;
    struct ifl_link *l = x->fresh ? NULL : take_idle(p);
    if (l == NULL && x->fresh && p->open >= p->cap && p->oldest != NULL) close_idle(p->oldest);
    if (l == NULL && p->open >= p->cap) break;
    ifl_pool_leave(x);
    if (l == NULL) {
      connect_for(p, x);
    } else {
      l->user = x;
      ifl_exchange_granted(x, l);
    }
  }
  p->serving = false;
  p->users--;
  ifl_pool_tidy(p);
}

void ifl_pool_enter(struct ifl_pool *p, ifl_exchange *x, bool front)
{
  enqueue(p, x, front);
  serve(p);
}

void ifl_pool_join(struct ifl_pool *p, ifl_exchange *x)
{
  x->pool = p;
  p->users++;
}

void ifl_pool_part(ifl_exchange *x)
{
  struct ifl_pool *p = x->pool;
  x->pool = NULL;
  p->users--;
  ifl_pool_tidy(p);
}

void ifl_pool_release(struct ifl_link *l, bool reusable)
{
  struct ifl_pool *p = l->pool;
  l->user = NULL;
  if (l->server_keep == 0 || p->client->stats.idle >= IFL_IDLE_MAX || p->open > p->cap)
    reusable = false;
  if (reusable) put_idle(l);
  else link_free(l);
  serve(p);
}

/* ---- for the client ---- */

void ifl_pool_close_idle(struct ifl_pool *p, const char *identity)
{
  size_t n = identity != NULL ? strlen(identity) : 0;
  if (identity != NULL && (strncmp(p->identity, identity, n) != 0 || p->identity[n] != ' ')) return;
  while (p->newest != NULL) close_idle(p->newest);
}

struct ifl_pool *ifl_pool_next(const struct ifl_pool *p)
{
  return p->chain;
}
