package engine

import (
	"hash/maphash"
	"maps"
	"math/bits"
	"slices"
)

const (
	// shardFill is how many keys a shard of an index has when it is made, shardFull
	// how many it may have before the index is made anew with more shards.
	shardFill = 64
	shardFull = 256
)

var indexSeed = maphash.MakeSeed()

// index is a map that never changes: an edit of it copies the shards in which it
// changes something and shares the others. So an index of ten thousand keys with
// one of them changed costs a hundredth of it, and reading takes no lock. A small
// one is a map and nothing else.
type index[V any] struct {
	shards []map[string]V // a power of two of them; none: empty
	size   int
}

func (x *index[V]) get(key string) (v V, ok bool) {
	if len(x.shards) <= 1 {
		if len(x.shards) == 1 {
			v, ok = x.shards[0][key]
		}
		return v, ok
	}
	v, ok = x.shards[maphash.String(indexSeed, key)&uint64(len(x.shards)-1)][key]
	return v, ok
}

// edit is an index while it is changed. It must not be used after done.
type edit[V any] struct {
	index[V]
	own []bool // shards that are no other index's
}

// edit begins with what is in x; more is how many keys will be added.
func (x *index[V]) edit(more int) *edit[V] {
	if x.size+more > len(x.shards)*shardFull {
		return x.spread(x.size + more)
	}
	return &edit[V]{index[V]{slices.Clone(x.shards), x.size}, make([]bool, len(x.shards))}
}

// spread is an edit with shards for so many keys.
func (x *index[V]) spread(n int) *edit[V] {
	count := 1
	if n > shardFull {
		count = 1 << bits.Len(uint(n/shardFill))
	}
	e := &edit[V]{index[V]{make([]map[string]V, count), 0}, make([]bool, count)}
	for i := range e.shards {
		e.shards[i], e.own[i] = make(map[string]V, n/count), true
	}
	for _, shard := range x.shards {
		for key, v := range shard {
			e.set(key, v)
		}
	}
	return e
}

// shard is the one of a key, to be changed.
func (e *edit[V]) shard(key string) map[string]V {
	i := 0
	if len(e.shards) > 1 {
		i = int(maphash.String(indexSeed, key) & uint64(len(e.shards)-1))
	}
	if !e.own[i] {
		e.shards[i], e.own[i] = maps.Clone(e.shards[i]), true
	}
	return e.shards[i]
}

func (e *edit[V]) set(key string, v V) {
	s := e.shard(key)
	before := len(s)
	s[key] = v
	e.size += len(s) - before
}

func (e *edit[V]) remove(key string) {
	if len(e.shards) == 0 {
		return
	}
	s := e.shard(key)
	before := len(s)
	delete(s, key)
	e.size += len(s) - before
}

func (e *edit[V]) done() index[V] { return e.index }
