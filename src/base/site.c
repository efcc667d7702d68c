/*
** site.c
** Sites: the line of the program that set something, for later reports.
** Noting one builds no string, because most limits are never reached.
*/

#include <stdio.h>
#include <string.h>

#include "base/site.h"


void las_setsite (lua_State *L, int level, las_Site *s) {
  lua_Debug ar;
  s->line = 0;
  for (; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline > 0) {
      s->line = ar.currentline;
      memcpy(s->source, ar.short_src, sizeof(s->source));
      return;
    }
  }
}


const char *las_pushsite (lua_State *L, const las_Site *s) {
  if (s->line > 0)
    return lua_pushfstring(L, "%s:%d", s->source, s->line);
  return lua_pushliteral(L, "");
}


const char *las_pushspan (lua_State *L, lua_Number seconds) {
  char text[32];
  snprintf(text, sizeof(text), "%.6g", (double)((seconds > 0) ? seconds : 0));
  return lua_pushfstring(L, "%s s", text);
}


void las_pushtimedout (lua_State *L, lua_Number seconds, const las_Site *s) {
  const char *span = las_pushspan(L, seconds);
  const char *site = las_pushsite(L, s);
  if (*site != '\0')
    lua_pushfstring(L, "timed out after %s (limit set at %s)", span, site);
  else
    lua_pushfstring(L, "timed out after %s", span);
  lua_replace(L, -3);
  lua_pop(L, 1);
}
