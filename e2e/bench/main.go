// Command bench measures what the gateway costs: the same request straight to
// an upstream, through the gateway without a policy, and through it with the
// JWT policy, for tokens it has and has not seen before. The targets take
// turns in several rounds and the medians count, because machines are noisy;
// for the same reason only the ratios of one run mean anything.
//
// The gateway runs in this process, so that its processor time and its
// allocations can be read exactly; upstream and load are processes of their
// own.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 5, "how often each target has its turn")
	seconds := flag.Float64("seconds", 2, "how long a turn lasts")
	conns := flag.Int("conns", 32, "connections of the client")
	markdown := flag.Bool("markdown", false, "print a Markdown table")
	role := flag.String("role", "", "for the program itself: the part that this process plays")
	flag.Parse()
	if err := play(*role, *rounds, time.Duration(*seconds*float64(time.Second)), *conns, *markdown); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func play(role string, rounds int, turn time.Duration, conns int, markdown bool) error {
	switch {
	case role == "upstream":
		return serveUpstream(os.Stdin, os.Stdout)
	case role == "load":
		return serveLoad(os.Stdin, os.Stdout)
	case role != "":
		return fmt.Errorf("unknown role %q", role)
	case rounds < 1 || turn <= 0 || conns < 1:
		return fmt.Errorf("-rounds, -seconds and -conns must be greater than zero")
	}
	results, err := measure(rounds, turn, conns)
	if err != nil {
		return err
	}
	report(os.Stdout, results, markdown)
	return nil
}
