/* outbox_values.c -- see outbox_values.h. */
#include "bind/outbox_values.h"

#include <lauxlib.h>

static const char *const state_names[] = { "ready",    "started",   "in_doubt",
                                           "rejected", "delivered", NULL };

static void set_string(lua_State *L, const char *key, const char *value)
{
  if (value == NULL) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, int64_t value)
{
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

/* Milliseconds as seconds; 0 is left out. */
static void set_time(lua_State *L, const char *key, int64_t ms)
{
  if (ms == 0) return;
  lua_pushnumber(L, (lua_Number)ms / 1000);
  lua_setfield(L, -2, key);
}

static void push_body(lua_State *L, const char *bodies, const struct ifl_outbox_message *m)
{
  if (m->body != NULL) {
    lua_pushlstring(L, m->body, m->body_size);
  } else if (m->file != NULL) {
    lua_createtable(L, 0, 1);
    lua_pushfstring(L, "%s/%s", bodies, m->file);
    lua_setfield(L, -2, "file");
  } else {
    return;
  }
  lua_setfield(L, -2, "body");
}

static void push_message(lua_State *L, const char *bodies, const struct ifl_outbox_message *m)
{
  lua_createtable(L, 0, 14);
  set_integer(L, "number", m->number);
  set_string(L, "sender", m->sender);
  set_string(L, "id", m->id);
  set_string(L, "key", m->key);
  set_string(L, "state", m->blocked ? "blocked" : state_names[m->state]);
  set_string(L, "about", m->about);
  push_body(L, bodies, m);
  set_integer(L, "size", m->size);
  set_integer(L, "attempts", m->attempts);
  set_time(L, "created", m->created);
  set_time(L, "changed", m->changed);
  set_time(L, "not_before", m->not_before);
  if (m->status != 0) set_integer(L, "status", m->status);
  set_string(L, "message_id", m->message_id);
  set_string(L, "code", m->code);
  set_string(L, "error", m->text);
  lua_pushboolean(L, m->claimed);
  lua_setfield(L, -2, "claimed");
}

void ifl_push_outbox_list(lua_State *L, const struct ifl_outbox_list *list, const char *bodies)
{
  lua_createtable(L, (int)list->n, 0);
  for (size_t i = 0; i < list->n; i++) {
    push_message(L, bodies, &list->items[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

void ifl_push_outbox_history(lua_State *L, const struct ifl_outbox_history *h)
{
  lua_createtable(L, (int)h->n, 0);
  for (size_t i = 0; i < h->n; i++) {
    const struct ifl_outbox_event *e = &h->items[i];
    lua_createtable(L, 0, 8);
    set_string(L, "state", state_names[e->state]);
    set_integer(L, "attempt", e->attempt);
    set_time(L, "began", e->about.began);
    set_time(L, "ended", e->about.ended);
    if (e->about.status != 0) set_integer(L, "status", e->about.status);
    set_string(L, "message_id", e->about.message_id);
    set_string(L, "code", e->about.code);
    set_string(L, "error", e->about.text);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static void push_stat(lua_State *L, const struct ifl_outbox_stat *s)
{
  lua_createtable(L, 0, IFL_OUTBOX_STATES + 4);
  set_string(L, "sender", s->sender);
  for (int i = 0; i < IFL_OUTBOX_STATES; i++) set_integer(L, state_names[i], s->messages[i]);
  set_integer(L, "blocked", s->blocked);
  set_time(L, "oldest", s->oldest);
  lua_createtable(L, IFL_OUTBOX_AGES, 0);
  for (int i = 0; i < IFL_OUTBOX_AGES; i++) {
    lua_pushinteger(L, (lua_Integer)s->ages[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "ages");
}

void ifl_push_outbox_stats(lua_State *L, const struct ifl_outbox_stats *stats)
{
  lua_createtable(L, (int)stats->n, 0);
  for (size_t i = 0; i < stats->n; i++) {
    push_stat(L, &stats->items[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

void ifl_push_outbox_counts(lua_State *L, const struct ifl_outbox_counts *counts)
{
  int64_t messages = 0, bytes = 0;
  lua_createtable(L, 0, IFL_OUTBOX_STATES + 3);
  for (int i = 0; i < IFL_OUTBOX_STATES; i++) {
    set_integer(L, state_names[i], counts->messages[i]);
    if (i == IFL_OUTBOX_DELIVERED) continue;
    messages += counts->messages[i];
    bytes += counts->bytes[i];
  }
  set_integer(L, "messages", messages);
  set_integer(L, "bytes", bytes);
  set_integer(L, "claimed", counts->claimed);
}
