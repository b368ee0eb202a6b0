/* url.h -- absolute http and https URLs, split once. Verbatim: a path is never normalised. */
#ifndef IFL_NET_URL_H
#define IFL_NET_URL_H

#include "iflow.h"

struct ifl_url {
  bool tls;              /* https */
  int port;              /* 443 or 80 when not given */
  char *target;          /* path and query, at least "/"; the block of memory with all texts */
  const char *host;      /* lower case, without brackets for IPv6; at most 255 bytes */
  const char *authority; /* for the Host field: host, brackets, port unless default */
};

/* Errors: IFLOW_EURL (scheme, userinfo, host, port, blank or control character; at most 16 KiB).
 * A fragment is dropped. Caller: ifl_url_done. */
int ifl_url_parse(struct ifl_url *out, const char *text, iflow_error *err);
/* The same without its query. Error: IFLOW_ENOMEM. Caller: ifl_url_done. */
int ifl_url_copy_path(struct ifl_url *out, const struct ifl_url *from, iflow_error *err);
void ifl_url_done(struct ifl_url *u);

#endif
