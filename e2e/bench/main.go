// Command bench compares the gateway with the proxies that it finds on the
// machine: a bare httputil.ReverseProxy, HAProxy and nginx, and any other gateway
// that is named by its URL. Within each work they take turns in several rounds and
// the medians count, because machines are noisy; for the same reason only the
// ratios of one run mean anything. What counts is requests per second of processor
// time.
//
// Upstream, load and each proxy are processes of their own. Where taskset is, the
// proxies have one core, upstream and load the others.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// settings are what the command line says.
type settings struct {
	rounds   int
	turn     time.Duration
	conns    int
	tokens   int
	rate     int
	rows     *regexp.Regexp
	others   []other
	profile  string
	markdown bool
	program  string
	objects  int
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if part := os.Getenv(partVariable); part != "" {
		return play(part, os.Stdin, os.Stdout)
	}
	s, err := parse(flag.CommandLine, os.Args[1:])
	if err != nil {
		return err
	}
	return compare(ctx, s, os.Stdout)
}

func parse(f *flag.FlagSet, args []string) (settings, error) {
	var s settings
	f.IntVar(&s.rounds, "rounds", 5, "how often each target has its turn")
	seconds := f.Float64("seconds", 2, "how long a turn lasts")
	f.IntVar(&s.conns, "conns", 64, "connections of the client")
	f.IntVar(&s.tokens, "tokens", 5000, "tokens of each algorithm, sent in turn")
	f.IntVar(&s.rate, "rate", 8000, "requests a second where latency is measured")
	rows := f.String("rows", "", "only the work whose name matches this regular expression")
	f.StringVar(&s.profile, "profile", "", "write the gateway's CPU profile to this `file`; best with -rows")
	f.BoolVar(&s.markdown, "markdown", false, "print Markdown tables")
	f.StringVar(&s.program, "product", "build/gatewright", "the `program`, for the works of the token endpoint and the console")
	f.IntVar(&s.objects, "objects", 300, "APIs, with a policy each, that the console has to show")
	s.otherFlags(f)
	if err := f.Parse(args); err != nil {
		return s, err
	}
	s.turn = time.Duration(*seconds * float64(time.Second))
	if s.rounds < 1 || s.turn <= 0 || s.conns < 1 || s.tokens < 2 || s.rate < 1 || s.objects < 1 || f.NArg() > 0 {
		return s, fmt.Errorf("-rounds, -seconds, -conns, -rate and -objects must be greater than zero, -tokens than one, and nothing may follow the flags")
	}
	var err error
	if s.rows, err = regexp.Compile(*rows); err != nil {
		return s, fmt.Errorf("-rows: %w", err)
	}
	return s, nil
}

// compare measures and prints.
func compare(ctx context.Context, s settings, w io.Writer) error {
	b, err := prepare(ctx, s)
	if err != nil {
		return err
	}
	defer b.stop()
	if err := b.measure(); err != nil {
		return err
	}
	b.report(w)
	return nil
}
