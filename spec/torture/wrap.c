/* wrap.c -- linked into the module of the torture build with -Wl,--wrap: every allocation made by
 * iflow's own C code (not by the libraries') asks fault_hit first. In an interpreter without
 * fault_hit nothing ever fails. */
#include "fault.h"

#include <stdlib.h>
#include <string.h>

bool fault_hit(enum fault_kind kind) __attribute__((weak));

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

static bool fails(void)
{
  return fault_hit != NULL && fault_hit(FAULT_MALLOC);
}

void *__wrap_malloc(size_t n)
{
  return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
  return fails() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n)
{
  return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
  return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
  return fails() ? NULL : __real_strndup(s, n);
}
