package models

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Cursor is a place in a log: the time and the id of a row. The empty one is
// none. It is what the address of a page carries.
type Cursor string

// CursorOf is the place of a row.
func CursorOf(at time.Time, id int64) Cursor {
	return Cursor(strconv.FormatInt(at.UnixMicro(), 10) + "." + strconv.FormatInt(id, 10))
}

// read tells the place; false for what is none.
func (c Cursor) read() (at time.Time, id int64, ok bool) {
	micros, number, ok := strings.Cut(string(c), ".")
	if !ok {
		return at, 0, false
	}
	m, err1 := strconv.ParseInt(micros, 10, 64)
	id, err2 := strconv.ParseInt(number, 10, 64)
	// PostgreSQL's times end before those of an int64.
	ok = err1 == nil && err2 == nil && m > -1e17 && m < 1e17
	return time.UnixMicro(m).UTC(), id, ok
}

func (w *where) between(from, to time.Time) {
	if !from.IsZero() {
		w.and("at >= ?", from.UTC())
	}
	if !to.IsZero() {
		w.and("at < ?", to.UTC())
	}
}

// listed is a page of a log, newest first: its beginning, or what comes after
// or before a place. A page is found by its place and not by its number, so
// that the thousandth costs what the first does and none shifts while new rows
// arrive.
func listed[T any](ctx context.Context, tx *gorm.DB, table string, w where, before, after Cursor, perPage int) ([]T, error) {
	limit, _ := page(1, perPage)
	order := "desc"
	if at, id, ok := before.read(); ok {
		w.and("(at, id) < (?, ?)", at, id)
	} else if at, id, ok := after.read(); ok {
		w.and("(at, id) > (?, ?)", at, id)
		order = "asc"
	}
	rows, err := query[T](ctx, tx, fmt.Sprintf("select * from %s where %s order by at %s, id %s limit ?", table, w.sql(), order, order), append(w.args, limit)...)
	if order == "asc" {
		slices.Reverse(rows)
	}
	return rows, err
}

// streamed hands over row by row, newest first.
func streamed[T any](ctx context.Context, tx *gorm.DB, table string, w where, limit int, each func(T) error) error {
	rows, err := tx.WithContext(ctx).Raw("select * from "+table+" where "+w.sql()+" order by at desc, id desc limit ?", append(w.args, limit)...).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row T
		if err := tx.ScanRows(rows, &row); err != nil {
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// addressOf is the zero address for text that is none.
func addressOf(text string) netip.Addr {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a
}
