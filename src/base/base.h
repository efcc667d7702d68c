/*
** base.h
** What every file needs: Lua, libuv, assertions and hints for compilers.
*/

#ifndef las_base_h
#define las_base_h


#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "lua.h"
#include "lauxlib.h"

#if LUA_VERSION_NUM < 504 || LUA_VERSION_RELEASE_NUM < 50403
#error "lua-asyncio needs Lua 5.4.3 or later"
#endif
#define LAS_UVMIN	0x012a00
#if UV_VERSION_HEX < LAS_UVMIN
#error "lua-asyncio needs libuv 1.42 or later"
#endif

#if defined(LUAI_ASSERT)
#include <assert.h>
#define las_assert(c)	assert(c)
#else
#define las_assert(c)	((void)0)
#endif

#if defined(__GNUC__)
#define LAS_API		__attribute__((visibility("hidden"))) extern
#define las_likely(x)	__builtin_expect(((x) != 0), 1)
#define las_unlikely(x)	__builtin_expect(((x) != 0), 0)
#else
#define LAS_API		extern
#define las_likely(x)	(x)
#define las_unlikely(x)	(x)
#endif

#if defined(__GNUC__)
#define LAS_NORETURN	__attribute__((noreturn))
#else
#define LAS_NORETURN
#endif

/* The manual says that these never return; compilers should know it, too. */
#if defined(__GNUC__)
LUA_API int lua_error (lua_State *L) __attribute__((noreturn));
LUALIB_API int luaL_error (lua_State *L, const char *fmt, ...)
  __attribute__((noreturn));
LUALIB_API int luaL_argerror (lua_State *L, int arg, const char *extramsg)
  __attribute__((noreturn));
LUALIB_API int luaL_typeerror (lua_State *L, int arg, const char *tname)
  __attribute__((noreturn));
#endif

/* the struct that a field is embedded in */
#define las_owner(p, type, field) \
  ((type *)(void *)((char *)(p) - offsetof(type, field)))

typedef struct las_State las_State;
typedef struct las_Loop las_Loop;
typedef struct las_Item las_Item;
typedef struct las_Future las_Future;
typedef struct las_Task las_Task;

#endif
