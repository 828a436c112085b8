package echo_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/echo"
)

func TestHandlerShowsTheRequestAsItArrived(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body, want string
		truncated        bool
	}{
		{"a body is shown", `{"a":"<b>"}`, `{"a":"<b>"}`, false},
		{"a body of the limit is whole", strings.Repeat("x", echo.MaxBody), strings.Repeat("x", echo.MaxBody), false},
		{"a longer body is cut and says so", strings.Repeat("x", echo.MaxBody+1), strings.Repeat("x", echo.MaxBody), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "http://api.test/a%20b?q=1&q=%32", strings.NewReader(tt.body))
			r.Header.Add("X-Two", "1")
			r.Header.Add("X-Two", "2")
			w := httptest.NewRecorder()
			echo.Handler().ServeHTTP(w, r)

			var got echo.Request
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			want := echo.Request{
				Method: "POST", Host: "api.test", Path: "/a%20b", Query: "q=1&q=%32",
				Headers: map[string][]string{"X-Two": {"1", "2"}}, Body: tt.want, Truncated: tt.truncated,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}
