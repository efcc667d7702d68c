/*
** taskgroup.c
** Task groups: the children that one block waits for, however they end.
** Each has a watch in its list of waiters, so that the group learns of its
** end in C, where nothing can fail; what comes out of it all is Lua's part.
*/

#include <stdlib.h>
#include <string.h>

#include "core/core.h"


typedef struct Member {
  las_Watch watch;	/* first; in the child's waiters while it is pending.
			Its slot anchors a child that failed, and any that a
			task factory gave; 0: the child has its own */
  struct Group *group;	/* alive: it is held while it has members */
  las_Future *child;	/* alive: anchored, as above */
  struct Member *next, *prev;
  int starting;		/* does an error of it belong to who starts it? */
} Member;

/* members in the order they came */
typedef struct Roll {
  Member *first, *last;
} Roll;

typedef struct Group {
  las_Watch abort;	/* first; in the ready queue while 'queued'. Its slot
			anchors the group while 'held' */
  las_Resource resource;	/* on the loop while 'held' */
  las_Loop *loop;	/* alive: user value LOOP */
  las_Task *parent;	/* alive: user value PARENT */
  las_Task *waiter;	/* the parent, while it waits for the last child */
  Roll members;		/* children that are not done */
  Roll failed;		/* ... that failed, in the order they ended */
  Member *cursor;	/* the next one a walk over 'members' comes to */
  Member *spare;	/* for the next child, or NULL */
  unsigned count;	/* of 'members' */
  unsigned nfailed;
  unsigned base;	/* of the parent's cancels, when the group opened */
  las_Reason reason;	/* of its cancels, until it is left */
  las_Site site;	/* where it was opened */
  uint8_t held;		/* by the loop: while it has members or is queued */
  uint8_t queued;	/* will it abort in its turn? */
  uint8_t aborting;	/* are all children cancelled? */
  uint8_t own;		/* was the parent cancelled by the group? */
  uint8_t leaving;	/* has the block ended? */
  uint8_t left;		/* ... and the wait for the children too? */
} Group;

/* user values */
enum {LOOP = 1, PARENT, NUSER = PARENT};


/*
** {==================================================================
** Members
** ===================================================================
*/

static void enrol (Roll *r, Member *m) {
  m->next = NULL;
  m->prev = r->last;
  if (r->last != NULL)
    r->last->next = m;
  else
    r->first = m;
  r->last = m;
}


static void strike (Roll *r, Member *m) {
  if (m->next != NULL)
    m->next->prev = m->prev;
  else
    r->last = m->prev;
  if (m->prev != NULL)
    m->prev->next = m->next;
  else
    r->first = m->next;
}


/* Takes a child off the roll; a walk goes on behind it. */
static void dismiss (Group *g, Member *m) {
  if (g->cursor == m)
    g->cursor = m->next;
  strike(&g->members, m);
  g->count--;
}


/* The next child of a walk that began with the first at the cursor, or NULL.
   Any of them may leave meanwhile. */
static Member *visit (Group *g) {
  Member *m = g->cursor;
  if (m != NULL)
    g->cursor = m->next;
  return m;
}


/* The member is needed no more: it may be the next child's. */
static void discard (Group *g, Member *m) {
  if (m->watch.item.slot != 0 && !g->loop->closed)
    las_release(g->loop, m->watch.item.slot);
  m->watch.item.slot = 0;
  if (g->spare == NULL && !g->left)
    g->spare = m;
  else
    free(m);
}


/* The loop lets go of a group that nothing can reach any more: no child is
   left that would tell it of its end. */
static void letgo (Group *g) {
  if (g->held && g->count == 0 && !g->queued) {
    g->held = 0;
    las_disown(g->loop, &g->resource);
    las_release(g->loop, g->abort.item.slot);
    g->abort.item.slot = 0;
  }
}


/* Empties the roll; what stood on it is linked by 'next' still. */
static Member *strikeall (Roll *r) {
  Member *m = r->first;
  r->first = r->last = NULL;
  return m;
}


/* Leaves all children to themselves. */
static void disband (Group *g) {
  Member *m = strikeall(&g->members), *next;
  g->cursor = NULL;
  g->count = 0;
  for (; m != NULL; m = next) {
    next = m->next;
    las_unlink(&m->child->waiters, &m->watch.item);
    discard(g, m);
  }
}


/* Forgets the children that failed: who has not looked at their errors is
   told of them when they are collected. */
static void forget (Group *g) {
  Member *m = strikeall(&g->failed), *next;
  g->nfailed = 0;
  for (; m != NULL; m = next) {
    next = m->next;
    discard(g, m);
  }
}


/* Nothing more can become of the group. */
static void finish (Group *g) {
  g->leaving = g->left = 1;
  las_dropreason(g->loop, &g->reason);
  disband(g);
  if (g->spare != NULL) {
    Member *m = g->spare;
    g->spare = NULL;
    discard(g, m);
  }
}


/* The loop closes: its anchors, and the group's slots in them, are gone. */
static void dropgroup (las_Resource *r) {
  Group *g = las_owner(r, Group, resource);
  g->held = g->queued = 0;
  g->abort.item.slot = 0;
  g->waiter = NULL;
  finish(g);
  forget(g);
}

static const las_ResourceKind groupkind = {.drop = dropgroup};


/* As for a Gather: no watch may stay behind, and no task wait on. */
static int group_gc (lua_State *L) {
  Group *g = (Group *)lua_touserdata(L, 1);
  las_Task *t = g->waiter;
  g->waiter = NULL;
  finish(g);
  forget(g);
  if (!g->loop->closed) {
    letgo(g);
    if (g->abort.item.slot != 0 && !g->held)
      las_release(g->loop, g->abort.item.slot);
  }
  las_abandonwait(t);
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** How children end
** ===================================================================
*/

/* The message of the CancelledErrors. */
static void pushreason (lua_State *L, const las_Reason *r) {
  const Group *g = las_owner(r, const Group, reason);
  const char *site = las_pushsite(L, &g->site);
  const char *opened = (*site != '\0') ? " opened at " : "";
  if (!g->aborting)
    lua_pushfstring(L, "the children of the task group%s%s were cancelled",
                    opened, site);
  else if (g->nfailed > 0)
    lua_pushfstring(L, "a child of the task group%s%s failed", opened, site);
  else
    lua_pushfstring(L, "the task group%s%s was cancelled", opened, site);
  lua_remove(L, -2);
}


/* Cancels all children, the oldest first. */
static void cancelchildren (Group *g) {
  Member *m;
  las_dropreason(g->loop, &g->reason);
  g->cursor = g->members.first;
  while ((m = visit(g)) != NULL)
    las_cancelfor(m->child, &g->reason);
}


/* Cancels the children, and the block while it runs. */
static void abortgroup (Group *g) {
  if (g->aborting)
    return;
  g->aborting = 1;
  cancelchildren(g);
  if (!g->leaving) {
    g->own = 1;
    las_cancelfor(&g->parent->f, &g->reason);
  }
}


static void onabort (las_Watch *w, las_Future *f) {
  Group *g = (Group *)w;
  (void)f;
  g->queued = 0;
  if (!g->left)
    abortgroup(g);
  letgo(g);
}


/* A child has failed: its error is kept, and the first one ends the group,
   though not before its turn. A task that nobody else holds leaves its anchor
   to us. */
static void fail (Group *g, Member *m) {
  if (m->watch.item.slot == 0) {
    m->watch.item.slot = m->child->item.slot;
    m->child->item.slot = 0;
  }
  enrol(&g->failed, m);
  g->nfailed++;
  if (!g->aborting && !g->queued) {
    g->queued = 1;
    las_queue(g->loop, &g->abort.item);
  }
}


static void onchild (las_Watch *w, las_Future *f) {
  Member *m = (Member *)w;
  Group *g = m->group;
  dismiss(g, m);
  if (f->item.state == LAS_FAILED && !m->starting)
    fail(g, m);
  else
    discard(g, m);
  if (g->count == 0) {
    if (g->waiter != NULL) {
      las_Task *t = g->waiter;
      g->waiter = NULL;
      las_wake(t);
    }
    letgo(g);
  }
}

/* }================================================================== */


/*
** {==================================================================
** Children
** ===================================================================
*/

/* Has the group all that one more member needs? 'own': a slot of its own */
static int isprepared (const Group *g, int own) {
  return g->spare != NULL && g->abort.item.slot != 0 &&
         (!own || g->spare->watch.item.slot != 0);
}


/* Sees to it. [-0, +0, m] */
static void prepare (lua_State *L, Group *g, int own) {
  if (g->spare == NULL) {
    Member *m = (Member *)calloc(1, sizeof(*m));
    if (m == NULL) {
      luaL_error(L, "not enough memory");
      return;
    }
    m->watch.item.type = LAS_WATCH;
    m->watch.told = onchild;
    m->group = g;
    g->spare = m;
  }
  if (g->abort.item.slot == 0)
    g->abort.item.slot = las_reserve(L, g->loop);
  if (own && g->spare->watch.item.slot == 0)
    g->spare->watch.item.slot = las_reserve(L, g->loop);
}


/* prepare(group, own): for a protected call */
static int protectedprepare (lua_State *L) {
  prepare(L, (Group *)lua_touserdata(L, 1), lua_toboolean(L, 2));
  return 0;
}


/* Makes the future 'f' on top a member of the group at 1, which is prepared.
   Cannot raise. */
static Member *takemember (lua_State *L, Group *g, las_Future *f, int own) {
  Member *m = g->spare;
  g->spare = NULL;
  m->child = f;
  m->starting = 0;
  if (own)
    las_fill(L, g->loop, m->watch.item.slot, -1);
  else if (m->watch.item.slot != 0) {
    las_release(g->loop, m->watch.item.slot);
    m->watch.item.slot = 0;
  }
  if (!g->held) {
    las_fill(L, g->loop, g->abort.item.slot, 1);
    las_adopt(g->loop, &g->resource);
    g->held = 1;
  }
  return m;
}


/* The child 'f' on top was made, and may have ended already. 'own': the loop
   does not hold it until it ends. 'ready': see core_group_start. */
static void adopt (lua_State *L, Group *g, las_Future *f, int own,
                   const las_Future *ready) {
  Member *m = takemember(L, g, f, own);
  m->starting = (ready != NULL && ready->item.state == LAS_PENDING);
  if (f->item.state == LAS_PENDING) {
    enrol(&g->members, m);
    g->count++;
    las_append(&f->waiters, &m->watch.item);
    if (las_unlikely(g->aborting))  /* it began eagerly, and ended the group */
      las_cancel(f);
    return;
  }
  if (f->item.state == LAS_FAILED && !m->starting)
    fail(g, m);
  else
    discard(g, m);
  letgo(g);
}


/* Why a child that was made cannot be a member after all, or 0 with nothing
   pushed: meanwhile others may have become members. [-0, +(0|1), -] */
static int isunfit (lua_State *L, Group *g, int own) {
  if (g->left) {
    lua_pushliteral(L, "the task group is finished");
    return 1;
  }
  if (isprepared(g, own))
    return 0;
  lua_pushcfunction(L, protectedprepare);
  lua_pushvalue(L, 1);
  lua_pushboolean(L, own);
  return lua_pcall(L, 2, 0, 0) != LUA_OK;
}


/* Keeps a coroutine object at 'i', or in a table there, that will not run
   from staying half alive. */
static void discardbody (lua_State *L, int i) {
  lua_State *co;
  lua_Debug ar;
  int top = lua_gettop(L);
  if (lua_istable(L, i)) {
    lua_rawgeti(L, i, 1);
    i = top + 1;
  }
  co = lua_tothread(L, i);
  if (co != NULL && co != L && lua_status(co) == LUA_OK &&
      !lua_getstack(co, 0, &ar) && !las_istaskthread(co))
    las_closethread(co, L);
  lua_settop(L, top);
}


/* A child of what lies from 'first' on, as las_createtask takes it. */
static int newchild (lua_State *L, Group *g, int first,
                     const las_Future *ready) {
  las_Loop *lp = las_checkrunning(L);
  las_Task *t;
  las_Future *f;
  int own;
  if (las_unlikely(g->aborting || (g->leaving && g->count == 0))) {
    discardbody(L, first);
    return las_misuse(L, (g->leaving && g->count == 0)
                         ? "the task group is finished"
                         : "the task group is shutting down");
  }
  if (las_unlikely(lp != g->loop))
    return las_misuse(L, "the task group belongs to another loop");
  if (!isprepared(g, lp->factory))
    prepare(L, g, lp->factory);
  t = las_createtask(L, lp, first, 1);
  f = (t != NULL) ? &t->f : (las_Future *)lua_touserdata(L, -1);
  own = (t == NULL || f->item.state != LAS_PENDING);  /* does none hold it? */
  if (las_unlikely((own || !isprepared(g, 0)) && isunfit(L, g, own))) {
    las_cancel(f);
    return lua_error(L);
  }
  adopt(L, g, f, own, ready);
  return 1;
}


static Group *checkself (lua_State *L, const char *name) {
  Group *g = (Group *)las_test(L, las_state(L), 1, LAS_TGROUP);
  if (las_unlikely(g == NULL))
    luaL_error(L, "calling '%s' on bad self (asyncio.TaskGroup expected,"
                  " got %s)", name, luaL_typename(L, 1));
  return g;
}


/* group:create_task(f, ...): as asyncio.create_task */
static int group_create_task (lua_State *L) {
  return newchild(L, checkself(L, "create_task"), 2, NULL);
}

/* }================================================================== */


/*
** {==================================================================
** For the Lua layer
** ===================================================================
*/

static Group *checkgroup (lua_State *L) {
  return (Group *)las_check(L, 1, LAS_TGROUP);
}


/* stack of group_start */
enum {READY = 2, BODY, STARTED};

/* Puts 'started' in front of the arguments in a copy of the list at BODY. */
static void insertstarted (lua_State *L) {
  int k, n = las_listlen(L, BODY), copy = lua_gettop(L) + 1;
  las_argcheck(L, lua_checkstack(L, n + 8), BODY, "too many arguments");
  lua_createtable(L, las_listroom(L, BODY, n), 4);
  lua_pushnil(L);
  while (lua_next(L, BODY)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, copy);
  }
  for (k = 1; k <= n; k++) {
    lua_geti(L, BODY, k);
    lua_rawseti(L, copy, (k == 1) ? 1 : k + 1);
  }
  lua_pushvalue(L, STARTED);
  lua_rawseti(L, copy, 2);
  lua_pushinteger(L, n + 1);
  lua_setfield(L, copy, "n");
  lua_replace(L, BODY);
  lua_settop(L, BODY);
}


/* group_start(group, ready, f, started, ...): as create_task(f, started, ...);
   the error of a child that ends before the future 'ready' is done is not the
   group's */
static int core_group_start (lua_State *L) {
  Group *g = checkgroup(L);
  las_Future *ready = las_checkfuture(L, READY);
  int islist = lua_istable(L, BODY) && !las_isthing(L, BODY);
  if (islist) {
    las_argcheck(L, lua_gettop(L) == STARTED, BODY + 1, "no argument expected"
                    " beside a list");
    lua_geti(L, BODY, 1);
  }
  else
    lua_pushvalue(L, BODY);
  if (!las_iscallable(L, -1))
    las_typeerror(L, -1, BODY, "function");
  lua_pop(L, 1);
  if (islist)
    insertstarted(L);
  return newchild(L, g, BODY, ready);
}


/* The member whose child it is, or NULL. */
static Member *memberof (Group *g, const las_Future *f) {
  las_Item *it = f->waiters;
  if (it != NULL) {
    do {
      Member *m = (Member *)it;
      if (it->type == LAS_WATCH && m->watch.told == onchild && m->group == g)
        return m;
      it = it->u.list.next;
    } while (it != f->waiters);
  }
  return NULL;
}


/* group_own(group, child): its error is the group's from now on, even if it
   has failed already */
static int core_group_own (lua_State *L) {
  Group *g = checkgroup(L);
  las_Future *f = las_checkfuture(L, 2);
  Member *m = memberof(g, f);
  lua_settop(L, 2);
  if (m != NULL)
    m->starting = 0;
  else if (f->item.state == LAS_FAILED && !g->left) {
    prepare(L, g, 1);
    fail(g, takemember(L, g, f, 1));
  }
  return 0;
}


static void leaveend (las_Task *t) {
  ((Group *)t->what)->waiter = NULL;
}

static las_Future *childof (las_Task *t, int i) {
  Group *g = (Group *)t->what;
  Member *m;
  if (i == 0)
    g->cursor = g->members.first;
  m = visit(g);
  return (m != NULL) ? m->child : NULL;
}

static const las_Wait endwait = {
  .name = "end", .leave = leaveend, .child = childof
};


static int waitk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  las_checkwake(L);
  return 0;
}


/* group_wait(group): until no child is left. A cancel goes to nobody else. */
static int core_group_wait (lua_State *L) {
  Group *g = checkgroup(L);
  las_Task *t = las_checktask(L, "group_wait");
  las_assert(t == g->parent);
  lua_settop(L, 1);
  if (g->count == 0)
    return 0;
  las_checkcancel(L, t);
  g->waiter = t;
  las_park(t, &endwait, g);
  return lua_yieldk(L, 0, 0, waitk);
}


/* group_count(group): children that are not done */
static int core_group_count (lua_State *L) {
  lua_pushinteger(L, checkgroup(L)->count);
  return 1;
}


static int core_group_parent (lua_State *L) {
  checkgroup(L);
  lua_getiuservalue(L, 1, PARENT);
  return 1;
}


/* group_leave(group): the block has ended; had it before? */
static int core_group_leave (lua_State *L) {
  Group *g = checkgroup(L);
  lua_pushboolean(L, g->leaving);
  g->leaving = 1;
  return 1;
}


/* group_abort(group): cancels children and body, once; true if that was
   done before */
static int core_group_abort (lua_State *L) {
  Group *g = checkgroup(L);
  lua_pushboolean(L, g->aborting);
  abortgroup(g);
  return 1;
}


/* group_abort_children(group): cancels them, once more if need be */
static int core_group_abort_children (lua_State *L) {
  Group *g = checkgroup(L);
  g->aborting = 1;
  cancelchildren(g);
  return 0;
}


/* group_finish(group): the wait is over; children that are left are left to
   themselves. Takes the group's own cancel of the parent back. Gives whether
   there was one, whether the parent has others, and the base they count
   from. */
static int core_group_finish (lua_State *L) {
  Group *g = checkgroup(L);
  int others = (g->parent->ncancels > g->base);
  finish(g);
  letgo(g);
  lua_pushboolean(L, g->own);
  if (g->own) {
    others = las_uncancel(g->parent, g->base);
    g->own = 0;
  }
  lua_pushboolean(L, others);
  lua_pushinteger(L, g->base);
  return 3;
}


/* group_errors(group): takes the errors of the children that failed, a list,
   and the children, another */
static int core_group_errors (lua_State *L) {
  enum {ERRORS = 2, CHILDREN};
  Group *g = checkgroup(L);
  Member *m;
  lua_Integer n = 0;
  if (g->loop->closed)
    forget(g);  /* their anchors are gone */
  lua_settop(L, 1);
  lua_createtable(L, (int)g->nfailed, 1);
  lua_createtable(L, (int)g->nfailed, 0);
  lua_pushinteger(L, g->nfailed);
  lua_setfield(L, ERRORS, "n");  /* last thing that can raise */
  for (m = g->failed.first; m != NULL; m = m->next) {
    n++;
    m->child->item.flags |= LAS_FSEEN;
    las_pushanchored(L, g->loop, m->watch.item.slot);
    lua_getiuservalue(L, -1, LAS_UVALUE);
    lua_rawseti(L, ERRORS, n);
    lua_rawseti(L, CHILDREN, n);
  }
  forget(g);
  return 2;
}

/* }================================================================== */


/* Opens a group for the function at 'level'. [-0, +1, e] */
static int newgroup (lua_State *L, las_Task *t, int level) {
  Group *g;
  g = (Group *)lua_newuserdatauv(L, sizeof(*g), NUSER);
  memset(g, 0, sizeof(*g));
  g->abort.item.type = LAS_WATCH;
  g->abort.told = onabort;
  g->resource.kind = &groupkind;
  g->loop = t->f.loop;
  g->parent = t;
  g->base = las_cancelbase(t);
  g->reason.push = pushreason;
  las_setsite(L, level, &g->site);
  las_pushloop(L, g->loop);
  lua_setiuservalue(L, -2, LOOP);
  las_pushanchored(L, g->loop, t->f.item.slot);
  lua_setiuservalue(L, -2, PARENT);
  las_settype(L, LAS_TGROUP);
  return 1;
}


/* TaskGroup() */
static int asyncio_TaskGroup (lua_State *L) {
  las_Task *t = las_checktask(L, "TaskGroup");
  las_checknone(L, 1);
  return newgroup(L, t, 1);
}


/* new_group(): the same for 'task_group', whose caller opens it */
static int core_new_group (lua_State *L) {
  return newgroup(L, las_checktask(L, "task_group"), 2);
}


/* group:cancel(): children and body; this makes no error of the group */
static int group_cancel (lua_State *L) {
  Group *g = checkself(L, "cancel");
  las_checknone(L, 2);
  if (!g->left)
    abortgroup(g);
  return 0;
}


/* group:cancel_children(): those that there are; the group goes on */
static int group_cancel_children (lua_State *L) {
  Group *g = checkself(L, "cancel_children");
  las_checknone(L, 2);
  if (!g->left)
    cancelchildren(g);
  return 0;
}


static int group_tostring (lua_State *L) {
  Group *g = checkgroup(L);
  lua_pushfstring(L, "TaskGroup<state=%s, tasks=%d>",
                  g->left ? "closed" : g->aborting ? "cancelling"
                          : g->leaving ? "closing" : "open",
                  (int)g->count);
  return 1;
}


void las_opentaskgroup (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"TaskGroup", asyncio_TaskGroup},
    {"new_group", core_new_group},
    {"group_own", core_group_own},
    {"group_wait", core_group_wait},
    {"group_count", core_group_count},
    {"group_parent", core_group_parent},
    {"group_leave", core_group_leave},
    {"group_abort", core_group_abort},
    {"group_abort_children", core_group_abort_children},
    {"group_finish", core_group_finish},
    {"group_errors", core_group_errors},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"create_task", group_create_task},
    {"cancel", group_cancel},
    {"cancel_children", group_cancel_children},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__gc", group_gc},
    {"__tostring", group_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TGROUP, "asyncio.TaskGroup", methods, meta);
  las_setfuncs(L, state, funcs);
  las_setinner(L, state, "group_start", core_group_start, "start", BODY - 1);
}
