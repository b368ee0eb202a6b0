/* types.c -- the lists that pass between the outbox, its backends and the binding. */
#include "outbox/driver.h"

#include <stdlib.h>
#include <string.h>

/* Room for one more item of size bytes, zeroed; NULL when memory is out. */
static void *add(void **items, size_t *n, size_t *cap, size_t size)
{
  if (*n == *cap) {
    size_t more = *cap > 0 ? *cap * 2 : 16;
    void *grown = realloc(*items, more * size);
    if (grown == NULL) return NULL;
    *items = grown;
    *cap = more;
  }
  char *item = (char *)*items + (*n)++ * size;
  memset(item, 0, size);
  return item;
}

struct ifl_outbox_message *ifl_outbox_list_add(struct ifl_outbox_list *list)
{
  void *items = list->items;
  void *item = add(&items, &list->n, &list->cap, sizeof *list->items);
  list->items = items;
  return item;
}

struct ifl_outbox_event *ifl_outbox_history_add(struct ifl_outbox_history *h)
{
  void *items = h->items;
  void *item = add(&items, &h->n, &h->cap, sizeof *h->items);
  h->items = items;
  return item;
}

struct ifl_outbox_stat *ifl_outbox_stats_add(struct ifl_outbox_stats *s)
{
  void *items = s->items;
  void *item = add(&items, &s->n, &s->cap, sizeof *s->items);
  s->items = items;
  return item;
}

void ifl_outbox_message_done(struct ifl_outbox_message *m)
{
  free(m->sender);
  free(m->id);
  free(m->key);
  free(m->about);
  free(m->body);
  free(m->file);
  free(m->message_id);
  free(m->code);
  free(m->text);
  memset(m, 0, sizeof *m);
}

static void attempt_done(struct ifl_outbox_attempt *a)
{
  free(a->message_id);
  free(a->code);
  free(a->text);
  memset(a, 0, sizeof *a);
}

void ifl_outbox_change_done(struct ifl_outbox_change *c)
{
  attempt_done(&c->attempt);
}

void ifl_outbox_list_done(struct ifl_outbox_list *list)
{
  for (size_t i = 0; i < list->n; i++) ifl_outbox_message_done(&list->items[i]);
  free(list->items);
  memset(list, 0, sizeof *list);
}

void ifl_outbox_history_done(struct ifl_outbox_history *h)
{
  for (size_t i = 0; i < h->n; i++) attempt_done(&h->items[i].about);
  free(h->items);
  memset(h, 0, sizeof *h);
}

void ifl_outbox_stats_done(struct ifl_outbox_stats *s)
{
  for (size_t i = 0; i < s->n; i++) free(s->items[i].sender);
  free(s->items);
  memset(s, 0, sizeof *s);
}
