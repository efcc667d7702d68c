/*
** reason.c
** Reasons: why a scope cancelled its own task.
** When the scope closes, the stack that the task had is gone. So the
** CancelledError carries that stack, and the scope's own error takes it over.
*/

#include "task/reason.h"
#include "base/loop.h"
#include "base/trace.h"
#include "task/future.h"
#include "task/task.h"

#define STACK	"_traceback"	/* private fields of such errors */
#define PLACE	"_place"


static las_Reason **listof (las_Loop *lp, uint32_t pass) {
  return &lp->cancel.reasons.list[pass & (LAS_REASONLISTS - 1)];
}


void las_listreason (las_Loop *lp, las_Reason *r) {
  las_Reason **l = listof(lp, lp->cancel.pass);
  r->pass = lp->cancel.pass;
  r->next = *l;
  *l = r;
  lp->cancel.reasons.n++;
}


void las_dropreason (las_Loop *lp, las_Reason *r) {
  las_Reason **l;
  if (r->pass == 0)
    return;
  l = listof(lp, r->pass);
  while (*l != r)
    l = &(*l)->next;
  *l = r->next;
  r->pass = 0;
  lp->cancel.reasons.n--;
}


/* Returns the reason of the last cancel that reached the task, or NULL. */
static const las_Reason *reasonof (const las_Task *t) {
  las_Loop *lp = t->f.loop;
  const las_Reason *r;
  if (las_likely(lp->cancel.reasons.n == 0) || t->mark == 0)
    return NULL;
  r = *listof(lp, t->mark);
  while (r != NULL && r->pass != t->mark)
    r = r->next;
  return r;
}


void las_addreason (lua_State *L, las_Task *t) {
  const las_Reason *r = reasonof(t);
  if (r == NULL)
    return;
  luaL_checkstack(L, 8, NULL);
  r->push(L, r);
  lua_setfield(L, -2, "message");
  las_quicktrace(L, t->co);
  lua_setfield(L, -2, STACK);
  las_pushplace(L, t->co);
  lua_setfield(L, -2, PLACE);
}


/* Pushes field 'name' of the value at 'i' if that is a table with such a field;
   ignores metamethods. Returns whether it did. [-0, +(0|1), m] */
static int pushfield (lua_State *L, int i, const char *name) {
  i = lua_absindex(L, i);
  if (!lua_istable(L, i))
    return 0;
  lua_pushstring(L, name);
  lua_rawget(L, i);
  if (lua_type(L, -1) == LUA_TSTRING)
    return 1;
  lua_pop(L, 1);
  return 0;
}


void las_addawaiter (lua_State *L, las_Task *t) {
  if (reasonof(t) == NULL)
    return;
  luaL_checkstack(L, 8, NULL);
  if (!pushfield(L, -1, STACK)) {
    if (lua_istable(L, -1))
      las_addreason(L, t);
    return;
  }
  lua_pushliteral(L, "\n\t(awaited by another task:)");
  las_quicktrace(L, t->co);
  lua_concat(L, 3);
  lua_setfield(L, -2, STACK);
}


void las_copystack (lua_State *L, int i) {
  luaL_checkstack(L, 4, NULL);
  i = lua_absindex(L, i);
  if (pushfield(L, i, STACK))
    lua_setfield(L, -2, STACK);
  if (pushfield(L, i, PLACE))
    lua_setfield(L, -2, PLACE);
}


int las_pushstack (lua_State *L, int i) {
  luaL_checkstack(L, 4, NULL);
  i = lua_absindex(L, i);
  if (!pushfield(L, i, STACK))
    return 0;
  lua_pushliteral(L, "stack traceback:");
  lua_insert(L, -2);
  lua_concat(L, 2);
  if (!pushfield(L, i, PLACE))
    lua_pushnil(L);
  return 1;
}
