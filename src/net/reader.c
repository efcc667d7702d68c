/*
** reader.c
** StreamReader: takes bytes off a buffer, waiting until they are there.
** Every way of reading is one attempt function, tried again whenever bytes
** come; a read that is cancelled has taken nothing.
*/

#include <limits.h>
#include <string.h>

#include "net/net.h"


typedef struct Box {
  las_Reader *r;
  las_Reader own;	/* of a bare reader only */
} Box;

/* user values of a bare reader: what set_exception gave; the task that waits,
   which nothing else need keep alive */
#define EXCEPTION	1
#define WAITER		2

#define streamof(r)	las_owner(r, las_Stream, r)


/* Its finalizer may have run: older ones may still use it. */
static int raisefinalized (lua_State *L) {
  return luaL_error(L, "the stream is closed");
}


static las_Reader *checkreader (lua_State *L) {
  las_Reader *r = ((Box *)las_check(L, 1, LAS_TREADER))->r;
  if (las_unlikely(r == NULL))
    raisefinalized(L);
  return r;
}


/*
** {==================================================================
** Bytes
** ===================================================================
*/

/* The loop whose buffer holds bytes just read for this reader, or NULL. */
static las_Loop *freshof (const las_Reader *r) {
  las_Loop *lp = r->bare ? NULL : streamof(r)->loop;
  return (lp != NULL && lp->fresh.owner == r) ? lp : NULL;
}


/* Moves what is fresh into the buffer, as far as there is memory. */
static int keepfresh (las_Loop *lp, las_Reader *r) {
  if (las_bufappend(&r->in, lp->fresh.p, lp->fresh.n) != 0)
    return UV_ENOMEM;
  lp->fresh.owner = NULL;
  return 0;
}


/* All bytes at hand, in one piece. What is fresh joins the buffer if that
   holds some already. Raises without memory, and nothing is lost. */
static const char *view (lua_State *L, las_Reader *r, size_t *n) {
  las_Loop *lp = freshof(r);
  if (lp != NULL) {
    if (r->in.n == 0) {
      *n = lp->fresh.n;
      return lp->fresh.p;
    }
    if (keepfresh(lp, r) != 0)
      luaL_error(L, "not enough memory");
  }
  *n = r->in.n;
  return las_bufdata(&r->in);
}


/* Drops what was taken off the view; the rest is safe before Lua runs. */
static void take (las_Reader *r, size_t n) {
  las_Loop *lp = freshof(r);
  if (lp != NULL) {
    lp->fresh.p += n;
    lp->fresh.n -= n;
    keepfresh(lp, r);  /* if it fails, las_feed tries once more */
  }
  else
    las_bufdrop(&r->in, n);
  r->scanned = 0;
  if (!r->bare && r->in.n <= r->limit && !streamof(r)->reading)
    las_startreading(streamof(r));
}


/* Pushes 'n' bytes of the view and takes 'drop' off it. [-0, +1, m] */
static int give (lua_State *L, las_Reader *r, const char *s, size_t n,
                 size_t drop) {
  lua_pushlstring(L, s, n);
  take(r, drop);
  return 1;
}


/* The task that waits leaves, as it may never run again: its coroutine may
   have been closed from outside. [-0, +0, -] */
static las_Task *takewaiter (las_Reader *r) {
  las_Task *t = r->waiter;
  r->waiter = NULL;
  return t;
}


void las_wakereader (las_Reader *r) {
  las_Task *t = takewaiter(r);
  if (t != NULL)
    las_wake(t);
}


void las_feed (las_Loop *lp, las_Reader *r, const char *s, size_t n) {
  las_Task *t;
  if (n > 0) {
    lp->fresh.owner = r;
    lp->fresh.p = s;
    lp->fresh.n = n;
  }
  t = takewaiter(r);
  if (t != NULL)
    las_stepnow(lp, t);
  if (lp->fresh.owner == r && keepfresh(lp, r) != 0) {
    lp->fresh.owner = NULL;
    r->err = UV_ENOMEM;
  }
}

/* }================================================================== */


/*
** {==================================================================
** Attempts: number of results, or -1 where more bytes are needed
** ===================================================================
*/

/* stack of a reading call: reader, argument, options or iterator's extras */
enum {SELF = 1, ARG, OPTIONS};

typedef int (*Attempt) (lua_State *L, las_Reader *r);


/* Pushes what set_exception gave; the reader lies at SELF. [-0, +1, -] */
static void pushexception (lua_State *L, const las_Reader *r) {
  if (r->bare)
    lua_getiuservalue(L, SELF, EXCEPTION);
  else if (streamof(r)->loop != NULL)
    las_pushanchored(L, streamof(r)->loop, r->exception);
  else
    lua_pushnil(L);
}


/* Raises what reading failed of, or returns whether the end has come. */
static int atend (lua_State *L, las_Reader *r) {
  if (r->excepted) {
    pushexception(L, r);
    lua_error(L);
  }
  if (r->err != 0)
    las_raiseloss(L, streamof(r), r->err, "read");
  return r->eof;
}


static int trysome (lua_State *L, las_Reader *r) {
  size_t n, want = (size_t)lua_tointeger(L, ARG);
  const char *s = view(L, r, &n);
  if (n > 0)
    return give(L, r, s, (n < want) ? n : want, (n < want) ? n : want);
  if (!atend(L, r))
    return -1;
  lua_pushnil(L);
  return 1;
}


static int trynothing (lua_State *L, las_Reader *r) {
  (void)r;
  lua_pushliteral(L, "");
  return 1;
}


static int trypeek (lua_State *L, las_Reader *r) {
  size_t n, want = (size_t)lua_tointeger(L, ARG);
  const char *s = view(L, r, &n);
  if (n > 0)
    return give(L, r, s, (n < want) ? n : want, 0);
  if (!atend(L, r))
    return -1;
  lua_pushnil(L);
  return 1;
}


/* Joins what is fresh to the buffer: more is needed. */
static int more (lua_State *L, las_Reader *r) {
  las_Loop *lp = freshof(r);
  if (lp != NULL && keepfresh(lp, r) != 0)
    return luaL_error(L, "not enough memory");
  return -1;
}


/* all until the end; ARG is nil where nothing at all gives nil */
static int tryall (lua_State *L, las_Reader *r) {
  size_t n;
  const char *s;
  if (!atend(L, r))
    return more(L, r);
  s = view(L, r, &n);
  if (n > 0 || lua_type(L, ARG) == LUA_TSTRING)
    return give(L, r, s, n, n);
  lua_pushnil(L);
  return 1;
}


/* Raises IncompleteReadError with all that is left. */
static int incomplete (lua_State *L, las_Reader *r, lua_Integer expected) {
  size_t n;
  const char *s = view(L, r, &n);
  if (expected >= 0)
    las_newerror(L, "IncompleteReadError",
                 "%I of %I bytes came before the end of the stream",
                 (LUAI_UACINT)n, (LUAI_UACINT)expected);
  else
    las_newerror(L, "IncompleteReadError",
                 "no separator in the %I bytes before the end of the stream",
                 (LUAI_UACINT)n);
  lua_pushlstring(L, s, n);
  lua_setfield(L, -2, "partial");
  if (expected >= 0) {
    lua_pushinteger(L, expected);
    lua_setfield(L, -2, "expected");
  }
  take(r, n);
  return lua_error(L);
}


static int tryexactly (lua_State *L, las_Reader *r) {
  size_t n, want = (size_t)lua_tointeger(L, ARG);
  const char *s = view(L, r, &n);
  if (n >= want)
    return give(L, r, s, want, want);
  if (!atend(L, r))
    return more(L, r);
  return incomplete(L, r, (lua_Integer)want);
}


/* First place of the separator in s[from .. n), or NULL. */
static const char *find (const char *s, size_t n, size_t from,
                         const char *sep, size_t nsep) {
  const char *end = s + n;
  const char *p = s + from;
  if (nsep == 1)
    return (const char *)memchr(p, sep[0], n - from);
  while ((size_t)(end - p) >= nsep) {
    p = (const char *)memchr(p, sep[0], (size_t)(end - p) - nsep + 1);
    if (p == NULL)
      return NULL;
    if (memcmp(p, sep, nsep) == 0)
      return p;
    p++;
  }
  return NULL;
}


/* Where the bytes up to a separator end: the separator that ends first
   counts, the shortest of those. */
typedef struct Match {
  size_t start, end;	/* of the separator; end 0: there is none */
  size_t longest;	/* bytes of the longest separator */
} Match;


static void findone (lua_State *L, int i, const char *s, size_t n,
                     size_t scanned, Match *m) {
  size_t nsep;
  const char *sep = lua_tolstring(L, i, &nsep);
  const char *p;
  if (nsep > m->longest)
    m->longest = nsep;
  if (scanned >= nsep)
    scanned -= nsep - 1;  /* it may have begun in what was scanned */
  else
    scanned = 0;
  if (n < nsep)
    return;
  p = find(s, n, scanned, sep, nsep);
  if (p != NULL) {
    size_t start = (size_t)(p - s), end = start + nsep;
    if (m->end == 0 || end < m->end ||
        (end == m->end && start > m->start)) {
      m->start = start;
      m->end = end;
    }
  }
}


/* Looks for the separator at ARG: a string or a list of them. */
static Match findany (lua_State *L, const char *s, size_t n,
                      size_t scanned) {
  Match m = {0, 0, 0};
  if (lua_istable(L, ARG)) {
    int i, count = (int)lua_rawlen(L, ARG);
    for (i = 1; i <= count; i++) {
      lua_rawgeti(L, ARG, i);
      findone(L, -1, s, n, scanned, &m);
      lua_pop(L, 1);
    }
  }
  else
    findone(L, ARG, s, n, scanned, &m);
  return m;
}


static int overrun (lua_State *L, size_t consumed, size_t limit) {
  las_newerror(L, "LimitOverrunError",
               "no separator within the limit of %I bytes",
               (LUAI_UACINT)limit);
  lua_pushinteger(L, (lua_Integer)consumed);
  lua_setfield(L, -2, "consumed");
  return lua_error(L);
}


/* Pushes nothing: tells where the bytes up to the separator end, 0 if it is
   not there yet. Raises past the limit. */
static Match tofind (lua_State *L, las_Reader *r, const char *s, size_t n) {
  size_t limit = r->limit;
  Match m = findany(L, s, n, r->scanned);
  if (lua_type(L, OPTIONS) == LUA_TNUMBER)
    limit = (size_t)lua_tointeger(L, OPTIONS);
  if (m.end > 0) {
    if (m.start > limit)
      overrun(L, m.start, limit);
  }
  else {
    if (n + 1 > limit + m.longest) {
      more(L, r);  /* keeps what is fresh */
      overrun(L, n + 1 - m.longest, limit);
    }
    r->scanned = n;
  }
  return m;
}


static int tryuntil (lua_State *L, las_Reader *r) {
  size_t n;
  const char *s = view(L, r, &n);
  Match m = tofind(L, r, s, n);
  if (m.end > 0)
    return give(L, r, s, m.end, m.end);
  if (!atend(L, r))
    return more(L, r);
  return incomplete(L, r, -1);
}


/* A line; at the end the last one may have no newline. 'keep': with it. */
static int tryline (lua_State *L, las_Reader *r, int keep) {
  size_t n;
  const char *s = view(L, r, &n);
  Match m = tofind(L, r, s, n);
  if (m.end > 0)
    return give(L, r, s, keep ? m.end : m.start, m.end);
  if (!atend(L, r))
    return more(L, r);
  if (n > 0)
    return give(L, r, s, n, n);
  lua_pushnil(L);
  return 1;
}


static int trykeptline (lua_State *L, las_Reader *r) {
  return tryline(L, r, 1);
}


static int trybareline (lua_State *L, las_Reader *r) {
  return tryline(L, r, 0);
}


enum {SOME, NOTHING, PEEK, ALL, EXACTLY, UNTIL, KEPTLINE, BARELINE};

static const Attempt attempts[] = {
  trysome, trynothing, trypeek, tryall, tryexactly, tryuntil, trykeptline,
  trybareline
};

/* }================================================================== */


/*
** {==================================================================
** Reading
** ===================================================================
*/

static void leaveread (las_Task *t) {
  ((las_Reader *)t->what)->waiter = NULL;
}

static const las_Wait readwait = {.name = "read", .leave = leaveread};


/* The reader's end of a wait, whatever comes of it. */
static las_Reader *wakeup (lua_State *L, las_Task **t) {
  las_Reader *r = ((Box *)lua_touserdata(L, SELF))->r;
  if (r != NULL && r->bare) {
    lua_pushnil(L);
    lua_setiuservalue(L, SELF, WAITER);
  }
  *t = las_checkwake(L);
  if (las_unlikely(r == NULL))
    raisefinalized(L);
  return r;
}


static void park (lua_State *L, las_Reader *r, las_Task *t) {
  if (r->bare) {
    las_pushanchored(L, t->f.loop, t->f.item.slot);
    lua_setiuservalue(L, SELF, WAITER);
  }
  else if (!streamof(r)->reading)
    las_startreading(streamof(r));  /* it needs more than the buffer holds */
  r->waiter = t;
  las_park(t, &readwait, r);
}


static void checkfree (lua_State *L, const las_Reader *r) {
  if (r->waiter != NULL)
    luaL_error(L, "another task is reading this stream already");
}


/* What was scanned is of no use to the search of another task. */
static void beginsearch (las_Reader *r, const las_Task *t) {
  r->scanned = 0;
  r->searcher = t->id;
}


static int readk (lua_State *L, int status, lua_KContext op);


/* Tries; waits for more bytes as often as it must. */
static int tryread (lua_State *L, las_Reader *r, las_Task *t, int op) {
  int n = attempts[op](L, r);
  if (n >= 0)
    return n;
  las_checkcancel(L, t);
  park(L, r, t);
  return lua_yieldk(L, 0, op, readk);
}


static int readk (lua_State *L, int status, lua_KContext op) {
  las_Task *t;
  las_Reader *r = wakeup(L, &t);
  (void)status;
  checkfree(L, r);  /* it may have given way to another reader */
  if (las_unlikely(r->searcher != t->id))
    beginsearch(r, t);
  return tryread(L, r, t, (int)op);
}


static las_Reader *checkread (lua_State *L, const char *fname,
                              las_Task **t) {
  las_Reader *r = checkreader(L);
  *t = las_checktask(L, fname);
  checkfree(L, r);
  if (!r->bare && streamof(r)->loop != NULL &&
      streamof(r)->loop != (*t)->f.loop)
    luaL_error(L, "cannot read a stream that belongs to another loop");
  return r;
}


static int startread (lua_State *L, las_Reader *r, las_Task *t, int op) {
  beginsearch(r, t);
  if (las_unlikely(las_spent(t->f.loop))) {
    las_giveway(L, t);
    return lua_yieldk(L, 0, op, readk);
  }
  return tryread(L, r, t, op);
}


/* Puts a newline as separator at ARG, and no limit of its own. */
static void linearg (lua_State *L) {
  lua_settop(L, SELF);
  lua_pushliteral(L, "\n");
  lua_pushnil(L);
}


/* read([n | format]) */
static int reader_read (lua_State *L) {
  las_Task *t;
  las_Reader *r = checkread(L, "StreamReader:read", &t);
  lua_Integer n;
  if (lua_type(L, ARG) == LUA_TSTRING) {
    const char *format = lua_tostring(L, ARG);
    if (*format == '*')
      format++;
    switch (*format) {
      case 'a': lua_settop(L, ARG); return startread(L, r, t, ALL);
      case 'l': linearg(L); return startread(L, r, t, BARELINE);
      case 'L': linearg(L); return startread(L, r, t, KEPTLINE);
      default: return luaL_argerror(L, ARG, "invalid format");
    }
  }
  n = luaL_optinteger(L, ARG, -1);
  if (n < 0) {
    lua_settop(L, SELF);
    lua_pushnil(L);
    return startread(L, r, t, ALL);
  }
  lua_settop(L, ARG);
  return startread(L, r, t, (n == 0) ? NOTHING : SOME);
}


static lua_Integer checkcount (lua_State *L, int i, lua_Integer least) {
  lua_Integer n = luaL_checkinteger(L, i);
  luaL_argcheck(L, n >= least, i, "count of bytes out of range");
  return n;
}


static int reader_readexactly (lua_State *L) {
  las_Task *t;
  las_Reader *r = checkread(L, "StreamReader:readexactly", &t);
  checkcount(L, ARG, 0);
  lua_settop(L, ARG);
  return startread(L, r, t, EXACTLY);
}


static int reader_peek (lua_State *L) {
  las_Task *t;
  las_Reader *r = checkread(L, "StreamReader:peek", &t);
  checkcount(L, ARG, 1);
  lua_settop(L, ARG);
  return startread(L, r, t, PEEK);
}


/* Checks the separator at ARG; a list is copied: others may change it. */
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
  las_Reader *r = checkread(L, "StreamReader:readuntil", &t);
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
  return startread(L, r, t, UNTIL);
}


static int reader_readline (lua_State *L) {
  las_Task *t;
  las_Reader *r = checkread(L, "StreamReader:readline", &t);
  linearg(L);
  return startread(L, r, t, KEPTLINE);
}


/* the iterator of lines(): upvalue 2 is the reader */
static int nextline (lua_State *L) {
  las_Task *t;
  las_Reader *r;
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(2));
  r = checkread(L, "StreamReader:lines", &t);
  linearg(L);
  return startread(L, r, t, BARELINE);
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
  las_Reader *r = checkreader(L);
  lua_pushboolean(L, r->eof && r->in.n == 0 && freshof(r) == NULL);
  return 1;
}


static int reader_feed_data (lua_State *L) {
  las_Reader *r = checkreader(L);
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
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
  las_Reader *r = checkreader(L);
  r->eof = 1;
  las_wakereader(r);
  return 0;
}


/* exception(): what reading failed of, and true; nil and false if nothing */
static int reader_exception (lua_State *L) {
  las_Reader *r = checkreader(L);
  lua_settop(L, 1);
  if (r->excepted)
    pushexception(L, r);
  else if (r->err != 0)
    las_pushloss(L, streamof(r), r->err, "read");
  else
    lua_pushnil(L);
  lua_pushboolean(L, r->excepted || r->err != 0);
  return 2;
}


static int reader_set_exception (lua_State *L) {
  las_Reader *r = checkreader(L);
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  if (r->bare)
    lua_setiuservalue(L, 1, EXCEPTION);
  else if (streamof(r)->loop == NULL)
    return 0;  /* nobody can read any more */
  else if (r->excepted)
    las_fill(L, streamof(r)->loop, r->exception, 2);
  else
    r->exception = las_anchor(L, streamof(r)->loop, 2);
  r->excepted = 1;
  las_wakereader(r);
  return 0;
}


static int reader_tostring (lua_State *L) {
  const las_Reader *r = ((Box *)las_check(L, 1, LAS_TREADER))->r;
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
  las_Reader *r = box->r;
  box->r = NULL;
  if (r == NULL)
    return 0;
  if (r->bare) {
    /* waits still only if its coroutine was closed from outside, or if the
       loop goes, too */
    if (r->waiter != NULL && !r->waiter->f.loop->closed)
      las_throw(r->waiter);
    las_buffree(&r->in);
  }
  else
    las_unref(streamof(r));
  return 0;
}

/* }================================================================== */


void *las_newreader (lua_State *L) {
  Box *box = (Box *)lua_newuserdatauv(L, offsetof(Box, own), 0);
  box->r = NULL;
  las_settype(L, LAS_TREADER);
  return box;
}


void las_joinreader (void *box, las_Stream *s) {
  ((Box *)box)->r = &s->r;
  s->refs++;
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
  box = (Box *)lua_newuserdatauv(L, sizeof(Box), WAITER);
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
