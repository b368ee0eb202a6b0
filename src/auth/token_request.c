/* token_request.c -- building the request for an access token (sap-reference 4.1). The answer is
 * read in token_answer.c. */
#include "auth/token_request.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define FORM_MAX (32 * 1024) /* SAP takes 1 MB, but nothing we send comes near */

int ifl_form_encode(struct ifl_buf *out, const char *data, size_t n, iflow_error *err)
{
  static const char hex[] = "0123456789ABCDEF";
  static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-._";
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)data[i];
    char code[3] = { '%', hex[c >> 4], hex[c & 15] };
    int rc;
    if (c != '\0' && strchr(kept, c) != NULL) rc = ifl_buf_add(out, &data[i], 1, err);
    else if (c == ' ') rc = ifl_buf_add(out, "+", 1, err);
    else rc = ifl_buf_add(out, code, 3, err);
    if (rc < 0) return rc;
  }
  return 0;
}

static int add_parameter(struct ifl_buf *form, const char *name, const char *value, size_t n,
                         iflow_error *err)
{
  int rc = ifl_buf_addf(form, err, "%s%s=", form->len > 0 ? "&" : "", name);
  return rc < 0 ? rc : ifl_form_encode(form, value, n, err);
}

/* Everything that is not secret: grant type, the client id where Basic does not carry it, scope. */
static int public_parameters(struct ifl_buf *form, const struct ifl_token_opts *o, iflow_error *err)
{
  int rc = add_parameter(form, "grant_type", "client_credentials", 18, err);
  if (rc == 0 && (o->secret == NULL || o->secret_in_body))
    rc = add_parameter(form, "client_id", o->client_id, strlen(o->client_id), err);
  if (rc == 0 && o->scope != NULL)
    rc = add_parameter(form, "scope", o->scope, strlen(o->scope), err);
  return rc;
}

static int secret_parameter(struct ifl_buf *form, const struct ifl_token_opts *o, iflow_error *err)
{
  if (o->secret == NULL || !o->secret_in_body) return 0;
  return add_parameter(form, "client_secret", ifl_secret_data(o->secret), ifl_secret_len(o->secret),
                       err);
}

/* The token URL is taken verbatim; the query form appends to a query that is there already. */
static int build_url(struct ifl_token_request *r, const struct ifl_token_opts *o,
                     const struct ifl_buf *query, iflow_error *err)
{
  struct ifl_buf text = IFL_BUF_INIT(FORM_MAX);
  int rc = 0;
  if (query->len > 0)
    rc = ifl_buf_addf(&text, err, "%s%c%s", o->token_url,
                      strchr(o->token_url, '?') != NULL ? '&' : '?', query->data);
  if (rc == 0) rc = ifl_url_parse(&r->url, query->len > 0 ? text.data : o->token_url, err);
  if (rc < 0) ifl_prefix(err, "token URL");
  ifl_buf_done(&text);
  return rc;
}

/* Both halves are form-encoded first, which the second header announces: right for a UAA that
 * decodes always and for one that decodes only then (sap-reference 4.1). */
static int add_basic(struct ifl_headers *headers, const struct ifl_token_opts *o, iflow_error *err)
{
  struct ifl_buf pair = IFL_BUF_INIT(FORM_MAX), value = IFL_BUF_INIT(2 * FORM_MAX);
  int rc = ifl_form_encode(&pair, o->client_id, strlen(o->client_id), err);
  if (rc == 0) rc = ifl_buf_add(&pair, ":", 1, err);
  if (rc == 0)
    rc = ifl_form_encode(&pair, ifl_secret_data(o->secret), ifl_secret_len(o->secret), err);
  if (rc == 0) rc = ifl_buf_adds(&value, "Basic ", err);
  if (rc == 0) rc = ifl_buf_reserve(&value, ifl_base64_size(pair.len), err);
  if (rc == 0) {
    value.len += ifl_base64(value.data + value.len, pair.data, pair.len);
    rc = ifl_headers_add(headers, "Authorization", 13, value.data, value.len, err);
  }
  if (rc == 0) rc = ifl_headers_add(headers, "X-CF-ENCODED-CREDENTIALS", 24, "true", 4, err);
  ifl_buf_wipe(&pair);
  ifl_buf_wipe(&value);
  return rc;
}

static int build_headers(struct ifl_token_request *r, const struct ifl_token_opts *o,
                         iflow_error *err)
{
  static const char form[] = "application/x-www-form-urlencoded";
  int rc = ifl_headers_add(&r->headers, "Accept", 6, "application/json", 16, err);
  if (rc == 0 && r->body.len > 0)
    rc = ifl_headers_add(&r->headers, "Content-Type", 12, form, sizeof form - 1, err);
  if (rc == 0 && o->secret != NULL && !o->secret_in_body) rc = add_basic(&r->headers, o, err);
  return rc;
}

static int check(const struct ifl_token_opts *o, iflow_error *err)
{
  if (o->token_url == NULL) return ifl_fail(err, IFLOW_EINVAL, "a token source needs a token URL");
  if (o->client_id == NULL || o->client_id[0] == '\0')
    return ifl_fail(err, IFLOW_EINVAL, "a token source needs a client id");
  if (o->secret == NULL && o->credential == NULL)
    return ifl_fail(err, IFLOW_EINVAL, "a token source needs a secret or a certificate");
  return 0;
}

int ifl_token_request_init(struct ifl_token_request *out, const struct ifl_token_opts *opts,
                           iflow_error *err)
{
  struct ifl_token_request r = { .body = IFL_BUF_INIT(FORM_MAX) };
  struct ifl_buf query = IFL_BUF_INIT(FORM_MAX);
  ifl_headers_init(&r.headers);
  int rc = check(opts, err);
  if (rc == 0) rc = public_parameters(opts->grant_in_query ? &query : &r.body, opts, err);
  if (rc == 0) rc = secret_parameter(&r.body, opts, err);
  if (rc == 0) rc = build_url(&r, opts, &query, err);
  if (rc == 0) rc = build_headers(&r, opts, err);
  if (rc < 0) ifl_token_request_done(&r);
  else *out = r;
  ifl_buf_done(&query);
  return rc;
}

void ifl_token_fingerprint(char hex[65], const struct ifl_token_opts *opts)
{
  if (opts->secret != NULL)
    ifl_sha256_hex_parts(hex, opts->client_id, strlen(opts->client_id),
                         ifl_secret_data(opts->secret), ifl_secret_len(opts->secret));
  else memcpy(hex, opts->credential->fingerprint, 65);
}

void ifl_token_request_done(struct ifl_token_request *r)
{
  ifl_url_done(&r->url);
  ifl_headers_done(&r->headers);
  ifl_buf_wipe(&r->body);
}
