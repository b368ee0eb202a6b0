/* names.c -- a name server's moods for specs, as a preloaded library: "slow.example" takes two
 * seconds, "two.example" has two addresses of which the first is dead. Both lead to 127.0.0.1. */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int (*resolver)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
  resolver real;
  void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
  memcpy(&real, &symbol, sizeof real);
  if (name != NULL && strcmp(name, "slow.example") == 0) {
    sleep(2);
    return real("127.0.0.1", service, hints, out);
  }
  if (name == NULL || strcmp(name, "two.example") != 0) return real(name, service, hints, out);
  int rc = real("127.0.0.77", service, hints, out);
  if (rc == 0) rc = real("127.0.0.1", service, hints, &(*out)->ai_next);
  return rc;
}
