/*
** error.c
** Errors: the classes of the library, and their objects.
** A class is the metatable of its instances; an instance is a table.
*/

#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "base/state.h"
#include "rooms.h"


static const char *const classes[][2] = {  /* name, superclass */
  {"Error", NULL},
  {"CancelledError", "Error"},
  {"TimeoutError", "Error"},
  {"InvalidStateError", "Error"},
  {"OSError", "Error"},
  {"SSLError", "OSError"},
  {"IncompleteReadError", "Error"},
  {"LimitOverrunError", "Error"},
  {"QueueEmpty", "Error"},
  {"QueueFull", "Error"},
  {"QueueShutDown", "Error"},
  {"BrokenBarrierError", "Error"},
  {"ExceptionGroup", "Error"},
  {"BrokenWorkerError", "Error"},
  {"DeadlockError", "Error"},
  {NULL, NULL}
};


/* Pushes the class of that name; it is one of 'classes'. [-0, +1, -] */
static void pushclass (lua_State *L, const char *name) {
  las_getanchored(L, LAS_UERRORS);
  lua_pushstring(L, name);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}


void las_newerror (lua_State *L, const char *cls, const char *fmt, ...) {
  luaL_checkstack(L, 5, NULL);
  lua_createtable(L, 0, 1);
  if (fmt != NULL) {
    va_list ap;
    va_start(ap, fmt);
    lua_pushvfstring(L, fmt, ap);
    va_end(ap);
    lua_setfield(L, -2, "message");
  }
  pushclass(L, cls);
  lua_setmetatable(L, -2);
}


int las_error (lua_State *L, const char *cls, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  lua_pushvfstring(L, fmt, ap);
  va_end(ap);
  las_newerror(L, cls, "%s", lua_tostring(L, -1));
  return lua_error(L);
}


void las_pushoserror (lua_State *L, int err, const char *syscall,
                      const char *address) {
  char name[64], text[128];
  uv_err_name_r(err, name, sizeof(name));
  uv_strerror_r(err, text, sizeof(text));
  if (address != NULL)
    las_newerror(L, "OSError", "%s (%s %s)", text, syscall, address);
  else
    las_newerror(L, "OSError", "%s (%s)", text, syscall);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, syscall);
  lua_setfield(L, -2, "syscall");
  if (strncmp(name, "EAI_", 4) != 0) {  /* does errno.h know it? */
    lua_pushinteger(L, -(lua_Integer)err);
    lua_setfield(L, -2, "errno");
  }
  if (address != NULL) {
    lua_pushstring(L, address);
    lua_setfield(L, -2, (address[0] == '/') ? "path" : "address");
  }
}


int las_oserror (lua_State *L, int err, const char *syscall,
                 const char *address) {
  if (err == UV_ENOMEM)
    return luaL_error(L, "not enough memory");
  las_pushoserror(L, err, syscall, address);
  return lua_error(L);
}


/* Is the class at 'i' the one at 'of', or below it? Classes that users made
   may descend from themselves. So the walk up remembers a class that it has
   passed, replaces it by a later one each time it has gone twice as far, and
   ends if it comes back to it. [-0, +0, m] */
static int derives (lua_State *L, int i, int of) {
  const void *passed = lua_topointer(L, i);
  unsigned steps = 0, leg = 1;
  int found;
  lua_pushvalue(L, i);
  while (!(found = lua_rawequal(L, -1, of)) && lua_istable(L, -1)) {
    lua_pushliteral(L, "__super");
    lua_rawget(L, -2);
    lua_remove(L, -2);
    if (lua_topointer(L, -1) == passed)
      break;
    if (++steps == leg) {
      passed = lua_topointer(L, -1);
      steps = 0;
      leg *= 2;
    }
  }
  lua_pop(L, 1);
  return found;
}


static int isinstance (lua_State *L, int i, int cls) {
  int yes;
  if (!lua_istable(L, i) || !lua_getmetatable(L, i))
    return 0;
  yes = derives(L, lua_gettop(L), cls);
  lua_pop(L, 1);
  return yes;
}


int las_iserror (lua_State *L, int i, const char *cls) {
  int yes;
  i = lua_absindex(L, i);
  luaL_checkstack(L, 6, NULL);
  pushclass(L, cls);
  yes = isinstance(L, i, lua_gettop(L));
  lua_pop(L, 1);
  return yes;
}


/* Has the table at 'i' the field? Asks no metamethod. [-0, +0, m] */
static int hasfield (lua_State *L, int i, const char *name) {
  int has;
  lua_pushstring(L, name);
  has = (lua_rawget(L, i) != LUA_TNIL);
  lua_pop(L, 1);
  return has;
}


/* Does the table at 'i' have a field that only a metatable needs? */
static int ismetatable (lua_State *L, int i) {
  lua_pushnil(L);
  while (lua_next(L, i)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TSTRING &&
        strncmp(lua_tostring(L, -1), "__", 2) == 0) {
      lua_pop(L, 1);
      return 1;
    }
  }
  return 0;
}


/* Is it a class? It need not be one of this library: any table will do that
   can be a metatable of objects and is not itself an error. */
static int isclass (lua_State *L, int i) {
  if (!lua_istable(L, i))
    return 0;
  if (!hasfield(L, i, "__index") && !ismetatable(L, i))
    return 0;
  return !las_iserror(L, i, "Error");
}


/* is_class(v) */
static int core_is_class (lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, isclass(L, 1));
  return 1;
}


/* Has the table at 'i' a first positional field, no metamethod asked? */
static int haspositional (lua_State *L, int i) {
  int has = (lua_rawgeti(L, i, 1) != LUA_TNIL);
  lua_pop(L, 1);
  return has;
}


static int raisenoclass (lua_State *L, int i) {
  if (las_iserror(L, i, "Error"))
    return luaL_argerror(L, i, "class expected, got an error");
  if (lua_istable(L, i) && haspositional(L, i))
    return luaL_argerror(L, i, "class expected, a list of classes is not"
                               " allowed");
  return luaL_argerror(L, i, lua_pushfstring(L, "class expected, got %s",
                                             luaL_typename(L, i)));
}


/* isinstance(v, Class): is v an error of that class or of one below it? */
static int asyncio_isinstance (lua_State *L) {
  luaL_checkany(L, 1);
  if (las_unlikely(!isclass(L, 2)))
    raisenoclass(L, 2);
  lua_pushboolean(L, isinstance(L, 1, 2));
  return 1;
}


/* Raises an argument error for the constructor of a class. It is called through
   the class's metatable, so Lua counts the class as an argument and knows no
   name for the function. */
static int wrongargument (lua_State *L, int arg, const char *what) {
  lua_getfield(L, 1, "name");
  return luaL_error(L, "bad argument #%d to '%s' (%s)", arg - 1,
                    lua_isstring(L, -1) ? lua_tostring(L, -1) : "?", what);
}


/* Is it a string, a number, or a value that can be converted to a string? */
static int istext (lua_State *L, int i) {
  if (lua_isstring(L, i))
    return 1;
  if (luaL_getmetafield(L, i, "__tostring") == LUA_TNIL)
    return 0;
  lua_pop(L, 1);
  return 1;
}


/* Raises unless every key of the one table at 2 is a string. */
static void checknames (lua_State *L) {
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    if (lua_type(L, -2) == LUA_TNUMBER)
      wrongargument(L, 2, "positional fields are not allowed: the text is"
                          " field 'message'");
    if (lua_type(L, -2) != LUA_TSTRING)
      wrongargument(L, 2, "field names must be strings");
    lua_pop(L, 1);
  }
}


/* Puts the arguments of a constructor at 2 and 3: message and fields. */
static void sortfields (lua_State *L) {
  if (lua_istable(L, 2) && !istext(L, 2) && lua_isnoneornil(L, 3)) {
    lua_settop(L, 2);
    checknames(L);
    lua_getfield(L, 2, "message");
    if (!lua_isnil(L, 3) && !istext(L, 3))
      wrongargument(L, 2, "field 'message' must be a string");
    lua_insert(L, 2);
  }
  if (!lua_isnoneornil(L, 2) && !istext(L, 2))
    wrongargument(L, 2, lua_pushfstring(L, "string expected, got %s",
                                        luaL_typename(L, 2)));
  if (!lua_isnoneornil(L, 3) && !lua_istable(L, 3))
    wrongargument(L, 3, lua_pushfstring(L, "table expected, got %s",
                                        luaL_typename(L, 3)));
  lua_settop(L, 3);
}


/* Class([message [, fields]]) or Class{message =, ...} */
static int class_call (lua_State *L) {
  sortfields(L);
  lua_newtable(L);
  if (!lua_isnil(L, 3)) {
    lua_pushnil(L);
    while (lua_next(L, 3)) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, 4);
    }
  }
  if (!lua_isnil(L, 2)) {
    lua_pushvalue(L, 2);
    lua_setfield(L, 4, "message");
  }
  lua_pushvalue(L, 1);
  lua_setmetatable(L, 4);
  return 1;
}


/* a class prints as its name */
static int class_tostring (lua_State *L) {
  lua_pushliteral(L, "__name");
  lua_rawget(L, 1);
  return 1;
}


/* One line: the system's code or the class, then what happened. */
static int error_tostring (lua_State *L) {
  int hascode, hasmessage;
  lua_settop(L, 1);
  hascode = lua_istable(L, 1) && lua_getfield(L, 1, "code") == LUA_TSTRING;
  if (!hascode) {
    lua_settop(L, 1);
    if (luaL_getmetafield(L, 1, "name") == LUA_TNIL)
      lua_pushliteral(L, "Error");
  }
  hasmessage = lua_istable(L, 1) &&
               lua_getfield(L, 1, "message") != LUA_TNIL;
  if (hasmessage) {
    const char *text = luaL_tolstring(L, -1, NULL);
    lua_pushfstring(L, "%s: %s", lua_tostring(L, 2), text);
  }
  else
    lua_settop(L, 2);
  return 1;
}


/* Makes class 'name' and leaves it on the stack. */
static void newclass (lua_State *L, int state, const char *name,
                      const char *super) {
  static const luaL_Reg meta[] = {
    {"__call", class_call},
    {"__tostring", class_tostring},
    {NULL, NULL}
  };
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pushstring(L, name);
  lua_setfield(L, -2, "name");
  lua_pushfstring(L, "asyncio.%s", name);
  lua_setfield(L, -2, "__name");
  lua_pushvalue(L, state);
  lua_pushcclosure(L, error_tostring, 1);
  lua_setfield(L, -2, "__tostring");
  lua_newtable(L);  /* the class's own metatable */
  las_setfuncs(L, state, meta);
  if (super != NULL) {
    lua_getiuservalue(L, state, LAS_UERRORS);
    lua_getfield(L, -1, super);
    lua_remove(L, -2);
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, "__super");
    lua_setfield(L, -2, "__index");
  }
  lua_setmetatable(L, -2);
}


void las_openerror (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"isinstance", asyncio_isinstance},
    {"is_class", core_is_class},
    {NULL, NULL}
  };
  int i;
  las_setfuncs(L, state, funcs);
  lua_getiuservalue(L, state, LAS_UERRORS);
  for (i = 0; classes[i][0] != NULL; i++) {
    const char *name = classes[i][0];
    if (lua_getfield(L, -1, name) == LUA_TNIL) {  /* first load? */
      lua_pop(L, 1);
      newclass(L, state, name, classes[i][1]);
      lua_pushvalue(L, -1);
      lua_setfield(L, -3, name);
    }
    lua_setfield(L, -3, name);  /* in the module table */
  }
  lua_pop(L, 1);
}
