/* cookies.h -- the cookies of one endpoint: session and stickiness, sent back byte for byte (a
 * re-encoded one breaks SAP's load balancer and looks like a random 403: sap-reference 5.3). */
#ifndef IFL_CALL_COOKIES_H
#define IFL_CALL_COOKIES_H

#include "net/http1.h"
#include "net/url.h"

#define IFL_COOKIES_MAX      32   /* cookies of an endpoint; the oldest goes first */
#define IFL_COOKIE_BYTES_MAX 4096 /* bytes of one, name, "=" and value; longer ones are ignored */

struct ifl_cookie;
struct ifl_cookies {
  struct ifl_cookie *first; /* oldest first */
  size_t count;
};

void ifl_cookies_done(struct ifl_cookies *c); /* wipes; empty and usable afterwards */

/* Takes every Set-Cookie of an answer: sets, replaces, deletes (Max-Age, Expires). Errors:
 * IFLOW_ENOMEM. */
int ifl_cookies_take(struct ifl_cookies *c, const struct ifl_headers *answer, int64_t now_ms,
                     iflow_error *err);
/* One of them, n bytes. Fuzzed in spec/fuzz. */
int ifl_cookies_set(struct ifl_cookies *c, const char *line, size_t n, int64_t now_ms,
                    iflow_error *err);
/* Adds "a=b; c=d" for a request to url; adds nothing when no cookie fits. */
int ifl_cookies_write(struct ifl_buf *out, const struct ifl_cookies *c, const struct ifl_url *url,
                      int64_t now_ms, iflow_error *err);

#endif
