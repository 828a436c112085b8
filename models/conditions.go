package models

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// where collects the conditions of a hand-written statement with their
// arguments. Conditions are constants of this package; what people typed is an
// argument.
type where struct {
	parts []string
	args  []any
}

func (w *where) and(condition string, args ...any) {
	w.parts = append(w.parts, condition)
	w.args = append(w.args, args...)
}

// clone is what can be narrowed further on its own.
func (w *where) clone() where {
	return where{slices.Clone(w.parts), slices.Clone(w.args)}
}

// equal narrows an expression to a value, unless that is empty.
func (w *where) equal(expression, value string) {
	if value != "" {
		w.and(expression+" = ?", truncated(value, maxSearch))
	}
}

// address narrows a column to an address or a network. What is neither finds
// nothing: to show everything instead would mislead.
func (w *where) address(column, typed string) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return
	}
	if a, err := netip.ParseAddr(typed); err == nil {
		w.and(column+" = ?", addressText(a.WithZone("")))
		return
	}
	p, err := netip.ParsePrefix(typed)
	if err != nil {
		w.and("false")
		return
	}
	w.and(inet(column)+" <<= ?::inet", p.Masked().String())
}

// network is address for a column that has an index of addresses, which are in
// their order there, so that those of a network stand together.
func (w *where) network(column, typed string) {
	typed = strings.TrimSpace(typed)
	if a, err := netip.ParseAddr(typed); err == nil {
		w.and(inet(column)+" = ?::inet", addressText(a.WithZone("")))
		return
	}
	w.address(column, typed)
}

// inet is a column of addresses as PostgreSQL compares them. It knows no zones,
// such as that of fe80::1%eth0; the indexes of the logs have the same words.
func inet(column string) string { return "nullif(split_part(" + column + ", '%', 1), '')::inet" }

func (w *where) sql() string {
	if len(w.parts) == 0 {
		return "true"
	}
	return strings.Join(w.parts, " and ")
}

// CountCap is where counting stops: nobody pages that far, and counting
// millions of rows for the foot of a list would slow every visit. A list that
// has CountCap rows has that many or more.
const CountCap = 10_000

// countCapped counts the rows of "from ... where ...", up to CountCap.
func (s *Store) countCapped(ctx context.Context, from string, args []any) (int, error) {
	return countedIn(ctx, s.db, from, args)
}

// countedIn is countCapped in a transaction.
func countedIn(ctx context.Context, tx *gorm.DB, from string, args []any) (int, error) {
	n, err := query[int](ctx, tx, "select count(*) from (select "+from+" limit ?) counted", append(append([]any(nil), args...), CountCap)...)
	if err != nil {
		return 0, err
	}
	return n[0], nil
}
