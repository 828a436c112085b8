package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	syslog "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/models"
)

// hostile is what a caller might send in any field.
const hostile = "a\"] evil=\"1\" \\ ]\r\n<34>1 2026-01-01T00:00:00Z host forged - - - root logged in\x00\u2028"

func hostileToken() event.Token {
	return event.Token{
		Time: time.Date(2026, 5, 1, 12, 0, 0, 123456000, time.UTC), Environment: "production", Operation: event.Issue, Project: "Shop", Owner: "orders",
		Grant: hostile, ClientID: hostile, Username: hostile, Source: "LDAP:corp", Client: netip.MustParseAddr("192.0.2.7"), ForwardedFor: hostile,
		Status: 400, Error: "invalid_grant", Reason: hostile, CorrelationID: "corr-1", Duration: 1500 * time.Microsecond,
	}
}

func parsed(t *testing.T, message []byte) *rfc5424.SyslogMessage {
	t.Helper()
	m, err := rfc5424.NewParser().Parse(message)
	if err != nil {
		t.Fatalf("%v: %q", err, message)
	}
	return m.(*rfc5424.SyslogMessage)
}

func TestASyslogMessageReadsBackAsTheEvent(t *testing.T) {
	t.Parallel()
	m := parsed(t, newSyslogEncoder().encode(hostileToken()))
	if *m.Facility != 10 || *m.Severity != 5 || *m.Appname != "gatewright" || *m.MsgID != "TOKEN_ISSUE" || *m.Message != "token request refused" {
		t.Errorf("header %d %d %s %s %q", *m.Facility, *m.Severity, *m.Appname, *m.MsgID, *m.Message)
	}
	if !m.Timestamp.Equal(hostileToken().Time) {
		t.Errorf("time %s", m.Timestamp)
	}
	data := (*m.StructuredData)[syslogElement]
	flat := "a\"] evil=\"1\" \\ ]  <34>1 2026-01-01T00:00:00Z host forged - - - root logged in  "
	for name, want := range map[string]string{
		"username": flat, "clientId": flat, "reason": flat, "client": "192.0.2.7", "status": "400", "error": "invalid_grant", "durationMs": "1.500",
		"outcome": "refused", "correlationId": "corr-1",
	} {
		if got := data[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, there := data["evil"]; there || len(*m.StructuredData) != 1 {
		t.Errorf("a caller has added to %v", *m.StructuredData)
	}
	s := parsed(t, newSyslogEncoder().encode(event.Security{Time: time.Now(), Kind: event.RefreshReused, Subject: hostile, Detail: hostile}))
	if *s.Severity != 4 || *s.MsgID != "REFRESH_TOKEN_REUSED" || (*s.StructuredData)[syslogElement]["detail"] != flat {
		t.Errorf("security event %v", *s.StructuredData)
	}
}

// Receivers that split at line breaks must not take a caller's text for a
// message of its own.
func TestNoCallerCanBeginAMessageOrALine(t *testing.T) {
	t.Parallel()
	for _, e := range []any{hostileToken(), event.Security{Kind: event.SecurityKind(hostile), Subject: hostile, Detail: hostile, Environment: hostile}} {
		if m := newSyslogEncoder().encode(e); bytes.ContainsAny(m, "\r\n\x00") {
			t.Errorf("syslog: %q", m)
		}
		line := jsonLine(e)
		if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' {
			t.Errorf("JSON: %q", line)
		}
		if !json.Valid(line) {
			t.Errorf("no JSON: %q", line)
		}
	}
}

func TestASyslogMessageStaysSmall(t *testing.T) {
	t.Parallel()
	e := hostileToken()
	long := strings.Repeat("]", 100_000)
	e.Username, e.ClientID, e.ForwardedFor, e.Reason, e.Scope, e.Source, e.Grant, e.Policy = long, long, long, long, long, long, long, long
	m := newSyslogEncoder().encode(e)
	if len(m) > 8192 {
		t.Errorf("%d bytes", len(m))
	}
	parsed(t, m)
}

func FuzzSyslogMessagesAlwaysParse(f *testing.F) {
	f.Add(hostile, "ISSUE", "orders")
	f.Add("\xff\xfe]", "", "\\")
	f.Fuzz(func(t *testing.T, text, id, owner string) {
		e := hostileToken()
		e.Username, e.Operation, e.Owner = text, event.Operation(id), owner
		m, err := rfc5424.NewParser().Parse(newSyslogEncoder().encode(e))
		if err != nil {
			t.Fatal(err)
		}
		if data := (*m.(*rfc5424.SyslogMessage).StructuredData)[syslogElement]; data["status"] != "400" || data["evil"] != "" {
			t.Errorf("%v", data)
		}
	})
}

func TestParseEventTargets(t *testing.T) {
	t.Parallel()
	got, err := parseEventTargets([]string{"-", " /var/log/gatewright.jsonl", "udp://siem", "tcp://siem:1514/", "tcp+tls://[2001:db8::1]?ca=/ca.pem"})
	want := []eventTarget{
		{name: "-", path: "-"}, {name: "/var/log/gatewright.jsonl", path: "/var/log/gatewright.jsonl"},
		{name: "udp://siem:514", network: "udp", addr: "siem:514"}, {name: "tcp://siem:1514", network: "tcp", addr: "siem:1514"},
		{name: "tcp+tls://[2001:db8::1]:6514", network: "tcp+tls", addr: "[2001:db8::1]:6514", ca: "/ca.pem"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(eventTarget{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, wrong := range [][]string{
		{""}, {"https://siem"}, {"udp://"}, {"udp://user:secret@siem"}, {"tcp://siem/path"}, {"tcp://siem?ca=x"}, {"tcp+tls://siem?cert=x"},
		{"tcp+tls://siem?ca=a&ca=b"}, {"udp://siem:514", "udp://siem"}, {"udp://%zz"},
	} {
		_, err := parseEventTargets(wrong)
		if err == nil || !strings.HasPrefix(err.Error(), "--events") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func openSIEM(t *testing.T, target string) siemSinks {
	t.Helper()
	targets, err := parseEventTargets([]string{target})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSIEM(targets, os.Stdout, quiet, testDropped())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestEventsGoToAFileAsJSONLinesAndFollowItsRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	o, err := openFileOutput(path)
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	write := func(kind event.SecurityKind) {
		t.Helper()
		o.looked = time.Time{} // as a second later
		if err := o.write(t.Context(), jsonLine(event.Security{Kind: kind})); err != nil {
			t.Fatal(err)
		}
	}
	write("FIRST")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("SECOND")
	for name, want := range map[string]string{path + ".1": "FIRST", path: "SECOND"} {
		raw, err := os.ReadFile(name)
		var line securityLine
		if err != nil || json.Unmarshal(raw, &line) != nil || line.Kind != want || line.Type != "security" {
			t.Errorf("%s has %q, %v", name, raw, err)
		}
	}
	if _, err := newSIEM([]eventTarget{{name: "/", path: t.TempDir()}}, os.Stdout, quiet, testDropped()); err == nil {
		t.Error("a folder was opened as a file")
	}
}

func TestAllTargetsGetEveryEvent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	s := openSIEM(t, path)
	s.Token(hostileToken())
	s.Security(event.Security{Kind: event.ForgedToken})
	s.Access(event.Access{Path: "/orders"})
	s.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		var e struct{ Type, Username string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		types = append(types, e.Type)
	}
	if diff := cmp.Diff([]string{"token", "security"}, types); diff != "" {
		t.Error(diff)
	}
}

func TestSyslogOverUDPIsOneDatagramAMessage(t *testing.T) {
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s := openSIEM(t, "udp://"+server.LocalAddr().String())
	s.Token(hostileToken())
	buffer := make([]byte, 65536)
	n, _, err := server.ReadFrom(buffer)
	if err != nil {
		t.Fatal(err)
	}
	if m := parsed(t, buffer[:n]); *m.MsgID != "TOKEN_ISSUE" {
		t.Errorf("got %s", *m.MsgID)
	}
}

// counted reads one message of a stream as RFC 6587 frames them, and parses it
// with a parser that nobody here wrote.
func counted(t *testing.T, r *bufio.Reader) *rfc5424.SyslogMessage {
	t.Helper()
	length, err := r.ReadString(' ')
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(length))
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		t.Fatal(err)
	}
	var got *rfc5424.SyslogMessage
	octetcounting.NewParser(syslog.WithListener(func(r *syslog.Result) {
		if r.Error != nil {
			t.Error(r.Error)
			return
		}
		got = r.Message.(*rfc5424.SyslogMessage)
	})).Parse(strings.NewReader(length + string(frame)))
	if got == nil {
		t.Fatalf("no message in %q", frame)
	}
	return got
}

func TestSyslogOverTCPComesBackAfterTheServerWasAway(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{heard: make(chan string, 100)}
	targets, _ := parseEventTargets([]string{"tcp://" + server.Addr().String()})
	s, err := newSIEM(targets, os.Stdout, slog.New(slog.NewTextHandler(log, nil)), testDropped())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Security(event.Security{Kind: "ONE"})
	s.Security(event.Security{Kind: "TWO"})
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for _, want := range []string{"ONE", "TWO"} {
		if m := counted(t, r); *m.MsgID != want {
			t.Errorf("got %s, want %s", *m.MsgID, want)
		}
	}
	out := s[0].out.(*syslogOutput)
	gone := out.gone
	_ = server.Close()
	_ = conn.Close()
	for !gone.Load() { // until our side has heard of it
		time.Sleep(time.Millisecond)
	}
	s.Security(event.Security{Kind: "THREE"})
	if line := <-log.heard; !strings.Contains(line, "events not sent") {
		t.Errorf("logged %q", line)
	}
	again, err := net.Listen("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	conn, err = again.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if m := counted(t, bufio.NewReader(conn)); *m.MsgID != "THREE" {
		t.Errorf("got %s", *m.MsgID)
	}
}

func TestSyslogOverTLSTrustsOnlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	certificate, ca := selfSigned(t)
	server, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s := openSIEM(t, "tcp+tls://"+server.Addr().String()+"?ca="+ca)
	s.Security(event.Security{Kind: "ONE"})
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if m := counted(t, bufio.NewReader(conn)); *m.MsgID != "ONE" {
		t.Errorf("got %s", *m.MsgID)
	}
	go func() {
		if conn, err := server.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, conn) // the handshake ends in the client's refusal
			_ = conn.Close()
		}
	}()
	stranger, err := newSyslogOutput(eventTarget{network: "tcp+tls", addr: server.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.write(t.Context(), []byte("x")); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("sent to a server that nobody vouches for: %v", err)
	}
	for name, content := range map[string]string{"nothing.pem": "", "text.pem": "hello"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := newSyslogOutput(eventTarget{network: "tcp+tls", addr: "siem:6514", ca: path}); err == nil {
			t.Errorf("%s was taken for certificates", name)
		}
	}
}

// selfSigned is a certificate for 127.0.0.1 and the file that vouches for it.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

func TestAServerThatIsAwayCostsARequestNothing(t *testing.T) {
	t.Parallel()
	// A port that nobody listens on.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	dropped := testDropped()
	targets, _ := parseEventTargets([]string{"tcp://" + l.Addr().String()})
	s, err := newSIEM(targets, os.Stdout, quiet, dropped)
	if err != nil {
		t.Fatal(err)
	}
	const extra = 100
	for range eventBuffer + 1 + extra {
		s.Token(event.Token{})
	}
	if n := lost(dropped, targets[0].name); n < extra || n > extra+1 {
		t.Errorf("%d dropped", n)
	}
	s[0].cancel() // as when a stop has waited long enough
	s.Close()
	if n := lost(dropped, targets[0].name); n != eventBuffer+1+extra {
		t.Errorf("%d dropped in the end", n)
	}
}

// Nothing ends a write to a pipe that nobody reads; the process must all the same.
func TestAReaderWhoReadsNothingDoesNotHoldUpTheStop(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	dropped := testDropped()
	s, err := newSIEM([]eventTarget{{name: "-", path: "-"}}, w, quiet, dropped)
	if err != nil {
		t.Fatal(err)
	}
	const some = 1000 // more than a pipe holds
	for range some {
		s.Token(hostileToken())
	}
	s.Close()
	if n := lost(dropped, "-"); n == 0 || n > some {
		t.Errorf("%d dropped", n)
	}
}

func hostileRecord() models.AuditRecord {
	return models.AuditRecord{
		ID: 7, At: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), Actor: hostile, Client: "192.0.2.7", CorrelationID: "corr-1",
		Action: models.ActionSignInFailed, Kind: models.KindUser, ObjectName: hostile, Before: json.RawMessage(`{"name":"ada"}`),
	}
}

func TestAnAuditRecordReadsBackFromEitherForm(t *testing.T) {
	t.Parallel()
	m := parsed(t, newSyslogEncoder().encode(auditEvent{AuditRecord: hostileRecord()}))
	data := (*m.StructuredData)[syslogElement]
	if *m.Severity != 4 || *m.MsgID != "AUDIT_SIGN_IN_FAILED" || *m.Message != "sign-in to the console refused" || !m.Timestamp.Equal(hostileRecord().At) {
		t.Errorf("header %d %s %q", *m.Severity, *m.MsgID, *m.Message)
	}
	for name, want := range map[string]string{"record": "7", "type": "sign-in", "outcome": "refused", "client": "192.0.2.7", "correlationId": "corr-1"} {
		if data[name] != want {
			t.Errorf("%s is %q, want %q", name, data[name], want)
		}
	}
	if _, there := data["evil"]; there || len(*m.StructuredData) != 1 || bytes.ContainsAny(newSyslogEncoder().encode(auditEvent{AuditRecord: hostileRecord()}), "\r\n\x00") {
		t.Errorf("who signs in has added to %v", *m.StructuredData)
	}
	line := jsonLine(auditEvent{AuditRecord: hostileRecord()})
	var got auditLine
	if err := json.Unmarshal(line, &got); err != nil || bytes.Count(line, []byte("\n")) != 1 {
		t.Fatalf("%v: %q", err, line)
	}
	if got.Actor != hostile || got.Outcome != "refused" || string(got.Before) != `{"name":"ada"}` || got.Record != 7 {
		t.Errorf("it reads %+v", got)
	}
}

func TestTheAuditWaitsForATargetThatTakesNone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "events")
	sinks, err := newSIEM([]eventTarget{{name: file, path: file}}, os.Stdout, slog.New(slog.DiscardHandler), newEventsDropped(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	if err := sinks.sendAudit(t.Context(), []models.AuditRecord{hostileRecord(), hostileRecord()}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || bytes.Count(text, []byte("\n")) != 2 {
		t.Errorf("it holds %q (%v), want two lines by the time they count as sent", text, err)
	}
	sinks.Close()
	if err := sinks.sendAudit(t.Context(), []models.AuditRecord{hostileRecord()}); err == nil {
		t.Error("a target that is closed has taken a record")
	}
}

// A file whose writer was killed, or stopped while its disk was full, goes on with a
// line of its own.
func TestALineThatWasCutOffTakesNoneOfTheNextProcessAlong(t *testing.T) {
	t.Parallel()
	for before, want := range map[string]string{"": "b\n", "a\n": "a\nb\n", "a\nhal": "a\nhal\nb\n"} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := openFileOutput(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.write(t.Context(), []byte("b\n")); err != nil {
			t.Fatal(err)
		}
		o.close()
		if got, _ := os.ReadFile(path); string(got) != want {
			t.Errorf("%q became %q", before, got)
		}
	}
}
