/* classify.c -- see classify.h. The order of diagnosis is sap-reference 8.1's, the retry rules are
 * 8.2's; texts of SAP are recognised only to give better advice, never to decide the outcome. */
#include "call/classify.h"

#include "auth/token_request.h"
#include "auth/token_retry.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ID_MIN    20
#define SCAN_MAX  (64 * 1024) /* bytes of a body that are looked at */
#define QUOTE_MAX 120         /* bytes of a body that stand in a message */

/* ---- the message processing log id ----------------------------------------------------------- */

static bool take_id(char out[IFL_MESSAGE_ID_MAX + 1], const char *s, size_t n)
{
  size_t len = 0;
  while (len < n && (isalnum((unsigned char)s[len]) || s[len] == '-' || s[len] == '_')) len++;
  if (len < ID_MIN || len > IFL_MESSAGE_ID_MAX) return false;
  memcpy(out, s, len);
  out[len] = '\0';
  return true;
}

/* "An internal server error occured: The MPL ID for the failed message is : AGn4UgBohP2k…" */
static bool id_from_text(char out[IFL_MESSAGE_ID_MAX + 1], const char *body, size_t len)
{
  static const char before[] = "MPL ID for the failed message is";
  if (len > SCAN_MAX) len = SCAN_MAX;
  const char *end = body + len, *p = body;
  while ((p = memmem(p, (size_t)(end - p), before, sizeof before - 1)) != NULL) {
    p += sizeof before - 1;
    const char *q = p;
    while (q < end && isspace((unsigned char)*q)) q++;
    if (q == end || *q++ != ':') continue;
    while (q < end && isspace((unsigned char)*q)) q++;
    if (take_id(out, q, (size_t)(end - q))) return true;
  }
  return false;
}

bool ifl_message_id(char out[IFL_MESSAGE_ID_MAX + 1], const struct ifl_ending *end)
{
  const char *id =
      end->headers != NULL ? ifl_headers_get(end->headers, "SAP_MessageProcessingLogID") : NULL;
  out[0] = '\0';
  if (id != NULL && take_id(out, id, strlen(id)) && strlen(out) == strlen(id)) return true;
  out[0] = '\0';
  return end->status >= 300 && end->len > 0 && id_from_text(out, end->body, end->len);
}

/* ---- repairs --------------------------------------------------------------------------------- */

static bool csrf_required(const struct ifl_ending *end)
{
  const char *v = end->headers != NULL ? ifl_headers_get(end->headers, "X-CSRF-Token") : NULL;
  return end->status == 403 && v != NULL && strcasecmp(v, "required") == 0;
}

enum ifl_repair ifl_repair_wanted(const struct ifl_ending *end)
{
  char id[IFL_MESSAGE_ID_MAX + 1];
  if (end->broken != NULL || (end->status != 401 && end->status != 403)) return IFL_REPAIR_NONE;
  if (ifl_message_id(id, end)) return IFL_REPAIR_NONE;
  if (csrf_required(end)) return IFL_REPAIR_CSRF;
  if (end->auth != IFL_AUTH_TOKEN) return IFL_REPAIR_NONE;
  return end->status == 401 ? IFL_REPAIR_TOKEN : IFL_REPAIR_ROLE;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool body_has(const struct ifl_ending *end, const char *text)
{
  size_t n = end->len < SCAN_MAX ? end->len : SCAN_MAX;
  return n > 0 && memmem(end->body, n, text, strlen(text)) != NULL;
}

/* Length of the UTF-8 character at s, 0 when there is none. */
static size_t utf8_char(const char *s, size_t n)
{
  unsigned char c = (unsigned char)s[0];
  size_t len = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 4;
  if (len > n || (c >= 0x80 && c < 0xc2) || c > 0xf4) return 0;
  for (size_t i = 1; i < len; i++)
    if (((unsigned char)s[i] & 0xc0) != 0x80) return 0;
  return len;
}

/* The first line of a body that is text, for a message: cut, UTF-8, without secrets. */
static void quote(char out[QUOTE_MAX + 8], const struct ifl_ending *end)
{
  size_t i = 0, n = 0;
  while (i < end->len && isspace((unsigned char)end->body[i])) i++;
  while (i < end->len && end->body[i] != '\n' && n < QUOTE_MAX) {
    size_t len = utf8_char(end->body + i, end->len - i);
    if (len == 0 || n + len > QUOTE_MAX) break;
    memcpy(out + n, end->body + i, len);
    i += len;
    n += len;
  }
  if (n > 0 && out[0] == '<') n = 0; /* a page or XML: nothing to read in one line */
  out[ifl_log_redact(out, n)] = '\0';
}

/* "POST https://host/path answered 404", and what else is to say. The query stays out: it may hold
 * what nobody should read. */
static int say(struct ifl_verdict *v, const struct ifl_ending *end, int code, const char *what,
               const char *more)
{
  ifl_fail(&v->err, code, "%s %s://%s%.*s %s%s%s", end->method, end->url->tls ? "https" : "http",
           end->url->authority, (int)strcspn(end->url->target, "?"), end->url->target, what,
           more[0] != '\0' ? ": " : "", more);
  v->err.status = end->status;
  return code;
}

static int answered(struct ifl_verdict *v, const struct ifl_ending *end, int code)
{
  char what[32], text[QUOTE_MAX + 8];
  snprintf(what, sizeof what, "answered %d", end->status);
  quote(text, end);
  return say(v, end, code, what, text);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void unauthorized(struct ifl_verdict *v, const struct ifl_ending *end)
{
  answered(v, end, IFLOW_EUNAUTHORIZED);
  if (body_has(end, "exactly once in a service key"))
    ifl_hint(&v->err,
             "the certificate is in no service key of plan integration-flow, or in several; "
             "trial tenants do not take certificates");
  else if (end->auth == IFL_AUTH_CERTIFICATE)
    ifl_hint(&v->err,
             "the load balancer passed no certificate on: it could build no chain to a root "
             "that it trusts; send the intermediates, check the root against SAP's list");
  else if (end->auth == IFL_AUTH_BASIC)
    ifl_hint(&v->err, "client id or secret is not the runtime's: download the service key again");
  else if (body_has(end, "SecurityContext"))
    ifl_hint(&v->err, "no Authorization header arrived: does a proxy on the way remove it?");
  else
    ifl_hint(&v->err, "a fresh token is refused: is it of plan integration-flow (not api), and of "
                      "this tenant?");
}

static void forbidden(struct ifl_verdict *v, const struct ifl_ending *end)
{
  char text[IFLOW_MESSAGE_MAX];
  if (csrf_required(end)) {
    answered(v, end, IFLOW_ECSRF);
    return;
  }
  snprintf(text, sizeof text, "%s%s",
           end->roles == NULL      ? "no role fits the sender channel"
           : end->roles[0] == '\0' ? "the token has no role"
                                   : "no role fits the sender channel; the token has: ",
           end->roles != NULL ? end->roles : "");
  say(v, end, IFLOW_EFORBIDDEN, "answered 403", text);
}

static void not_found(struct ifl_verdict *v, const struct ifl_ending *end)
{
  const char *router =
      end->headers != NULL ? ifl_headers_get(end->headers, "X-Cf-RouterError") : NULL;
  answered(v, end, IFLOW_ENOTFOUND);
  if (router != NULL && strcmp(router, "unknown_route") == 0)
    ifl_hint(&v->err,
             "the platform knows no such host: wrong host name, the tenant was removed, or "
             "its runtime is down");
}

static void redirected(struct ifl_verdict *v, const struct ifl_ending *end)
{
  const char *to = end->headers != NULL ? ifl_headers_get(end->headers, "Location") : NULL;
  answered(v, end, IFLOW_EREDIRECTED);
  ifl_hint(&v->err,
           "it points to %.250s, but a token is never sent to another address: correct the "
           "URL",
           to != NULL ? to : "nowhere");
}

static void in_doubt(struct ifl_verdict *v, const struct ifl_ending *end, const char *what,
                     const char *more)
{
  v->outcome = IFL_IN_DOUBT;
  say(v, end, IFLOW_EINDOUBT, what, more);
  if (v->message_id[0] != '\0')
    ifl_hint(&v->err,
             "look up its message processing log before the message is sent again: iflow tenant "
             "log %s",
             v->message_id);
}

static void retryable(struct ifl_verdict *v, const struct ifl_ending *end)
{
  v->outcome = IFL_RETRYABLE;
  answered(v, end, IFLOW_EUNAVAILABLE);
  v->err.retry_after_ms = ifl_retry_after_ms(end->headers, ifl_clock_wall_ms());
}

static bool is_redirection(const struct ifl_ending *end)
{
  return end->status >= 300 && end->status < 400;
}

/* It carries a message processing log id: the flow ran and this is its answer. */
static void from_flow(struct ifl_verdict *v, const struct ifl_ending *end)
{
  if (is_redirection(end)) {
    redirected(v, end);
    return;
  }
  answered(v, end, end->status == 500 ? IFLOW_EFLOWFAILED : IFLOW_EREJECTED);
  ifl_hint(
      &v->err,
      "the flow ran and answered this; its message processing log tells more: iflow tenant log "
      "%s",
      v->message_id);
}

static void by_status(struct ifl_verdict *v, const struct ifl_ending *end)
{
  char what[32];
  if (is_redirection(end)) {
    redirected(v, end);
    return;
  }
  switch (end->status) {
  case 401: unauthorized(v, end); break;
  case 403: forbidden(v, end); break;
  case 404: not_found(v, end); break;
  case 405:
    answered(v, end, IFLOW_EREJECTED);
    ifl_hint(&v->err, "the endpoint does not take the method %s", end->method);
    break;
  case 413: answered(v, end, IFLOW_ETOOLARGE); break;
  case 408: /* the request did not arrive whole: the flow did not run */
  case 429:
  case 503: retryable(v, end); break;
  case 502:
  case 504:
    snprintf(what, sizeof what, "answered %d", end->status);
    if (end->idempotent) retryable(v, end);
    else in_doubt(v, end, what, "a worker got the message and gave no answer");
    break;
  default:
    answered(v, end,
             body_has(end, "exceeds configured size limit") ? IFLOW_ETOOLARGE : IFLOW_EREJECTED);
  }
}

static bool is_answer(const struct ifl_ending *end)
{
  if (end->status >= 200 && end->status < 300) return true;
  for (size_t i = 0; i < end->expect_count; i++)
    if (end->expect[i] == end->status) return true;
  return false;
}

/* ---- broken off ------------------------------------------------------------------------------ */

static void broken_off(struct ifl_verdict *v, const struct ifl_ending *end)
{
  const iflow_error *why = end->broken;
  if (end->sent != IFL_SENT_NOTHING && why->code != IFLOW_ETLSCREDENTIALS &&
      !(end->idempotent && why->retryable)) {
    v->cause = *why;
    in_doubt(v, end,
             end->sent == IFL_SENT_SOME ? "was sent, no answer came"
                                        : "was sent, the answer broke off",
             why->message);
    v->err.native = why->native;
    return;
  }
  v->outcome = why->retryable ? IFL_RETRYABLE : IFL_REJECTED;
  v->err = *why;
  v->err.status = end->status;
  ifl_prefix(&v->err, "%s %s://%s%.*s", end->method, end->url->tls ? "https" : "http",
             end->url->authority, (int)strcspn(end->url->target, "?"), end->url->target);
}

void ifl_verdict_init(struct ifl_verdict *v, enum ifl_outcome outcome)
{
  v->outcome = outcome;
  v->message_id[0] = '\0';
  ifl_error_clear(&v->err);
  ifl_error_clear(&v->cause);
}

void ifl_judge(struct ifl_verdict *v, const struct ifl_ending *end)
{
  ifl_verdict_init(v, IFL_REJECTED);
  ifl_message_id(v->message_id, end);
  if (end->broken != NULL) broken_off(v, end);
  else if (is_answer(end)) v->outcome = IFL_DELIVERED;
  else if (v->message_id[0] != '\0') from_flow(v, end);
  else by_status(v, end);
}
