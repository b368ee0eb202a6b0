/* json.h -- JSON documents with a known shape: service keys, token answers, configuration.
 * The only header behind which cJSON is used; json.c is the only file that sees it. Messages of
 * users do not pass here (codec/json.h: exact numbers, no tree in between). */
#ifndef IFL_BASE_JSON_H
#define IFL_BASE_JSON_H

#include "iflow.h"

typedef struct ifl_json ifl_json; /* a parsed document, or (borrowed) a value inside it */

/* Parses n bytes. Refused with IFLOW_EJSON and the offset: nesting over 32, more than 10,000
 * values, the same member twice in an object, a NUL byte or \u0000, invalid UTF-8, trailing bytes,
 * numbers no double can hold, and whatever else RFC 8259 does not allow.
 * A byte order mark is skipped. n above max_bytes: IFLOW_ELIMIT. The texts of the document never
 * appear in the error. Caller: ifl_json_free, which wipes every string. */
int ifl_json_parse(ifl_json **out, const char *text, size_t n, size_t max_bytes, iflow_error *err);
void ifl_json_free(ifl_json *doc);

/* Borrowed from the document; NULL when there is no such member or parent is not an object. */
const ifl_json *ifl_json_get(const ifl_json *parent, const char *name);
bool ifl_json_is_object(const ifl_json *v);
bool ifl_json_is_string(const ifl_json *v);
bool ifl_json_is_number(const ifl_json *v);
/* "object", "array", "string", "number", "boolean", "null" or "nothing" for NULL. */
const char *ifl_json_type(const ifl_json *v);
/* The text of a string, NULL for anything else. Borrowed. */
const char *ifl_json_string(const ifl_json *v);
double ifl_json_number(const ifl_json *v); /* 0 for anything else */
/* i-th element of an array, NULL past the end or for anything else. */
const ifl_json *ifl_json_item(const ifl_json *array, size_t i);
/* i-th member of an object: its name, or NULL past the end. */
const char *ifl_json_member(const ifl_json *object, size_t i, const ifl_json **value);

/* The version of cJSON. */
const char *ifl_json_library(void);

#endif
