/* token_retry.h -- SAP's retry table for the token endpoint (sap-reference 4.5), and the reading of
 * Retry-After and of dates, which calls need too. */
#ifndef IFL_AUTH_TOKEN_RETRY_H
#define IFL_AUTH_TOKEN_RETRY_H

#include "net/http1.h"

#define IFL_RETRY_AFTER_MAX_MS ((int64_t)24 * 3600 * 1000) /* nobody is told to wait for longer */
#define IFL_TOKEN_WAIT_MAX_MS  ((int64_t)60 * 1000) /* a token fetch never sleeps for longer */

/* Milliseconds since 1970 of a date in any form that RFC 9110 and RFC 6265 know; -1: none. */
int64_t ifl_http_date_ms(const char *text, size_t n);

/* The wait that Retry-After asks for: seconds or a date (RFC 9110, 10.2.3), capped at a day; -1 when
 * there is no such header or nobody can read it. now_ms is the wall clock, for dates. */
int64_t ifl_retry_after_ms(const struct ifl_headers *headers, int64_t now_ms);

/* The wait before the next try of a token request that failed with err, after `tries` tries;
 * -1 when the table says to stop: four tries were made, repeating cannot help, or the server asks
 * for a longer wait than a fetch may take (then the caller gets err with its retry_after_ms). */
int64_t ifl_token_retry_ms(const iflow_error *err, int tries);

#endif
