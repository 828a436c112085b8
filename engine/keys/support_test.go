package keys_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
)

// noon is the time of every test.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func generate(t testing.TB, alg keys.Algorithm) *keys.Key {
	t.Helper()
	key, err := keys.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, key *keys.Key, input string) []byte {
	t.Helper()
	signature, err := key.Sign(nil, []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// wantProblem asserts that err is a problem of field whose message has a part.
func wantProblem(t *testing.T, err error, field, part string) {
	t.Helper()
	l := problem.Of(err)
	if len(l) == 0 {
		t.Fatalf("err = %v, want a problem of %q", err, field)
	}
	if l[0].Field != field || !strings.Contains(l[0].Message, part) {
		t.Errorf("problem = %+v, want field %q and %q in the message", l[0], field, part)
	}
}
