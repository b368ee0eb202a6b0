/* client.c -- see client.h: the client, which holds the pools, and its defaults. */
#include "net/client.h"

#include "base/error.h"
#include "net/pool.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTIONS     64
#define CONNECTIONS_MAX 256
#define IDLE_MS         55000

int ifl_client_new(ifl_client **out, iflow_loop *loop, const struct ifl_client_opts *opts,
                   iflow_error *err)
{
  ifl_client *c = calloc(1, sizeof *c);
  if (c == NULL) return ifl_fail_nomem(err);
  c->loop = loop;
  c->connections = opts != NULL && opts->connections > 0 ? opts->connections : CONNECTIONS;
  if (c->connections > CONNECTIONS_MAX) c->connections = CONNECTIONS_MAX;
  c->idle_ms = opts != NULL && opts->idle_ms > 0 ? opts->idle_ms : IDLE_MS;
  c->sweep.background = true;
  c->buffer = malloc(IFL_READ_SIZE);
  int rc = c->buffer == NULL ? ifl_fail_nomem(err) : ifl_dialer_new(&c->dialer, loop, err);
  if (rc < 0) {
    free(c->buffer);
    free(c);
    return rc;
  }
  *out = c;
  return 0;
}

void **ifl_client_slot(ifl_client *c)
{
  return &c->slot;
}

void ifl_client_drop_idle(ifl_client *c, const char *identity)
{
  for (size_t i = 0; i < IFL_POOL_CHAINS; i++) {
    for (struct ifl_pool *p = c->chains[i], *next; p != NULL; p = next) {
      next = ifl_pool_next(p);
      ifl_pool_close_idle(p, identity);
      ifl_pool_tidy(p);
    }
  }
}

void ifl_client_free(ifl_client *c)
{
  if (c == NULL) return;
  ifl_client_drop_idle(c, NULL);
  ifl_timer_stop(&c->sweep);
  ifl_dialer_free(c->dialer);
  free(c->buffer);
  free(c);
}

struct ifl_client_stats ifl_client_get_stats(const ifl_client *c)
{
  return c->stats;
}

void ifl_client_count_token(ifl_client *c)
{
  c->stats.token_requests++;
}

void ifl_client_count_token_failure(ifl_client *c)
{
  c->stats.token_failures++;
}

void ifl_request_init(struct ifl_request *r)
{
  *r = (struct ifl_request) {
    .method = "POST",
    .body = { .kind = IFL_BODY_NONE, .fd = -1 },
    .identity = "",
    .connect_timeout_ms = 30 * 1000,
    .timeout_ms = 60 * 1000,
    .stall_timeout_ms = 60 * 1000,
    .queue_timeout_ms = 10 * 60 * 1000,
    .max_body = 16 * 1024 * 1024,
    .save_fd = -1,
  };
}
