package token

import (
	"context"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine/revoke"
)

// memory keeps families as the database does, one statement at a time.
type memory struct {
	now func() time.Time

	mu       sync.Mutex
	down     error
	families map[FamilyID]*kept
	revoked  []revoke.Entry
}

type kept struct {
	Family
	spent map[int]time.Time // when a generation was spent
	ended string
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, families: map[FamilyID]*kept{}}
}

func (m *memory) StartFamily(_ context.Context, f Family) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	m.families[f.ID] = &kept{Family: f, spent: map[int]time.Time{}}
	return nil
}

func (m *memory) FindFamily(_ context.Context, environment string, id FamilyID) (Family, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.families[id]
	if k == nil || k.Environment != environment {
		return Family{}, false, m.down
	}
	f := k.Family
	f.Ended = k.ended
	return f, f.Ended == "", m.down
}

func (m *memory) RedeemFamily(_ context.Context, r Redemption) (Family, RedeemOutcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.families[r.ID]
	switch {
	case m.down != nil:
		return Family{}, "", m.down
	case k == nil || k.ended != "" || k.Environment != r.Environment || k.ClientID != r.ClientID:
		return Family{}, Unknown, nil
	case r.Generation < k.Generation && m.now().Before(k.spent[r.Generation].Add(r.Grace)):
		return k.Family, Repeated, nil
	case r.Generation < k.Generation:
		k.ended = "a spent refresh token was used again"
		return k.Family, Reused, nil
	case !m.now().Before(k.ExpiresAt):
		return Family{}, Lapsed, nil
	case k.Generation >= k.MaxRefreshes:
		k.ended = "all of its refreshes were made"
		return Family{}, UsedUp, nil
	}
	k.spent[k.Generation] = m.now()
	k.Generation++
	k.ExpiresAt = m.now().Add(r.Lifetime)
	return k.Family, Redeemed, nil
}

func (m *memory) EndFamily(_ context.Context, environment string, id FamilyID, clientID, reason string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.families[id]
	if m.down != nil || k == nil || k.ended != "" || k.Environment != environment || k.ClientID != clientID {
		return false, m.down
	}
	k.ended = reason
	return true, nil
}

func (m *memory) RevokeTokens(_ context.Context, _ string, e revoke.Entry, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil {
		m.revoked = append(m.revoked, e)
	}
	return m.down
}
