/*
** members.c
** Members: lists of what a task group keeps for each of its children.
** A list has a cursor, so that one walk goes on while members come and go.
*/

#include <stdlib.h>

#include "group/members.h"
#include "base/item.h"


las_Member *las_newmember (struct las_Group *g,
                           void (*fire) (las_Trigger *, las_Future *)) {
  las_Member *m = (las_Member *)calloc(1, sizeof(*m));
  if (m != NULL) {
    m->trigger.item.type = LAS_TRIGGER;
    m->trigger.fire = fire;
    m->group = g;
  }
  return m;
}


void las_addmember (las_Members *ms, las_Member *m) {
  m->next = NULL;
  m->prev = ms->last;
  if (ms->last != NULL)
    ms->last->next = m;
  else
    ms->first = m;
  ms->last = m;
  ms->count++;
}


void las_removemember (las_Members *ms, las_Member *m) {
  if (ms->cursor == m)
    ms->cursor = m->next;
  if (m->next != NULL)
    m->next->prev = m->prev;
  else
    ms->last = m->prev;
  if (m->prev != NULL)
    m->prev->next = m->next;
  else
    ms->first = m->next;
  ms->count--;
}


las_Member *las_takemembers (las_Members *ms) {
  las_Member *m = ms->first;
  ms->first = ms->last = ms->cursor = NULL;
  ms->count = 0;
  return m;
}


void las_firstmember (las_Members *ms) {
  ms->cursor = ms->first;
}


las_Member *las_nextmember (las_Members *ms) {
  las_Member *m = ms->cursor;
  if (m != NULL)
    ms->cursor = m->next;
  return m;
}
