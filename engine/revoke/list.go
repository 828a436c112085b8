package revoke

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// keepLonger is how long expired entries are kept all the same: verifiers allow
// for clocks that differ (at most five minutes), and so must who forgets.
const keepLonger = 10 * time.Minute

// List is the entries in force. It is safe for concurrent use; the nil list
// revokes nothing. Make others with NewList.
type List struct {
	now   func() time.Time
	seed  maphash.Seed
	epoch atomic.Uint64

	mu                                              sync.Mutex // of Add and Purge
	tokens, families, users, clients, policies, all index
}

// NewList makes an empty list.
func NewList(now func() time.Time) *List {
	return &List{now: now, seed: maphash.MakeSeed()}
}

// Add puts entries in force, in any order and as often as one likes. Entries
// with the same key are kept as one with the latest Before.
func (l *List) Add(entries ...Entry) {
	if len(entries) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		l.add(e)
	}
	// Last, so that whoever read this epoch has asked a list with the entries.
	l.epoch.Add(1)
}

func (l *List) add(e Entry) {
	x := l.index(e.Kind)
	if x == nil || e.Key == "" && e.Kind != All {
		return // a kind of a newer version, or nobody's key
	}
	m := mark{key: e.Key, expires: e.Expires, before: seconds(e.Before)}
	switch e.Kind {
	case Token, Family:
		m.before = forGood
	case User, Policy:
		m.project = e.Project
	case All:
		m.key = ""
	}
	if old := l.old(); !old(&m) {
		x.add(l.seed, m, old)
	}
}

func (l *List) index(k Kind) *index {
	switch k {
	case Token:
		return &l.tokens
	case Family:
		return &l.families
	case User:
		return &l.users
	case Client:
		return &l.clients
	case Policy:
		return &l.policies
	case All:
		return &l.all
	}
	return nil
}

// seconds rounds up: a token of the same second may be older than the moment.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}

func (l *List) old() func(*mark) bool {
	limit := l.now().Add(-keepLonger)
	return func(m *mark) bool { return !m.expires.IsZero() && m.expires.Before(limit) }
}

// Epoch grows with each Add. A token that was not refused needs no second look
// as long as the epoch, read before the first, is the same.
func (l *List) Epoch() uint64 {
	if l == nil {
		return 0
	}
	return l.epoch.Load()
}

// Refuses tells whether a token is revoked.
func (l *List) Refuses(f Facts) bool {
	if l == nil {
		return false
	}
	return f.ID != "" && l.tokens.find(l.seed, "", f.ID) != 0 ||
		f.Family != "" && l.families.find(l.seed, "", f.Family) != 0 ||
		f.IssuedAt < l.before(&f)
}

// before is the second before which tokens of that kind are revoked.
func (l *List) before(f *Facts) int64 {
	b := l.all.find(l.seed, "", "")
	b = max(b, l.clients.find(l.seed, "", f.ClientID))
	if f.User {
		b = max(b, l.users.find(l.seed, "", f.Subject), l.users.find(l.seed, f.Project, f.Subject))
	} else if f.Subject != f.ClientID {
		b = max(b, l.clients.find(l.seed, "", f.Subject))
	}
	b = max(b, l.Policy(f.Project, f.Policy))
	if f.Issuer != "" && f.Issuer != f.Policy {
		b = max(b, l.Policy(f.Project, f.Issuer))
	}
	return b
}

// Policy is the second before which tokens that were issued under a policy are revoked,
// 0 when none are.
func (l *List) Policy(project, name string) int64 {
	if l == nil {
		return 0
	}
	return max(l.policies.find(l.seed, "", name), l.policies.find(l.seed, project, name))
}

// IssueAfter is the moment from which a new token with these facts is good. It
// is zero when that is so already; it lies ahead, mostly by less than a second,
// when such tokens were revoked this very second, as times of a token are whole
// seconds. Entries for single tokens and families play no part.
func (l *List) IssueAfter(f Facts) time.Time {
	if l == nil {
		return time.Time{}
	}
	if b := l.before(&f); b > l.now().Unix() {
		return time.Unix(b, 0).UTC()
	}
	return time.Time{}
}

// Purge forgets what has expired. Adding does so too, now and then.
func (l *List) Purge() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.old()
	for _, x := range l.indexes() {
		x.purge(l.seed, old)
	}
}

// Len is how many keys are revoked, for a metrics line.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, x := range l.indexes() {
		n += x.size()
	}
	return n
}

func (l *List) indexes() []*index {
	return []*index{&l.tokens, &l.families, &l.users, &l.clients, &l.policies, &l.all}
}
