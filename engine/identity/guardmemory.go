package identity

import (
	"sync"
	"time"
)

// maxAnswers bounds each memory of answers of a source, maxPlaces that of who
// logged in from where.
const (
	maxAnswers = 1 << 13
	maxPlaces  = 1 << 16
)

// memory keeps answers for a while, by keyed hashes of the questions.
type memory[V any] struct {
	now  func() time.Time
	most int

	mu      sync.Mutex
	answers map[[32]byte]remembered[V]
}

type remembered[V any] struct {
	value V
	until time.Time
}

func newMemory[V any](now func() time.Time, most int) *memory[V] {
	return &memory[V]{now: now, most: most, answers: map[[32]byte]remembered[V]{}}
}

func (m *memory[V]) get(key [32]byte) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.answers[key]
	if ok && !m.now().Before(r.until) {
		delete(m.answers, key)
		ok = false
	}
	if !ok {
		var none V
		return none, false
	}
	return r.value, true
}

// put keeps a value that long; not at all for 0.
func (m *memory[V]) put(key [32]byte, value V, keep time.Duration) {
	if keep <= 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.answers[key]; !there && len(m.answers) >= m.most {
		m.evict()
	}
	m.answers[key] = remembered[V]{value: value, until: m.now().Add(keep)}
}

func (m *memory[V]) forget(key [32]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.answers, key)
}

// evict drops the one of a few that would go first. A map is walked from a
// random place, which is what makes it a sample.
func (m *memory[V]) evict() {
	var first [32]byte
	var until time.Time
	seen := 0
	for key, r := range m.answers {
		if seen == 0 || r.until.Before(until) {
			first, until = key, r.until
		}
		if seen++; seen == 16 {
			break
		}
	}
	delete(m.answers, first)
}
