/*
** line.h
** Lines of tasks, with which every object here starts; and names of objects.
** A waiter owns what it waited for once it is woken: nothing is passed on.
*/

#ifndef las_line_h
#define las_line_h

#include "base/item.h"
#include "base/loop.h"
#include "task/future.h"
#include "task/task.h"


/* user values of every object here: the loop is the first, and the name is the
   last if there is one */
enum {LAS_USLOOP = 1, LAS_USOWN};

/*
** Tasks that wait for the same thing, in the order they came. All belong to
** one loop, which the object keeps alive.
*/
typedef struct las_Line {
  las_Loop *loop;	/* the last that used it, or NULL; kept by LAS_USLOOP */
  las_List waiters;
  lua_Integer given;	/* how many were woken with what they waited for, and
			have not run yet */
} las_Line;

/* Makes an object that starts with a line, all zeros, with 'nuser' user values,
   and one more if a name lies at 'name'. It has no type yet. [-0, +1, m] */
LAS_API void *las_newobject (lua_State *L, size_t size, int nuser, int name);

/* Pushes and returns what 'tostring' shows for the name of the object at 'i':
   "name=X, ", or an empty string. [-0, +1, m] */
LAS_API const char *las_nametext (lua_State *L, int i);

/* Binds the object at 'i' to the loop of the task that uses it. Raises if tasks
   of another loop wait for it. [-0, +0, e] */
#define las_useline(L,i,line,t) \
  ((void)(las_likely((line)->loop == (t)->f.loop) || \
          (las_bindline(L, i, line, (t)->f.loop, \
                        (line)->waiters != NULL || (line)->given > 0), 0)))

/* Was the loop closed before woken tasks could take what they were given? Then
   it must be taken back. Every method asks this first. */
#define las_isorphaned(line) \
  (las_unlikely((line)->given > 0) && (line)->loop->closed)

/* The slow path of las_useline; raises if the line is 'busy'. */
LAS_API void las_bindline (lua_State *L, int i, las_Line *line,
                           las_Loop *lp, int busy);

/* Counts the items of the list. O(n): only for 'tostring' and the like. */
LAS_API int las_listcount (const las_List *l);

/* For finalizers. An object can be collected while tasks wait only if outside
   code closed their coroutines, so that these fail now, or if the loop is
   collected, too. Cannot raise. */
LAS_API void las_dropwaiters (las_Loop *lp, las_List *l);

#endif
