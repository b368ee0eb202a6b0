/* token_answer.c -- what an answer of the token server means (sap-reference 4.2, 4.4): a token, or
 * one of the token.* errors with advice. Bytes come from outside: fuzzed in spec/fuzz. */
#include "auth/token_request.h"

#include "auth/token_retry.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIFETIME_DEFAULT_MS ((int64_t)300 * 1000) /* expires_in is only recommended: RFC 6749 */
#define LIFETIME_MAX_MS     ((int64_t)24 * 3600 * 1000) /* SAP allows 86400 s */
#define DETAIL_MAX          160                         /* of the server's own words */

/* ---- an answer with a token ------------------------------------------------------------------ */

/* It goes into a header field: visible ASCII only, or a server could add fields of its own. */
static bool is_token(const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (s[i] < 0x21 || s[i] > 0x7e) return false;
  return n > 0 && n <= IFL_TOKEN_MAX;
}

/* A number, or a number in a string, as some servers write it. -1: unusable. */
static int64_t lifetime_of(const ifl_json *v)
{
  double seconds;
  if (v == NULL) return LIFETIME_DEFAULT_MS;
  if (ifl_json_is_string(v)) {
    const char *text = ifl_json_string(v);
    char *end;
    seconds = strtod(text, &end);
    if (end == text || *end != '\0') return -1;
  } else if (ifl_json_is_number(v)) {
    seconds = ifl_json_number(v);
  } else {
    return -1;
  }
  if (!(seconds >= 0.001)) return -1; /* NaN too */
  return seconds * 1000 < (double)LIFETIME_MAX_MS ? (int64_t)(seconds * 1000) : LIFETIME_MAX_MS;
}

static int take_token(struct ifl_token_answer *out, const ifl_json *doc, iflow_error *err)
{
  const char *access = ifl_json_string(ifl_json_get(doc, "access_token"));
  const char *type = ifl_json_string(ifl_json_get(doc, "token_type"));
  int64_t lifetime = lifetime_of(ifl_json_get(doc, "expires_in"));
  if (access == NULL || !is_token(access, strlen(access)))
    return ifl_fail(err, IFLOW_ETOKENANSWER, "its JSON has no usable access_token");
  if (type != NULL && strcasecmp(type, "bearer") != 0)
    return ifl_fail(err, IFLOW_ETOKENANSWER, "its token_type is not bearer");
  if (lifetime < 0) return ifl_fail(err, IFLOW_ETOKENANSWER, "its expires_in is not a lifetime");
  ifl_secret *s = ifl_secret_new(access, strlen(access));
  if (s == NULL) return ifl_fail_nomem(err);
  out->access = s;
  out->lifetime_ms = lifetime;
  return 0;
}

static bool looks_like_html(const struct ifl_token_reply *r)
{
  size_t i = 0;
  while (i < r->len && strchr(" \t\r\n", r->body[i]) != NULL && r->body[i] != '\0') i++;
  return i < r->len && r->body[i] == '<';
}

/* ---- an answer without ----------------------------------------------------------------------- */

/* What the server says, fit for a person: cut, and nothing in it that is or looks like a secret. */
struct saying {
  char error[64];
  char text[DETAIL_MAX + 8];
};

static void quote(char *out, size_t size, const char *text, const struct ifl_token_opts *o)
{
  out[0] = '\0';
  if (text == NULL) return;
  if (o->secret != NULL && ifl_secret_len(o->secret) > 0 &&
      strstr(text, ifl_secret_data(o->secret)) != NULL)
    return;
  size_t n = strlen(text);
  if (n >= size) n = size - 1;
  while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--; /* whole characters only */
  memcpy(out, text, n);
  out[ifl_log_redact(out, n)] = '\0';
}

static void listen(struct saying *s, const ifl_json *doc, const struct ifl_token_opts *o)
{
  quote(s->error, sizeof s->error, ifl_json_string(ifl_json_get(doc, "error")), o);
  quote(s->text, sizeof s->text, ifl_json_string(ifl_json_get(doc, "error_description")), o);
}

static bool says(const struct saying *s, const char *error)
{
  return strcmp(s->error, error) == 0;
}

static int code_of_400(const struct saying *s)
{
  if (says(s, "invalid_scope")) return IFLOW_ETOKENSCOPE;
  if (says(s, "unsupported_grant_type") || says(s, "unauthorized_client")) return IFLOW_ETOKENGRANT;
  if (says(s, "invalid_client") || says(s, "unauthorized") || says(s, "invalid_grant"))
    return IFLOW_ETOKENREJECTED;
  return IFLOW_ETOKENREQUEST;
}

static int code_of(int status, const struct saying *s)
{
  switch (status) {
  case 400: return code_of_400(s);
  case 401:
  case 403:
    if (says(s, "unauthorized_client") || strcasestr(s->text, "grant type") != NULL)
      return IFLOW_ETOKENGRANT;
    return IFLOW_ETOKENREJECTED;
  case 404: return IFLOW_ETOKENNOTFOUND;
  case 408: return IFLOW_ETOKENUNAVAILABLE;
  case 429: return IFLOW_ETOKENLIMITED;
  default: break;
  }
  if (status >= 500) return IFLOW_ETOKENUNAVAILABLE;
  if (status >= 400) return IFLOW_ETOKENREQUEST;
  return IFLOW_ETOKENANSWER;
}

static void advise_rejected(iflow_error *err, const struct saying *s, const char *host,
                            const struct ifl_token_opts *o)
{
  bool unseen = strstr(s->text, "SecurityContext") != NULL ||
                strcasestr(s->text, "full authentication") != NULL;
  if (o->secret == NULL && strstr(host, ".cert.") == NULL)
    ifl_hint(err,
             "the host '%s' never asks for a certificate: a certificate key belongs to the host "
             "with '.authentication.cert.'; download the service key again",
             host);
  else if (o->secret == NULL && unseen)
    ifl_hint(err, "no certificate reached the server: check extended key usage clientAuth, dates "
                  "and that the chain is complete");
  else if (o->secret != NULL && strstr(host, ".cert.") != NULL)
    ifl_hint(err,
             "the host '%s' asks for a certificate, but the service key holds a secret: its "
             "tokenurl belongs to the host without '.cert.'",
             host);
  else if (o->secret == NULL)
    ifl_hint(err, "the certificate is in no service key of this client id, or it has expired: "
                  "check its dates and create or download the key again");
  else
    ifl_hint(err, "the secret was changed, or the key or its instance was deleted: download the "
                  "service key again (a key pasted through a shell loses what follows a '$')");
}

/* A field of the answer, quoted; "" when there is none. */
static void quote_field(char *out, size_t size, const struct ifl_token_reply *reply,
                        const char *name, const struct ifl_token_opts *o)
{
  quote(out, size, reply->headers != NULL ? ifl_headers_get(reply->headers, name) : NULL, o);
}

static void advise(iflow_error *err, const struct ifl_token_reply *reply, const struct saying *s,
                   const char *host, const struct ifl_token_opts *o)
{
  char to[DETAIL_MAX];
  if (err->code == IFLOW_ETOKENREJECTED) {
    advise_rejected(err, s, host, o);
  } else if (reply->status == 405 && o->grant_in_query) {
    ifl_hint(err, "this server takes grant_type in the body only: leave grant_type_in at \"body\"");
  } else if (reply->status >= 300 && reply->status < 400) {
    quote_field(to, sizeof to, reply, "Location", o);
    err->retryable = false;
    ifl_hint(err, "credentials are never sent on to another address (%s): correct tokenurl",
             to[0] != '\0' ? to : "none was given");
  }
}

static int refuse(const struct ifl_token_reply *reply, const ifl_json *doc,
                  const struct ifl_token_opts *o, iflow_error *err)
{
  struct saying s = { "", "" };
  struct ifl_url url = { 0 };
  iflow_error local;
  if (err == NULL) err = &local;
  if (doc != NULL) listen(&s, doc, o);
  const char *host = ifl_url_parse(&url, o->token_url, NULL) == 0 ? url.host : o->token_url;
  ifl_fail(err, code_of(reply->status, &s),
           "the token server %.200s answered client '%.80s' with %d%s%s%s%s%s", host, o->client_id,
           reply->status, s.error[0] != '\0' ? " " : "", s.error, s.text[0] != '\0' ? ": " : "",
           s.text, doc == NULL && looks_like_html(reply) ? " and an HTML page" : "");
  err->status = reply->status;
  err->retry_after_ms = ifl_retry_after_ms(reply->headers, ifl_clock_wall_ms());
  advise(err, reply, &s, host, o);
  ifl_url_done(&url);
  return err->code;
}

static int bad_answer(const struct ifl_token_reply *reply, const struct ifl_token_opts *o,
                      iflow_error *err)
{
  char type[DETAIL_MAX];
  const char *body = reply->len == 0 ? "an empty body" : "something";
  quote_field(type, sizeof type, reply, "Content-Type", o);
  if (looks_like_html(reply)) body = "an HTML page";
  int rc = ifl_fail(err, IFLOW_ETOKENANSWER, "%.200s answered %d with %s%s%s instead of a token",
                    o->token_url, reply->status, body, type[0] != '\0' ? " of type " : "", type);
  if (err != NULL) err->status = reply->status;
  return rc;
}

int ifl_token_answer_read(struct ifl_token_answer *out, const struct ifl_token_reply *reply,
                          const struct ifl_token_opts *opts, iflow_error *err)
{
  ifl_json *doc = NULL;
  int rc;
  if (reply->len > 0 &&
      ifl_json_parse(&doc, reply->body, reply->len, IFL_TOKEN_ANSWER_MAX, err) == IFLOW_ENOMEM)
    return IFLOW_ENOMEM;
  if (reply->status < 200 || reply->status > 299) {
    rc = refuse(reply, doc, opts, err);
  } else if (!ifl_json_is_object(doc)) {
    rc = bad_answer(reply, opts, err);
  } else {
    rc = take_token(out, doc, err);
    if (rc == IFLOW_ETOKENANSWER) {
      ifl_prefix(err, "%.200s answered %d, but", opts->token_url, reply->status);
      if (err != NULL) err->status = reply->status;
    }
  }
  ifl_json_free(doc);
  return rc;
}

/* ---- a refusal in the handshake -------------------------------------------------------------- */

static bool for_clients(X509 *leaf)
{
  uint32_t usage = X509_get_extended_key_usage(leaf); /* UINT32_MAX: no such extension, no limit */
  return (usage & XKU_SSL_CLIENT) != 0;
}

void ifl_credential_advise(iflow_error *err, const ifl_credential *c)
{
  if (err->code != IFLOW_ETLSCREDENTIALS || c == NULL || c->leaf == NULL) return;
  if (X509_cmp_current_time(X509_get0_notAfter(c->leaf)) < 0)
    ifl_hint(err, "the client certificate has expired: renew it and register it in a service key");
  else if (X509_cmp_current_time(X509_get0_notBefore(c->leaf)) > 0)
    ifl_hint(err, "the client certificate is not valid yet: check this machine's clock");
  else if (!for_clients(c->leaf))
    ifl_hint(err, "the certificate has no extended key usage clientAuth: it was issued for servers "
                  "only, ask the authority for one for clients");
}
