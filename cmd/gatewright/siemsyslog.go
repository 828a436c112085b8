package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/gatewright/gatewright/engine/event"
)

const (
	// syslogFacility is 10, security and authorization (RFC 5424 section 6.2.1).
	syslogFacility = 10
	severityWarn   = 4
	severityNotice = 5
	severityInfo   = 6
	// syslogElement names our structured data. 32473 is the enterprise number
	// for those who have none of their own (RFC 5612).
	syslogElement = "gatewright@32473"
	// maxSyslogValue keeps a message well under the 8 KiB that receivers take.
	maxSyslogValue = 255

	syslogDial  = 5 * time.Second
	syslogWrite = 10 * time.Second
)

// syslogEncoder makes RFC 5424 messages. All that callers can choose is in
// structured data, escaped; the text is ours alone.
type syslogEncoder struct {
	host, process string
}

func newSyslogEncoder() *syslogEncoder {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return &syslogEncoder{host: headerWord(host, 255), process: strconv.Itoa(os.Getpid())}
}

func (s *syslogEncoder) encode(e any) []byte {
	switch e := e.(type) {
	case event.Token:
		return s.token(&e)
	case event.Security:
		return s.security(&e)
	case auditEvent:
		return s.audit(&e.AuditRecord)
	}
	return nil
}

func (s *syslogEncoder) token(t *event.Token) []byte {
	severity, text := severityInfo, "token request answered"
	if t.Error != "" {
		severity, text = severityNotice, "token request refused"
	}
	l := tokenLineOf(t)
	return s.message(severity, t.Time, "TOKEN_"+string(t.Operation), text, []param{
		{"type", l.Type}, {"environment", l.Environment}, {"operation", l.Operation}, {"outcome", l.Outcome}, {"project", l.Project},
		{"owner", l.Owner}, {"policy", l.Policy}, {"grantType", l.Grant}, {"clientId", l.ClientID}, {"username", l.Username},
		{"source", l.Source}, {"client", l.Client}, {"forwardedFor", l.ForwardedFor}, {"method", l.Method}, {"contentType", l.ContentType},
		{"algorithm", l.Algorithm}, {"keyId", l.KeyID}, {"tokenId", l.TokenID}, {"session", l.Family}, {"scope", l.Scope},
		{"issuedAt", stampOrNone(l.IssuedAt)}, {"expiresAt", stampOrNone(l.ExpiresAt)}, {"neverExpires", trueOrNone(l.NeverExpires)},
		{"refreshExpiresAt", stampOrNone(l.RefreshExpiresAt)}, {"refreshCount", numberOrNone(l.RefreshCount)},
		{"refreshMax", numberOrNone(l.RefreshMax)}, {"status", strconv.Itoa(l.Status)}, {"error", l.Error}, {"fault", l.Fault},
		{"reason", l.Reason}, {"correlationId", l.CorrelationID}, {"durationMs", strconv.FormatFloat(l.DurationMS, 'f', 3, 64)},
	})
}

func (s *syslogEncoder) security(e *event.Security) []byte {
	return s.message(severityWarn, e.Time, string(e.Kind), "security event", []param{
		{"type", "security"}, {"environment", e.Environment}, {"kind", string(e.Kind)}, {"project", e.Project}, {"owner", e.Owner},
		{"subject", e.Subject}, {"source", e.Source}, {"client", address(e.Client)}, {"detail", e.Detail}, {"correlationId", e.CorrelationID},
	})
}

// param is a name and a value of structured data.
type param struct{ name, value string }

// message is one message without framing (RFC 5424 section 6).
func (s *syslogEncoder) message(severity int, at time.Time, id, text string, params []param) []byte {
	b := make([]byte, 0, 1024)
	b = fmt.Appendf(b, "<%d>1 %s %s gatewright %s %s [%s", syslogFacility*8+severity, stamp(at), s.host, s.process, headerWord(id, 32), syslogElement)
	for _, p := range params {
		if p.value == "" {
			continue
		}
		b = append(b, ' ')
		b = append(b, p.name...)
		b = append(b, '=', '"')
		b = appendSyslogValue(b, p.value)
		b = append(b, '"')
	}
	b = append(b, "] "...)
	return append(b, text...)
}

// appendSyslogValue escapes what section 6.3.3 says. Control characters, which
// it allows, become blanks: receivers that split at line breaks would otherwise
// read what a caller sent as a message of its own.
func appendSyslogValue(b []byte, value string) []byte {
	n := 0
	for _, r := range strings.ToValidUTF8(value, "\uFFFD") {
		if n++; n > maxSyslogValue {
			return append(b, "…"...)
		}
		switch {
		case r == '"' || r == '\\' || r == ']':
			b = append(b, '\\', byte(r))
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			b = append(b, ' ')
		default:
			b = append(b, string(r)...)
		}
	}
	return b
}

// headerWord is a word of the header: printable ASCII without blanks, "-" for
// none.
func headerWord(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), most)]
}

func stampOrNone(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

func trueOrNone(b bool) string {
	if !b {
		return ""
	}
	return "true"
}

func numberOrNone(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// syslogOutput sends messages to a server: one a datagram over UDP (RFC 5426),
// counted over TCP (RFC 6587 section 3.4.1) and TLS (RFC 5425).
type syslogOutput struct {
	network, addr string
	tls           *tls.Config
	conn          net.Conn
	// gone is set when the server has closed the connection. A write would
	// still succeed once, into nothing.
	gone *atomic.Bool
}

func newSyslogOutput(t eventTarget) (*syslogOutput, error) {
	o := &syslogOutput{network: strings.TrimSuffix(t.network, "+tls"), addr: t.addr}
	if t.network != "tcp+tls" {
		return o, nil
	}
	host, _, err := net.SplitHostPort(t.addr)
	if err != nil {
		return nil, err
	}
	o.tls = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if t.ca == "" {
		return o, nil
	}
	pem, err := os.ReadFile(t.ca)
	if err != nil {
		return nil, fmt.Errorf("read the certificates to trust: %w", err)
	}
	o.tls.RootCAs = x509.NewCertPool()
	if !o.tls.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM form", t.ca)
	}
	return o, nil
}

func (o *syslogOutput) write(ctx context.Context, message []byte) error {
	if o.gone != nil && o.gone.Load() {
		o.close()
	}
	if o.conn == nil {
		if err := o.dial(ctx); err != nil {
			return err
		}
	}
	if o.network == "tcp" {
		message = append(append(strconv.AppendInt(nil, int64(len(message)), 10), ' '), message...)
	}
	conn := o.conn
	if err := conn.SetWriteDeadline(time.Now().Add(syslogWrite)); err != nil {
		o.close()
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(message); err != nil {
		o.close() // a message may be cut off; the next begins on a new connection
		return err
	}
	return nil
}

func (o *syslogOutput) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, syslogDial)
	defer cancel()
	var err error
	if o.tls != nil {
		o.conn, err = (&tls.Dialer{Config: o.tls}).DialContext(ctx, o.network, o.addr)
	} else {
		o.conn, err = (&net.Dialer{}).DialContext(ctx, o.network, o.addr)
	}
	if err != nil {
		o.conn = nil
		return err
	}
	if o.network == "tcp" {
		o.gone = new(atomic.Bool)
		go notice(o.conn, o.gone)
	}
	return nil
}

// notice waits for the end of a connection on which the server says nothing.
func notice(conn net.Conn, gone *atomic.Bool) {
	_, err := io.Copy(io.Discard, conn)
	if !errors.Is(err, net.ErrClosed) {
		gone.Store(true)
	}
}

func (o *syslogOutput) close() {
	if o.conn != nil {
		_ = o.conn.Close() // nothing is buffered
		o.conn, o.gone = nil, nil
	}
}
