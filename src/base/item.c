/*
** item.c
** Lists, the ready queue and the heap of deadlines: where an item stands.
** An item is in one place at a time: a list, the ready queue or the heap.
*/

#include <stdlib.h>
#include <string.h>

#include "base/item.h"
#include "base/loop.h"


void las_append (las_List *l, las_Item *it) {
  las_Item *head = *l;
  if (head == NULL) {
    it->u.list.next = it->u.list.prev = it;
    *l = it;
  }
  else {
    las_Item *last = head->u.list.prev;
    it->u.list.next = head;
    it->u.list.prev = last;
    last->u.list.next = it;
    head->u.list.prev = it;
  }
}


void las_unlink (las_List *l, las_Item *it) {
  las_Item *next = it->u.list.next;
  if (next == it)
    *l = NULL;
  else {
    next->u.list.prev = it->u.list.prev;
    it->u.list.prev->u.list.next = next;
    if (*l == it)
      *l = next;
  }
}


void las_queue (las_Loop *lp, las_Item *it) {
  it->u.list.next = NULL;
  if (lp->ready.first == NULL)
    lp->ready.first = it;
  else
    lp->ready.last->u.list.next = it;
  lp->ready.last = it;
  lp->ready.n++;
}


void las_queuefirst (las_Loop *lp, las_Item *it) {
  it->u.list.next = lp->ready.first;
  if (lp->ready.first == NULL)
    lp->ready.last = it;
  lp->ready.first = it;
  lp->ready.n++;
}


void las_fire (las_Loop *lp, las_Item *it, las_Future *f) {
  if (it->type == LAS_TASK) {
    las_assert(it->phase == LAS_PARKED);
    it->phase = LAS_READY;
    las_queue(lp, it);
  }
  else
    ((las_Trigger *)it)->fire((las_Trigger *)it, f);
}


/*
** Each node of the heap has four children: half as many levels as in a binary
** one, and the four lie in one cache line.
*/

#define parent(i)	(((i) - 1) / 4)
#define child(i)	((i) * 4 + 1)


static int before (const las_Deadline *a, const las_Deadline *b) {
  return a->when < b->when ||
         (a->when == b->when && a->item->u.heap.seq < b->item->u.heap.seq);
}


static void place (las_Heap *h, size_t i, las_Deadline d) {
  h->v[i] = d;
  d.item->u.heap.index = i + 1;
}


static void siftup (las_Heap *h, size_t i, las_Deadline d) {
  while (i > 0 && before(&d, &h->v[parent(i)])) {
    place(h, i, h->v[parent(i)]);
    i = parent(i);
  }
  place(h, i, d);
}


static void siftdown (las_Heap *h, size_t i, las_Deadline d) {
  for (;;) {
    size_t c = child(i);
    size_t end = c + 4;
    size_t least = c;
    if (c >= h->n)
      break;
    if (end > h->n)
      end = h->n;
    while (++c < end) {
      if (before(&h->v[c], &h->v[least]))
        least = c;
    }
    if (!before(&h->v[least], &d))
      break;
    place(h, i, h->v[least]);
    i = least;
  }
  place(h, i, d);
}


int las_heapreserve (las_Heap *h) {
  if (h->n == h->size) {
    size_t size = (h->size < 64) ? 64 : h->size + h->size / 2;
    las_Deadline *v = (las_Deadline *)realloc(h->v, size * sizeof(*v));
    if (v == NULL)
      return 0;
    h->v = v;
    h->size = size;
  }
  return 1;
}


/* Gives memory back after a peak. A realloc that fails changes nothing. */
static void shrink (las_Heap *h) {
  if (h->size > 1024 && h->n < h->size / 4) {
    size_t size = h->size / 2;
    las_Deadline *v = (las_Deadline *)realloc(h->v, size * sizeof(*v));
    if (v != NULL) {
      h->v = v;
      h->size = size;
    }
  }
}


void las_heapadd (las_Heap *h, las_Item *it, uint64_t when) {
  las_Deadline d;
  las_assert(h->n < h->size);
  d.when = when;
  d.item = it;
  it->u.heap.seq = h->seq++;
  siftup(h, h->n++, d);
}


void las_heapremove (las_Heap *h, las_Item *it) {
  size_t i = it->u.heap.index - 1;
  las_Deadline last = h->v[--h->n];
  las_assert(h->v[i].item == it || last.item == it);
  if (last.item != it) {
    if (i > 0 && before(&last, &h->v[parent(i)]))
      siftup(h, i, last);
    else
      siftdown(h, i, last);
  }
  shrink(h);
}
