package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/gatewright/gatewright/engine/event"
)

// tokenLine is a token request as a line of JSON. Members that say nothing are
// left out.
type tokenLine struct {
	Time             string     `json:"time"`
	Type             string     `json:"type"`
	Environment      string     `json:"environment"`
	Operation        string     `json:"operation"`
	Outcome          string     `json:"outcome"`
	Project          string     `json:"project,omitempty"`
	Owner            string     `json:"owner,omitempty"`
	Policy           string     `json:"policy,omitempty"`
	Grant            string     `json:"grantType,omitempty"`
	ClientID         string     `json:"clientId,omitempty"`
	Username         string     `json:"username,omitempty"`
	Source           string     `json:"source,omitempty"`
	Client           string     `json:"client,omitempty"`
	ForwardedFor     string     `json:"forwardedFor,omitempty"`
	Method           string     `json:"method,omitempty"`
	ContentType      string     `json:"contentType,omitempty"`
	Algorithm        string     `json:"algorithm,omitempty"`
	KeyID            string     `json:"keyId,omitempty"`
	TokenID          string     `json:"tokenId,omitempty"`
	Family           string     `json:"session,omitempty"`
	Scope            string     `json:"scope,omitempty"`
	IssuedAt         *time.Time `json:"issuedAt,omitempty"`
	ExpiresAt        *time.Time `json:"expiresAt,omitempty"`
	NeverExpires     bool       `json:"neverExpires,omitempty"`
	RefreshExpiresAt *time.Time `json:"refreshExpiresAt,omitempty"`
	RefreshCount     int        `json:"refreshCount,omitempty"`
	RefreshMax       int        `json:"refreshMax,omitempty"`
	Status           int        `json:"status"`
	Error            string     `json:"error,omitempty"`
	Fault            string     `json:"fault,omitempty"`
	Reason           string     `json:"reason,omitempty"`
	CorrelationID    string     `json:"correlationId,omitempty"`
	DurationMS       float64    `json:"durationMs"`
}

// securityLine is a security event as a line of JSON.
type securityLine struct {
	Time          string `json:"time"`
	Type          string `json:"type"`
	Environment   string `json:"environment"`
	Kind          string `json:"kind"`
	Project       string `json:"project,omitempty"`
	Owner         string `json:"owner,omitempty"`
	Subject       string `json:"subject,omitempty"`
	Source        string `json:"source,omitempty"`
	Client        string `json:"client,omitempty"`
	Detail        string `json:"detail,omitempty"`
	CorrelationID string `json:"correlationId,omitempty"`
}

// jsonLine is an event as one line. JSON escapes line breaks, so that no value
// can begin a line of its own.
func jsonLine(e any) []byte {
	var line any
	switch e := e.(type) {
	case event.Token:
		line = tokenLineOf(&e)
	case event.Security:
		line = securityLine{
			Time: stamp(e.Time), Type: "security", Environment: e.Environment, Kind: string(e.Kind), Project: e.Project, Owner: e.Owner,
			Subject: e.Subject, Source: e.Source, Client: address(e.Client), Detail: e.Detail, CorrelationID: e.CorrelationID,
		}
	}
	if a, ok := e.(auditEvent); ok {
		line = auditLineOf(&a.AuditRecord)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(line) // structs of texts, numbers and times always encode
	return b.Bytes()
}

func tokenLineOf(t *event.Token) tokenLine {
	return tokenLine{
		Time: stamp(t.Time), Type: "token", Environment: t.Environment, Operation: string(t.Operation), Outcome: outcomeOf(t),
		Project: t.Project, Owner: t.Owner, Policy: t.Policy, Grant: t.Grant, ClientID: t.ClientID, Username: t.Username, Source: t.Source,
		Client: address(t.Client), ForwardedFor: t.ForwardedFor, Method: t.Method, ContentType: t.ContentType, Algorithm: t.Algorithm,
		KeyID: t.KeyID, TokenID: t.TokenID, Family: t.Family, Scope: t.Scope, IssuedAt: moment(t.IssuedAt), ExpiresAt: moment(t.ExpiresAt),
		NeverExpires: t.NeverExpires, RefreshExpiresAt: moment(t.RefreshExpiresAt), RefreshCount: t.RefreshCount, RefreshMax: t.RefreshMax,
		Status: t.Status, Error: t.Error, Fault: string(t.Fault), Reason: t.Reason, CorrelationID: t.CorrelationID,
		DurationMS: float64(t.Duration.Microseconds()) / 1000,
	}
}

// outcomeOf is one word for what became of a token request.
func outcomeOf(t *event.Token) string {
	if t.Error != "" {
		return "refused"
	}
	return "ok"
}

// stamp is a time as RFC 3339 and RFC 5424 have it, in UTC with microseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z07:00") }

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// plainOutput is a stream that belongs to somebody else.
type plainOutput struct{ w io.Writer }

func (o *plainOutput) write(_ context.Context, line []byte) error {
	_, err := o.w.Write(line)
	return err
}

func (o *plainOutput) close() {}

// fileOutput appends to a file, which others may move away (log rotation): it
// looks now and then whether its name still leads to it.
type fileOutput struct {
	path   string
	file   *os.File
	looked time.Time
	// whole is false while the last line may have been cut off.
	whole bool
}

func openFileOutput(path string) (*fileOutput, error) {
	o := &fileOutput{path: path}
	return o, o.open()
}

// open creates the file for its owner alone: it says who logs in from where.
func (o *fileOutput) open() (err error) {
	o.whole = endsWhole(o.path)
	o.file, err = os.OpenFile(o.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	o.looked = time.Now()
	return err
}

// endsWhole is false for a file whose last line was cut off: by a full disk, or with
// the process that wrote it.
func endsWhole(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err != nil || last[0] == '\n'
}

func (o *fileOutput) write(_ context.Context, line []byte) error {
	if err := o.follow(); err != nil {
		return err
	}
	if !o.whole {
		line = append([]byte{'\n'}, line...) // ends what a full disk cut off
	}
	n, err := o.file.Write(line)
	o.whole = err == nil || n == 0 && o.whole
	return err
}

// follow opens the file anew when its name leads elsewhere.
func (o *fileOutput) follow() error {
	if o.file != nil && time.Since(o.looked) < time.Second {
		return nil
	}
	if o.file != nil {
		mine, err1 := o.file.Stat()
		there, err2 := os.Stat(o.path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			o.looked = time.Now()
			return nil
		}
		if err2 != nil && !errors.Is(err2, os.ErrNotExist) {
			return err2
		}
		o.close()
	}
	return o.open()
}

func (o *fileOutput) close() {
	if o.file != nil {
		_ = o.file.Close() // every line was written already
		o.file = nil
	}
}
