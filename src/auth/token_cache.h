/* token_cache.h -- tokens that outlive the process: one encrypted file a credential and request,
 * and a lock beside it, so that of many processes one fetches and the others read. Nothing here
 * blocks the loop: files are touched on worker threads, a busy lock is reported and asked for again
 * later. Whatever goes wrong on the disk, a token is fetched as if there were no cache. */
#ifndef IFL_AUTH_TOKEN_CACHE_H
#define IFL_AUTH_TOKEN_CACHE_H

#include "auth/token.h"

/* A token and its life, by the wall clock. */
struct ifl_kept_token {
  ifl_secret *access; /* NULL: none */
  int64_t fetched_at_ms, expires_at_ms;
};
/* Still to be sent: it lives for longer than a request needs to arrive. */
bool ifl_kept_good(const struct ifl_kept_token *t, int64_t now_ms);
/* Not yet due for renewal: before half of its life, two hours at most (sap-reference 4.5). */
bool ifl_kept_fresh(const struct ifl_kept_token *t, int64_t now_ms);
void ifl_kept_done(struct ifl_kept_token *t);

typedef struct ifl_token_cache ifl_token_cache;

/* In the directory opts->cache_dir, which is made (0700) when it is missing. IFLOW_ECERT when no key
 * can be derived from the credential. */
int ifl_token_cache_new(ifl_token_cache **out, iflow_loop *loop, const struct ifl_token_opts *opts,
                        iflow_error *err);
/* Gives the lock back. What is in flight ends without its callback, but a store is completed. */
void ifl_token_cache_free(ifl_token_cache *c);

enum ifl_looked {
  IFL_LOOKED_FOUND, /* a usable token; the lock is free */
  IFL_LOOKED_OURS,  /* nothing usable; the lock is ours: fetch, then store or unlock */
  IFL_LOOKED_BUSY   /* nothing usable; another process is fetching: look again later */
};
/* Looks for a good token, or with fresh for one that is not due for renewal; one whose SHA-256 is
 * `refused` (hex, "" for none) is never usable and goes from the disk. One look at a time. done runs
 * once from the loop; tok is filled when something was found and its access is then the receiver's. */
int ifl_token_cache_look(ifl_token_cache *c, bool fresh, const char *refused,
                         void (*done)(void *payload, enum ifl_looked looked,
                                      struct ifl_kept_token *tok),
                         void *payload, iflow_error *err);
/* Keeps the token and gives the lock back, both on a thread; that this failed is logged and no more.
 * done runs once from the loop. An error return: the lock is given back, done never runs. */
int ifl_token_cache_store(ifl_token_cache *c, const struct ifl_kept_token *tok,
                          void (*done)(void *payload), void *payload, iflow_error *err);
void ifl_token_cache_unlock(ifl_token_cache *c);

#endif
