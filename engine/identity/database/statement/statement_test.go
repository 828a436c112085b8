package statement_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity/database/statement"
)

var (
	postgres = statement.Syntax{NestedComments: true, DollarQuotes: true, EscapeStrings: true, Numbered: true}
	mysql    = statement.Syntax{Backtick: true, Hash: true, DashNeedsBlank: true, Backslash: true}
)

func parse(text string, syntax statement.Syntax) (*statement.Statement, error) {
	return statement.Parse(text, syntax, "username", "password")
}

func TestNamesBecomeParametersWhereTheyAreParameters(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		syntax     statement.Syntax
		sql        string
		names      []string
	}{
		{"one name", "select a from t where n = :username", postgres, "select a from t where n = $1", []string{"username"}},
		{"a name twice has one number", "select :username, :password, :username", postgres, "select $1, $2, $1", []string{"username", "password"}},
		{"a name twice is bound twice", "select :username, :password, :username", mysql, "select ?, ?, ?", []string{"username", "password", "username"}},
		{"a trailing semicolon goes", "select :username ; -- end\n", postgres, "select $1  -- end", []string{"username"}},
		{"a cast", "select :username::text, x::int", postgres, "select $1::text, x::int", []string{"username"}},
		{"a slice", "select a[1:2], :username", postgres, "select a[1:2], $1", []string{"username"}},
		{"an assignment", "select @x:=1, :username", mysql, "select @x:=1, ?", []string{"username"}},
		{"text in quotes", "select ':username', ''':username', :username", postgres, "select ':username', ''':username', $1", []string{"username"}},
		{"a backslash ends nothing in plain quotes", `select '\', :username`, postgres, `select '\', $1`, []string{"username"}},
		{"escapes in E quotes", `select E'\':username', e'\\', :username`, postgres, `select E'\':username', e'\\', $1`, []string{"username"}},
		{"a word that ends in e has plain quotes", `select date'\', :username`, postgres, `select date'\', $1`, []string{"username"}},
		{"names in quotes", `select ":username""", :username`, postgres, `select ":username""", $1`, []string{"username"}},
		{"names in backticks", "select `:username``;`, :username", mysql, "select `:username``;`, ?", []string{"username"}},
		{"dollar quotes", "select $$ ' :username $$, $a$ $$ :username; $a$, :username", postgres, "select $$ ' :username $$, $a$ $$ :username; $a$, $1", []string{"username"}},
		{"line comments", "select 1 -- ':username\n, :username", postgres, "select 1 -- ':username\n, $1", []string{"username"}},
		{"a comment ends with a carriage return", "select 1 -- '\r, :username", postgres, "select 1 -- '\r, $1", []string{"username"}},
		{"two minus signs are no comment", "select 1--1, :username", mysql, "select 1--1, ?", []string{"username"}},
		{"hash comments", "select 1 # ':username\n, :username", mysql, "select 1 # ':username\n, ?", []string{"username"}},
		{"hash is an operator", "select 1 # 2, :username", postgres, "select 1 # 2, $1", []string{"username"}},
		{"nested comments", "select /* /* */ :username ' */ :username", postgres, "select /* /* */ :username ' */ $1", []string{"username"}},
		{"comments that do not nest", "select /* /* */ :username", mysql, "select /* /* */ ?", []string{"username"}},
		{"a question mark is an operator", "select j ? 'a', :username", postgres, "select j ? 'a', $1", []string{"username"}},
		{"a comment first", "/* who */ WITH u AS (select 1) select :username", postgres, "/* who */ WITH u AS (select 1) select $1", []string{"username"}},
		{"longer names are other names", "select x.username, :username.y", postgres, "select x.username, $1.y", []string{"username"}},
		{"a dollar in a name", "select a$1, :username", postgres, "select a$1, $1", []string{"username"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(tc.text, tc.syntax)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&statement.Statement{SQL: tc.sql, Names: tc.names}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatementsThatDoMoreThanReadAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		syntax     statement.Syntax
		want       string
	}{
		{"nothing", " ", postgres, "Enter a query"},
		{"a comment alone", "-- select", postgres, "comment only"},
		{"an update", "update t set a = 1", postgres, "SELECT or WITH"},
		{"a block", "do $$ begin end $$", postgres, "SELECT or WITH"},
		{"selector is no SELECT", "selector", postgres, "SELECT or WITH"},
		{"two statements", "select 1; drop table t", postgres, "one statement"},
		{"two statements after a comment", "select 1; /* */ drop table t", postgres, "one statement"},
		{"two semicolons", "select 1;;", postgres, "one statement"},
		{"a semicolon behind an escaped quote", `select '\'; drop table t; --'`, mysql, "backslash"},
		{"a semicolon behind a plain backslash", `select '\'; drop table t; --'`, postgres, "one statement"},
		{"a file", "select a from t into outfile '/tmp/x'", mysql, "INTO"},
		{"a comment that runs", "select 1 /*! ; drop table t */", mysql, "run what it holds"},
		{"a comment that MariaDB runs", "select 1 /*M!100101 into outfile 'x' */", mysql, "run what it holds"},
		{"a minus comment that is none", "select 1 --; drop table t", mysql, "one statement"},
		{"another parameter", "select :user", postgres, "Unknown parameter :user;"},
		{"a parameter beside a letter of another alphabet", "select :usernameß", postgres, "Unknown parameter"},
		{"a number as parameter", "select $1", postgres, "by name"},
		{"a question mark as parameter", "select ?", mysql, "by name"},
		{"an open literal", "select 'a", postgres, "End the quotes"},
		{"an open E literal", `select E'a\'`, postgres, "End the quotes"},
		{"an E literal that goes on", "select E'a'\n '\\' ; drop table t --'", postgres, "one pair"},
		{"an open name", "select `a", mysql, "End the quotes"},
		{"an open comment", "select /* /* */ 1", postgres, "*/"},
		{"open dollar quotes", "select $a$ x $b$", postgres, "End the text"},
		{"a NUL", "select 1\x00", postgres, "control"},
		{"too much", "select " + strings.Repeat("1+", 5000) + "1", postgres, "Shorten"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(tc.text, tc.syntax)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Parse = %+v, %v; want an error with %q", got, err, tc.want)
			}
		})
	}
}
