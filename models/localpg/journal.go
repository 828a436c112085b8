//go:build linux || darwin

package localpg

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

// journalKept is how many of the server's last lines an error can quote.
const journalKept = 5

// journal passes on what the server writes, line by line, and keeps the end of it.
type journal struct {
	log *slog.Logger

	mu      sync.Mutex
	partial []byte
	last    []string
}

// Write takes output of any shape; an unfinished line waits for its end.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.partial = append(j.partial, b...)
	for {
		line, rest, whole := bytes.Cut(j.partial, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		j.add(string(line))
		j.partial = rest
	}
}

func (j *journal) add(line string) {
	j.last = append(j.last, line)
	j.last = j.last[max(0, len(j.last)-journalKept):]
	j.log.Log(context.Background(), severity(line), "postgres", "line", line)
}

// severity of a line: most of what a healthy server says interests nobody.
func severity(line string) slog.Level {
	if strings.HasPrefix(line, "PANIC:") || strings.Contains(line, "was terminated by signal") {
		return slog.LevelError
	}
	return slog.LevelDebug
}

// end is what the server said last.
func (j *journal) end() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.last) == 0 {
		return "it said nothing"
	}
	return strings.Join(j.last, "; ")
}
