/* queue.h -- queues of requests, linked through them. */
#ifndef IFL_OUTBOX_QUEUE_H
#define IFL_OUTBOX_QUEUE_H

#include "outbox/outbox.h"

struct ifl_queue {
  struct ifl_outbox_request *first, **last;
};

void ifl_queue_init(struct ifl_queue *q);
void ifl_queue_push(struct ifl_queue *q, struct ifl_outbox_request *r);
struct ifl_outbox_request *ifl_queue_pop(struct ifl_queue *q); /* NULL: empty */
void ifl_queue_remove(struct ifl_queue *q, struct ifl_outbox_request *r);
void ifl_queue_append(struct ifl_queue *to, struct ifl_queue *from); /* empties from */

#endif
