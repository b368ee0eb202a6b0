/* tls_events.c -- a TLS server that makes things happen in the middle of bodies, for
 * spec/system/tls_spec.lua.
 * Usage: tls_events CERT KEY 2|3 UP DOWN [CA]
 * Takes one connection of TLS 1.2 or 1.3, prints its port first. Reads a request with a length and
 * sends its body back; behind each piece of PIECE bytes read comes the next event of UP, before
 * each piece written the next of DOWN, both from the start again when they are used up:
 *   t new session ticket   k new keys of ours   K new keys of both   . nothing
 *   r renegotiation; the body must have been read
 * With CA it asks for a client certificate, which may be missing. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 20000

static void fail(const char *what)
{
  fprintf(stderr, "%s: ", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static int listener(void)
{
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t n = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 1) < 0) fail("listen");
  getsockname(fd, (struct sockaddr *)&a, &n);
  printf("%d\n", ntohs(a.sin_port));
  fflush(stdout);
  return fd;
}

static void happen(SSL *ssl, char event)
{
  int rc = 1;
  switch (event) {
  case 't': rc = SSL_new_session_ticket(ssl); break;
  case 'k': rc = SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED); break;
  case 'K': rc = SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED); break;
  case 'r': rc = SSL_renegotiate(ssl); break;
  default: return;
  }
  if (rc == 1) rc = SSL_do_handshake(ssl);
  if (rc == 1 && event == 'r') rc = SSL_peek(ssl, &event, 1); /* what the client says to it */
  if (rc != 1) fail("event");
}

static size_t read_head(SSL *ssl, char *head, size_t size)
{
  size_t n = 0;
  while (n < size - 1) {
    if (SSL_read(ssl, head + n, 1) != 1) fail("head");
    head[++n] = '\0';
    if (n >= 4 && strcmp(head + n - 4, "\r\n\r\n") == 0) break;
  }
  const char *length = strstr(head, "Content-Length: ");
  if (length == NULL) fail("no length");
  return strtoul(length + 16, NULL, 10);
}

static void echo(SSL *ssl, const char *up, const char *down)
{
  char head[16384];
  size_t length = read_head(ssl, head, sizeof head), n = 0;
  char *body = malloc(length + 1);
  if (body == NULL) fail("memory");
  for (size_t piece = 0; n < length;) {
    int got = SSL_read(ssl, body + n, (int)(length - n < PIECE ? length - n : PIECE));
    if (got <= 0) fail("body");
    n += (size_t)got;
    if (n / PIECE > piece) happen(ssl, up[piece++ % strlen(up)]);
  }
  int used = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", length);
  if (SSL_write(ssl, head, used) != used) fail("answer");
  for (size_t at = 0, piece = 0; at < length; piece++) {
    int some = (int)(length - at < PIECE ? length - at : PIECE);
    happen(ssl, down[piece % strlen(down)]);
    if (SSL_write(ssl, body + at, some) != some) fail("answer");
    at += (size_t)some;
  }
  free(body);
}

int main(int argc, char **argv)
{
  char rest[100];
  if (argc < 6) return 2;
  int version = argv[3][0] == '2' ? TLS1_2_VERSION : TLS1_3_VERSION;
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_min_proto_version(ctx, version);
  SSL_CTX_set_max_proto_version(ctx, version);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"x", 1);
  if (SSL_CTX_use_certificate_chain_file(ctx, argv[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1)
    fail("certificate");
  if (argc > 6) {
    if (SSL_CTX_load_verify_locations(ctx, argv[6], NULL) != 1) fail("CA");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
  }
  int fd = listener();
  SSL *ssl = SSL_new(ctx);
  SSL_set_fd(ssl, accept(fd, NULL, NULL));
  if (SSL_accept(ssl) != 1) fail("handshake");
  echo(ssl, argv[4], argv[5]);
  SSL_shutdown(ssl);
  while (SSL_read(ssl, rest, sizeof rest) > 0)
    ; /* unread bytes would reset the connection */
  printf("fine\n");
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  return 0;
}
