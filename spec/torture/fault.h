/* fault.h -- what the parts of the torture build share: the n-th C allocation of our own code, the
 * n-th growth of Lua's memory, the n-th send or receive of a socket can be made to fail. */
#ifndef IFLOW_SPEC_FAULT_H
#define IFLOW_SPEC_FAULT_H

#include <stdbool.h>

enum fault_kind {
  FAULT_MALLOC,
  FAULT_LUA,
  FAULT_SEND,
  FAULT_RECV,
  FAULT_TRICKLE, /* no failure: from the n-th on, sends and receives move one byte each */
  FAULT_KINDS
};

/* Whether this event is the one that must fail. Weak in the module, which stock Lua loads too. */
__attribute__((visibility("default"))) bool fault_hit(enum fault_kind kind);

#endif
