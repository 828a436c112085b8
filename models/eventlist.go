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

// Valid tells whether it is none, or a place as CursorOf spells it.
func (c Cursor) Valid() bool {
	_, _, ok := c.read()
	return ok || c == ""
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

// Found is what a page of a log is out of.
type Found struct {
	// Total is how many rows match, counted up to CountCap. It is 0 where that is
	// not known: on a further page of what no index answers.
	Total int
	// Capped tells that there may be more.
	Capped bool
	// Stopped is the place at which the search gave up before the end of the log,
	// StoppedAt its time: nothing beyond it was looked at. Empty when everything
	// was.
	Stopped   Cursor
	StoppedAt time.Time
}

const (
	// askedRows bounds how many rows a page of a log looks at for what no index
	// answers, askedTexts for a text that may be in many columns: a page that
	// looks at millions for the three that match would never come.
	askedRows  = 20_000
	askedTexts = 5_000
)

// logSearch is what a log is narrowed to. An index answers the indexed
// conditions in the order of the log; of the others each row is asked, of which
// there are at most so many.
type logSearch struct {
	from           string // the table, or a query under the table's name
	fromArgs       []any
	indexed, asked where
	led            bool // an indexed condition leads; others are asked
	most           int
	before, after  Cursor
	perPage        int
}

// along is the condition of a page's place and the order in which it is read.
func (l logSearch) along(w where) (where, string) {
	if at, id, ok := l.before.read(); ok {
		w.and("(at, id) < (?, ?)", at, id)
	} else if at, id, ok := l.after.read(); ok {
		w.and("(at, id) > (?, ?)", at, id)
		return w, "asc"
	}
	return w, "desc"
}

// turned tells that it is not the first page.
func (l logSearch) turned() bool {
	_, _, before := l.before.read()
	_, _, after := l.after.read()
	return before || after
}

func (l logSearch) query(columns string, w where, rest string, args ...any) (string, []any) {
	return "select " + columns + " from " + l.from + " where " + w.sql() + " " + rest, slices.Concat(l.fromArgs, w.args, args)
}

// stop finds the row at which the search gives up.
func (l logSearch) stop(ctx context.Context, tx *gorm.DB) (Found, error) {
	if len(l.asked.parts) == 0 {
		return Found{}, nil
	}
	w, order := l.along(l.indexed.clone())
	sql, args := l.query("at, id", w, fmt.Sprintf("order by at %s, id %s offset ? limit 1", order, order), l.most-1)
	type place struct {
		At time.Time
		ID int64
	}
	rows, err := query[place](ctx, tx, sql, args...)
	if err != nil || len(rows) == 0 {
		return Found{}, err
	}
	return Found{Stopped: CursorOf(rows[0].At, rows[0].ID), StoppedAt: rows[0].At.UTC()}, nil
}

// newest is the search within the rows at which it looks. That they are so many
// is in the text and not an argument: PostgreSQL plans for it then, and does not
// read the whole log for what it takes to be rare.
func (l logSearch) newest() logSearch {
	if len(l.asked.parts) == 0 {
		return l
	}
	w, order := l.along(l.indexed.clone())
	sql, args := l.query("*", w, fmt.Sprintf("order by at %s, id %s limit %d", order, order, l.most))
	l.from, l.fromArgs, l.indexed, l.asked = "("+sql+") newest", args, l.asked, where{}
	return l
}

// listed is a page of a log, newest first: its beginning, or what comes after
// or before a place. A page is found by its place and not by its number, so
// that the thousandth costs what the first does and none shifts while new rows
// arrive.
func listed[T any](ctx context.Context, s *Store, l logSearch) ([]T, Found, error) {
	found, err := l.stop(ctx, s.db)
	if err != nil {
		return nil, found, err
	}
	counts := len(l.asked.parts) == 0 || !l.turned()
	l = l.newest()
	if counts {
		if found.Total, err = s.countCapped(ctx, "from "+l.from+" where "+l.indexed.sql(), slices.Concat(l.fromArgs, l.indexed.args)); err != nil {
			return nil, found, err
		}
	}
	found.Capped = found.Total >= CountCap || found.Stopped != ""
	limit, _ := page(1, l.perPage)
	w, order := l.along(l.indexed)
	sql, args := l.query("*", w, fmt.Sprintf("order by at %s, id %s limit ?", order, order), limit)
	rows, err := query[T](ctx, s.db, sql, args...)
	if len(rows) == limit {
		found.Stopped, found.StoppedAt = "", time.Time{} // it did not get there
	}
	if order == "asc" {
		slices.Reverse(rows)
	}
	return rows, found, err
}

// streamed hands over row by row, newest first.
func streamed[T any](ctx context.Context, tx *gorm.DB, l logSearch, limit int, each func(T) error) error {
	w := l.indexed.clone()
	w.parts, w.args = append(w.parts, l.asked.parts...), append(w.args, l.asked.args...)
	sql, args := l.query("*", w, "order by at desc, id desc limit ?", limit)
	rows, err := tx.WithContext(ctx).Raw(sql, args...).Rows()
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
