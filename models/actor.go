package models

import (
	"net/netip"
	"time"
)

// Actor is who does something; it goes into created_by, updated_by and the
// audit record.
type Actor struct {
	// UserID is empty for the system itself.
	UserID string
	// Name is the user's name, or what the process calls itself, such as
	// "system".
	Name string
	// Client is the address it came from; the zero Addr when there is none.
	Client        netip.Addr
	CorrelationID string
}

// Stamp is what every row that people edit carries. Version counts up from 1
// with each write; a write names the version it was read at (D17).
type Stamp struct {
	Version              int
	CreatedAt, UpdatedAt time.Time
	// CreatedBy and UpdatedBy are names, kept even when the user is gone.
	CreatedBy, UpdatedBy string
}

// stampRow is Stamp in a table. Times are set by us, never by gorm.
type stampRow struct {
	Version   int
	CreatedAt time.Time `gorm:"autoCreateTime:false"`
	CreatedBy string
	UpdatedAt time.Time `gorm:"autoUpdateTime:false"`
	UpdatedBy string
}

func born(by Actor, at time.Time) stampRow {
	return stampRow{Version: 1, CreatedAt: at, CreatedBy: by.Name, UpdatedAt: at, UpdatedBy: by.Name}
}

// next is the stamp of the write that follows.
func (r stampRow) next(by Actor, at time.Time) stampRow {
	r.Version++
	r.UpdatedAt, r.UpdatedBy = at, by.Name
	return r
}

func (r stampRow) stamp() Stamp {
	return Stamp{
		Version:   r.Version,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		CreatedBy: r.CreatedBy, UpdatedBy: r.UpdatedBy,
	}
}
