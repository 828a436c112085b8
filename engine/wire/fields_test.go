package wire

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// A list does what net/http's map does, whatever is done to it.
func TestFieldsAreAHeader(t *testing.T) {
	t.Parallel()
	names := []string{"Accept", "X-A", "Content-Length", "Connection", "Set-Cookie", "X_b"}
	for range 500 {
		var f Fields
		h := http.Header{}
		for step := range 30 {
			name, value := names[rand.IntN(len(names))], fmt.Sprint(step)
			switch rand.IntN(4) {
			case 0:
				f.Del(name)
				delete(h, name)
			case 1:
				f.Set(name, value)
				h[name] = []string{value}
			default:
				f.Add(name, value)
				h[name] = append(h[name], value)
			}
			if first := append(h[name], "")[0]; !slices.Equal(f.Values(name), h[name]) || f.Get(name) != first || f.Has(name) != (h[name] != nil) {
				t.Fatalf("%s is %q, want %q", name, f.Values(name), h[name])
			}
		}
		if got := f.Header(); !maps.EqualFunc(got, h, slices.Equal) {
			t.Fatalf("got %q, want %q", got, h)
		}
		var again Fields
		again.AddAll(&f)
		again.SetHeader(f.Header())
		into := http.Header{"X-A": {"before"}, "X-Else": {"kept"}}
		again.Into(into)
		if h["X-Else"] = []string{"kept"}; h["X-A"] == nil {
			h["X-A"] = []string{"before"}
		}
		if !maps.EqualFunc(into, h, slices.Equal) {
			t.Fatalf("into: got %q, want %q", into, h)
		}
	}
}

func TestAttackHopFieldsAndWhatConnectionNamesGoNoFurther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lines    string
		want     string
		trailers bool
	}{
		{"Accept: 1|X-A: 2", "Accept: 1|X-A: 2", false},
		{"Connection: close, x-a ,X-B|X-A: 1|X-B: 2|X-B: 3|X-C: 4", "X-C: 4", false},
		{"Connection: x-a|X-A: 1|Connection: X-B|X-B: 2|X-C: 3", "X-C: 3", false},
		{"Te: gzip, Trailers|Accept: 1", "Accept: 1", true},
		{"Connection: te|Te: trailers|Accept: 1", "Accept: 1", true},
		{"Proxy-Connection: 1|Keep-Alive: 1|Proxy-Authenticate: 1|Proxy-Authorization: 1|Trailer: 1|Transfer-Encoding: 1|Upgrade: 1|Accept: 1", "Accept: 1", false},
	} {
		var f Fields
		for line := range strings.SplitSeq(tt.lines, "|") {
			name, value, _ := strings.Cut(line, ": ")
			f.Add(name, value)
		}
		trailers := f.RemoveHop()
		if got := shown(&f); got != tt.want || trailers != tt.trailers {
			t.Errorf("%s: left %s, trailers %v", tt.lines, got, trailers)
		}
	}
}

func shown(f *Fields) string {
	var lines []string
	for i := range f.Len() {
		lines = append(lines, f.Name(i)+": "+f.Value(i))
	}
	return strings.Join(lines, "|")
}

// Neither a value nor a name begins a field of its own, and framing is not written twice.
func TestAttackFieldsAreWrittenAsOneLineEach(t *testing.T) {
	t.Parallel()
	var h head
	if !h.parse("Accept: 1\r\nHost: x\r\nContent-Length: 3\r\nX-B: b\r\n") {
		t.Fatal("not plain")
	}
	f := h.fields
	f.Set("Accept", "1\r\nX-Evil: 1")
	f.Add("X-A", "2\nX-Evil: 2")
	f.Add("X-A\r\nX-Evil", "3")
	f.Add("X A", "4")
	f.Add("", "5")
	f.Add(http.TrailerPrefix+"X-A", "6")
	want := "Accept: 1  X-Evil: 1\r\nX-B: b\r\nX-A: 2 X-Evil: 2\r\n"
	if got := string(f.appendTo(nil, aLength)); got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	f.Check()
	if got := string(f.appendTo(nil, aLength)); got != want {
		t.Errorf("checked, it wrote %q, want %q", got, want)
	}
	f.Set("X-B", "b\rX-Evil: 7")
	want = strings.Replace(want, "X-B: b", "X-B: b X-Evil: 7", 1)
	if got := string(f.appendTo(nil, aLength)); got != want {
		t.Errorf("changed after the check, it wrote %q, want %q", got, want)
	}
}

// What is known of a name by heart is what reading it would show.
func TestKindsAreThoseOfTheirNames(t *testing.T) {
	t.Parallel()
	for name, k := range kinds {
		if textproto.CanonicalMIMEHeaderKey(name) != name || !token(name) || k&aToken == 0 || k&clean != 0 || k&common != 0 && k&(framing|hop|aHost) != 0 {
			t.Errorf("%s: %b", name, k)
		}
	}
	for raw, known := range spelled {
		if textproto.CanonicalMIMEHeaderKey(raw) != known.name || kinds[known.name] != known.kind {
			t.Errorf("%s: %s, %b", raw, known.name, known.kind)
		}
	}
}
