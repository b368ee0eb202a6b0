/* claims.h -- what a backend that owns its file alone remembers of claims: what is out, which order
 * keys are, and how far each sender's queue was read. Cursors in memory keep a claim as cheap at a
 * backlog of a million as at ten; a crash forgets them, so what was only claimed is ready again. */
#ifndef IFL_OUTBOX_CLAIMS_H
#define IFL_OUTBOX_CLAIMS_H

#include "iflow.h"

/* A set of numbers other than 0. */
struct ifl_set {
  uint64_t *slots;
  size_t n, cap;
};
bool ifl_set_has(const struct ifl_set *s, uint64_t value);
bool ifl_set_add(struct ifl_set *s, uint64_t value); /* false: no memory; nothing was added */
void ifl_set_remove(struct ifl_set *s, uint64_t value);
void ifl_set_done(struct ifl_set *s);

struct ifl_claim_sender {
  char *name;
  int64_t fresh;           /* messages never tried were read up to this number */
  int64_t due, due_number; /* those with a time were read up to here */
  int64_t *again;          /* numbers that were passed and are worth another look: a heap */
  size_t nagain, cap;
};

struct ifl_claims {
  struct ifl_set numbers; /* claimed */
  struct ifl_set keys;    /* hashes of the order keys of the claimed ones */
  struct ifl_claim_sender *senders;
  size_t nsenders;
};

void ifl_claims_done(struct ifl_claims *c);
/* The sender's cursors, made on first use. NULL: no memory, or too many senders. */
struct ifl_claim_sender *ifl_claims_sender(struct ifl_claims *c, const char *name);
/* Never 0. Two keys with one hash wait for each other, no more. */
uint64_t ifl_claims_key(const char *sender, const char *key);
/* key_hash 0: without an order key. add returns false when memory is out. */
bool ifl_claims_add(struct ifl_claims *c, int64_t number, uint64_t key_hash);
void ifl_claims_remove(struct ifl_claims *c, int64_t number, uint64_t key_hash);

/* A message that the cursor has passed became worth a look. When memory is out the cursors are set
 * back to the start, which finds it, too. */
void ifl_claims_again(struct ifl_claim_sender *s, int64_t number);
/* Takes the smallest such number; 0: none. */
int64_t ifl_claims_next(struct ifl_claim_sender *s);
/* A message is due at that time: the cursor must not be beyond it. */
void ifl_claims_due(struct ifl_claim_sender *s, int64_t due);

#endif
