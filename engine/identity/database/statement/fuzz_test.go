package statement_test

import (
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity/database/statement"
)

// FuzzParse proves of any text that reading it ends, that what comes out reads the
// same again, and that a literal built from it stays one literal.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"select :username", "select ':username' -- x\n", `select E'\'', :password`, "select $a$ : $a$ /* /* */ */",
		"select `;` # x", "with a as (select 1) select :username::text;", "select E'a' 'b'", "select $1, ?", "select /*!1*/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, syntax := range []statement.Syntax{postgres, mysql} {
			checkRepeats(t, text, syntax)
			checkLiteral(t, text, syntax)
		}
	})
}

// checkRepeats sends what Parse gave through it again, with the names put back.
func checkRepeats(t *testing.T, text string, syntax statement.Syntax) {
	first, err := parse(text, syntax)
	if err != nil {
		return
	}
	if n := strings.Count(first.SQL, "?"); !syntax.Numbered && n < len(first.Names) {
		t.Fatalf("%d places for %d names in %q", n, len(first.Names), first.SQL)
	}
	if len(first.Names) > 0 {
		return
	}
	again, err := parse(first.SQL, syntax)
	if err != nil || again.SQL != first.SQL {
		t.Fatalf("%q reads as %+v, %v the second time", first.SQL, again, err)
	}
}

// checkLiteral puts the text into a literal: nothing of it may be read.
func checkLiteral(t *testing.T, text string, syntax statement.Syntax) {
	literal := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	s, err := parse("select "+literal+", :username", syntax)
	if err != nil {
		if len(text) < 4000 && strings.ToValidUTF8(text, "") == text && !strings.ContainsAny(text, "\\\x00") {
			t.Fatalf("literal %q is refused: %v", literal, err)
		}
		return
	}
	if len(s.Names) != 1 || !strings.HasPrefix(s.SQL, "select "+literal+", ") {
		t.Fatalf("literal %q became %q with %v", literal, s.SQL, s.Names)
	}
}
