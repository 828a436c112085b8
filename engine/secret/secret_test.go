package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/google/go-cmp/cmp"
)

const hidden = "correct horse battery staple"

func TestTextNeverShowsItself(t *testing.T) {
	t.Parallel()
	text := secret.New(hidden)
	type config struct {
		Password secret.Text
		inner    secret.Text // fmt does not ask these for String
		deep     struct{ text secret.Text }
	}
	c := config{Password: text, inner: text}
	c.deep.text = text
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", "password", text, "config", c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "password", text, "config", c)
	asJSON, err := json.Marshal(map[string]any{"a": text, "b": c, "c": &text})
	if err != nil {
		t.Fatal(err)
	}
	asKey, err := json.Marshal(map[secret.Text]int{text: 1})
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{log.String(), string(asJSON), string(asKey), text.String(), fmt.Sprint(text), fmt.Sprint(&c), fmt.Errorf("sign in with %v: %w", text, fmt.Errorf("%s", text)).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T %v", "%30s"} {
		shown = append(shown, fmt.Sprintf(verb, text), fmt.Sprintf(verb, c), fmt.Sprintf(verb, &c), fmt.Sprintf(verb, []secret.Text{text}))
	}
	for _, s := range shown {
		if strings.Contains(s, "horse") || strings.Contains(s, fmt.Sprintf("%x", "horse")) || strings.Contains(s, fmt.Sprintf("%X", "horse")) {
			t.Errorf("the secret is in %q", s)
		}
	}
	if got := fmt.Sprintf("%s %v %q", text, text, secret.Text{}); got != "[redacted] [redacted] [redacted]" {
		t.Errorf("printed %s", got)
	}
}

func TestTextKeepsItsValue(t *testing.T) {
	t.Parallel()
	text := secret.New(hidden)
	if text.Reveal() != hidden || text.IsZero() {
		t.Error("the value is lost")
	}
	var zero secret.Text
	if zero.Reveal() != "" || !zero.IsZero() || !secret.New("").IsZero() {
		t.Error("the zero Text is not empty")
	}
	for _, c := range []struct {
		other secret.Text
		want  bool
	}{{secret.New(hidden), true}, {secret.New(hidden + "x"), false}, {secret.New("x"), false}, {zero, false}} {
		if text.Equal(c.other) != c.want || c.other.Equal(text) != c.want {
			t.Errorf("Equal(%d bytes) is not %t", len(c.other.Reveal()), c.want)
		}
	}
	if !cmp.Equal(text, secret.New(hidden)) || !zero.Equal(secret.Text{}) {
		t.Error("equal secrets compare unequal")
	}
}

func TestTextIsReadFromSettingsButNotFromMaskedExports(t *testing.T) {
	t.Parallel()
	var c struct{ Password secret.Text }
	if err := json.Unmarshal([]byte(`{"password":"pa\u0073s"}`), &c); err != nil || c.Password.Reveal() != "pass" {
		t.Errorf("read %q, %v", c.Password.Reveal(), err)
	}
	if err := json.Unmarshal([]byte(`{"password":"[redacted]"}`), &c); err == nil || !strings.Contains(err.Error(), "masked") {
		t.Errorf("err = %v, want one about the mask", err)
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 50 {
		s := secret.Generate(24)
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || len(raw) != 24 || seen[s] {
			t.Fatalf("Generate gave %q", s)
		}
		seen[s] = true
	}
}
