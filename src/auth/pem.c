/* pem.c -- see pem.h. What is tolerated, and why:
 *   literal \n, \r, \t, \/       copied out of a JSON view (also doubly escaped)
 *   \r\n, blanks, no line breaks editors, shells, SAP's own sample for X.509
 *   no dashes after END LABEL    SAP's own sample
 *   bare base64                  as @sap/xssec does
 * What is not: a missing END line, foreign characters, wrong padding. Those are damaged copies, and
 * guessing would only move the error to the TLS handshake. */
#include "auth/pem.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/secret.h"

#include <stdio.h>
#include <string.h>

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";

#define MARK_LEN(mark) (sizeof(mark) - 1)

static const char *find(const char *from, const char *end, const char *mark)
{
  return memmem(from, (size_t)(end - from), mark, strlen(mark));
}

bool ifl_pem_found(const char *text, size_t n)
{
  return find(text, text + n, begin_mark) != NULL;
}

void ifl_pem_init(struct ifl_pem *p, const char *text, size_t n)
{
  *p = (struct ifl_pem) { .text = text, .n = n, .der = IFL_BUF_INIT(IFL_PEM_BODY_MAX) };
}

void ifl_pem_done(struct ifl_pem *p)
{
  ifl_buf_wipe(&p->der);
  p->n = p->pos = 0;
}

static bool is_space(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* White space, real or spelled out: \n with one or more backslashes. */
static const char *skip_space(const char *s, const char *end)
{
  while (s < end) {
    const char *t = s;
    while (t < end && *t == '\\') t++;
    if (t > s && t < end && strchr("nrt", *t) != NULL) s = t + 1;
    else if (is_space(*s)) s++;
    else break;
  }
  return s;
}

/* Behind a label: five dashes, or what a careless copy left of them, but not those of the next
 * block, which follow at once on a single line. */
static const char *skip_dashes(const char *s, const char *end)
{
  if ((size_t)(end - s) >= MARK_LEN(begin_mark) && memcmp(s, begin_mark, MARK_LEN(begin_mark)) == 0)
    return s;
  for (int i = 0; i < 5 && s < end && *s == '-'; i++) s++;
  return s;
}

/* The label after "-----BEGIN "; returns where the body begins, NULL when there is no label. */
static const char *read_label(struct ifl_pem *p, const char *s, const char *end)
{
  size_t n = 0;
  while (s + n < end &&
         ((s[n] >= 'A' && s[n] <= 'Z') || (s[n] >= '0' && s[n] <= '9') || s[n] == ' '))
    n++;
  const char *body = s + n;
  while (n > 0 && s[n - 1] == ' ') n--;
  if (n == 0 || n >= sizeof p->label) return NULL;
  memcpy(p->label, s, n);
  p->label[n] = '\0';
  return skip_dashes(body, end);
}

static bool skip_word(const char **s, const char *end, const char *word)
{
  const char *t = skip_space(*s, end);
  size_t len = strlen(word);
  if ((size_t)(end - t) < len || memcmp(t, word, len) != 0) return false;
  *s = t + len;
  return true;
}

/* Proc-Type and DEK-Info of an old-style encrypted key (RFC 1421). They need white space behind
 * them: on a line without any, the end of the initialisation vector cannot be known. */
static bool read_headers(struct ifl_pem *p, const char **s, const char *end)
{
  p->dek_info[0] = '\0';
  if (!skip_word(s, end, "Proc-Type:")) return true;
  if (!skip_word(s, end, "4,ENCRYPTED") || !skip_word(s, end, "DEK-Info:")) return false;
  const char *t = skip_space(*s, end);
  size_t n = 0;
  while (t + n < end && !is_space(t[n]) && t[n] != '\\') n++;
  if (n == 0 || n >= sizeof p->dek_info || t + n == end) return false;
  memcpy(p->dek_info, t, n);
  p->dek_info[n] = '\0';
  *s = t + n;
  return true;
}

static bool is_base64(char c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/' || c == '=';
}

/* Decodes [s, end) into p->der: first the base64 alone, then decoded in place. */
static int read_body(struct ifl_pem *p, const char *s, const char *end, iflow_error *err)
{
  ifl_buf_clear(&p->der);
  while ((s = skip_space(s, end)) < end) {
    if (*s == '\\' && s + 1 < end && s[1] == '/') s++; /* JSON writes "/" so, too */
    const char *t = s;
    while (t < end && is_base64(*t)) t++;
    if (t == s)
      return ifl_fail(err, IFLOW_ECERT,
                      "a character in the PEM block '%s' is not base64, at byte %zu", p->label,
                      (size_t)(s - p->text));
    int rc = ifl_buf_add(&p->der, s, (size_t)(t - s), err);
    if (rc < 0) return rc;
    s = t;
  }
  long n = p->der.len == 0
               ? -1
               : ifl_base64_decode((unsigned char *)p->der.data, p->der.data, p->der.len);
  if (n <= 0)
    return ifl_fail(err, IFLOW_ECERT, "the base64 of the PEM block '%s' is incomplete", p->label);
  p->der.len = (size_t)n;
  return 0;
}

/* Where the block that begins at p->pos ends: the place of its "-----END LABEL". */
static const char *find_end(struct ifl_pem *p, const char *body, const char *end)
{
  const char *stop = find(body, end, end_mark), *next = find(body, end, begin_mark);
  if (stop == NULL || (next != NULL && next < stop)) return NULL;
  const char *label = stop + MARK_LEN(end_mark);
  size_t len = strlen(p->label);
  if ((size_t)(end - label) < len || memcmp(label, p->label, len) != 0) return NULL;
  p->pos = (size_t)(skip_dashes(label + len, end) - p->text);
  return stop;
}

int ifl_pem_next(struct ifl_pem *p, iflow_error *err)
{
  const char *end = p->text + p->n, *s = p->n == 0 ? NULL : find(p->text + p->pos, end, begin_mark);
  if (s == NULL) return 0;
  if (++p->blocks > IFL_PEM_BLOCKS_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "more than %d PEM blocks", IFL_PEM_BLOCKS_MAX);
  const char *body = read_label(p, s + MARK_LEN(begin_mark), end);
  if (body == NULL)
    return ifl_fail(err, IFLOW_ECERT, "a BEGIN line without a label, at byte %zu",
                    (size_t)(s - p->text));
  const char *stop = find_end(p, body, end);
  if (stop == NULL)
    return ifl_fail(err, IFLOW_ECERT,
                    "the PEM block '%s' has no END line of its own; was the text cut?", p->label);
  if (!read_headers(p, &body, stop))
    return ifl_fail(err, IFLOW_ECERT, "the encryption headers of the PEM block '%s' are damaged",
                    p->label);
  int rc = read_body(p, body, stop, err);
  return rc < 0 ? rc : 1;
}

/* Base64 in lines of 64: 48 bytes a line. */
static int write_base64(struct ifl_buf *out, const struct ifl_buf *der, iflow_error *err)
{
  char line[66];
  int rc = 0;
  for (size_t i = 0; i < der->len && rc == 0; i += 48) {
    size_t n = ifl_base64(line, der->data + i, der->len - i < 48 ? der->len - i : 48);
    line[n++] = '\n';
    rc = ifl_buf_add(out, line, n, err);
  }
  ifl_wipe(line, sizeof line);
  return rc;
}

int ifl_pem_write(struct ifl_buf *out, const struct ifl_pem *p, iflow_error *err)
{
  int rc = ifl_buf_addf(out, err, "-----BEGIN %s-----\n", p->label);
  if (rc == 0 && p->dek_info[0] != '\0')
    rc = ifl_buf_addf(out, err, "Proc-Type: 4,ENCRYPTED\nDEK-Info: %s\n\n", p->dek_info);
  if (rc == 0) rc = write_base64(out, &p->der, err);
  return rc < 0 ? rc : ifl_buf_addf(out, err, "-----END %s-----\n", p->label);
}

/* What the DER of a bare base64 text is, by its first elements: the label it should have had. */
static const char *guess_label(const unsigned char *d, size_t n)
{
  if (n < 8 || d[0] != 0x30) return NULL;
  size_t head = d[1] < 0x80 ? 2 : 2 + (size_t)(d[1] & 0x7f); /* of the outer SEQUENCE */
  if (head + 4 > n) return NULL;
  d += head;
  if (d[0] == 0x02 && d[1] == 1 && d[2] == 0)                /* version 0, then … */
    return d[3] == 0x30 ? "PRIVATE KEY" : "RSA PRIVATE KEY"; /* … algorithm, or modulus */
  if (d[0] == 0x02 && d[1] == 1 && d[2] == 1) return "EC PRIVATE KEY";
  if (d[0] != 0x30) return NULL;
  size_t inner = d[1] < 0x80 ? 2 : 2 + (size_t)(d[1] & 0x7f);
  if (head + inner >= n) return NULL;
  return d[inner] == 0x06 ? "ENCRYPTED PRIVATE KEY" : "CERTIFICATE"; /* algorithm's OID first */
}

static int repair_bare(struct ifl_buf *out, const char *text, size_t n, iflow_error *err)
{
  struct ifl_pem p;
  const char *label = NULL;
  ifl_pem_init(&p, text, n);
  int rc = read_body(&p, text, text + n, NULL);
  if (rc == 0) label = guess_label((const unsigned char *)p.der.data, p.der.len);
  if (label == NULL) {
    rc = ifl_fail(err, IFLOW_ECERT, "no PEM block: '-----BEGIN …' is missing");
  } else {
    snprintf(p.label, sizeof p.label, "%s", label);
    rc = ifl_pem_write(out, &p, err);
  }
  ifl_pem_done(&p);
  return rc;
}

int ifl_pem_repair(struct ifl_buf *out, const char *text, size_t n, iflow_error *err)
{
  struct ifl_pem p;
  int rc;
  if (!ifl_pem_found(text, n)) return repair_bare(out, text, n, err);
  ifl_pem_init(&p, text, n);
  while ((rc = ifl_pem_next(&p, err)) > 0)
    if ((rc = ifl_pem_write(out, &p, err)) < 0) break;
  ifl_pem_done(&p);
  return rc;
}
