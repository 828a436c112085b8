package models

import (
	"context"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// tableOf reads and writes the rows of one table. It has the shape of gorm.G,
// whose every type costs the compiler more than a second; this one is thin. A
// chain can be kept and used more than once.
type tableOf[T any] struct{ chain }

// chain is what a query was told so far.
type chain struct {
	db    *gorm.DB
	steps []func(*gorm.DB) *gorm.DB
}

// maxParameters is below what a statement of PostgreSQL can have, 65,535.
const maxParameters = 60_000

// from begins a query of the table of T.
func from[T any](db *gorm.DB, clauses ...clause.Expression) tableOf[T] {
	t := tableOf[T]{chain{db: db}}
	if len(clauses) > 0 {
		t.chain = t.with(func(db *gorm.DB) *gorm.DB { return db.Clauses(clauses...) })
	}
	return t
}

func (c chain) with(step func(*gorm.DB) *gorm.DB) chain {
	return chain{c.db, append(slices.Clip(c.steps), step)}
}

func (c chain) apply(ctx context.Context) *gorm.DB {
	db := c.db.Session(&gorm.Session{NewDB: true, Context: ctx})
	for _, step := range c.steps {
		db = step(db)
	}
	return db
}

func (t tableOf[T]) Where(query any, args ...any) tableOf[T] {
	return tableOf[T]{t.with(func(db *gorm.DB) *gorm.DB { return db.Where(query, args...) })}
}

func (t tableOf[T]) Joins(query string, args ...any) tableOf[T] {
	return tableOf[T]{t.with(func(db *gorm.DB) *gorm.DB { return db.Joins(query, args...) })}
}

func (t tableOf[T]) Order(value any) tableOf[T] {
	return tableOf[T]{t.with(func(db *gorm.DB) *gorm.DB { return db.Order(value) })}
}

func (t tableOf[T]) Select(query string, args ...any) tableOf[T] {
	return tableOf[T]{t.with(func(db *gorm.DB) *gorm.DB { return db.Select(query, args...) })}
}

func (t tableOf[T]) Omit(columns ...string) tableOf[T] {
	return tableOf[T]{t.with(func(db *gorm.DB) *gorm.DB { return db.Omit(columns...) })}
}

func (t tableOf[T]) Limit(n int) tableOf[T] {
	return tableOf[T]{t.with(func(db *gorm.DB) *gorm.DB { return db.Limit(n) })}
}

func (t tableOf[T]) Offset(n int) tableOf[T] {
	return tableOf[T]{t.with(func(db *gorm.DB) *gorm.DB { return db.Offset(n) })}
}

// Find reads all rows; none is no error.
func (t tableOf[T]) Find(ctx context.Context) ([]T, error) {
	var rows []T
	err := t.apply(ctx).Find(&rows).Error
	return rows, err
}

// Take reads one row, or says gorm.ErrRecordNotFound.
func (t tableOf[T]) Take(ctx context.Context) (T, error) {
	var row T
	err := t.apply(ctx).Take(&row).Error
	return row, err
}

// Count counts rows.
func (t tableOf[T]) Count(ctx context.Context, column string) (int64, error) {
	var n int64
	err := t.apply(ctx).Model(new(T)).Select(column).Count(&n).Error
	return n, err
}

// Create writes a row.
func (t tableOf[T]) Create(ctx context.Context, row *T) error {
	return t.apply(ctx).Create(row).Error
}

// CreateInBatches writes rows, so many in a statement.
func (t tableOf[T]) CreateInBatches(ctx context.Context, rows *[]T, size int) error {
	return t.apply(ctx).CreateInBatches(rows, size).Error
}

// Update changes one column and returns how many rows that changed.
func (t tableOf[T]) Update(ctx context.Context, column string, value any) (int, error) {
	result := t.apply(ctx).Model(new(T)).Update(column, value)
	return int(result.RowsAffected), result.Error
}

// Updates changes the selected columns to those of row.
func (t tableOf[T]) Updates(ctx context.Context, row T) (int, error) {
	result := t.apply(ctx).Updates(row)
	return int(result.RowsAffected), result.Error
}

// Delete removes rows and returns how many there were.
func (t tableOf[T]) Delete(ctx context.Context) (int, error) {
	result := t.apply(ctx).Delete(new(T))
	return int(result.RowsAffected), result.Error
}

// first is the first row, zero when there is none.
func first[T any](rows []T) (row T) {
	if len(rows) > 0 {
		row = rows[0]
	}
	return row
}
