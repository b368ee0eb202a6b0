/* claims.c -- see claims.h. The set is a hash table with linear probing. */
#include "outbox/claims.h"

#include "outbox/driver.h"

#include <stdlib.h>
#include <string.h>

/* ---- a set of numbers ------------------------------------------------------------------------ */

static size_t home(const struct ifl_set *s, uint64_t value)
{
  return (size_t)((value * 0x9e3779b97f4a7c15u) >> 20) & (s->cap - 1);
}

/* The slot of the value, or the free one where it would go. */
static size_t find(const struct ifl_set *s, uint64_t value)
{
  size_t i = home(s, value);
  while (s->slots[i] != 0 && s->slots[i] != value) i = (i + 1) & (s->cap - 1);
  return i;
}

bool ifl_set_has(const struct ifl_set *s, uint64_t value)
{
  return s->n > 0 && s->slots[find(s, value)] == value;
}

static bool grow(struct ifl_set *s)
{
  struct ifl_set bigger = { NULL, s->n, s->cap > 0 ? s->cap * 2 : 64 };
  bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
  if (bigger.slots == NULL) return false;
  for (size_t i = 0; i < s->cap; i++)
    if (s->slots[i] != 0) bigger.slots[find(&bigger, s->slots[i])] = s->slots[i];
  free(s->slots);
  *s = bigger;
  return true;
}

bool ifl_set_add(struct ifl_set *s, uint64_t value)
{
  if (s->n * 2 >= s->cap && !grow(s)) return false;
  size_t i = find(s, value);
  if (s->slots[i] == 0) s->n++;
  s->slots[i] = value;
  return true;
}

void ifl_set_remove(struct ifl_set *s, uint64_t value)
{
  if (!ifl_set_has(s, value)) return;
  size_t mask = s->cap - 1, hole = find(s, value);
  s->n--;
  /* Whatever was pushed past the hole moves back, or it would not be found any more. */
  for (size_t i = (hole + 1) & mask; s->slots[i] != 0; i = (i + 1) & mask) {
    if (((i - home(s, s->slots[i])) & mask) < ((i - hole) & mask)) continue;
    s->slots[hole] = s->slots[i];
    hole = i;
  }
  s->slots[hole] = 0;
}

void ifl_set_done(struct ifl_set *s)
{
  free(s->slots);
  memset(s, 0, sizeof *s);
}

/* ---- claims ---------------------------------------------------------------------------------- */

void ifl_claims_done(struct ifl_claims *c)
{
  ifl_set_done(&c->numbers);
  ifl_set_done(&c->keys);
  for (size_t i = 0; i < c->nsenders; i++) {
    free(c->senders[i].name);
    free(c->senders[i].again);
  }
  free(c->senders);
  memset(c, 0, sizeof *c);
}

struct ifl_claim_sender *ifl_claims_sender(struct ifl_claims *c, const char *name)
{
  for (size_t i = 0; i < c->nsenders; i++)
    if (strcmp(c->senders[i].name, name) == 0) return &c->senders[i];
  if (c->nsenders == IFL_OUTBOX_SENDERS_MAX) return NULL;
  struct ifl_claim_sender *grown = realloc(c->senders, (c->nsenders + 1) * sizeof *grown);
  if (grown == NULL) return NULL;
  c->senders = grown;
  struct ifl_claim_sender *s = &grown[c->nsenders];
  memset(s, 0, sizeof *s);
  s->name = strdup(name);
  if (s->name == NULL) return NULL;
  c->nsenders++;
  return s;
}

uint64_t ifl_claims_key(const char *sender, const char *key)
{
  uint64_t h = 0xcbf29ce484222325u; /* FNV-1a, the NUL between the two included */
  for (const char *s = sender;; s++) {
    h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    if (*s == '\0') break;
  }
  for (const char *s = key; *s != '\0'; s++) h = (h ^ (unsigned char)*s) * 0x100000001b3u;
  return h != 0 ? h : 1;
}

bool ifl_claims_add(struct ifl_claims *c, int64_t number, uint64_t key_hash)
{
  if (key_hash != 0 && !ifl_set_add(&c->keys, key_hash)) return false;
  if (ifl_set_add(&c->numbers, (uint64_t)number)) return true;
  if (key_hash != 0) ifl_set_remove(&c->keys, key_hash);
  return false;
}

void ifl_claims_remove(struct ifl_claims *c, int64_t number, uint64_t key_hash)
{
  if (!ifl_set_has(&c->numbers, (uint64_t)number)) return;
  ifl_set_remove(&c->numbers, (uint64_t)number);
  if (key_hash != 0) ifl_set_remove(&c->keys, key_hash);
}

/* ---- numbers worth another look: a binary heap, the smallest on top --------------------------- */

static bool make_room(struct ifl_claim_sender *s)
{
  if (s->nagain < s->cap) return true;
  size_t cap = s->cap > 0 ? s->cap * 2 : 64;
  int64_t *grown = realloc(s->again, cap * sizeof *grown);
  if (grown == NULL) return false;
  s->again = grown;
  s->cap = cap;
  return true;
}

void ifl_claims_again(struct ifl_claim_sender *s, int64_t number)
{
  if (!make_room(s)) {
    s->fresh = s->due = s->due_number = 0;
    return;
  }
  size_t i = s->nagain++;
  for (; i > 0 && s->again[(i - 1) / 2] > number; i = (i - 1) / 2)
    s->again[i] = s->again[(i - 1) / 2];
  s->again[i] = number;
}

int64_t ifl_claims_next(struct ifl_claim_sender *s)
{
  if (s->nagain == 0) return 0;
  int64_t top = s->again[0], last = s->again[--s->nagain];
  size_t i = 0;
  for (size_t child; (child = 2 * i + 1) < s->nagain; i = child) {
    if (child + 1 < s->nagain && s->again[child + 1] < s->again[child]) child++;
    if (s->again[child] >= last) break;
    s->again[i] = s->again[child];
  }
  s->again[i] = last;
  return top;
}

void ifl_claims_due(struct ifl_claim_sender *s, int64_t due)
{
  if (due > s->due) return;
  s->due = due - 1;
  s->due_number = INT64_MAX;
}
