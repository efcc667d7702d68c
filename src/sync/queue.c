/*
** queue.c
** Queues: items that tasks put and get, in order, by priority or last first.
** An item that is put while tasks wait belongs to the first of them at once,
** and so does a place that 'get' frees to the first putter. Nobody overtakes.
*/

#include "base/budget.h"
#include "base/check.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/params.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "rooms.h"
#include "sync/line.h"
#include "sync/store.h"


enum Kind {FIFO, LIFO, PRIORITY};

/* user values */
enum {ITEMS = LAS_USOWN, GIVEN, LESS, NUSER = LESS};

enum {SELF = 1, ITEM};  /* stack of the methods */

enum {MAXSIZE = 1, LESSTHAN};  /* arguments of the constructors */

typedef struct Queue {
  las_Line getters;	/* first; they wait only while there is no item */
  las_List putters;	/* they wait only while the queue is full */
  las_List joiners;
  las_ItemHeap items;	/* only a PRIORITY queue uses more than its ring */
  las_Ring given;	/* items of getters that were woken, in their order */
  lua_Integer slots;	/* places of putters that were woken; they count as
			given in the line of 'getters', too */
  lua_Integer maxsize;	/* 0 or less: no limit */
  lua_Integer unfinished;	/* items put without 'task_done' so far */
  uint8_t kind;
  uint8_t shut;
} Queue;

static const las_Wait getwait = {.name = "queue get",
                                 .leave = las_leavelist, .inslot1 = 1};
static const las_Wait putwait = {.name = "queue put",
                                 .leave = las_leavelist, .inslot1 = 1};
static const las_Wait joinwait = {.name = "queue join",
                                  .leave = las_leavelist, .inslot1 = 1};


/*
** {==================================================================
** Items
** ===================================================================
*/

static lua_Integer count (const Queue *q) {
  return (q->kind == PRIORITY) ? q->items.ring.n / 2 : q->items.ring.n;
}


static int isfull (const Queue *q) {
  return q->maxsize > 0 && count(q) + q->slots >= q->maxsize;
}


/* Pops the value on top and stores it where it belongs. There must be room, and
   the queue must be open. */
static void insert (lua_State *L, Queue *q) {
  if (q->getters.waiters != NULL) {
    las_ringpush(L, &q->given);
    q->getters.given++;
    las_wakefirst(&q->getters.waiters);
  }
  else if (q->kind == PRIORITY)
    las_itempush(L, &q->items);
  else
    las_ringpush(L, &q->items.ring);
  q->unfinished++;
}


/* Gives a free place to the first putter that waits. */
static void wakeputter (Queue *q) {
  if (q->putters != NULL && !isfull(q)) {
    q->slots++;
    q->getters.given++;
    las_wakefirst(&q->putters);
  }
}


/* Takes the next item out and pushes it. There must be one. */
static void take (lua_State *L, Queue *q) {
  switch (q->kind) {
    case FIFO: las_ringshift(L, &q->items.ring); break;
    case LIFO: las_ringpop(L, &q->items.ring); break;
    default: las_itempop(L, &q->items);
  }
  wakeputter(q);
}


/* Wakes all tasks of the list without giving them anything, because the queue
   was shut down. */
static void wakeshut (las_List *l) {
  while (*l != NULL) {
    ((las_Task *)*l)->what = NULL;  /* marks that */
    las_wakefirst(l);
  }
}


static int raiseshut (lua_State *L) {
  return las_error(L, "QueueShutDown", "the queue is shut down");
}

/* }================================================================== */


/*
** {==================================================================
** Making queues
** ===================================================================
*/

/* Takes back what was given to tasks of a loop that is closed now, before the
   items that came later. The queue may then hold more than 'maxsize'. */
static void reclaim (lua_State *L, Queue *q) {
  q->getters.given -= q->slots;
  q->slots = 0;
  if (q->kind == PRIORITY) {
    while (q->given.n > 0) {
      las_ringpeek(L, &q->given);
      las_itempush(L, &q->items);  /* may raise */
      las_ringshift(L, &q->given);
      lua_pop(L, 1);
      q->getters.given--;
    }
  }
  else {
    las_ringreserve(L, &q->items.ring, (int)q->given.n);
    while (q->given.n > 0) {
      las_ringpop(L, &q->given);
      las_ringunshift(L, &q->items.ring);
      q->getters.given--;
    }
  }
}


static Queue *checkqueue (lua_State *L) {
  Queue *q = (Queue *)las_check(L, SELF, LAS_TQUEUE);
  if (las_isorphaned(&q->getters))
    reclaim(L, q);
  return q;
}


/* Binds the queue to the loop of the task that uses it. */
static void useloop (lua_State *L, Queue *q, las_Loop *lp) {
  int busy = (q->getters.waiters != NULL || q->putters != NULL ||
              q->joiners != NULL || q->getters.given > 0);
  las_bindline(L, SELF, &q->getters, lp, busy);
}


/* Returns the queue and the task of a method that may suspend, or raises. */
static Queue *enter (lua_State *L, const char *fname, las_Task **t) {
  Queue *q;
  *t = las_checktask(L, fname);
  q = checkqueue(L);
  if (las_unlikely(q->getters.loop != (*t)->f.loop))
    useloop(L, q, (*t)->f.loop);
  return q;
}


/* Makes a queue from the arguments MAXSIZE, [LESSTHAN,] and the name. */
static int newqueue (lua_State *L, enum Kind kind) {
  lua_Integer maxsize = luaL_optinteger(L, MAXSIZE, 0);
  Queue *q = (Queue *)las_newobject(L, sizeof(*q), NUSER, lua_gettop(L));
  q->maxsize = maxsize;
  q->kind = (uint8_t)kind;
  q->items.ring.uservalue = ITEMS;
  q->items.less = LESS;
  q->given.uservalue = GIVEN;
  if (kind == PRIORITY) {
    lua_pushvalue(L, LESSTHAN);
    lua_setiuservalue(L, -2, LESS);
  }
  las_settype(L, LAS_TQUEUE);
  return 1;
}


static const las_Param params[] = {
  {"maxsize", "be an integer", las_isinteger}, {NULL, NULL, NULL}
};


/* Queue([maxsize]) or Queue{maxsize=, name=} */
static int asyncio_Queue (lua_State *L) {
  las_params(L, 1, params);
  return newqueue(L, FIFO);
}


static int asyncio_LifoQueue (lua_State *L) {
  las_params(L, 1, params);
  return newqueue(L, LIFO);
}


/* PriorityQueue([maxsize [, less]]) or PriorityQueue{maxsize=, less=, name=}:
   less(a, b) replaces a < b */
static int asyncio_PriorityQueue (lua_State *L) {
  static const las_Param priorityparams[] = {
    {"maxsize", "be an integer", las_isinteger},
    {"less", "be a function", las_iscallable}, {NULL, NULL, NULL}
  };
  las_params(L, 1, priorityparams);
  luaL_argexpected(L, lua_isnil(L, LESSTHAN) || las_iscallable(L, LESSTHAN),
                   LESSTHAN, "function");
  return newqueue(L, PRIORITY);
}

/* }================================================================== */


/*
** {==================================================================
** put
** ===================================================================
*/

static int insertp (lua_State *L) {
  insert(L, (Queue *)lua_touserdata(L, SELF));
  return 0;
}


/* Puts the item of a putter that was woken. If that fails, or if a getter gets
   the item at once, the place is still free for the next putter. */
static void insertlate (lua_State *L, Queue *q) {
  if (q->putters == NULL)
    insert(L, q);
  else {
    int status;
    lua_pushcfunction(L, insertp);
    lua_insert(L, SELF);
    lua_pushvalue(L, SELF + 1);
    lua_insert(L, SELF);  /* keeps the queue alive */
    status = lua_pcall(L, 2, 0, 0);
    wakeputter(q);
    if (status != LUA_OK)
      lua_error(L);
  }
}


static int putk (lua_State *L, int status, lua_KContext ctx) {
  Queue *q = (Queue *)ctx;
  las_Task *t = las_checkwake(L);
  (void)status;
  if (t->what == NULL)
    return raiseshut(L);
  q->slots--;
  q->getters.given--;
  if (q->shut)
    return raiseshut(L);
  insertlate(L, q);
  return 0;
}


static int put (lua_State *L, las_Task *t, void *queue) {
  Queue *q = (Queue *)queue;
  if (las_unlikely(q->shut))
    return raiseshut(L);
  if (isfull(q)) {
    las_waitin(L, t, &q->putters, &putwait);
    return lua_yieldk(L, 0, (lua_KContext)q, putk);
  }
  if (las_unlikely(las_spent(t->f.loop)))
    return las_again(L, t, put, q);
  insert(L, q);
  return 0;
}


static void checkitem (lua_State *L) {
  luaL_argexpected(L, !lua_isnoneornil(L, ITEM), ITEM, "value");
  lua_settop(L, ITEM);
}


/* queue:put(item): waits until there is room */
static int queue_put (lua_State *L) {
  las_Task *t;
  Queue *q = enter(L, "Queue:put", &t);
  checkitem(L);
  return put(L, t, q);
}


static int queue_put_nowait (lua_State *L) {
  Queue *q = checkqueue(L);
  checkitem(L);
  if (q->shut)
    return raiseshut(L);
  if (isfull(q))
    return las_error(L, "QueueFull", "the queue is full");
  insert(L, q);
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** get
** ===================================================================
*/

/* what 'get' does when a queue that was shut down is empty */
enum AtEnd {RAISE, NIL};


static int atend (lua_State *L, enum AtEnd end) {
  if (end == RAISE)
    return raiseshut(L);
  lua_pushnil(L);
  return 1;
}


/* Takes the item that was given to this task, or finds that none will come. */
static int getgiven (lua_State *L, enum AtEnd end) {
  Queue *q = (Queue *)lua_touserdata(L, SELF);
  if (las_checkwake(L)->what == NULL)
    return atend(L, end);
  las_ringshift(L, &q->given);
  q->getters.given--;
  return 1;
}


static int getk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return getgiven(L, (enum AtEnd)ctx);
}


static int get (lua_State *L, las_Task *t, Queue *q, enum AtEnd end);


static int getornil (lua_State *L, las_Task *t, void *queue) {
  return get(L, t, (Queue *)queue, NIL);
}


static int getorraise (lua_State *L, las_Task *t, void *queue) {
  return get(L, t, (Queue *)queue, RAISE);
}


static int get (lua_State *L, las_Task *t, Queue *q, enum AtEnd end) {
  if (count(q) == 0) {
    if (q->shut)
      return atend(L, end);
    las_waitin(L, t, &q->getters.waiters, &getwait);
    return lua_yieldk(L, 0, end, getk);
  }
  if (las_unlikely(las_spent(t->f.loop)))
    return las_again(L, t, (end == NIL) ? getornil : getorraise, q);
  take(L, q);
  return 1;
}


/* queue:get(): waits for an item */
static int queue_get (lua_State *L) {
  las_Task *t;
  Queue *q = enter(L, "Queue:get", &t);
  lua_settop(L, SELF);
  return getorraise(L, t, q);
}


static int queue_get_nowait (lua_State *L) {
  Queue *q = checkqueue(L);
  lua_settop(L, SELF);
  if (count(q) == 0) {
    if (q->shut)
      return raiseshut(L);
    return las_error(L, "QueueEmpty", "the queue is empty");
  }
  take(L, q);
  return 1;
}


/* the iterator of items(): called with the queue and the previous item */
static int queue_next (lua_State *L) {
  las_Task *t;
  Queue *q = enter(L, "Queue:items", &t);
  lua_settop(L, SELF);
  return getornil(L, t, q);
}


/* for item in queue:items(): until it is shut down and empty */
static int queue_items (lua_State *L) {
  checkqueue(L);
  lua_settop(L, SELF);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, queue_next, 1);
  lua_insert(L, SELF);
  return 2;
}

/* }================================================================== */


/*
** {==================================================================
** task_done, join and shutdown
** ===================================================================
*/

/* Counts 'n' items as done. After the last one it wakes the tasks in join. */
static void finish (Queue *q, lua_Integer n) {
  q->unfinished -= n;
  if (q->unfinished == 0)
    las_wakeall(&q->joiners);
}


static int queue_task_done (lua_State *L) {
  Queue *q = checkqueue(L);
  if (q->unfinished == 0)
    return luaL_error(L, "task_done was called more often than put");
  finish(q, 1);
  return 0;
}


static int joink (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  las_checkwake(L);
  return 0;
}


static int join (lua_State *L, las_Task *t, void *queue) {
  Queue *q = (Queue *)queue;
  if (q->unfinished > 0) {
    las_waitin(L, t, &q->joiners, &joinwait);
    return lua_yieldk(L, 0, 0, joink);
  }
  if (las_unlikely(las_spent(t->f.loop)))
    return las_again(L, t, join, q);
  return 0;
}


/* queue:join(): waits until task_done was called for all items */
static int queue_join (lua_State *L) {
  las_Task *t;
  Queue *q = enter(L, "Queue:join", &t);
  return join(L, t, q);
}


/* queue:shutdown([immediate]): refuses more items; 'immediate' drops those that
   are there */
static int queue_shutdown (lua_State *L) {
  Queue *q = checkqueue(L);
  luaL_argexpected(L, lua_isnoneornil(L, 2) || lua_isboolean(L, 2), 2,
                   "boolean");
  q->shut = 1;
  if (lua_toboolean(L, 2) && count(q) > 0) {
    lua_Integer n = count(q);
    las_ringclear(L, &q->items.ring);
    finish(q, (n < q->unfinished) ? n : q->unfinished);
  }
  wakeshut(&q->getters.waiters);
  wakeshut(&q->putters);
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** Other methods
** ===================================================================
*/

static int queue_qsize (lua_State *L) {
  lua_pushinteger(L, count(checkqueue(L)));
  return 1;
}


static int queue_empty (lua_State *L) {
  lua_pushboolean(L, count(checkqueue(L)) == 0);
  return 1;
}


/* Would put_nowait raise QueueFull? */
static int queue_full (lua_State *L) {
  lua_pushboolean(L, isfull(checkqueue(L)));
  return 1;
}


static int queue_maxsize (lua_State *L) {
  lua_pushinteger(L, checkqueue(L)->maxsize);
  return 1;
}


static int queue_gc (lua_State *L) {
  Queue *q = (Queue *)lua_touserdata(L, SELF);
  las_dropwaiters(q->getters.loop, &q->getters.waiters);
  las_dropwaiters(q->getters.loop, &q->putters);
  las_dropwaiters(q->getters.loop, &q->joiners);
  return 0;
}


static int queue_tostring (lua_State *L) {
  static const char *const names[] = {"Queue", "LifoQueue", "PriorityQueue"};
  Queue *q = checkqueue(L);
  lua_pushfstring(L, "%s<%s%ssize=%I, maxsize=%I, getters=%d, putters=%d, "
                  "joiners=%d, unfinished=%I>", names[q->kind],
                  las_nametext(L, SELF), q->shut ? "state=shut down, " : "",
                  (LUAI_UACINT)count(q), (LUAI_UACINT)q->maxsize,
                  las_listcount(&q->getters.waiters),
                  las_listcount(&q->putters), las_listcount(&q->joiners),
                  (LUAI_UACINT)q->unfinished);
  return 1;
}

/* }================================================================== */


void las_openqueue (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"Queue", asyncio_Queue},
    {"LifoQueue", asyncio_LifoQueue},
    {"PriorityQueue", asyncio_PriorityQueue},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"put", queue_put},
    {"get", queue_get},
    {"put_nowait", queue_put_nowait},
    {"get_nowait", queue_get_nowait},
    {"items", queue_items},
    {"qsize", queue_qsize},
    {"empty", queue_empty},
    {"full", queue_full},
    {"maxsize", queue_maxsize},
    {"task_done", queue_task_done},
    {"join", queue_join},
    {"shutdown", queue_shutdown},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__gc", queue_gc},
    {"__tostring", queue_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TQUEUE, "asyncio.Queue", methods, meta);
  las_setfuncs(L, state, funcs);
}
