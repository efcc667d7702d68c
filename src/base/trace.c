/*
** trace.c
** Traces: where a task is, through all the coroutines it drives.
** Nothing is kept for this while things go well: a coroutine that drives
** another stands in a function of ours that has the other in slot 1.
*/

#include <stdio.h>
#include <string.h>

#include "base/trace.h"
#include "base/error.h"
#include "base/state.h"
#include "rooms.h"


/*
** {==================================================================
** Coroutines inside one another
** ===================================================================
*/

/* Is the function at level 0 of the coroutine, as in 'ar', one of ours, or not
   a C function at all? */
static int isours (las_State *S, lua_State *co, lua_Debug *ar) {
  int ours = 1;
  lua_getinfo(co, "f", ar);
  if (lua_iscfunction(co, -1)) {
    ours = (lua_getupvalue(co, -1, 1) != NULL);
    if (ours) {
      ours = (lua_touserdata(co, -1) == (void *)S);
      lua_pop(co, 1);
    }
  }
  lua_pop(co, 1);
  return ours;
}


int las_isown (const las_State *S, const char *source) {
  return strcmp(source, LAS_OWNSOURCE) == 0 ||
         (S->libdir[0] != '\0' &&
          strncmp(source, S->libdir, strlen(S->libdir)) == 0);
}


/* its address lies on the stack of a coroutine in a bare yield */
static const char barekey = 0;


int las_isbare (lua_State *co) {
  return lua_gettop(co) > 0 && lua_touserdata(co, -1) == (void *)&barekey;
}


void las_pushbare (lua_State *co) {
  lua_pushlightuserdata(co, (void *)&barekey);
}


/* A program that yields a value does so in a C function that is not ours; a
   time slice ends in a Lua function. */
int las_isparked (las_State *S, lua_State *co) {
  lua_Debug ar;
  return lua_status(co) == LUA_YIELD && lua_checkstack(co, 4) &&
         (las_isbare(co) ||
          (lua_getstack(co, 0, &ar) && isours(S, co, &ar)));
}


lua_State *las_inner (las_State *S, lua_State *co) {
  lua_Debug ar;
  lua_State *inner;
  if (!lua_getstack(co, 0, &ar) || !lua_checkstack(co, 4) ||
      !isours(S, co, &ar) || lua_getlocal(co, &ar, 1) == NULL)
    return NULL;
  inner = lua_tothread(co, -1);
  if (inner == NULL) {
    lua_State **gen = (lua_State **)las_test(co, S, -1, LAS_TGENERATOR);
    if (gen != NULL)
      inner = *gen;
  }
  lua_pop(co, 1);
  return (inner != NULL && lua_getstack(inner, 0, &ar)) ? inner : NULL;
}


lua_State *las_innermost (las_State *S, lua_State *co) {
  lua_State *inner;
  while ((inner = las_inner(S, co)) != NULL)
    co = inner;
  return co;
}


/* Does the same for a coroutine that may be the running one. That stands in a
   function of ours, too, but drives nothing. */
static lua_State *innerof (lua_State *L, lua_State *co) {
  return (co != L) ? las_inner(las_state(L), co) : NULL;
}


/* inner(thread): the coroutine that this one drives, or nil */
static int core_inner (lua_State *L) {
  lua_State *inner;
  luaL_checktype(L, 1, LUA_TTHREAD);
  inner = innerof(L, lua_tothread(L, 1));
  if (inner == NULL) {
    lua_pushnil(L);
    return 1;
  }
  luaL_checkstack(inner, 1, NULL);
  lua_pushthread(inner);
  lua_xmove(inner, L, 1);
  return 1;
}

/* }================================================================== */


/*
** {==================================================================
** Texts
** ===================================================================
*/

/* Puts the traceback on top before the one below it, and drops the title of the
   latter. [-2, +1, m] */
static void join (lua_State *L) {
  static const char title[] = "stack traceback:";
  const char *outer = lua_tostring(L, -2);
  lua_pushstring(L, outer + sizeof(title) - 1);
  lua_concat(L, 2);
  lua_remove(L, -2);
}


int las_asklevel (lua_State *L) {
  las_State *S = las_state(L);
  lua_Debug ar;
  int level, lua = 0;
  luaL_checkstack(L, 4, NULL);
  for (level = 0; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "S", &ar);
    if (ar.what[0] == 'C') {
      if (!isours(S, L, &ar))
        break;
    }
    else if (!las_isown(S, ar.source))
      break;
    else
      lua = 1;
  }
  return lua ? level : 0;
}


void las_traceback (lua_State *L, lua_State *co, int level) {
  luaL_traceback(L, co, NULL, (co == L) ? level : 0);
  while ((co = innerof(L, co)) != NULL) {
    luaL_traceback(L, co, NULL, (co == L) ? level : 0);
    join(L);
  }
}


#define QUICKFRAMES	12	/* of each coroutine, in a quick traceback */

/* Adds a line about the frame in 'ar'. */
static void addframe (luaL_Buffer *b, lua_Debug *ar) {
  char line[LUA_IDSIZE + 32];
  if (ar->currentline > 0)
    snprintf(line, sizeof(line), "\n\t%s:%d: in ", ar->short_src,
             ar->currentline);
  else
    snprintf(line, sizeof(line), "\n\t%s: in ", ar->short_src);
  luaL_addstring(b, line);
  if (*ar->namewhat != '\0') {
    luaL_addstring(b, ar->namewhat);
    luaL_addstring(b, " '");
    luaL_addstring(b, ar->name);
    luaL_addchar(b, '\'');
  }
  else if (*ar->what == 'C')
    luaL_addchar(b, '?');
  else {
    snprintf(line, sizeof(line), "function <%s:%d>", ar->short_src,
             ar->linedefined);
    luaL_addstring(b, line);
  }
}


void las_quicktrace (lua_State *L, lua_State *co) {
  lua_pushliteral(L, "");
  for (; co != NULL; co = innerof(L, co)) {
    luaL_Buffer b;
    lua_Debug ar;
    int level;
    luaL_buffinit(L, &b);
    for (level = 0; lua_getstack(co, level, &ar); level++) {
      if (level == QUICKFRAMES) {
        luaL_addstring(&b, "\n\t...");
        break;
      }
      lua_getinfo(co, "Sln", &ar);
      addframe(&b, &ar);
    }
    luaL_pushresult(&b);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
}


/* Does the same without looking into driven coroutines. The library's own Lua
   code is passed over if there is any other, as users would learn little from
   it. */
static int pushline (lua_State *L, lua_State *co) {
  const las_State *S = las_state(L);
  lua_Debug ar, own;
  int level;
  own.currentline = 0;
  for (level = 0; lua_getstack(co, level, &ar); level++) {
    lua_getinfo(co, "Sl", &ar);
    if (ar.currentline <= 0)
      continue;
    if (!las_isown(S, ar.source)) {
      lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
      return 1;
    }
    if (own.currentline == 0)
      own = ar;
  }
  if (own.currentline == 0)
    return 0;
  lua_pushfstring(L, "%s:%d", own.short_src, own.currentline);
  return 1;
}


void las_pushplace (lua_State *L, lua_State *co) {
  lua_State *inner = innerof(L, co);
  lua_pushnil(L);
  for (;;) {
    if (pushline(L, co))
      lua_remove(L, -2);
    if (inner == NULL)
      return;
    co = inner;
    inner = innerof(L, co);
  }
}

/* }================================================================== */


/*
** {==================================================================
** Errors that cross coroutines
** ===================================================================
*/

/*
** A function of ours that passes an error on has this address in its second
** slot; in the third lies the note of the coroutine that the error came out
** of, a table, or the future whose outcome it is. This lasts until the error is
** caught, and no longer. The value of an error would not do: texts are equal,
** and an error object may be raised again and again.
*/
static const char passkey = 0;

/* Fields of a note. WHOLE: the library's Lua code caught the error in the same
   coroutine, so TRACE is all of its traceback. */
enum {TRACE = 1, PLACE, CAUSE, WHOLE};


void las_pushnoted (lua_State *L) {
  las_getanchored(L, LAS_UNOTES);
  lua_pushthread(L);
  if (lua_rawget(L, -2) != LUA_TNIL) {
    lua_rawgeti(L, -1, TRACE);
    lua_remove(L, -2);
  }
  lua_remove(L, -2);
}


void las_passerror (lua_State *L, lua_State *co) {
  lua_insert(L, 2);
  lua_settop(L, 2);
  if (las_iserror(L, 2, "CancelledError") || !lua_checkstack(co, 1))
    return;
  las_getanchored(L, LAS_UNOTES);
  lua_pushthread(co);
  lua_xmove(co, L, 1);
  if (lua_rawget(L, -2) == LUA_TNIL) {
    lua_settop(L, 2);
    return;
  }
  lua_replace(L, -2);  /* note in the place of their table */
  lua_pushlightuserdata(L, (void *)&passkey);
  lua_insert(L, 2);
  lua_insert(L, 3);  /* stack: what was driven, key, note, error */
}


void las_passoutcome (lua_State *L, int i) {
  lua_pushvalue(L, i);
  lua_pushlightuserdata(L, (void *)&passkey);
  lua_insert(L, 2);
  lua_insert(L, 3);  /* stack: anything, key, future, ..., error */
}


/* Pushes what the function that raises the error has in its third slot if it
   passes the error on, else nil. Returns its type. */
static int pushpassed (lua_State *L) {
  lua_Debug ar;
  if (lua_getstack(L, 1, &ar) && lua_getlocal(L, &ar, 2) != NULL) {
    int passed = (lua_touserdata(L, -1) == (void *)&passkey);
    lua_pop(L, 1);
    if (passed && lua_getlocal(L, &ar, 3) != NULL)
      return lua_type(L, -1);
  }
  lua_pushnil(L);
  return LUA_TNIL;
}


void las_errortrace (lua_State *L) {
  luaL_traceback(L, L, NULL, 1);
  if (pushpassed(L) == LUA_TTABLE) {
    int whole = (lua_rawgeti(L, -1, WHOLE) != LUA_TNIL);
    lua_pop(L, 1);
    lua_rawgeti(L, -1, PLACE);
    lua_insert(L, -3);
    lua_rawgeti(L, -1, TRACE);  /* stack: place, trace, note, inner trace */
    lua_remove(L, -2);
    if (whole)
      lua_remove(L, -2);
    else
      join(L);
    lua_insert(L, -2);
  }
  else {
    lua_pop(L, 1);
    las_pushplace(L, L);
  }
}


void las_pushcause (lua_State *L) {
  if (pushpassed(L) == LUA_TTABLE) {
    lua_rawgeti(L, -1, CAUSE);
    lua_remove(L, -2);  /* note */
  }
}


/* Makes the table on top the note of the error that is being raised.
   [-0, +0, m] */
static void fillnote (lua_State *L) {
  las_errortrace(L);
  lua_rawseti(L, -3, PLACE);
  lua_rawseti(L, -2, TRACE);
  las_pushcause(L);
  lua_rawseti(L, -2, CAUSE);
}


void las_noteerror (lua_State *L) {
  luaL_checkstack(L, 8, NULL);
  las_getanchored(L, LAS_UNOTES);
  lua_pushthread(L);
  lua_createtable(L, CAUSE, 0);
  fillnote(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* Message handler; upvalue 2 becomes the note of the error. Nothing is noted of
   a cancel. The error goes on unchanged: <close> variables see it. */
static int notehandler (lua_State *L) {
  lua_settop(L, 1);
  luaL_checkstack(L, 8, NULL);
  lua_pushvalue(L, lua_upvalueindex(2));
  if (las_iserror(L, 1, "CancelledError")) {
    lua_pushnil(L);
    lua_rawseti(L, 2, TRACE);
  }
  else {
    fillnote(L);
    lua_pushboolean(L, 1);
    lua_rawseti(L, 2, WHOLE);
  }
  lua_settop(L, 1);
  return 1;
}


/* note_into(t): a message handler for code that catches an error and then
   raises it again by 'rethrow'; what it notes goes into 't' */
static int core_note_into (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_pushcclosure(L, notehandler, 2);
  return 1;
}


/* rethrow(err, t): raises the error as if it had never been caught */
static int core_rethrow (lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  if (lua_rawgeti(L, 2, TRACE) != LUA_TNIL) {
    lua_pushlightuserdata(L, (void *)&passkey);
    lua_replace(L, 3);
    lua_insert(L, 2);
    lua_pushvalue(L, 1);  /* stack: error, key, note, error */
  }
  else
    lua_settop(L, 1);
  return lua_error(L);
}

/* }================================================================== */


/* set_libdir(prefix): how the sources of the library's own Lua files begin */
static int core_set_libdir (lua_State *L) {
  snprintf(las_state(L)->libdir, sizeof(las_state(L)->libdir), "%s",
           luaL_checkstring(L, 1));
  return 0;
}


void las_opentrace (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"inner", core_inner},
    {"note_into", core_note_into},
    {"rethrow", core_rethrow},
    {"set_libdir", core_set_libdir},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_setiuservalue(L, state, LAS_UNOTES);
}
