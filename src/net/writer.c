/*
** writer.c
** StreamWriter: sends bytes through a transport.
** A write has accepted its bytes before it waits, and waits only because too
** many are unsent.
*/

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "net/writer.h"
#include "base/anchor.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/current.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "net/address.h"
#include "net/loss.h"
#include "net/transport.h"
#include "rooms.h"


#define BIG	(64 << 10)	/* a string from here on is kept by reference */

typedef struct Box {
  las_Stream *s;
} Box;


/* Returns the stream, NULL after the finalizer of the writer: those of older
   objects may still use it. */
static las_Stream *towriter (lua_State *L) {
  return ((Box *)las_check(L, 1, LAS_TWRITER))->s;
}


static int raisefinalized (lua_State *L) {
  return luaL_error(L, "the stream is closed");
}


static las_Stream *checkwriter (lua_State *L) {
  las_Stream *s = towriter(L);
  if (las_unlikely(s == NULL))
    raisefinalized(L);
  if (las_unlikely(s->loop == NULL && !s->closing))
    luaL_error(L, "the loop of the stream is closed");
  return s;
}


/* Returns the stream for a call that needs its loop, which may belong to the
   process that this one was forked from. */
static las_Stream *checkowned (lua_State *L) {
  las_Stream *s = checkwriter(L);
  if (las_unlikely(s->loop != NULL && s->loop->closed == LAS_FOREIGN))
    las_raiseforeign(L, s->loop->process.pid);
  return s;
}


/* First thing in a continuation. Returns the task and the stream that it waited
   for; raises a cancel. */
static las_Stream *checkwoken (lua_State *L, las_Task **t) {
  las_Stream *s = ((Box *)lua_touserdata(L, 1))->s;
  *t = las_checkwake(L);
  if (las_unlikely(s == NULL))
    raisefinalized(L);
  return s;
}


/*
** {==================================================================
** Writing
** ===================================================================
*/

/* Leaves a scope that waits for its stream to close; unsent bytes do not matter
   any more. */
static void leavescope (las_Task *t) {
  las_List *closers = (las_List *)t->what;
  las_leavelist(t);
  las_abortstream(las_owner(closers, las_Stream, closers));
}

static const las_Wait drainwait = {.name = "drain", .leave = las_leavelist};
static const las_Wait closewait = {
  .name = "wait_closed", .leave = las_leavelist
};
static const las_Wait scopewait = {
  .name = "wait_closed", .leave = leavescope
};


static void raisewerr (lua_State *L, las_Stream *s) {
  if (s->werr != 0)
    las_raiseloss(L, s, s->werr, "write");
}


static int waitdrained (lua_State *L, las_Stream *s, las_Task *t);


/* ctx: did it only give way, before it looked at 'unsent'? */
static int draink (lua_State *L, int status, lua_KContext ctx) {
  las_Task *t;
  las_Stream *s = checkwoken(L, &t);
  (void)status;
  if (ctx)
    return waitdrained(L, s, t);
  raisewerr(L, s);
  return 0;
}


/* If too many bytes are unsent, waits until they are few. */
static int waitdrained (lua_State *L, las_Stream *s, las_Task *t) {
  if (s->closed && s->werr == 0)
    return luaL_error(L, "cannot write to a closed stream");
  if (s->unsent <= s->high || s->werr != 0 || s->loop == NULL) {
    raisewerr(L, s);
    return 0;
  }
  las_waitin(L, t, &s->drains, &drainwait);
  return lua_yieldk(L, 0, 0, draink);
}


/* Accepts the string at 'i'. */
static void writeone (lua_State *L, las_Stream *s, int i) {
  size_t n;
  const char *p = lua_tolstring(L, i, &n);
  uint32_t slot = 0;
  int kept, err;
  if (n == 0)
    return;
  if (n >= BIG) {
    slot = las_reserve(L, s->loop);
    las_fill(L, s->loop, slot, i);
  }
  err = las_writebytes(s, p, n, slot, &kept);
  if (slot != 0 && !kept)
    las_release(s->loop, slot);
  if (err == UV_ENOMEM) {
    las_abortstream(s);  /* some bytes may be sent already */
    luaL_error(L, "not enough memory");
  }
}


static void checkopen (lua_State *L, las_Stream *s) {
  raisewerr(L, s);
  if (s->closing)
    luaL_error(L, "cannot write to a closed stream");
  if (s->eofsent)
    luaL_error(L, "cannot write after write_eof");
}


/* Writes all values above the writer. 't' is NULL outside of tasks. */
static int writeall (lua_State *L, las_Stream *s, las_Task *t) {
  int i, n = lua_gettop(L);
  checkopen(L, s);
  if (t != NULL && t->f.loop != s->loop)
    return luaL_error(L, "cannot write to a stream that belongs to another"
                         " loop");
  for (i = 2; i <= n; i++)
    writeone(L, s, i);
  if (t == NULL)
    return 0;  /* outside a task it only buffers */
  return waitdrained(L, s, t);
}


static int writek (lua_State *L, int status, lua_KContext ctx) {
  las_Task *t;
  las_Stream *s = checkwoken(L, &t);
  (void)status;
  (void)ctx;
  return writeall(L, s, t);
}


static int startwrite (lua_State *L, las_Stream *s) {
  las_Task *t = las_currenttask(L, las_state(L));
  if (t != NULL && las_unlikely(las_spent(t->f.loop))) {
    las_giveway(L, t);
    return lua_yieldk(L, 0, 0, writek);
  }
  return writeall(L, s, t);
}


/* write(s, ...) */
static int writer_write (lua_State *L) {
  int i, n = lua_gettop(L);
  las_Stream *s = checkowned(L);
  luaL_checkstring(L, 2);
  for (i = 3; i <= n; i++)
    luaL_checkstring(L, i);
  return startwrite(L, s);
}


/* writelines{...} */
static int writer_writelines (lua_State *L) {
  las_Stream *s = checkowned(L);
  int i, n;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  n = las_listlen(L, 2);
  luaL_checkstack(L, n, "too many lines");
  for (i = 1; i <= n; i++) {
    lua_geti(L, 2, i);
    if (!lua_isstring(L, -1))
      luaL_argerror(L, 2, lua_pushfstring(L, "line %d is not a string", i));
    lua_tostring(L, -1);
  }
  lua_remove(L, 2);
  return startwrite(L, s);
}


static las_Task *checkwaiter (lua_State *L, const las_Stream *s,
                              const char *fname) {
  las_Task *t = las_checktask(L, fname);
  if (s->loop != NULL && t->f.loop != s->loop)
    luaL_error(L, "cannot wait for a stream that belongs to another loop");
  return t;
}


static int writer_drain (lua_State *L) {
  las_Stream *s = checkowned(L);
  las_Task *t = checkwaiter(L, s, "drain");
  if (las_spent(t->f.loop)) {
    las_giveway(L, t);
    return lua_yieldk(L, 0, 1, draink);
  }
  return waitdrained(L, s, t);
}

/* }================================================================== */


/*
** {==================================================================
** Ending
** ===================================================================
*/

static int writer_can_write_eof (lua_State *L) {
  checkwriter(L);
  lua_pushboolean(L, 1);
  return 1;
}


static void onshutdown (uv_shutdown_t *req, int status) {
  (void)status;
  free(req);
}


/* write_eof(): the peer sees the end once everything is sent */
static int writer_write_eof (lua_State *L) {
  las_Stream *s = checkowned(L);
  uv_shutdown_t *req;
  int err;
  if (s->eofsent)
    return 0;
  checkopen(L, s);
  req = (uv_shutdown_t *)malloc(sizeof(*req));
  if (req == NULL)
    return luaL_error(L, "not enough memory");
  err = uv_shutdown(req, &s->uv.stream, onshutdown);
  if (err != 0) {
    free(req);
    return las_oserror(L, err, "shutdown", NULL);
  }
  s->eofsent = 1;
  return 0;
}


/* Ends the stream by 'end', unless its loop has closed it already. */
static int endstream (lua_State *L, void (*end) (las_Stream *s)) {
  if (towriter(L) != NULL)
    end(checkwriter(L));
  return 0;
}


static int writer_close (lua_State *L) {
  return endstream(L, las_closestream);
}


static int writer_abort (lua_State *L) {
  return endstream(L, las_abortstream);
}


static int writer_is_closing (lua_State *L) {
  lua_pushboolean(L, towriter(L) == NULL || checkwriter(L)->closing);
  return 1;
}


/* Raises the error by which the connection was lost. */
static int raiseloss (lua_State *L, las_Stream *s) {
  if (!s->aborted)
    raisewerr(L, s);
  return 0;
}


static int waitclosed (lua_State *L, las_Stream *s, las_Task *t,
                       const las_Wait *how);


/* how: the wait to begin after giving way, or NULL */
static int closedk (lua_State *L, int status, lua_KContext how) {
  las_Task *t;
  las_Stream *s = checkwoken(L, &t);
  (void)status;
  if (how != 0)
    return waitclosed(L, s, t, (const las_Wait *)how);
  return raiseloss(L, s);
}


static int waitclosed (lua_State *L, las_Stream *s, las_Task *t,
                       const las_Wait *how) {
  if (s->werr != 0)
    las_closestream(s);  /* it is broken; nothing else would close it */
  if (s->closed || s->loop == NULL)
    return raiseloss(L, s);
  las_waitin(L, t, &s->closers, how);
  return lua_yieldk(L, 0, 0, closedk);
}


static int writer_wait_closed (lua_State *L) {
  las_Stream *s = checkowned(L);
  las_Task *t = checkwaiter(L, s, "wait_closed");
  if (las_spent(t->f.loop)) {
    las_giveway(L, t);
    return lua_yieldk(L, 0, (lua_KContext)&closewait, closedk);
  }
  return waitclosed(L, s, t, &closewait);
}


/* __close(writer, err): waits until everything is sent. After an error or a
   cancel the unsent bytes do not matter, so it does not wait; nor does it
   where no task can wait */
static int writer_scopeclose (lua_State *L) {
  las_Stream *s = towriter(L);
  las_Task *t = las_currenttask(L, las_state(L));
  if (s == NULL)
    return 0;
  if (s->loop == NULL || t == NULL || t->f.loop != s->loop ||
      !lua_isnoneornil(L, 2) || (t->f.item.flags & LAS_FMUST)) {
    las_abortstream(s);
    if (s->loop != NULL && t != NULL && lua_isnoneornil(L, 2))
      las_checkcancel(L, t);
    return 0;
  }
  las_closestream(s);
  return waitclosed(L, s, t, &scopewait);
}


static int writer_gc (lua_State *L) {
  Box *box = (Box *)lua_touserdata(L, 1);
  las_Stream *s = box->s;
  box->s = NULL;
  if (s != NULL)
    las_unref(s);
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** State
** ===================================================================
*/

static int pushname (lua_State *L, las_Stream *s, int peer) {
  struct sockaddr_storage sa;
  socklen_t len = sizeof(sa);
  uv_os_fd_t fd;
  int err;
  if (s->closed || uv_fileno(&s->uv.handle, &fd) != 0)
    return 0;
  err = peer ? getpeername(fd, (struct sockaddr *)&sa, &len)
             : getsockname(fd, (struct sockaddr *)&sa, &len);
  return (err == 0) ? las_pushaddress(L, &sa, len) : 0;
}


/* get_extra_info(name [, default]) */
static int writer_get_extra_info (lua_State *L) {
  las_Stream *s = checkwriter(L);
  const char *name = luaL_checkstring(L, 2);
  int n = 0;
  lua_settop(L, 3);
  if (strcmp(name, "peername") == 0)
    n = pushname(L, s, 1);
  else if (strcmp(name, "sockname") == 0)
    n = pushname(L, s, 0);
  else if (strcmp(name, "socket") == 0) {
    uv_os_fd_t fd;
    if (!s->closed && uv_fileno(&s->uv.handle, &fd) == 0) {
      lua_pushinteger(L, fd);
      n = 1;
    }
  }
  if (n == 0) {
    lua_settop(L, 3);  /* the default */
    n = 1;
  }
  return n;
}


/* set_write_buffer_limits{high =, low =}: bytes; as in Python, a missing low
   is a quarter of high, a missing high four times low */
static int writer_set_write_buffer_limits (lua_State *L) {
  static const char *const names[] = {"high", "low", NULL};
  las_Stream *s = checkwriter(L);
  lua_Integer high, low;
  if (lua_isnoneornil(L, 2)) {
    lua_settop(L, 1);
    lua_newtable(L);
  }
  luaL_checktype(L, 2, LUA_TTABLE);
  las_checkoptions(L, 2, names);
  high = las_optbytes(L, 2, "high", 0, INT_MAX);
  low = las_optbytes(L, 2, "low", 0, INT_MAX);
  if (high < 0)
    high = (low < 0) ? LAS_HIGH : (low < INT_MAX / 4) ? 4 * low : INT_MAX;
  if (low < 0)
    low = high / 4;
  luaL_argcheck(L, low <= high, 2, "'low' must not be above 'high'");
  s->high = (uint32_t)high;
  s->low = (uint32_t)low;
  return 0;
}


static int writer_get_write_buffer_size (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)checkwriter(L)->unsent);
  return 1;
}


static int writer_tostring (lua_State *L) {
  const las_Stream *s = towriter(L);
  if (s == NULL) {
    lua_pushliteral(L, "StreamWriter<state=closed>");
    return 1;
  }
  lua_pushfstring(L, "StreamWriter<state=%s, unsent=%I>",
                  s->closed ? "closed" : s->closing ? "closing" : "open",
                  (LUAI_UACINT)s->unsent);
  return 1;
}

/* }================================================================== */


void *las_newwriter (lua_State *L) {
  Box *box = (Box *)lua_newuserdatauv(L, sizeof(Box), 0);
  box->s = NULL;
  las_settype(L, LAS_TWRITER);
  return box;
}


void las_joinwriter (void *box, las_Stream *s) {
  ((Box *)box)->s = s;
  s->refs++;
}


void las_openwriter (lua_State *L, int state) {
  static const luaL_Reg methods[] = {
    {"write", writer_write},
    {"writelines", writer_writelines},
    {"drain", writer_drain},
    {"can_write_eof", writer_can_write_eof},
    {"write_eof", writer_write_eof},
    {"close", writer_close},
    {"abort", writer_abort},
    {"is_closing", writer_is_closing},
    {"wait_closed", writer_wait_closed},
    {"get_extra_info", writer_get_extra_info},
    {"set_write_buffer_limits", writer_set_write_buffer_limits},
    {"get_write_buffer_size", writer_get_write_buffer_size},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__close", writer_scopeclose},
    {"__gc", writer_gc},
    {"__tostring", writer_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TWRITER, "asyncio.StreamWriter", methods, meta);
}
