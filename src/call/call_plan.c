/* call_plan.c -- what calls of one kind share: address, method, fields, limits. Looked at once, for a
 * sender's thousand messages or for a single call. */
#include "call/call_private.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_MAX (16 * 1024)

/* ---- the address ----------------------------------------------------------------------------- */

static bool is_absolute(const char *to)
{
  return strncasecmp(to, "https://", 8) == 0 || strncasecmp(to, "http://", 7) == 0;
}

/* "ftp:" of ftp://host/x, also "host:" of host:80/x; a ':' behind the first '/' is one of the path. */
static size_t scheme_length(const char *to)
{
  size_t n = strcspn(to, ":/?#");
  return to[n] == ':' ? n + 1 : 0;
}

static int fail_scheme(const char *to, iflow_error *err)
{
  size_t n = scheme_length(to);
  ifl_fail(err, IFLOW_EURL,
           "the address begins with '%.*s', which is neither https:// nor http:// nor a path",
           n > 80 ? 80 : (int)n, to);
  ifl_hint(err, "write a path such as /http/orders, or a URL as https://host/path");
  return IFLOW_EURL;
}

static int add_path(struct ifl_buf *text, const char *url, const char *path, iflow_error *err)
{
  int rc = ifl_buf_adds(text, url, err);
  if (rc == 0 && path[0] != '/') rc = ifl_buf_add(text, "/", 1, err);
  return rc < 0 ? rc : ifl_buf_adds(text, path, err);
}

static int build_url(ifl_call_plan *p, const struct ifl_call_opts *o, iflow_error *err)
{
  struct ifl_buf text = IFL_BUF_INIT(URL_MAX);
  int rc;
  if (o->to == NULL || o->to[0] == '\0')
    return ifl_fail(err, IFLOW_EINVAL, "a call needs an address in 'to'");
  if (is_absolute(o->to)) rc = ifl_buf_adds(&text, o->to, err);
  else if (scheme_length(o->to) > 0) rc = fail_scheme(o->to, err);
  else if (p->tenant->url == NULL)
    rc = ifl_fail(err, IFLOW_EINVAL, "'%.200s' is a path, but the service key has no url", o->to);
  else rc = add_path(&text, p->tenant->url, o->to, err);
  if (rc == 0 && o->query != NULL && o->query[0] != '\0')
    rc = ifl_buf_addf(&text, err, "%c%s", strchr(o->to, '?') != NULL ? '&' : '?', o->query);
  if (rc == 0) rc = ifl_url_parse(&p->url, text.data, err);
  ifl_buf_done(&text);
  return rc;
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* Copies the user's fields. A Cookie is kept aside to be joined with the session's; an X-CSRF-Token
 * means that the user does the handshake. */
static int copy_headers(ifl_call_plan *p, const struct ifl_headers *from, iflow_error *err)
{
  int rc = 0;
  for (size_t i = 0; from != NULL && i < from->count && rc == 0; i++) {
    const char *name = ifl_headers_name(from, i), *value = ifl_headers_value(from, i);
    if (strcasecmp(name, "Authorization") == 0) {
      rc = ifl_fail(err, IFLOW_EHEADER, "the field Authorization is made by the call (see auth)");
    } else if (strcasecmp(name, "Cookie") == 0 && p->own_cookie == NULL) {
      p->own_cookie = strdup(value);
      if (p->own_cookie == NULL) rc = ifl_fail_nomem(err);
    } else {
      if (strcasecmp(name, "X-CSRF-Token") == 0) p->opts.csrf = IFL_CSRF_NEVER;
      rc = ifl_headers_add(&p->headers, name, strlen(name), value, strlen(value), err);
    }
  }
  return rc;
}

static int copy_texts(ifl_call_plan *p, const struct ifl_call_opts *o, iflow_error *err)
{
  p->opts = *o;
  p->opts.headers = NULL; /* borrowed for now only: */
  p->opts.to = p->opts.query = p->opts.method = NULL;
  p->opts.expect = NULL;
  p->method = strdup(o->method);
  p->expect = calloc(o->expect_count + 1, sizeof *p->expect);
  if (p->method == NULL || p->expect == NULL) return ifl_fail_nomem(err);
  for (size_t i = 0; i < o->expect_count; i++) p->expect[i] = o->expect[i];
  return copy_headers(p, o->headers, err);
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool is_modifying(const char *method)
{
  return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
         strcmp(method, "OPTIONS") != 0;
}

static int check_credential(const ifl_tenant *t, enum ifl_auth auth, iflow_error *err)
{
  if (auth == IFL_AUTH_CERTIFICATE && t->credential == NULL)
    return ifl_fail(err, IFLOW_ECERTNONE,
                    "the call is to present a certificate, but the tenant of "
                    "%.200s has none",
                    ifl_service_key_name(t->key));
  if (auth == IFL_AUTH_BASIC && ifl_service_key_secret(t->key) == NULL)
    return ifl_fail(err, IFLOW_EINVAL,
                    "Basic needs a client secret, but %.200s is a key of type '%s'",
                    ifl_service_key_name(t->key), ifl_service_key_type_name(t->key));
  return 0;
}

void ifl_call_opts_init(struct ifl_call_opts *o)
{
  *o = (struct ifl_call_opts) { .method = "POST" };
}

int ifl_call_plan_new(ifl_call_plan **out, ifl_tenant *tenant, const struct ifl_call_opts *opts,
                      iflow_error *err)
{
  int rc = check_credential(tenant, opts->auth, err);
  if (rc < 0) return rc;
  ifl_call_plan *p = calloc(1, sizeof *p);
  if (p == NULL) return ifl_fail_nomem(err);
  p->refs = 1;
  p->tenant = ifl_tenant_ref(tenant);
  ifl_headers_init(&p->headers);
  rc = copy_texts(p, opts, err);
  if (rc == 0) rc = build_url(p, opts, err);
  if (rc == 0 && is_modifying(p->method))
    rc = ifl_csrf_open(&p->session, &tenant->csrfs, opts->auth, &p->url, err);
  if (rc < 0) ifl_call_plan_unref(p);
  else *out = p;
  return rc;
}

ifl_call_plan *ifl_call_plan_ref(ifl_call_plan *p)
{
  p->refs++;
  return p;
}

void ifl_call_plan_unref(ifl_call_plan *p)
{
  if (p == NULL || --p->refs > 0) return;
  ifl_csrf_unref(p->session);
  ifl_headers_done(&p->headers);
  ifl_url_done(&p->url);
  ifl_wipe_free(p->own_cookie);
  free(p->method);
  free(p->expect);
  ifl_tenant_unref(p->tenant);
  free(p);
}
