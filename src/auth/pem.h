/* pem.h -- PEM as users have it: with literal \n, on a single line, cut at the last dashes. Blocks
 * are found, repaired and decoded one by one; nothing here looks into them. For service_key.c,
 * certificate.c and the tests. */
#ifndef IFL_AUTH_PEM_H
#define IFL_AUTH_PEM_H

#include "base/buffer.h"

#define IFL_PEM_BLOCKS_MAX 1024        /* blocks in one text                    */
#define IFL_PEM_BODY_MAX   (96 * 1024) /* base64 characters in one block        */

/* Goes from block to block:
 *   struct ifl_pem p;
 *   ifl_pem_init(&p, text, n);
 *   while ((rc = ifl_pem_next(&p, err)) > 0) use(p.label, p.der.data, p.der.len);
 *   ifl_pem_done(&p);                                                            */
struct ifl_pem {
  const char *text; /* borrowed */
  size_t n, pos, blocks;
  char label[48];    /* "CERTIFICATE", "RSA PRIVATE KEY" … */
  char dek_info[96]; /* "AES-256-CBC,<iv>" of an old-style encrypted key, else "" */
  struct ifl_buf der;
};

/* Whether the text holds the beginning of a block. */
bool ifl_pem_found(const char *text, size_t n);

void ifl_pem_init(struct ifl_pem *p, const char *text, size_t n);
/* 1: the next block is in p; 0: there is none; negative: IFLOW_ECERT with what is wrong (the END
 * line is missing, characters that are no base64 …), IFLOW_ELIMIT, IFLOW_ENOMEM. */
int ifl_pem_next(struct ifl_pem *p, iflow_error *err);
void ifl_pem_done(struct ifl_pem *p); /* wipes: it may have been a private key */

/* Appends the block in p in canonical form: 64 characters a line, ending with a line break. */
int ifl_pem_write(struct ifl_buf *out, const struct ifl_pem *p, iflow_error *err);
/* Appends every block of the text in canonical form; text between blocks is dropped. Bare base64
 * without BEGIN and END is recognised by what it encodes. Nothing found: IFLOW_ECERT. */
int ifl_pem_repair(struct ifl_buf *out, const char *text, size_t n, iflow_error *err);

#endif
