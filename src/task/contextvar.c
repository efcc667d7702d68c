/*
** contextvar.c
** Context variables, and the tokens that restore their former values.
*/

#include <string.h>

#include "base/state.h"
#include "task/context.h"
#include "task/task.h"
#include "rooms.h"


/* user values of a variable: its name; a function that gives its default */
enum {NAME = 1, DEFAULT};

typedef struct Variable {
  int hasdefault;
} Variable;

/* user values of a token */
enum {VARIABLE = 1, CONTEXT, FORMER, NTOKEN = FORMER};

typedef struct Token {
  int hasformer;	/* had the variable a value in the context? */
  int used;
} Token;


static Variable *checkvariable (lua_State *L) {
  return (Variable *)las_check(L, 1, LAS_TCONTEXTVAR);
}


/* ContextVar(name [, default]) */
static int asyncio_ContextVar (lua_State *L) {
  Variable *v;
  int hasdefault = !lua_isnone(L, 2);
  luaL_checktype(L, 1, LUA_TSTRING);
  lua_settop(L, 2);
  v = (Variable *)lua_newuserdatauv(L, sizeof(*v), DEFAULT);
  v->hasdefault = hasdefault;
  lua_insert(L, 1);
  lua_setiuservalue(L, 1, DEFAULT);
  lua_setiuservalue(L, 1, NAME);
  las_settype(L, LAS_TCONTEXTVAR);
  return 1;
}


static const char *pushname (lua_State *L, int var) {
  lua_getiuservalue(L, var, NAME);
  return lua_tostring(L, -1);
}


/* var:get([default]): its value, else the argument, else the variable's own
   default */
static int contextvar_get (lua_State *L) {
  Variable *v = checkvariable(L);
  int hasdefault = !lua_isnone(L, 2);
  lua_settop(L, 2);
  las_pushcontext(L);
  if (las_lookupvar(L, 3, 1))
    las_decodevar(L);
  else if (hasdefault)
    lua_pushvalue(L, 2);
  else if (v->hasdefault)
    lua_getiuservalue(L, 1, DEFAULT);
  else
    return luaL_error(L, "ContextVar '%s' has no value", pushname(L, 1));
  return 1;
}


/* var:set(value): a token that restores the former value */
static int contextvar_set (lua_State *L) {
  enum {SELF = 1, VALUE, TOKEN, CURRENT};
  Token *t;
  checkvariable(L);
  luaL_checkany(L, VALUE);
  lua_settop(L, VALUE);
  t = (Token *)lua_newuserdatauv(L, sizeof(*t), NTOKEN);
  memset(t, 0, sizeof(*t));
  las_settype(L, LAS_TTOKEN);
  lua_pushvalue(L, SELF);
  lua_setiuservalue(L, TOKEN, VARIABLE);
  las_needcontext(L);
  lua_pushvalue(L, CURRENT);
  lua_setiuservalue(L, TOKEN, CONTEXT);
  t->hasformer = las_lookupvar(L, CURRENT, SELF);
  if (t->hasformer)
    lua_setiuservalue(L, TOKEN, FORMER);
  lua_pushvalue(L, VALUE);
  las_encodevar(L);
  las_assignvar(L, CURRENT, SELF);
  lua_settop(L, TOKEN);
  return 1;
}


/* Restores the value that the token at 2 keeps for the variable at 1. */
static void reset (lua_State *L, Token *t) {
  enum {SELF = 1, TOKEN, MADEIN};
  lua_settop(L, TOKEN);
  lua_getiuservalue(L, TOKEN, CONTEXT);
  las_pushcontext(L);
  if (!lua_rawequal(L, -1, MADEIN))
    luaL_error(L, "the token was made in another context");
  lua_pop(L, 1);
  if (t->hasformer)
    lua_getiuservalue(L, TOKEN, FORMER);
  else
    lua_pushnil(L);
  las_assignvar(L, MADEIN, SELF);
  t->used = 1;
}


/* var:reset(token): once, and in the context where the token was made */
static int contextvar_reset (lua_State *L) {
  Token *t;
  checkvariable(L);
  t = (Token *)las_check(L, 2, LAS_TTOKEN);
  lua_getiuservalue(L, 2, VARIABLE);
  luaL_argcheck(L, lua_rawequal(L, -1, 1), 2,
                "the token is another variable's");
  if (t->used)
    return luaL_error(L, "the token was used already");
  reset(L, t);
  return 0;
}


static int contextvar_tostring (lua_State *L) {
  checkvariable(L);
  lua_pushfstring(L, "ContextVar<name=%s>", pushname(L, 1));
  return 1;
}


/* Ends the scope of a token. */
static int token_close (lua_State *L) {
  Token *t = (Token *)las_check(L, 1, LAS_TTOKEN);
  lua_settop(L, 1);
  if (!t->used) {
    lua_getiuservalue(L, 1, VARIABLE);
    lua_insert(L, 1);
    reset(L, t);
  }
  return 0;
}


static int token_tostring (lua_State *L) {
  Token *t = (Token *)las_check(L, 1, LAS_TTOKEN);
  const char *name;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, VARIABLE);
  name = pushname(L, 2);
  lua_pushfstring(L, "Token<var=%s%s>", name, t->used ? ", used" : "");
  return 1;
}


void las_opencontextvar (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"ContextVar", asyncio_ContextVar},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"get", contextvar_get},
    {"set", contextvar_set},
    {"reset", contextvar_reset},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__tostring", contextvar_tostring},
    {NULL, NULL}
  };
  static const luaL_Reg tokenmeta[] = {
    {"__close", token_close},
    {"__tostring", token_tostring},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  las_newtype(L, state, LAS_TCONTEXTVAR, "asyncio.ContextVar", methods, meta);
  las_newtype(L, state, LAS_TTOKEN, "asyncio.Token", NULL, tokenmeta);
}
