package fault

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// declared are the constants of this package that are Types, read from its
// source so that none can be forgotten here.
func declared(t *testing.T) []Type {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []Type
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Type" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, Type(text))
		}
		return true
	})
	return all
}

func TestEveryTypeHasARowThatIsFitForCallers(t *testing.T) {
	t.Parallel()
	types := declared(t)
	if len(types) != len(catalogue) {
		t.Errorf("%d types and %d rows", len(types), len(catalogue))
	}
	codes := map[string]Type{}
	for _, name := range types {
		row, ok := catalogue[name]
		if !ok || row.Type != name {
			t.Errorf("%s has the row %+v", name, row)
			continue
		}
		if other, twice := codes[row.Code]; twice {
			t.Errorf("%s and %s share the code %s", name, other, row.Code)
		}
		codes[row.Code] = name
		if !regexp.MustCompile(`^ERR-\d{3}$`).MatchString(row.Code) {
			t.Errorf("%s: code %q", name, row.Code)
		}
		if row.Status < 400 || http.StatusText(row.Status) == "" {
			t.Errorf("%s: status %d", name, row.Status)
		}
		if !strings.HasSuffix(row.Message, ".") || strings.ContainsAny(row.Message, "<>\"%\n") {
			t.Errorf("%s: message %q", name, row.Message)
		}
	}
}

func TestStatusesOfRefusedTokensAreThoseOfD9(t *testing.T) {
	t.Parallel()
	want := map[Type]int{
		TokenMissing: 401, TokenNotValid: 401, TokenAmbiguous: 400, NotFound: 404, MethodNotFound: 404, MethodNotAllowed: 405,
		UpstreamTimeout: 504, UpstreamRefused: 502, UpstreamUnknown: 502, UpstreamConnection: 502, UpstreamTLS: 502, Unexpected: 500,
	}
	for name, status := range want {
		if got := Find(name).Status; got != status {
			t.Errorf("%s: status %d, want %d", name, got, status)
		}
	}
}

func TestAnUnknownTypeIsAnUnexpectedError(t *testing.T) {
	t.Parallel()
	for _, name := range []Type{"", "NO_SUCH_TYPE", "apiproxy_notfound"} {
		if diff := cmp.Diff(catalogue[Unexpected], Find(name)); diff != "" {
			t.Errorf("Find(%q) (-want +got):\n%s", name, diff)
		}
	}
}

func TestTheBodyIsThatOfD10(t *testing.T) {
	t.Parallel()
	row := Row{Type: NotFound, Code: "ERR-002", Status: 404, Message: "Nothing \"here\"\n\u2028</script>."}
	var got map[string]any
	if err := json.Unmarshal(row.Body(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"statusCode": 404.0, "message": row.Message}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if want := `{"statusCode":404,"message":"No API is served at this address."}`; string(Find(NotFound).Body()) != want {
		t.Errorf("body = %s, want %s", Find(NotFound).Body(), want)
	}
}
