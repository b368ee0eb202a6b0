/* watch.h -- a watched directory: tells when something in it is made, written, renamed or removed.
 * For bind/file_watch.c. Only what this machine does is seen: other clients of a network file
 * system cause no event, so whoever relies on it looks by itself now and then, too. */
#ifndef IFL_NET_WATCH_H
#define IFL_NET_WATCH_H

#include "net/loop.h"

typedef struct ifl_watch ifl_watch;

/* changed is called from the loop, once or more often for a change, also when the directory itself
 * goes away. Errors: IFLOW_ENOENT, IFLOW_EACCESS, IFLOW_ESYSTEM (the system's limit of watches). */
int ifl_watch_new(ifl_watch **out, iflow_loop *loop, const char *dir,
                  void (*changed)(void *payload), void *payload, iflow_error *err);
/* No callback runs afterwards. */
void ifl_watch_free(ifl_watch *w);

#endif
