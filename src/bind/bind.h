/* bind.h -- the list of binding files and what they lend each other. */
#ifndef IFL_BIND_BIND_H
#define IFL_BIND_BIND_H

#include "auth/service_key.h"
#include "bind/lua_util.h"
#include "bind/task.h"
#include "net/http1.h"
#include "net/tls.h"

/* One opener a file: pushes the table of its submodule (require "iflow.core".<name>). */
int ifl_open_error(lua_State *L);
int ifl_open_suggest(lua_State *L);
int ifl_open_json(lua_State *L);
int ifl_open_secret(lua_State *L);
int ifl_open_log(lua_State *L);
int ifl_open_http(lua_State *L);
int ifl_open_server(lua_State *L);
int ifl_open_crypto(lua_State *L);
int ifl_open_authority(lua_State *L);
int ifl_open_service_key(lua_State *L);
int ifl_open_cert(lua_State *L);
int ifl_open_identity(lua_State *L);
int ifl_open_jwt(lua_State *L);
int ifl_open_probe(lua_State *L);
int ifl_open_tenant(lua_State *L);
int ifl_open_outbox(lua_State *L);
int ifl_open_file(lua_State *L);
int ifl_open_notify(lua_State *L);
int ifl_open_process(lua_State *L);
int ifl_open_xml(lua_State *L);
int ifl_open_csv(lua_State *L);
int ifl_open_lines(lua_State *L);
int ifl_open_fixed_width(lua_State *L);
int ifl_open_charset(lua_State *L);
int ifl_open_gzip(lua_State *L);
int ifl_open_build(lua_State *L);

/* Borrowed; pinned by the stack slot. Raise when arg is something else or closed. */
ifl_credential *ifl_checkidentity(lua_State *L, int arg);    /* identity.c */
ifl_service_key *ifl_checkservicekey(lua_State *L, int arg); /* service_key.c */

/* log_ring.c: the function log.ring, and its class. */
int ifl_log_ring(lua_State *L);
void ifl_log_ring_open(lua_State *L);

/* process_output.c: the function process.output. */
int ifl_process_output(lua_State *L);

/* json.c: null and the mark of arrays, for other formats. */
void ifl_pushnull(lua_State *L);
void ifl_markarray(lua_State *L); /* the table at the top */
bool ifl_isarray(lua_State *L, int idx);

/* http.c: the header table at idx ({ name = value | { v1, v2 } } or a list of { name, value }) is
 * added to h; wrong types raise, names or values that are not allowed return the error. h must be
 * owned by a userdata. And the way back: pushes the table described in the reference of http. */
int ifl_readheaders(lua_State *L, int idx, struct ifl_headers *h, iflow_error *err);
void ifl_pushheaders(lua_State *L, const struct ifl_headers *h);

#endif
