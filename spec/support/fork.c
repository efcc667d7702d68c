/*
** fork.c
** What a spec needs to fork: fork, wait and the two ways to exit.
*/

#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lauxlib.h"


#ifdef __GLIBC__
/* LeakSanitizer can't look at a child: another process holds its threads. */
static void skipleakcheck (int status, void *arg) {
  (void)arg;
  fflush(NULL);
  _exit(status);
}
#else
#define on_exit(f, arg)	((void)0)
#endif


static int l_fork (lua_State *L) {
  pid_t pid = fork();
  if (pid == 0)
    on_exit(skipleakcheck, NULL);
  lua_pushinteger(L, (lua_Integer)pid);
  return 1;
}


/* wait(pid): the exit status, or minus the signal's number */
static int l_wait (lua_State *L) {
  int status = 0;
  if (waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0) < 0)
    return luaL_error(L, "waitpid failed");
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status)
                                       : -WTERMSIG(status));
  return 1;
}


/* kill_after(seconds): this process must be done by then */
static int l_kill_after (lua_State *L) {
  alarm((unsigned)luaL_checkinteger(L, 1));
  return 0;
}


static int l_getpid (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)getpid());
  return 1;
}


/* quit(status): no exit handlers, no lua_close */
static int l_quit (lua_State *L) {
  _exit((int)luaL_checkinteger(L, 1));
  return 0;
}


LUAMOD_API int luaopen_fork (lua_State *L) {
  static const luaL_Reg funcs[] = {
    {"fork", l_fork},
    {"wait", l_wait},
    {"kill_after", l_kill_after},
    {"getpid", l_getpid},
    {"quit", l_quit},
    {NULL, NULL}
  };
  luaL_newlib(L, funcs);
  return 1;
}
