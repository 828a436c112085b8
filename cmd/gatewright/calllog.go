package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine/event"
)

const (
	// callLogQueue is how many lines may wait, and callLogBuffer how many bytes
	// begin to be written at once.
	callLogQueue  = 8192
	callLogBuffer = 64 << 10
	// callLogFlush is how long a stop waits for the target.
	callLogFlush = 3 * time.Second
)

// callLog is the sink that writes a line of JSON for each call, or for a sample
// of those that succeeded. Calls never wait for it: what comes while its queue is
// full is dropped and counted. There is no query, no header and no body in a line.
type callLog struct {
	out     output
	sample  float64
	logger  *slog.Logger
	dropped prometheus.Counter
	lines   chan *[]byte
	spare   sync.Pool
	stop    chan struct{}
	done    chan struct{}
	closed  atomic.Bool
	failing bool // of the writing goroutine
}

// openCallLog opens the target of --access-log; "-" is the standard output.
func openCallLog(target string, sample float64, stdout io.Writer, logger *slog.Logger, dropped prometheus.Counter) (*callLog, error) {
	if target == "-" {
		return newCallLog(&plainOutput{stdout}, sample, logger, dropped), nil
	}
	out, err := openFileOutput(target)
	if err != nil {
		return nil, fmt.Errorf("--access-log: %w", err)
	}
	return newCallLog(out, sample, logger, dropped), nil
}

func newCallLog(out output, sample float64, logger *slog.Logger, dropped prometheus.Counter) *callLog {
	l := &callLog{
		out: out, sample: sample, logger: logger, dropped: dropped,
		lines: make(chan *[]byte, callLogQueue), stop: make(chan struct{}), done: make(chan struct{}),
	}
	l.spare.New = func() any { return new(make([]byte, 0, 512)) }
	go l.run()
	return l
}

// Access writes a call that was refused or failed, and of the others as many as
// the sample says. The line is made here, so that nothing of the request is kept
// in memory while it waits.
func (l *callLog) Access(a event.Access) {
	if a.Result == event.Success && l.sample < 1 && rand.Float64() >= l.sample || l.closed.Load() {
		return
	}
	line := l.spare.Get().(*[]byte)
	*line = appendCall((*line)[:0], &a)
	select {
	case l.lines <- line:
	default:
		l.dropped.Inc()
		l.spare.Put(line)
	}
}

// Token is not written here: token requests are events.
func (*callLog) Token(event.Token) {}

// Security is not written here.
func (*callLog) Security(event.Security) {}

// Close writes what waits, unless the target takes too long.
func (l *callLog) Close() {
	if l.closed.Swap(true) {
		return
	}
	close(l.stop)
	select {
	case <-l.done:
	case <-time.After(callLogFlush):
		l.logger.Warn("access log cut off: its target takes too long")
	}
}

// run writes many lines at once while there are many, and each at once otherwise.
func (l *callLog) run() {
	defer close(l.done)
	defer l.out.close()
	buffer := make([]byte, 0, callLogBuffer)
	for {
		select {
		case line := <-l.lines:
			l.write(l.collect(l.take(buffer[:0], line)))
		case <-l.stop:
			for len(l.lines) > 0 {
				l.write(l.collect(buffer[:0], 0))
			}
			return
		}
	}
}

// collect takes the lines that are there, as many as fit.
func (l *callLog) collect(buffer []byte, n int) ([]byte, int) {
	for len(buffer) < callLogBuffer {
		select {
		case line := <-l.lines:
			buffer, _ = l.take(buffer, line)
			n++
		default:
			return buffer, n
		}
	}
	return buffer, n
}

func (l *callLog) take(buffer []byte, line *[]byte) ([]byte, int) {
	buffer = append(buffer, *line...)
	l.spare.Put(line)
	return buffer, 1
}

// write says once when it begins to fail, and once when that is over.
func (l *callLog) write(buffer []byte, lines int) {
	err := l.out.write(context.Background(), buffer)
	if err != nil {
		l.dropped.Add(float64(lines))
		if !l.failing {
			l.logger.Warn("access log not written", "error", err)
		}
	} else if l.failing {
		l.logger.Info("access log is written again")
	}
	l.failing = err != nil
}

// maxCallText bounds each text of a line.
const maxCallText = 1024

// appendCall adds a call as one line. Members that say nothing are left out.
func appendCall(b []byte, a *event.Access) []byte {
	b = append(b, `{"time":"`...)
	b = a.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z07:00")
	b = append(b, `","result":"`...)
	b = append(b, a.Result...)
	b = append(b, `","status":`...)
	b = strconv.AppendInt(b, int64(a.Status), 10)
	for _, m := range [...]struct{ name, value string }{
		{"environment", a.Environment}, {"project", a.Project}, {"group", a.Group}, {"proxy", a.Proxy}, {"endpoint", a.Endpoint},
		{"method", a.Method}, {"path", a.Path}, {"subject", a.Subject}, {"fault", string(a.Fault)}, {"policy", a.Policy},
		{"reason", a.Reason}, {"tokenCheck", string(a.TokenCheck)}, {"correlationId", a.CorrelationID},
	} {
		b = appendMember(b, m.name, m.value)
	}
	if a.Client.IsValid() {
		b = append(b, `,"client":"`...)
		b = append(a.Client.WithZone("").AppendTo(b), '"') // a zone is any text
	}
	b = appendMillis(b, `,"durationMs":`, a.Duration)
	if a.Upstream > 0 {
		b = appendMillis(b, `,"upstreamMs":`, a.Upstream)
	}
	return append(b, '}', '\n')
}

func appendMillis(b []byte, name string, d time.Duration) []byte {
	b = append(b, name...)
	return strconv.AppendFloat(b, float64(d.Microseconds())/1000, 'f', -1, 64)
}

func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	value = value[:min(len(value), maxCallText)]
	if !plain(value) {
		quoted, _ := json.Marshal(value) // texts always encode
		return append(b, quoted...)
	}
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}

// plain tells that JSON writes a text as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
