/* tls_watch.h -- what a client sees of a TLS handshake: why the server was not trusted, and why the
 * server refused us. Recorded through callbacks of the SSL_CTX, because curl says neither. */
#ifndef IFL_NET_TLS_WATCH_H
#define IFL_NET_TLS_WATCH_H

#include "net/tls.h"

struct ifl_tls_watch {
  int verify_error; /* X509_V_ERR_…, the first one; 0 when the chain was fine or not looked at */
  int depth;        /* of the certificate it is about; 0 is the server's own */
  int served;       /* certificates the server sent */
  int alert;        /* fatal alert received, SSL_AD_…; -1 for none */
  bool heard;       /* set by the owner: bytes of an answer came */
  bool late;        /* the alert came when our certificate, or the lack of one, had been accepted */
  bool asked;       /* the server asked for a client certificate */
  bool done;        /* the handshake ended well */
  bool resumed;     /* … with a session of an earlier connection */
  bool closed;      /* close_notify came: the end is the peer's wish, not somebody's scissors */
  char leaf[160];   /* subjects */
  char subject[160]; /* of the certificate at depth */
  char issuer[160];  /* of that certificate: who is missing when the issuer was not found */
  char sha256[65];   /* of that certificate */
};

void ifl_tls_watch_init(struct ifl_tls_watch *w);
/* w must live as long as every SSL made from ctx. */
void ifl_tls_watch_install(struct ifl_tls_watch *w, SSL_CTX *ctx);

/* The error for what was recorded: IFLOW_ETLSCREDENTIALS, ETLSEXPIRED, ETLSCHAIN, ETLSTRUST, ETLS
 * (another alert). Returns 0 and leaves err alone when nothing was. where: "host:port"; trust: the
 * trust file's path, or NULL for the system's directory; had_certificate: we own one. */
int ifl_tls_watch_explain(const struct ifl_tls_watch *w, const char *where, const char *trust,
                          bool had_certificate, iflow_error *err);

#endif
