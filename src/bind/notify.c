/* notify.c -- Lua module core.notify: tells systemd how a service is, sd_notify(3): one datagram to
 * the socket that NOTIFY_SOCKET names.
 *   notify.send(text) -> true; false when nobody listens | nil, err     "READY=1\nSTATUS=…"
 * Written here, since it is a dozen lines and libsystemd would be one more library of everybody. */
#include "base/error.h"
#include "bind/bind.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* '/path', or '@name' for one that no file stands for. 0 when it is neither, or too long. */
static socklen_t address_of(struct sockaddr_un *to, const char *name)
{
  size_t n = strlen(name);
  if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof to->sun_path) return 0;
  memset(to, 0, sizeof *to);
  to->sun_family = AF_UNIX;
  memcpy(to->sun_path, name, n);
  if (name[0] == '@') to->sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static int f_send(lua_State *L)
{
  size_t n;
  iflow_error err = { 0 };
  struct sockaddr_un to;
  const char *text = luaL_checklstring(L, 1, &n);
  const char *name = getenv("NOTIFY_SOCKET");
  if (name == NULL || *name == '\0') {
    lua_pushboolean(L, false);
    return 1;
  }
  socklen_t len = address_of(&to, name);
  if (len == 0) {
    ifl_fail(&err, IFLOW_EINVAL, "NOTIFY_SOCKET is neither a path nor an abstract name");
    return ifl_pusherror(L, &err);
  }
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ssize_t sent = fd < 0 ? -1 : sendto(fd, text, n, MSG_NOSIGNAL, (struct sockaddr *)&to, len);
  int errnum = errno;
  if (fd >= 0) close(fd);
  if (sent < 0) {
    ifl_fail_errno(&err, errnum, "cannot notify systemd by '%s'", name);
    return ifl_pusherror(L, &err);
  }
  lua_pushboolean(L, true);
  return 1;
}

int ifl_open_notify(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "send", f_send }, { NULL, NULL } };
  luaL_newlib(L, funcs);
  return 1;
}
