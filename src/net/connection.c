/* connection.c -- see connection.h. Every connection is a curl handle with CURLOPT_CONNECT_ONLY on
 * one multi, driven by curl_multi_socket_action over the loop's watches and timers.
 *
 * Facts of libcurl 7.88 this rests on: a handle that has connected stays in the multi, where
 * curl_easy_send and curl_easy_recv find its connection; the first of the two attaches it, and from
 * then on curl's housekeeping leaves it alone. CURLINFO_TLS_SSL_PTR is empty by then, so what the
 * handshake said is recorded by tls_watch.c. CURLOPT_NOSIGNAL saves two sigactions a send; curl
 * sends with MSG_NOSIGNAL, so there is no SIGPIPE. */
#include "net/connection.h"

#include "base/clock.h"
#include "base/error.h"
#include "net/tls_watch.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SESSIONS_MAX 64 /* identities whose TLS sessions are kept while nobody is connected */
#define CA_CACHE_S   1L /* a burst of connections parses the trust file once */
#define NUDGE_MS     25
#define RESOLVER_MS  5000 /* resolv.conf(5), timeout */

/* A socket that curl watches while it connects. */
struct watch {
  struct ifl_dialer *dialer;
  ifl_poll *poll;
  curl_socket_t fd;
};

/* The TLS sessions of one identity. */
struct sessions {
  CURLSH *share;
  size_t refs;
  struct sessions *next; /* most recently used first */
  char identity[];
};

struct ifl_dialer {
  iflow_loop *loop;
  CURLM *multi;
  struct ifl_timer timer;
  struct ifl_soon soon; /* a timeout of 0 */
  struct sessions *sessions;
};

struct ifl_connection {
  ifl_dialer *dialer;
  CURL *easy;
  ifl_poll *poll; /* once connected */
  const struct ifl_connection_events *events;
  void *payload;
  struct sessions *sessions;
  ifl_credential *credential;
  struct ifl_tls_watch tls;
  struct ifl_soon soon;   /* reports lost */
  struct ifl_timer nudge; /* while dialing */
  bool is_tls, proxy_tls;
  bool dialing;         /* neither connected nor given up */
  int contexts;         /* SSL_CTXs seen */
  CURLcode broken;      /* why a send or receive failed */
  bool cut;             /* TLS ended without close_notify */
  iflow_error *problem; /* filled in curl's callbacks */
  char *cafile;         /* NULL: the system's directory */
  ifl_trust *trust;     /* or NULL */
  char *proxy;          /* for texts, without user and password; NULL when none was named */
  int64_t timeout_ms, began_at;
  char authority[272];
  char error[CURL_ERROR_SIZE];
};

/* ---- the multi ---- */

static void report(ifl_connection *c, CURLcode result);

static void drive(ifl_dialer *d, curl_socket_t fd, int events)
{
  int running, left;
  CURLMsg *msg;
  curl_multi_socket_action(d->multi, fd, events, &running);
  while ((msg = curl_multi_info_read(d->multi, &left)) != NULL) {
    ifl_connection *c = NULL;
    if (msg->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&c);
    report(c, msg->data.result); /* may free c and others */
  }
}

static void on_timeout(void *payload)
{
  drive(payload, CURL_SOCKET_TIMEOUT, 0);
}

static int on_multi_timer(CURLM *multi, long ms, void *payload)
{
  ifl_dialer *d = payload;
  (void)multi;
  ifl_timer_stop(&d->timer);
  ifl_soon_cancel(&d->soon);
  if (ms == 0) ifl_soon(d->loop, &d->soon, on_timeout, d);
  else if (ms > 0) ifl_timer_start(d->loop, &d->timer, ms, on_timeout, d);
  return 0;
}

static void on_watch(void *payload, int events)
{
  struct watch *w = payload;
  int bits = (events & IFL_READABLE ? CURL_CSELECT_IN : 0) |
             (events & IFL_WRITABLE ? CURL_CSELECT_OUT : 0);
  drive(w->dialer, w->fd, bits);
}

static struct watch *watch_new(ifl_dialer *d, curl_socket_t fd)
{
  struct watch *w = calloc(1, sizeof *w);
  if (w == NULL) return NULL;
  w->dialer = d;
  w->fd = fd;
  if (ifl_poll_new(&w->poll, d->loop, fd, on_watch, w, NULL) < 0) {
    free(w);
    return NULL;
  }
  curl_multi_assign(d->multi, fd, w);
  return w;
}

static void on_lost(void *payload)
{
  report(payload, CURLE_OUT_OF_MEMORY);
}

static int on_multi_socket(CURL *easy, curl_socket_t fd, int what, void *payload, void *socket)
{
  ifl_dialer *d = payload;
  struct watch *w = socket;
  if (what == CURL_POLL_REMOVE) {
    if (w == NULL) return 0;
    ifl_poll_free(w->poll);
    free(w);
    curl_multi_assign(d->multi, fd, NULL);
    return 0;
  }
  if (w == NULL) w = watch_new(d, fd);
  if (w == NULL) { /* -1 would make the whole multi useless */
    ifl_connection *c = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
    ifl_soon(d->loop, &c->soon, on_lost, c);
    return 0;
  }
  ifl_poll_set(w->poll, (what & CURL_POLL_IN ? IFL_READABLE : 0) |
                            (what & CURL_POLL_OUT ? IFL_WRITABLE : 0));
  return 0;
}

static void sessions_free(struct sessions *s)
{
  curl_share_cleanup(s->share);
  free(s);
}

void ifl_dialer_free(ifl_dialer *d)
{
  if (d == NULL) return;
  curl_multi_cleanup(d->multi);
  ifl_timer_stop(&d->timer);
  ifl_soon_cancel(&d->soon);
  while (d->sessions != NULL) {
    struct sessions *s = d->sessions;
    d->sessions = s->next;
    sessions_free(s);
  }
  free(d);
}

/* A name look-up that was given up (CURLOPT_QUICK_EXIT) goes on in a thread of curl's until the
 * system answers, perhaps after a Lua state was closed and the module unloaded: curl stays. */
static void keep_curl_loaded(void)
{
  CURLcode (*function)(long) = curl_global_init;
  void *address;
  Dl_info info;
  memcpy(&address, &function, sizeof address); /* C knows no cast between the two */
  if (dladdr(address, &info) == 0 || info.dli_fname == NULL) return;
  void *library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  if (library != NULL) dlclose(library);
}

int ifl_dialer_new(ifl_dialer **out, iflow_loop *loop, iflow_error *err)
{
  keep_curl_loaded();
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* counted, safe to repeat */
    return ifl_fail(err, IFLOW_ESYSTEM, "libcurl cannot be initialised");
  ifl_dialer *d = calloc(1, sizeof *d);
  if (d == NULL || (d->multi = curl_multi_init()) == NULL) {
    free(d);
    return ifl_fail_nomem(err);
  }
  d->loop = loop;
  curl_multi_setopt(d->multi, CURLMOPT_SOCKETFUNCTION, on_multi_socket);
  curl_multi_setopt(d->multi, CURLMOPT_SOCKETDATA, d);
  curl_multi_setopt(d->multi, CURLMOPT_TIMERFUNCTION, on_multi_timer);
  curl_multi_setopt(d->multi, CURLMOPT_TIMERDATA, d);
  /* Its pool never closes one of ours for another. */
  curl_multi_setopt(d->multi, CURLMOPT_MAXCONNECTS, 1000000L);
  *out = d;
  return 0;
}

/* ---- TLS sessions ---- */

static void sessions_trim(ifl_dialer *d)
{
  size_t idle = 0;
  for (struct sessions **p = &d->sessions; *p != NULL;) {
    struct sessions *s = *p;
    if (s->refs > 0 || ++idle <= SESSIONS_MAX) {
      p = &s->next;
      continue;
    }
    *p = s->next;
    sessions_free(s);
  }
}

static struct sessions *sessions_new(const char *identity)
{
  size_t n = strlen(identity) + 1;
  struct sessions *s = calloc(1, sizeof *s + n);
  if (s == NULL) return NULL;
  memcpy(s->identity, identity, n);
  s->share = curl_share_init();
  if (s->share != NULL &&
      curl_share_setopt(s->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK)
    return s;
  sessions_free(s);
  return NULL;
}

static struct sessions *sessions_take(ifl_dialer *d, const char *identity)
{
  struct sessions **p = &d->sessions, *s;
  while (*p != NULL && strcmp((*p)->identity, identity) != 0) p = &(*p)->next;
  s = *p;
  if (s != NULL) *p = s->next;
  else s = sessions_new(identity);
  if (s == NULL) return NULL;
  s->next = d->sessions;
  d->sessions = s;
  s->refs++;
  return s;
}

static void sessions_drop(ifl_dialer *d, struct sessions *s)
{
  if (s == NULL) return;
  s->refs--;
  sessions_trim(d);
}

/* ---- opening ---- */

/* With an https:// proxy the first context is the proxy's: our certificate is not for it. */
static CURLcode on_ssl_ctx(CURL *easy, void *ctx, void *payload)
{
  ifl_connection *c = payload;
  (void)easy;
  if (c->trust != NULL && !ifl_trust_use(c->trust, ctx)) return CURLE_OUT_OF_MEMORY;
  if (c->proxy_tls && c->contexts++ == 0) return CURLE_OK;
  ifl_tls_watch_install(&c->tls, ctx);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(ctx, 1); /* a record's head and the rest of it with one system call */
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET); /* curl's own: TLS 1.2 could rarely resume */
  if (c->credential == NULL) return CURLE_OK;
  if (c->problem == NULL) c->problem = calloc(1, sizeof *c->problem);
  if (ifl_credential_use(c->credential, ctx, c->problem) < 0) return CURLE_SSL_CERTPROBLEM;
  return CURLE_OK;
}

#define SET(option, value)                                                                         \
  if (rc == CURLE_OK) rc = curl_easy_setopt(c->easy, option, value)

static CURLcode set_url(ifl_connection *c, const struct ifl_destination *to)
{
  char url[320];
  bool v6 = strchr(to->host, ':') != NULL;
  snprintf(url, sizeof url, "%s://%s%s%s:%d/", to->tls ? "https" : "http", v6 ? "[" : "", to->host,
           v6 ? "]" : "", to->port);
  return curl_easy_setopt(c->easy, CURLOPT_URL, url);
}

static CURLcode set_tls(ifl_connection *c, const struct ifl_destination *to)
{
  CURLcode rc = CURLE_OK;
  const char *directory = to->cafile == NULL ? IFL_TRUST_DIRECTORY : NULL;
  const char *file = to->trust == NULL ? to->cafile : NULL;
  SET(CURLOPT_CAINFO, file);
  SET(CURLOPT_CAPATH, directory);
  SET(CURLOPT_PROXY_CAINFO, file);
  SET(CURLOPT_PROXY_CAPATH, directory);
  SET(CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S);
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
  SET(CURLOPT_SSL_CTX_DATA, c);
  SET(CURLOPT_SHARE, c->sessions->share);
  return rc;
}

static CURLcode set_proxy(ifl_connection *c, const struct ifl_destination *to)
{
  CURLcode rc = CURLE_OK;
  if (to->proxy != NULL) SET(CURLOPT_PROXY, to->proxy);
  if (to->proxy_userpwd != NULL) SET(CURLOPT_PROXYUSERPWD, ifl_secret_data(to->proxy_userpwd));
  SET(CURLOPT_HTTPPROXYTUNNEL, 1L); /* for http:// too: what we want is a connection */
  return rc;
}

/* Programs that a script starts inherit no connection. */
static curl_socket_t on_open_socket(void *payload, curlsocktype purpose, struct curl_sockaddr *to)
{
  (void)payload, (void)purpose;
  return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static CURLcode set_options(ifl_connection *c, const struct ifl_destination *to)
{
  CURLcode rc = set_url(c, to);
  SET(CURLOPT_CONNECT_ONLY, 1L);
  SET(CURLOPT_FRESH_CONNECT, 1L);
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_QUICK_EXIT, 1L); /* else freeing waits for a name server that does not answer */
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
  SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)to->timeout_ms);
  SET(CURLOPT_ERRORBUFFER, c->error);
  SET(CURLOPT_PRIVATE, (char *)c);
  if (rc == CURLE_OK) rc = set_proxy(c, to);
  if (rc == CURLE_OK) rc = set_tls(c, to);
  return rc;
}

/* The proxy that curl would take, for texts. curl reads the environment itself. */
static const char *proxy_named(const struct ifl_destination *to)
{
  if (to->proxy != NULL) return to->proxy;
  const char *p = getenv(to->tls ? "https_proxy" : "http_proxy");
  if (p == NULL && to->tls) p = getenv("HTTPS_PROXY");
  if (p == NULL) p = getenv("all_proxy");
  if (p == NULL) p = getenv("ALL_PROXY");
  return p != NULL ? p : "";
}

/* "http://user:secret@proxy:3128/" becomes "proxy:3128". */
static int keep_proxy(ifl_connection *c, const struct ifl_destination *to)
{
  const char *p = proxy_named(to), *scheme = strstr(p, "://");
  if (*p == '\0') return 0;
  c->proxy_tls = strncasecmp(p, "https://", 8) == 0;
  if (scheme != NULL) p = scheme + 3;
  size_t n = strcspn(p, "/");
  for (const char *at; (at = memchr(p, '@', n)) != NULL;) {
    n -= (size_t)(at + 1 - p);
    p = at + 1;
  }
  c->proxy = strndup(p, n);
  return c->proxy != NULL ? 0 : -1;
}

/* When an address of several is dead, libcurl 7.88 chooses the next one but opens its socket only
 * when it runs again, and sees to neither a socket nor a timer that would make it run: a name whose
 * first address is dead would never connect. Going on from a pause makes one handle run soon. */
static void on_nudge(void *payload)
{
  ifl_connection *c = payload;
  curl_easy_pause(c->easy, CURLPAUSE_ALL);
  curl_easy_pause(c->easy, CURLPAUSE_CONT);
  ifl_timer_start(c->dialer->loop, &c->nudge, NUDGE_MS, on_nudge, c);
}

int ifl_connection_open(ifl_connection **out, ifl_dialer *d, const struct ifl_destination *to,
                        const struct ifl_connection_events *events, void *payload, iflow_error *err)
{
  ifl_connection *c = calloc(1, sizeof *c);
  if (c == NULL) return ifl_fail_nomem(err);
  c->dialer = d;
  c->events = events;
  c->payload = payload;
  c->is_tls = to->tls;
  c->dialing = true;
  c->timeout_ms = to->timeout_ms;
  c->began_at = ifl_clock_mono_ms();
  c->credential = ifl_credential_ref(to->credential);
  c->trust = ifl_trust_ref(to->trust);
  ifl_tls_watch_init(&c->tls);
  snprintf(c->authority, sizeof c->authority, "%s", to->authority);
  int rc = IFLOW_ENOMEM;
  if (to->cafile != NULL && (c->cafile = strdup(to->cafile)) == NULL) goto done;
  if (keep_proxy(c, to) < 0) goto done;
  c->sessions = sessions_take(d, to->identity);
  c->easy = curl_easy_init();
  if (c->sessions == NULL || c->easy == NULL) goto done;
  CURLcode code = set_options(c, to);
  if (code == CURLE_OK && curl_multi_add_handle(d->multi, c->easy) == CURLM_OK) rc = 0;
  if (rc == 0) ifl_timer_start(d->loop, &c->nudge, NUDGE_MS, on_nudge, c);
done:
  if (rc < 0) {
    ifl_connection_free(c);
    return ifl_fail_nomem(err);
  }
  *out = c;
  return 0;
}

void ifl_connection_free(ifl_connection *c)
{
  if (c == NULL) return;
  ifl_soon_cancel(&c->soon);
  ifl_timer_stop(&c->nudge);
  ifl_poll_free(c->poll); /* before the descriptor goes */
  /* Cleaning up alone would leave a connection in the middle of its handshake open, in curl's pool. */
  if (c->easy != NULL) curl_multi_remove_handle(c->dialer->multi, c->easy);
  curl_easy_cleanup(c->easy);
  if (c->sessions != NULL) sessions_drop(c->dialer, c->sessions);
  ifl_credential_unref(c->credential);
  ifl_trust_unref(c->trust);
  free(c->problem);
  free(c->cafile);
  free(c->proxy);
  free(c);
}

void ifl_connection_set_payload(ifl_connection *c, void *payload)
{
  c->payload = payload;
}

/* ---- connected, or why not ---- */

static int64_t info(const ifl_connection *c, CURLINFO what)
{
  long value = 0;
  curl_easy_getinfo(c->easy, what, &value);
  return value;
}

static const char *os_text(const ifl_connection *c, const char *otherwise)
{
  int64_t errnum = info(c, CURLINFO_OS_ERRNO);
  return errnum != 0 ? strerror((int)errnum) : otherwise;
}

static int fail_timeout(const ifl_connection *c, iflow_error *err)
{
  curl_off_t looked_up = 0;
  curl_easy_getinfo(c->easy, CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
  double seconds = (double)c->timeout_ms / 1000;
  if (looked_up == 0)
    return ifl_fail(err, IFLOW_EDNSTIMEOUT, "%s: the name was not resolved within %g s",
                    c->authority, seconds);
  if (c->proxy != NULL)
    return ifl_fail(err, IFLOW_ECONNECTTIMEOUT,
                    "%s: not connected through the proxy %s within %g s", c->authority, c->proxy,
                    seconds);
  return ifl_fail(err, IFLOW_ECONNECTTIMEOUT, "%s: not connected within %g s", c->authority,
                  seconds);
}

/* The resolver does not say whether a name server said no or nobody answered it; but it waits so
 * long for an answer. */
static int fail_name(const ifl_connection *c, iflow_error *err)
{
  int64_t took_ms = ifl_clock_mono_ms() - c->began_at;
  if (took_ms >= RESOLVER_MS)
    return ifl_fail(err, IFLOW_EDNSTIMEOUT, "%s: the name was not resolved within %g s",
                    c->authority, (double)(took_ms / 100) / 10);
  return ifl_fail(err, IFLOW_EDNS, "%s: the name cannot be resolved", c->authority);
}

/* curl's text is "Failed to connect to HOST port PORT …", with the proxy's if it was that. */
static bool proxy_unreachable(const ifl_connection *c)
{
  char text[300];
  if (c->proxy == NULL) return false;
  const char *colon = strrchr(c->proxy, ':');
  int n = colon != NULL ? (int)(colon - c->proxy) : (int)strlen(c->proxy);
  snprintf(text, sizeof text, " to %.*s port ", n, c->proxy);
  return strstr(c->error, text) != NULL;
}

/* HTTP and SOCKS proxies say it each in their way; 401 is tinyproxy's when they are wrong. */
static bool proxy_wants_others(int64_t status, int64_t socks)
{
  return status == 407 || status == 401 || socks == CURLPX_NO_AUTH ||
         socks == CURLPX_USER_REJECTED || socks == CURLPX_LONG_USER || socks == CURLPX_LONG_PASSWD;
}

static int fail_tunnel(const ifl_connection *c, iflow_error *err)
{
  int64_t status = info(c, CURLINFO_HTTP_CONNECTCODE), socks = info(c, CURLINFO_PROXY_ERROR);
  if (socks == CURLPX_RESOLVE_HOST) /* socks5:// resolves here, socks5h:// at the proxy */
    return ifl_fail(err, IFLOW_EDNS, "%s: the name cannot be resolved", c->authority);
  if (proxy_wants_others(status, socks))
    return ifl_fail(err, IFLOW_EPROXYAUTH, "the proxy %s wants a user and password, or others",
                    c->proxy);
  if (status != 0 && status / 100 != 2)
    return ifl_fail(err, IFLOW_EPROXY, "the proxy %s refused a tunnel to %s with status %d",
                    c->proxy, c->authority, (int)status);
  return ifl_fail(err, IFLOW_EPROXY, "the proxy %s gives no tunnel to %s: %s", c->proxy,
                  c->authority, c->error);
}

static int fail_trust_file(const ifl_connection *c, iflow_error *err)
{
  if (c->cafile != NULL && access(c->cafile, R_OK) < 0)
    return ifl_fail_errno(err, errno, "cannot read the trust file '%s'", c->cafile);
  return ifl_fail(err, IFLOW_ECERT, "the trust file '%s' holds no certificate in PEM form",
                  c->cafile != NULL ? c->cafile : IFL_TRUST_DIRECTORY);
}

/* The TLS handshake failed, or the peer's name is wrong. */
static int fail_tls(const ifl_connection *c, CURLcode code, iflow_error *err)
{
  if (c->problem != NULL && c->problem->code != IFLOW_OK) {
    if (err != NULL) *err = *c->problem;
    return c->problem->code;
  }
  if (c->proxy_tls && c->contexts < 2)
    return ifl_fail(err, IFLOW_EPROXY, "no TLS with the proxy %s: %s", c->proxy, c->error);
  int rc = ifl_tls_watch_explain(&c->tls, c->authority, c->cafile, c->credential != NULL, err);
  if (rc < 0) return rc;
  if (code == CURLE_PEER_FAILED_VERIFICATION)
    return ifl_fail(err, IFLOW_ETLSNAME, "the certificate of %s is for another name: %s",
                    c->authority, c->error);
  return ifl_fail(err, IFLOW_ETLS, "no TLS with %s: %s", c->authority,
                  c->error[0] != '\0' ? c->error : os_text(c, "the connection was closed"));
}

static int fail_connect(const ifl_connection *c, CURLcode code, iflow_error *err)
{
  switch (code) {
  case CURLE_OUT_OF_MEMORY: return ifl_fail_nomem(err);
  case CURLE_OPERATION_TIMEDOUT: return fail_timeout(c, err);
  case CURLE_COULDNT_RESOLVE_HOST: return fail_name(c, err);
  case CURLE_COULDNT_RESOLVE_PROXY:
    return ifl_fail(err, IFLOW_EPROXY, "the name of the proxy %s cannot be resolved", c->proxy);
  case CURLE_COULDNT_CONNECT:
    if (proxy_unreachable(c))
      return ifl_fail(err, IFLOW_EPROXY, "the proxy %s is not reachable: %s", c->proxy,
                      os_text(c, c->error));
    return ifl_fail(err, IFLOW_ECONNECT, "%s is not reachable: %s", c->authority,
                    os_text(c, c->error));
  case CURLE_SSL_CACERT_BADFILE: return fail_trust_file(c, err);
  case CURLE_PROXY: return fail_tunnel(c, err);
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CLIENTCERT:
  case CURLE_SSL_CIPHER: return fail_tls(c, code, err);
  default:
    if (c->tls.alert >= 0 || c->tls.verify_error != 0) return fail_tls(c, code, err);
    if (c->proxy != NULL) return fail_tunnel(c, err);
    return ifl_fail(err, IFLOW_ECONNECT, "%s is not reachable: %s", c->authority,
                    c->error[0] != '\0' ? c->error : curl_easy_strerror(code));
  }
}

static void on_ready(void *payload, int events)
{
  ifl_connection *c = payload;
  c->events->ready(c->payload, events);
}

static void report(ifl_connection *c, CURLcode result)
{
  iflow_error err = { 0 };
  curl_socket_t fd = CURL_SOCKET_BAD;
  int rc;
  if (!c->dialing) return;
  c->dialing = false;
  ifl_timer_stop(&c->nudge);
  curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd);
  if (result != CURLE_OK) rc = fail_connect(c, result, &err);
  else if (fd == CURL_SOCKET_BAD) rc = fail_connect(c, CURLE_COULDNT_CONNECT, &err);
  else rc = ifl_poll_new(&c->poll, c->dialer->loop, fd, on_ready, c, &err);
  if (rc < 0) err.native = err.native != 0 ? err.native : (int)result;
  c->events->connected(c->payload, rc < 0 ? &err : NULL);
}

/* ---- bytes ---- */

enum ifl_io ifl_connection_recv(ifl_connection *c, void *buf, size_t n, size_t *used)
{
  *used = 0;
  CURLcode rc = curl_easy_recv(c->easy, buf, n, used);
  if (rc == CURLE_OK && *used > 0) {
    c->tls.heard = true;
    return IFL_IO_DATA;
  }
  if (rc == CURLE_AGAIN) return IFL_IO_AGAIN;
  c->cut = rc == CURLE_OK && c->is_tls && !c->tls.closed;
  if (rc == CURLE_OK && !c->cut) return IFL_IO_END;
  c->broken = rc;
  return IFL_IO_BROKEN;
}

enum ifl_io ifl_connection_send(ifl_connection *c, const void *buf, size_t n, size_t *used)
{
  *used = 0;
  CURLcode rc = curl_easy_send(c->easy, buf, n, used);
  if (rc == CURLE_OK && *used > 0) return IFL_IO_DATA;
  if (rc == CURLE_AGAIN || rc == CURLE_OK) return IFL_IO_AGAIN;
  c->broken = rc;
  return IFL_IO_BROKEN;
}

void ifl_connection_watch(ifl_connection *c, int events)
{
  ifl_poll_set(c->poll, events);
}

void ifl_connection_set_idle(ifl_connection *c, bool idle)
{
  ifl_poll_set_idle(c->poll, idle);
}

bool ifl_connection_resumed(const ifl_connection *c)
{
  return c->tls.resumed;
}

static int64_t microseconds(const ifl_connection *c, CURLINFO what)
{
  curl_off_t us = 0;
  curl_easy_getinfo(c->easy, what, &us);
  return us;
}

/* A proxy was named; curl says only by the port whether no_proxy spared it. */
static bool goes_by_proxy(const ifl_connection *c)
{
  int64_t port = info(c, CURLINFO_PRIMARY_PORT);
  const char *colon = c->proxy != NULL ? strrchr(c->proxy, ':') : NULL;
  return c->proxy != NULL && (port == 0 || colon == NULL || strtol(colon + 1, NULL, 10) == port);
}

void ifl_connection_get_way(const ifl_connection *c, struct ifl_connection_way *out)
{
  char *ip = NULL;
  curl_easy_getinfo(c->easy, CURLINFO_PRIMARY_IP, &ip);
  bool v6 = ip != NULL && strchr(ip, ':') != NULL;
  out->address[0] = '\0';
  if (ip != NULL && *ip != '\0')
    snprintf(out->address, sizeof out->address, "%s%s%s:%d", v6 ? "[" : "", ip, v6 ? "]" : "",
             (int)info(c, CURLINFO_PRIMARY_PORT));
  out->proxy = goes_by_proxy(c) ? c->proxy : NULL;
  out->dns_us = microseconds(c, CURLINFO_NAMELOOKUP_TIME_T);
  out->connect_us = microseconds(c, CURLINFO_CONNECT_TIME_T);
}

int ifl_connection_error(const ifl_connection *c, iflow_error *err)
{
  int rc = ifl_tls_watch_explain(&c->tls, c->authority, c->cafile, c->credential != NULL, err);
  if (rc < 0) return rc;
  if (c->cut)
    return ifl_fail(err, IFLOW_ERESET, "%s closed the connection without TLS's close_notify",
                    c->authority);
  if (c->broken == CURLE_OK)
    return ifl_fail(err, IFLOW_ERESET, "%s closed the connection", c->authority);
  return ifl_fail(err, IFLOW_ERESET, "the connection to %s broke: %s", c->authority,
                  os_text(c, c->error[0] != '\0' ? c->error : curl_easy_strerror(c->broken)));
}

const char *ifl_connection_library(void)
{
  return curl_version();
}
