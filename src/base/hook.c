/*
** hook.c
** The library's one debug hook: it replaces the user's for a moment, does what
** is due, and restores the user's. Only one coroutine has it at a time, the
** one that runs or will run next.
*/

#include "base/hook.h"
#include "base/loop.h"
#include "base/state.h"


/*
** {==================================================================
** The place of the user's hook
** ===================================================================
*/

static void trampoline (lua_State *L, lua_Debug *ar);


/* Returns all events at which a deed that is due can be done; 0 if none is
   due. */
static int duemask (const las_Hook *h) {
  int i, mask = 0;
  for (i = 0; i < LAS_NDEEDS; i++) {
    const las_Deed *d = h->due[i];
    if (d != NULL)
      mask |= d->mask;
  }
  return mask;
}


/* The user may have set another hook meanwhile, which stays. */
static void restore (las_Hook *h) {
  lua_State *co = h->co;
  h->co = NULL;
  if (co != NULL && lua_gethook(co) == trampoline)
    lua_sethook(co, h->f, h->mask, h->count);
}


/* A signal handler may make another deed due at any moment. */
static void set (las_Hook *h, lua_State *co) {
  int mask;
  if (h->co != co)
    restore(h);
  if (lua_gethook(co) != trampoline) {
    h->f = lua_gethook(co);
    h->mask = lua_gethookmask(co);
    h->count = lua_gethookcount(co);
  }
  h->co = co;
  do {
    mask = duemask(h);
    lua_sethook(co, trampoline, mask, 1);
  } while (mask != duemask(h));
}


void las_armhook (las_Loop *lp, lua_State *co, const las_Deed *d) {
  las_Hook *h = &lp->hook;
  h->due[d->order] = d;
  if (h->busy)
    return;  /* in a signal handler: the thread is just about to set it */
  h->busy = 1;
  if (h->due[LAS_DRAISE] != NULL || h->due[LAS_DCANCEL] != NULL) {
    if (h->co == NULL || d->order <= LAS_DCANCEL)
      set(h, co);
    else
      set(h, h->co);  /* which runs next */
  }
  else
    set(h, co);
  h->busy = 0;
}


void las_movehook (las_Loop *lp, lua_State *co) {
  las_Hook *h = &lp->hook;
  h->busy = 1;
  restore(h);
  h->due[LAS_DRAISE] = h->due[LAS_DCANCEL] = NULL;
  if (co != NULL && duemask(h) != 0)
    set(h, co);
  else {
    int i;
    for (i = 0; i < LAS_NDEEDS; i++)
      h->due[i] = NULL;
  }
  h->busy = 0;
}

/* }================================================================== */


/*
** {==================================================================
** The hook
** ===================================================================
*/

/* Takes the first deed from '*order' on that can be done at this event, or NULL;
   '*order' is then behind it. Restores the user's hook, unless another deed
   waits for another event. */
static const las_Deed *take (las_Hook *h, int event, int *order) {
  const las_Deed *d = NULL;
  h->busy = 1;
  for (; *order < LAS_NDEEDS && d == NULL; (*order)++) {
    d = h->due[*order];
    if (d != NULL && !(d->mask & event))
      d = NULL;
    if (d != NULL)
      h->due[*order] = NULL;
  }
  if (duemask(h) == 0)
    restore(h);
  h->busy = 0;
  return d;
}


/* Does each deed that is due once: some make themselves due again, for the next
   event. A coroutine that was made by the one with the hook has inherited it. */
static void trampoline (lua_State *L, lua_Debug *ar) {
  las_Loop *lp = las_pushstate(L)->loop;
  int event = (ar->event == LUA_HOOKTAILCALL) ? LUA_MASKCALL : 1 << ar->event;
  lua_pop(L, 1);
  if (lp == NULL)
    lua_sethook(L, NULL, 0, 0);
  else if (lp->hook.co != L)
    lua_sethook(L, lp->hook.f, lp->hook.mask, lp->hook.count);
  else {
    const las_Deed *d;
    int order = 0;
    while (lp->hook.co == L && (d = take(&lp->hook, event, &order)) != NULL)
      d->act(L, lp, ar);
    if (lp->hook.co == NULL && duemask(&lp->hook) != 0)
      las_movehook(lp, L);  /* came from a signal just now */
  }
}

/* }================================================================== */


/*
** {==================================================================
** New coroutines
** ===================================================================
*/

/* The debug library has one C hook for all coroutines and keeps their functions
   in a table. The new coroutine, on top, gets the function of its maker. */
static void copyfunction (lua_State *L) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, "_HOOKKEY") == LUA_TTABLE) {
    lua_pushvalue(L, -2);
    lua_pushthread(L);
    lua_rawget(L, -3);
    lua_rawset(L, -3);
  }
  lua_pop(L, 1);
}


static void copyhook (lua_State *L, lua_State *co) {
  las_Loop *lp = las_state(L)->loop;
  if (lua_gethook(co) == trampoline) {
    if (lp != NULL && lp->hook.co == L)
      lua_sethook(co, lp->hook.f, lp->hook.mask, lp->hook.count);
    else
      lua_sethook(co, NULL, 0, 0);
  }
  if (lua_gethook(co) != NULL) {
    luaL_checkstack(L, 4, NULL);
    copyfunction(L);
  }
}


lua_State *las_newthread (lua_State *L) {
  lua_State *co = lua_newthread(L);
  if (las_unlikely(lua_gethook(co) != NULL))
    copyhook(L, co);
  return co;
}

/* }================================================================== */
