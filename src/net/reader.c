/*
** reader.c
** StreamReader: takes bytes off its input, and waits until they are there.
** A read that is cancelled has taken nothing.
*/

#include <limits.h>
#include <string.h>

#include "net/reader.h"
#include "base/anchor.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/current.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/cancel.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "net/buffer.h"
#include "net/framing.h"
#include "net/input.h"
#include "net/loss.h"
#include "net/transport.h"
#include "rooms.h"


typedef struct Box {
  las_Input *r;
  las_Input own;	/* of a bare reader only */
} Box;

/* stack of a reading call */
enum {SELF = LAS_RSELF, ARG = LAS_RARG, OPTIONS = LAS_ROPTIONS};


/* Raises for a reader whose finalizer has run: those of older objects may still
   use it. */
static int raisefinalized (lua_State *L) {
  return luaL_error(L, "the stream is closed");
}


static las_Input *checkreader (lua_State *L) {
  las_Input *r = ((Box *)las_check(L, 1, LAS_TREADER))->r;
  if (las_unlikely(r == NULL))
    raisefinalized(L);
  return r;
}


/* Returns the loop of the stream, or NULL. Raises if it belongs to the process
   that this one was forked from. */
static const las_Loop *checkowned (lua_State *L, const las_Input *r) {
  const las_Loop *lp = r->bare ? NULL : las_streamof(r)->loop;
  if (las_unlikely(lp != NULL && lp->closed == LAS_FOREIGN))
    las_raiseforeign(L, lp->process.pid);
  return lp;
}


/*
** {==================================================================
** Reading
** ===================================================================
*/

static void leaveread (las_Task *t) {
  ((las_Input *)t->what)->waiter = NULL;
}

static const las_Wait readwait = {.name = "read", .leave = leaveread};


/* Ends a wait, however it ends; raises a cancel. Returns the input. */
static las_Input *wakeup (lua_State *L, las_Task **t) {
  las_Input *r = ((Box *)lua_touserdata(L, SELF))->r;
  if (r != NULL && r->bare) {
    lua_pushnil(L);
    lua_setiuservalue(L, SELF, LAS_RWAITER);
  }
  *t = las_checkwake(L);
  if (las_unlikely(r == NULL))
    raisefinalized(L);
  return r;
}


static void park (lua_State *L, las_Input *r, las_Task *t) {
  if (r->bare) {
    las_pushanchored(L, t->f.loop, t->f.item.slot);
    lua_setiuservalue(L, SELF, LAS_RWAITER);
  }
  r->waiter = t;
  las_park(t, &readwait, r);
  if (!r->bare && !las_streamof(r)->reading)
    las_startreading(las_streamof(r));  /* more than the buffer holds */
}


static void checkfree (lua_State *L, const las_Input *r) {
  if (r->waiter != NULL)
    luaL_error(L, "another task is reading this stream already");
}


/* The search of another task must scan all bytes again. */
static void beginsearch (las_Input *r, const las_Task *t) {
  r->scanned = 0;
  r->searcher = t->id;
}


static int readk (lua_State *L, int status, lua_KContext op);


/* Tries to read, and waits for more bytes as often as needed. */
static int tryread (lua_State *L, las_Input *r, las_Task *t, int op) {
  int n = las_tryread(L, r, op);
  if (n >= 0)
    return n;
  las_checkcancel(L, t);
  park(L, r, t);
  return lua_yieldk(L, 0, op, readk);
}


static int readk (lua_State *L, int status, lua_KContext op) {
  las_Task *t;
  las_Input *r = wakeup(L, &t);
  (void)status;
  checkfree(L, r);  /* another task may read by now */
  if (las_unlikely(r->searcher != t->id))
    beginsearch(r, t);
  return tryread(L, r, t, (int)op);
}


static las_Input *checkread (lua_State *L, const char *fname,
                              las_Task **t) {
  las_Input *r = checkreader(L);
  const las_Loop *lp = checkowned(L, r);
  *t = las_checktask(L, fname);
  checkfree(L, r);
  if (lp != NULL && lp != (*t)->f.loop)
    luaL_error(L, "cannot read a stream that belongs to another loop");
  return r;
}


/* A read counts as two operations: it often leads to one or more items for
   another task, whose queue should not be full before its turn comes. */
#define READCOST	2


static int startread (lua_State *L, las_Input *r, las_Task *t, int op) {
  beginsearch(r, t);
  if (las_unlikely(las_spend(t->f.loop, READCOST))) {
    las_giveway(L, t);
    return lua_yieldk(L, 0, op, readk);
  }
  return tryread(L, r, t, op);
}


/* Puts a newline as separator at ARG, and no limit at OPTIONS. */
static void linearg (lua_State *L) {
  lua_settop(L, SELF);
  lua_pushliteral(L, "\n");
  lua_pushnil(L);
}


/* read([n | format]) */
static int reader_read (lua_State *L) {
  las_Task *t;
  las_Input *r = checkread(L, "StreamReader:read", &t);
  lua_Integer n;
  if (lua_type(L, ARG) == LUA_TSTRING) {
    const char *format = lua_tostring(L, ARG);
    if (*format == '*')
      format++;
    switch (*format) {
      case 'a': lua_settop(L, ARG); return startread(L, r, t, LAS_ALL);
      case 'l': linearg(L); return startread(L, r, t, LAS_BARELINE);
      case 'L': linearg(L); return startread(L, r, t, LAS_KEPTLINE);
      default: return luaL_argerror(L, ARG, "invalid format");
    }
  }
  n = luaL_optinteger(L, ARG, -1);
  if (n < 0) {
    lua_settop(L, SELF);
    lua_pushnil(L);
    return startread(L, r, t, LAS_ALL);
  }
  lua_settop(L, ARG);
  return startread(L, r, t, (n == 0) ? LAS_NOTHING : LAS_SOME);
}


static lua_Integer checkcount (lua_State *L, int i, lua_Integer least) {
  lua_Integer n = luaL_checkinteger(L, i);
  luaL_argcheck(L, n >= least, i, "count of bytes out of range");
  return n;
}


static int reader_readexactly (lua_State *L) {
  las_Task *t;
  las_Input *r = checkread(L, "StreamReader:readexactly", &t);
  checkcount(L, ARG, 0);
  lua_settop(L, ARG);
  return startread(L, r, t, LAS_EXACTLY);
}


static int reader_peek (lua_State *L) {
  las_Task *t;
  las_Input *r = checkread(L, "StreamReader:peek", &t);
  checkcount(L, ARG, 1);
  lua_settop(L, ARG);
  return startread(L, r, t, LAS_PEEK);
}


/* Checks the separator at ARG. A list is copied, as others may change it. */
static void checkseparator (lua_State *L) {
  int i, n;
  if (lua_isnoneornil(L, ARG)) {
    lua_settop(L, (lua_gettop(L) < ARG) ? ARG : lua_gettop(L));
    lua_pushliteral(L, "\n");
    lua_replace(L, ARG);
    return;
  }
  if (lua_type(L, ARG) != LUA_TTABLE) {
    size_t len;
    luaL_checklstring(L, ARG, &len);
    luaL_argcheck(L, len > 0, ARG, "empty separator");
    return;
  }
  n = las_listlen(L, ARG);
  luaL_argcheck(L, n > 0, ARG, "no separator in the list");
  lua_createtable(L, las_listroom(L, ARG, n), 0);
  for (i = 1; i <= n; i++) {
    lua_geti(L, ARG, i);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) > 0,
                  ARG, "separators must be strings, not empty");
    lua_rawseti(L, -2, i);
  }
  lua_replace(L, ARG);
}


/* readuntil([separator | list [, {limit =}]]) */
static int reader_readuntil (lua_State *L) {
  static const char *const names[] = {"limit", NULL};
  las_Task *t;
  las_Input *r = checkread(L, "StreamReader:readuntil", &t);
  lua_Integer limit;
  checkseparator(L);
  lua_settop(L, OPTIONS);
  if (!lua_isnil(L, OPTIONS)) {
    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    las_checkoptions(L, OPTIONS, names);
    limit = las_optbytes(L, OPTIONS, "limit", 1, LUA_MAXINTEGER);
    if (limit > 0) {
      lua_pushinteger(L, limit);
      lua_replace(L, OPTIONS);
    }
  }
  return startread(L, r, t, LAS_UNTIL);
}


static int reader_readline (lua_State *L) {
  las_Task *t;
  las_Input *r = checkread(L, "StreamReader:readline", &t);
  linearg(L);
  return startread(L, r, t, LAS_KEPTLINE);
}


/* the iterator of lines(): upvalue 2 is the reader */
static int nextline (lua_State *L) {
  las_Task *t;
  las_Input *r;
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(2));
  r = checkread(L, "StreamReader:lines", &t);
  linearg(L);
  return startread(L, r, t, LAS_BARELINE);
}


static int reader_lines (lua_State *L) {
  checkreader(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, SELF);
  lua_pushcclosure(L, nextline, 2);
  return 1;
}

/* }================================================================== */


/*
** {==================================================================
** Feeding by hand, and state
** ===================================================================
*/

static int reader_at_eof (lua_State *L) {
  las_Input *r = checkreader(L);
  lua_pushboolean(L, r->eof && las_isempty(r));
  return 1;
}


static int reader_feed_data (lua_State *L) {
  las_Input *r = checkreader(L);
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  checkowned(L, r);
  if (r->eof)
    return luaL_error(L, "feed_data after feed_eof");
  if (n > 0) {
    if (las_bufappend(&r->in, s, n) != 0)
      return luaL_error(L, "not enough memory");
    las_wakereader(r);
  }
  return 0;
}


static int reader_feed_eof (lua_State *L) {
  las_Input *r = checkreader(L);
  checkowned(L, r);
  r->eof = 1;
  las_wakereader(r);
  return 0;
}


/* exception(): the error that ended reading, and true; or nil and false */
static int reader_exception (lua_State *L) {
  las_Input *r = checkreader(L);
  lua_settop(L, 1);
  if (r->excepted)
    las_pushexception(L, r);
  else if (r->err != 0)
    las_pushloss(L, las_streamof(r), r->err, "read");
  else
    lua_pushnil(L);
  lua_pushboolean(L, r->excepted || r->err != 0);
  return 2;
}


static int reader_set_exception (lua_State *L) {
  las_Input *r = checkreader(L);
  luaL_checkany(L, 2);
  checkowned(L, r);
  lua_settop(L, 2);
  if (r->bare)
    lua_setiuservalue(L, 1, LAS_REXCEPTION);
  else if (las_streamof(r)->loop == NULL)
    return 0;  /* it is closed: nobody can read from it */
  else if (r->excepted)
    las_fill(L, las_streamof(r)->loop, r->exception, 2);
  else
    r->exception = las_anchor(L, las_streamof(r)->loop, 2);
  r->excepted = 1;
  las_wakereader(r);
  return 0;
}


static int reader_tostring (lua_State *L) {
  const las_Input *r = ((Box *)las_check(L, 1, LAS_TREADER))->r;
  if (r == NULL) {
    lua_pushliteral(L, "StreamReader<state=closed>");
    return 1;
  }
  lua_pushfstring(L, "StreamReader<buffered=%I%s%s>",
                  (LUAI_UACINT)r->in.n, r->eof ? ", eof" : "",
                  r->waiter ? ", waiting" : "");
  return 1;
}


static int reader_gc (lua_State *L) {
  Box *box = (Box *)lua_touserdata(L, 1);
  las_Input *r = box->r;
  box->r = NULL;
  if (r == NULL)
    return 0;
  if (r->bare) {
    /* it still waits only if outside code closed its coroutine, or if the
       loop is collected, too */
    if (r->waiter != NULL && !r->waiter->f.loop->closed)
      las_throw(r->waiter);
    las_buffree(&r->in);
  }
  else
    las_unref(las_streamof(r));
  return 0;
}

/* }================================================================== */


void *las_newreader (lua_State *L) {
  Box *box = (Box *)lua_newuserdatauv(L, offsetof(Box, own), 0);
  box->r = NULL;
  las_settype(L, LAS_TREADER);
  return box;
}


void las_joinreader (void *box, las_Pair *pair) {
  ((Box *)box)->r = &pair->input;
  pair->stream.refs++;
}


/* StreamReader{limit =}: one that is fed by hand */
static int asyncio_StreamReader (lua_State *L) {
  static const char *const names[] = {"limit", NULL};
  lua_Integer limit = -1;
  Box *box;
  if (!lua_isnoneornil(L, 1)) {
    luaL_checktype(L, 1, LUA_TTABLE);
    las_checkoptions(L, 1, names);
    limit = las_optbytes(L, 1, "limit", 1, INT_MAX);
  }
  las_checkending(L);
  box = (Box *)lua_newuserdatauv(L, sizeof(Box), LAS_NREADER);
  memset(box, 0, sizeof(*box));
  box->own.limit = (limit < 0) ? LAS_LIMIT : (uint32_t)limit;
  box->own.bare = 1;
  box->r = &box->own;
  las_settype(L, LAS_TREADER);
  return 1;
}


void las_openreader (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"StreamReader", asyncio_StreamReader},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"read", reader_read},
    {"readexactly", reader_readexactly},
    {"readuntil", reader_readuntil},
    {"readline", reader_readline},
    {"lines", reader_lines},
    {"peek", reader_peek},
    {"at_eof", reader_at_eof},
    {"feed_data", reader_feed_data},
    {"feed_eof", reader_feed_eof},
    {"exception", reader_exception},
    {"set_exception", reader_set_exception},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__gc", reader_gc},
    {"__tostring", reader_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TREADER, "asyncio.StreamReader", methods, meta);
  las_setfuncs(L, state, funcs);
}
