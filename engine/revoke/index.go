package revoke

import (
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"
)

// mark is what entries with one key come to. It never changes.
type mark struct {
	project, key string
	// before is the first second whose tokens are good again.
	before int64
	// expires is when the mark can be forgotten; zero means never.
	expires time.Time
}

// index finds marks by project and key: a hash table with open addressing.
// Readers load slots and take no lock; one writer at a time, under the lock of
// the List, fills empty slots or exchanges a mark for a later one. Slots are
// never emptied: forgetting makes a new table, and whoever still reads the old
// one sees what held a moment ago.
type index struct {
	table atomic.Pointer[table]
}

type table struct {
	slots []atomic.Pointer[mark] // a power of two; at least a quarter is empty
	used  int                    // the writer's own
}

// forGood is before the end of time.
const forGood = math.MaxInt64

// find is the second before which tokens are revoked, 0 when none are.
func (x *index) find(seed maphash.Seed, project, key string) int64 {
	t := x.table.Load()
	if t == nil {
		return 0
	}
	for i := slot(seed, project, key); ; i++ {
		m := t.slots[i&uint64(len(t.slots)-1)].Load()
		if m == nil {
			return 0
		}
		if m.key == key && m.project == project {
			return m.before
		}
	}
}

func slot(seed maphash.Seed, project, key string) uint64 {
	h := maphash.String(seed, key)
	if project != "" {
		h ^= maphash.String(seed, project) * 31
	}
	return h
}

// add enters a mark, or merges it with the one of the same key.
func (x *index) add(seed maphash.Seed, m mark, old func(*mark) bool) {
	t := x.table.Load()
	if t == nil || 4*(t.used+1) > 3*len(t.slots) {
		t = x.rebuild(seed, old)
	}
	t.put(seed, &m)
}

// put needs an empty slot, which add has made sure of.
func (t *table) put(seed maphash.Seed, m *mark) {
	for i := slot(seed, m.project, m.key); ; i++ {
		s := &t.slots[i&uint64(len(t.slots)-1)]
		there := s.Load()
		if there == nil {
			s.Store(m)
			t.used++
			return
		}
		if there.key == m.key && there.project == m.project {
			s.Store(merge(there, m))
			return
		}
	}
}

// merge keeps the wider of both: the later moment, for the longer time. That is
// no more than the two say, as an entry lives as long as any token it covers.
func merge(a, b *mark) *mark {
	m := *a
	m.before = max(a.before, b.before)
	if m.expires.IsZero() || b.expires.IsZero() {
		m.expires = time.Time{}
	} else if b.expires.After(m.expires) {
		m.expires = b.expires
	}
	return &m
}

// rebuild makes a table without the old marks that is at most a third full, so
// that adding many one by one costs a constant each.
func (x *index) rebuild(seed maphash.Seed, old func(*mark) bool) *table {
	kept := x.kept(old)
	size := 8
	for size < 3*(len(kept)+1) {
		size *= 2
	}
	t := &table{slots: make([]atomic.Pointer[mark], size)}
	for _, m := range kept {
		t.put(seed, m)
	}
	x.table.Store(t)
	return t
}

func (x *index) kept(old func(*mark) bool) []*mark {
	t := x.table.Load()
	if t == nil {
		return nil
	}
	kept := make([]*mark, 0, t.used)
	for i := range t.slots {
		if m := t.slots[i].Load(); m != nil && !old(m) {
			kept = append(kept, m)
		}
	}
	return kept
}

// purge drops the old marks when there are any.
func (x *index) purge(seed maphash.Seed, old func(*mark) bool) {
	if t := x.table.Load(); t != nil && len(x.kept(old)) < t.used {
		x.rebuild(seed, old)
	}
}

// size is the number of marks.
func (x *index) size() int {
	if t := x.table.Load(); t != nil {
		return t.used
	}
	return 0
}
