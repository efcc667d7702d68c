/*
** framing.c
** Framing: how much of the bytes at hand one read takes.
** Each way of reading is an attempt, which is repeated whenever bytes come; an
** attempt that needs more bytes has taken none.
*/

#include <string.h>

#include "net/framing.h"
#include "base/anchor.h"
#include "base/error.h"
#include "net/input.h"
#include "net/loss.h"


typedef int (*Attempt) (lua_State *L, las_Input *r);


void las_pushexception (lua_State *L, const las_Input *r) {
  if (r->bare)
    lua_getiuservalue(L, LAS_RSELF, LAS_REXCEPTION);
  else if (las_streamof(r)->loop != NULL)
    las_pushanchored(L, las_streamof(r)->loop, r->exception);
  else
    lua_pushnil(L);
}


/* Pushes 'n' bytes of the view and takes 'drop' off it. [-0, +1, m] */
static int give (lua_State *L, las_Input *r, const char *s, size_t n,
                 size_t drop) {
  lua_pushlstring(L, s, n);
  las_take(r, drop);
  return 1;
}


/* Raises if reading has failed; else returns whether the end has come. */
static int atend (lua_State *L, las_Input *r) {
  if (r->excepted) {
    las_pushexception(L, r);
    lua_error(L);
  }
  if (r->err != 0)
    las_raiseloss(L, las_streamof(r), r->err, "read");
  return r->eof;
}


static int trysome (lua_State *L, las_Input *r) {
  size_t n, want = (size_t)lua_tointeger(L, LAS_RARG);
  const char *s = las_view(L, r, &n);
  if (n > 0)
    return give(L, r, s, (n < want) ? n : want, (n < want) ? n : want);
  if (!atend(L, r))
    return -1;
  lua_pushnil(L);
  return 1;
}


static int trynothing (lua_State *L, las_Input *r) {
  (void)r;
  lua_pushliteral(L, "");
  return 1;
}


static int trypeek (lua_State *L, las_Input *r) {
  size_t n, want = (size_t)lua_tointeger(L, LAS_RARG);
  const char *s = las_view(L, r, &n);
  if (n > 0)
    return give(L, r, s, (n < want) ? n : want, 0);
  if (!atend(L, r))
    return -1;
  lua_pushnil(L);
  return 1;
}


static int tryall (lua_State *L, las_Input *r) {
  size_t n;
  const char *s;
  if (!atend(L, r))
    return las_needmore(L, r);
  s = las_view(L, r, &n);
  if (n > 0 || lua_type(L, LAS_RARG) == LUA_TSTRING)
    return give(L, r, s, n, n);
  lua_pushnil(L);
  return 1;
}


/* Raises IncompleteReadError with all that is left. */
static int incomplete (lua_State *L, las_Input *r, lua_Integer expected) {
  size_t n;
  const char *s = las_view(L, r, &n);
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
  las_take(r, n);
  return lua_error(L);
}


static int tryexactly (lua_State *L, las_Input *r) {
  size_t n, want = (size_t)lua_tointeger(L, LAS_RARG);
  const char *s = las_view(L, r, &n);
  if (n >= want)
    return give(L, r, s, want, want);
  if (!atend(L, r))
    return las_needmore(L, r);
  return incomplete(L, r, (lua_Integer)want);
}


/* Returns the first place of the separator in s[from .. n), or NULL. */
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


/* The separator that was found: the one that ends first, and of several that
   end there the shortest. */
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


/* Looks for the separator at LAS_RARG: a string or a list of them. */
static Match findany (lua_State *L, const char *s, size_t n,
                      size_t scanned) {
  Match m = {0, 0, 0};
  if (lua_istable(L, LAS_RARG)) {
    int i, count = (int)lua_rawlen(L, LAS_RARG);
    for (i = 1; i <= count; i++) {
      lua_rawgeti(L, LAS_RARG, i);
      findone(L, -1, s, n, scanned, &m);
      lua_pop(L, 1);
    }
  }
  else
    findone(L, LAS_RARG, s, n, scanned, &m);
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


/* Finds the separator; 'end' is 0 if it has not come yet. Pushes nothing.
   Raises if the limit is exceeded. */
static Match tofind (lua_State *L, las_Input *r, const char *s, size_t n) {
  size_t limit = r->limit;
  Match m = findany(L, s, n, r->scanned);
  if (lua_type(L, LAS_ROPTIONS) == LUA_TNUMBER)
    limit = (size_t)lua_tointeger(L, LAS_ROPTIONS);
  if (m.end > 0) {
    if (m.start > limit)
      overrun(L, m.start, limit);
  }
  else {
    if (n + 1 > limit + m.longest) {
      las_needmore(L, r);  /* keeps what is fresh */
      overrun(L, n + 1 - m.longest, limit);
    }
    r->scanned = n;
  }
  return m;
}


static int tryuntil (lua_State *L, las_Input *r) {
  size_t n;
  const char *s = las_view(L, r, &n);
  Match m = tofind(L, r, s, n);
  if (m.end > 0)
    return give(L, r, s, m.end, m.end);
  if (!atend(L, r))
    return las_needmore(L, r);
  return incomplete(L, r, -1);
}


/* Takes a line. The last one may have no newline. 'keep': with its newline. */
static int tryline (lua_State *L, las_Input *r, int keep) {
  size_t n;
  const char *s = las_view(L, r, &n);
  Match m = tofind(L, r, s, n);
  if (m.end > 0)
    return give(L, r, s, keep ? m.end : m.start, m.end);
  if (!atend(L, r))
    return las_needmore(L, r);
  if (n > 0)
    return give(L, r, s, n, n);
  lua_pushnil(L);
  return 1;
}


static int trykeptline (lua_State *L, las_Input *r) {
  return tryline(L, r, 1);
}


static int trybareline (lua_State *L, las_Input *r) {
  return tryline(L, r, 0);
}


static const Attempt attempts[] = {  /* by enum las_Framing */
  trysome, trynothing, trypeek, tryall, tryexactly, tryuntil, trykeptline,
  trybareline
};


int las_tryread (lua_State *L, las_Input *r, int how) {
  return attempts[how](L, r);
}
