/*
** line.h
** What every object here is made of: a line of tasks, and perhaps a name.
** What a waiter gets is its own at the wake: nothing is left to hand on.
*/

#ifndef las_line_h
#define las_line_h

#include "base/item.h"
#include "base/loop.h"
#include "task/future.h"
#include "task/task.h"


/* user values of every object here: the loop comes first, the name is the last
   of them where there is one */
enum {LAS_USLOOP = 1, LAS_USOWN};

/*
** Tasks that wait for one thing, in the order they came. All are of one
** loop, which the object keeps alive.
*/
typedef struct las_Line {
  las_Loop *loop;	/* that used it last: alive by LAS_USLOOP; NULL: none */
  las_List waiters;
  lua_Integer given;	/* how many were woken with what they waited for, and
			have not run yet */
} las_Line;

/* Makes an object of 'nuser' user values, all zeros, which starts with a line;
   and of one more if a name lies at 'name'. It has no type yet.
   [-0, +1, m] */
LAS_API void *las_newobject (lua_State *L, size_t size, int nuser, int name);

/* Pushes what 'tostring' shows of the name of the object at 'i': "name=X, ", or
   nothing. Returns it. [-0, +1, m] */
LAS_API const char *las_nametext (lua_State *L, int i);

/* Makes the object at 'i' the loop's whose task uses it. Raises if tasks of
   another loop wait. [-0, +0, e] */
#define las_useline(L,i,line,t) \
  ((void)(las_likely((line)->loop == (t)->f.loop) || \
          (las_bindline(L, i, line, (t)->f.loop, \
                        (line)->waiters != NULL || (line)->given > 0), 0)))

/* Was the loop closed before what is given could be taken? Then it must come
   back. Ask first in every method. */
#define las_isorphaned(line) \
  (las_unlikely((line)->given > 0) && (line)->loop->closed)

LAS_API void las_bindline (lua_State *L, int i, las_Line *line,
                           las_Loop *lp, int busy);

/* How many stand in the list. O(n), for those who look at it. */
LAS_API int las_listcount (const las_List *l);

/* For finalizers: an object can go while tasks wait only if code outside the
   loop closed their coroutines, so these fail; or if the loop goes, too. */
LAS_API void las_dropwaiters (las_Loop *lp, las_List *l);

#endif
