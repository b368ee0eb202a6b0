/* charset.h -- text from one character set into another, piece by piece; iconv of the C library.
 * For bind/charset.c. */
#ifndef IFL_CODEC_CHARSET_H
#define IFL_CODEC_CHARSET_H

#include "iflow.h"

#define IFL_CHARSET_NAME_MAX 64 /* bytes of a name */

typedef struct ifl_charset ifl_charset;

/* What cannot be converted is an error; or, with replace, becomes U+FFFD, or a question mark where
 * the target has none. Errors: IFLOW_EINVAL (a name is unknown, or replace for a target with shift
 * states such as ISO-2022-JP), IFLOW_ENOMEM. */
int ifl_charset_new(ifl_charset **out, const char *to, const char *from, bool replace,
                    iflow_error *err);
void ifl_charset_free(ifl_charset *c);

/* Converts from *in (moved on, *n counted down) into out, at most cap (256 or more) bytes; *made
 * tells how many. All input is taken unless out is full: call again while *n > 0. What a piece ends
 * with of a character that goes on in the next piece is kept. Errors: IFLOW_ETRANSFORMDATA with the
 * place in the whole input; then the converter is of no more use. */
int ifl_charset_step(ifl_charset *c, const char **in, size_t *n, char *out, size_t cap,
                     size_t *made, iflow_error *err);
/* The input is complete: writes what ends it, and fails if a character is incomplete. */
int ifl_charset_finish(ifl_charset *c, char *out, size_t cap, size_t *made, iflow_error *err);
/* How many times something was replaced. */
uint64_t ifl_charset_replaced(const ifl_charset *c);

#endif
