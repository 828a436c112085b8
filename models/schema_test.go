package models_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"gorm.io/gorm/schema"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// column is what both sides say of one.
type column struct {
	Types    string // those of PostgreSQL that fit, with blanks
	Nullable bool
}

// fits are the PostgreSQL types that a Go type is kept in.
var fits = map[reflect.Type]string{
	reflect.TypeFor[string]():          "text uuid",
	reflect.TypeFor[bool]():            "bool",
	reflect.TypeFor[int]():             "int4",
	reflect.TypeFor[int64]():           "int8 xid8",
	reflect.TypeFor[time.Time]():       "timestamptz",
	reflect.TypeFor[[]byte]():          "bytea",
	reflect.TypeFor[models.Document](): "jsonb json",
	reflect.TypeFor[models.Moments]():  "_timestamptz",
}

func TestRowsAndMigratedColumnsAgreeInBothDirections(t *testing.T) {
	t.Parallel()
	migrated := migratedColumns(t, modelstest.Database(t))
	rows := map[string]map[string]column{}
	for _, row := range models.Rows() {
		table, columns := rowColumns(t, row, migrated)
		rows[table] = columns
	}
	if diff := cmp.Diff(migrated, rows); diff != "" {
		t.Errorf("columns (-migrated +rows):\n%s", diff)
	}
}

func rowColumns(t *testing.T, row any, migrated map[string]map[string]column) (string, map[string]column) {
	t.Helper()
	parsed, err := schema.Parse(row, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string]column{}
	for _, f := range parsed.Fields {
		columns[f.DBName] = rowColumn(t, parsed.Table, f, migrated[parsed.Table][f.DBName])
	}
	return parsed.Table, columns
}

// rowColumn takes over the migrated type where the field can hold it.
func rowColumn(t *testing.T, table string, f *schema.Field, migrated column) column {
	t.Helper()
	typ, nullable := f.FieldType, false
	if typ.Kind() == reflect.Pointer {
		typ, nullable = typ.Elem(), true
	}
	types, ok := fits[typ]
	if !ok {
		t.Errorf("%s.%s has the Go type %s, which the test does not know", table, f.DBName, typ)
	}
	if slices.Contains(strings.Fields(types), migrated.Types) {
		types = migrated.Types
	}
	if typ == reflect.TypeFor[models.Document]() {
		nullable = migrated.Nullable // nil is null; a required one is checked by the database
	}
	return column{Types: types, Nullable: nullable}
}

func migratedColumns(t *testing.T, url string) map[string]map[string]column {
	t.Helper()
	conn := connect(t, url)
	rows, err := conn.Query(t.Context(), `select table_name, column_name, udt_name, is_nullable = 'YES'
		from information_schema.columns where table_schema = 'public' and table_name <> 'goose_db_version'`)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]map[string]column{}
	var table, name string
	var c column
	_, err = pgx.ForEachRow(rows, []any{&table, &name, &c.Types, &c.Nullable}, func() error {
		if tables[table] == nil {
			tables[table] = map[string]column{}
		}
		tables[table][name] = c
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

func TestEveryForeignKeyIsIndexed(t *testing.T) {
	t.Parallel()
	conn := connect(t, modelstest.Database(t))
	// An index that begins with a column of the key finds the few rows that a
	// deletion on the other side is about.
	rows, err := conn.Query(t.Context(), `select c.conrelid::regclass::text, c.conname from pg_constraint c
		where c.contype = 'f' and not exists (select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = any (c.conkey))`)
	if err != nil {
		t.Fatal(err)
	}
	var table, key string
	if _, err := pgx.ForEachRow(rows, []any{&table, &key}, func() error {
		t.Errorf("%s.%s has no index", table, key)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	url := modelstest.Empty(t)
	const openers = 4
	errs, begin := make(chan error, openers), make(chan struct{})
	for range openers {
		s := modelstest.Open(t, url)
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		go func() {
			<-begin
			errs <- s.Migrate(context.Background())
		}()
	}
	close(begin)
	for range openers {
		if err := <-errs; err != nil {
			t.Errorf("one of %d that migrate at once: %v", openers, err)
		}
	}
	s := modelstest.Open(t, url)
	if err := s.Migrate(t.Context()); err != nil {
		t.Errorf("migrate what is migrated: %v", err)
	}
	if _, err := s.Projects(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpenNamesABadURLWithoutItsPassword(t *testing.T) {
	t.Parallel()
	_, err := models.Open(t.Context(), "postgres://me:hunter22@host:port/db", models.Options{})
	if err == nil || strings.Contains(err.Error(), "hunter22") || !strings.Contains(err.Error(), "database URL") {
		t.Errorf("got %v", err)
	}
}

func TestOpenDoesNotNeedTheDatabase(t *testing.T) {
	t.Parallel()
	s := modelstest.Open(t, "postgres://nobody@127.0.0.1:1/none?connect_timeout=2")
	if err := s.Ping(t.Context()); err == nil {
		t.Error("ping of a server that is not there succeeded")
	}
}

// connect is a connection beside the store, to look at raw rows.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func scalar[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", sql, err))
	}
	return v
}
