/* queue.c -- see queue.h. */
#include "outbox/queue.h"

void ifl_queue_init(struct ifl_queue *q)
{
  q->first = NULL;
  q->last = &q->first;
}

void ifl_queue_push(struct ifl_queue *q, struct ifl_outbox_request *r)
{
  r->next_request = NULL;
  r->link = q->last;
  *q->last = r;
  q->last = &r->next_request;
}

struct ifl_outbox_request *ifl_queue_pop(struct ifl_queue *q)
{
  struct ifl_outbox_request *r = q->first;
  if (r == NULL) return NULL;
  q->first = r->next_request;
  if (q->first == NULL) q->last = &q->first;
  else q->first->link = &q->first;
  r->next_request = NULL;
  return r;
}

void ifl_queue_remove(struct ifl_queue *q, struct ifl_outbox_request *r)
{
  *r->link = r->next_request;
  if (r->next_request == NULL) q->last = r->link;
  else r->next_request->link = r->link;
  r->next_request = NULL;
}

void ifl_queue_append(struct ifl_queue *to, struct ifl_queue *from)
{
  if (from->first == NULL) return;
  from->first->link = to->last;
  *to->last = from->first;
  to->last = from->last;
  ifl_queue_init(from);
}
