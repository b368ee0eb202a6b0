/* probe.h -- looks at a TLS server without trusting it: every stage from DNS to the handshake, with
 * what the server showed on the way. It judges the chain instead of refusing it, and sends no byte
 * of application data, whatever it finds. For bind/probe.c: `iflow check` and `iflow cert fetch`.
 *
 * The way to the server (names, addresses, proxies) is that of every other connection; TLS is done
 * here, because libcurl ends a handshake that it does not trust. */
#ifndef IFL_NET_PROBE_H
#define IFL_NET_PROBE_H

#include "base/secret.h"
#include "net/loop.h"
#include "net/trust.h"

typedef struct ifl_probe ifl_probe;

/* All is borrowed for the call of ifl_probe_start. */
struct ifl_probe_target {
  const char *host; /* without brackets */
  int port;
  const char *server_name; /* SNI, and the name the certificate is compared with; NULL: host */
  const char *proxy;       /* NULL: the environment's for https, "": none */
  const ifl_secret *proxy_userpwd;
  ifl_credential *credential;   /* shown when the server asks; or NULL */
  const char *cafile;           /* what would be trusted; NULL: the system's directory */
  bool beside_system;           /* the system's directory, too */
  int64_t connect_timeout_ms;   /* DNS, TCP and proxy */
  int64_t timeout_ms;           /* everything */
  int min_version, max_version; /* TLS1_2_VERSION or TLS1_3_VERSION; 0: any of the two */
};

enum ifl_probe_stage {
  IFL_PROBE_DNS,
  IFL_PROBE_TCP,
  IFL_PROBE_PROXY,
  IFL_PROBE_TLS,
  IFL_PROBE_STAGES /* how many */
};

/* What was seen, also when it ended early; belongs to the probe. */
struct ifl_probe_seen {
  char address[64];  /* "10.0.0.1:443", "[::1]:443"; "" when nobody was reached; with a proxy its */
  const char *proxy; /* "host:port", without user and password; NULL for none */
  int64_t us[IFL_PROBE_STAGES]; /* how long each stage took; -1: not reached, or there was none */
  const char *protocol;         /* "TLSv1.3"; NULL without a handshake that ended well, as cipher */
  const char *cipher;
  STACK_OF(X509) * chain;               /* as served, leaf first; NULL: none came */
  const STACK_OF(X509_NAME) * ca_names; /* of the CertificateRequest; NULL: none named */
  bool asked;                           /* the server asked for a client certificate */
  bool verified;                        /* the chain leads to what would be trusted */
  bool host_matches;
  iflow_error trust; /* why it does not: IFLOW_ETLSTRUST, ETLSCHAIN, ETLSEXPIRED; else IFLOW_OK */
  int alert;         /* fatal alert received; -1: none */
  enum ifl_probe_stage stage; /* the one it ended in */
};

/* done runs once, from the loop. Its error says why no TLS came about: IFLOW_EDNS, …, IFLOW_EPROXY,
 * IFLOW_ETLSCREDENTIALS (our certificate was refused, or is missed), IFLOW_ETLS, IFLOW_ERESET; what
 * was seen before stays readable. Errors of starting: file.*, IFLOW_ECERT, IFLOW_ECERTMATCH. */
int ifl_probe_start(ifl_probe **out, iflow_loop *loop, const struct ifl_probe_target *to,
                    void (*done)(void *payload, const iflow_error *err), void *payload,
                    iflow_error *err);
/* Ends it in any state; done cannot run afterwards. Not from inside of done. NULL ok. */
void ifl_probe_free(ifl_probe *p);
const struct ifl_probe_seen *ifl_probe_seen(const ifl_probe *p);

#endif
