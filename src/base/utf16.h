/* utf16.h -- tells texts that Windows tools wrote with two bytes a character. */
#ifndef IFL_BASE_UTF16_H
#define IFL_BASE_UTF16_H

#include "iflow.h"
#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes begin like a text of Latin letters in UTF-16, with its mark or without. No DER,
 * ZIP or UTF-8 text begins so. */
bool ifl_utf16_found(const void *data, size_t n);

/* Fails with the code: what such a file is, and how it is made readable. Returns the code. */
int ifl_fail_utf16(iflow_error *err, int code, const void *data);

#endif
