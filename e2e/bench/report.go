package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// report prints the medians in three tables: what a call costs, what it costs where
// there is more of something, and how late answers are when calls come at a fixed
// rate.
func (b *bench) report(w io.Writer) {
	where := "on cores shared by all"
	if b.proxyCores != "" {
		where = fmt.Sprintf("proxies on core %s, upstream and load on %s", b.proxyCores, b.otherCores)
	}
	fmt.Fprintf(w, "%s, %s/%s, %d cores (%s), %d connections, %d tokens, %d rounds of %s\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), where, b.conns, b.tokens, b.rounds, b.turn)
	for _, c := range b.complaints {
		fmt.Fprintln(w, c)
	}
	b.print(w, b.costs())
	b.print(w, b.growth())
	b.print(w, b.latencies())
	b.print(w, b.signatures())
	b.print(w, b.visited())
}

// print leaves out a table without rows.
func (b *bench) print(w io.Writer, rows [][]string) {
	if len(rows) < 2 {
		return
	}
	fmt.Fprintln(w)
	if b.markdown {
		printMarkdown(w, rows)
		return
	}
	printAligned(w, rows)
}

// The figures of a turn.
func perCPU(t turn) float64    { return t.perCPU }
func cpuTime(t turn) float64   { return 1e6 / max(1, t.perCPU) }
func perSecond(t turn) float64 { return t.perSecond }
func allocs(t turn) float64    { return t.allocs }
func memory(t turn) float64    { return t.memory }
func p50(t turn) float64       { return float64(t.p50.Nanoseconds()) / 1000 }
func p99(t turn) float64       { return float64(t.p99.Nanoseconds()) / 1000 }

func (b *bench) costs() [][]string {
	rows := [][]string{{"work", "target", "req/CPU-s", "to HAProxy", "to ReverseProxy", "req/s", "to direct", "p50 us", "p99 us", "allocs/req", "MiB"}}
	plain := &work{}
	if len(b.works) > 0 && b.works[0].name == noCheck {
		plain = b.works[0]
	}
	straight := plain.find(direct)
	for _, w := range b.works {
		if w.due || w.flat || w.kind != calling {
			continue
		}
		best, bare := w.find(haproxy), w.find(reverseProxy)
		if bare == nil {
			bare = plain.find(reverseProxy)
		}
		for _, t := range w.targets {
			rows = append(rows, []string{
				w.name, t.name, number("%.0f", t.median(perCPU)), t.ratio(best, perCPU), t.ratio(bare, perCPU),
				number("%.0f", t.median(perSecond)), t.ratio(straight, perSecond),
				number("%.0f", t.median(p50)), number("%.0f", t.median(p99)), number("%.1f", t.median(allocs)), number("%.0f", t.median(memory)),
			})
		}
	}
	return rows
}

// growth is 1.00 where a call costs what it costs with the least.
func (b *bench) growth() [][]string {
	rows := [][]string{{"what there is of", "how many", "processor time", "CPU us"}}
	for _, w := range b.works {
		if !w.flat {
			continue
		}
		for _, t := range w.targets {
			rows = append(rows, []string{w.name, t.name, t.ratio(w.targets[0], cpuTime), number("%.1f", t.median(cpuTime))})
		}
	}
	return rows
}

func (b *bench) latencies() [][]string {
	rows := [][]string{{"work", "target", "req/s", "p50 us", "p99 us", "p50 added", "p99 added"}}
	for _, w := range b.works {
		if !w.due {
			continue
		}
		for _, t := range w.targets {
			row := []string{w.name, t.name, number("%.0f", t.median(perSecond)), number("%.0f", t.median(p50)), number("%.0f", t.median(p99)), "", ""}
			if first := w.targets[0]; t != first {
				row[5], row[6] = fmt.Sprintf("%.0f", t.median(p50)-first.median(p50)), fmt.Sprintf("%.0f", t.median(p99)-first.median(p99))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// signatures are 1.00 where a token costs what its signature does.
func (b *bench) signatures() [][]string {
	rows := [][]string{{"work", "target", "per CPU-s", "to bare signature", "per s", "p50 us", "p99 us", "MiB"}}
	for _, w := range b.works {
		if w.kind != signing {
			continue
		}
		for _, t := range w.targets {
			rows = append(rows, []string{
				w.name, t.name, number("%.0f", t.median(perCPU)), t.ratio(w.find(bareSignature), perCPU), number("%.0f", t.median(perSecond)),
				number("%.0f", t.median(p50)), number("%.0f", t.median(p99)), number("%.0f", t.median(memory)),
			})
		}
	}
	return rows
}

// visited tells what calls lose to the console, by the clock and of the processor time
// that both have together, and of all pages together how long they took from when they
// were due.
func (b *bench) visited() [][]string {
	rows := [][]string{{"work", "target", "req/s", "to gateway alone", "of CPU time", "pages", "page p50 ms", "page p99 ms", "CPU ms a page"}}
	for _, w := range b.works {
		if w.kind != visiting {
			continue
		}
		for _, t := range w.targets {
			row := []string{w.name, t.name, "", "", "", "", "", "", ""}
			if t.load == nil {
				alone := w.find(gatewayAlone)
				row[2], row[3], row[4] = number("%.0f", t.median(perSecond)), t.ratio(alone, perSecond), t.ratio(alone, perCPU)
			} else if pages := t.median(perCPU); pages > 0 {
				row[8] = number("%.1f", 1000/pages)
			}
			if pages := t.pages(); len(pages) > 0 {
				row[5], row[6], row[7] = strconv.Itoa(len(pages)), milliseconds(pages[len(pages)/2]), milliseconds(pages[len(pages)*99/100])
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// pages are those of all turns, the quickest first.
func (t *target) pages() (all []time.Duration) {
	for _, one := range t.turns {
		all = append(all, one.pages...)
	}
	slices.Sort(all)
	return all
}

func milliseconds(d time.Duration) string { return number("%.1f", d.Seconds()*1000) }

func (w *work) find(name string) *target {
	if i := slices.IndexFunc(w.targets, func(t *target) bool { return t.name == name }); i >= 0 {
		return w.targets[i]
	}
	return nil
}

// number is empty for what could not be read.
func number(format string, n float64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

// ratio is the median of the ratios round by round: what both suffered alike in a
// round does not show.
func (t *target) ratio(to *target, figure func(turn) float64) string {
	if to == nil {
		return ""
	}
	values := make([]float64, len(t.turns))
	for i, one := range t.turns {
		if base := figure(to.turns[i]); base > 0 {
			values[i] = figure(one) / base
		}
	}
	return number("%.2f", median(values))
}

func printMarkdown(w io.Writer, rows [][]string) {
	for i, row := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(w, "|---|---|%s\n", strings.Repeat("---:|", len(row)-2))
		}
	}
}

// printAligned sets the first two columns left, the numbers right.
func printAligned(w io.Writer, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	var width [2]int
	for _, row := range rows {
		width[0], width[1] = max(width[0], len(row[0])), max(width[1], len(row[1]))
	}
	for _, row := range rows {
		fmt.Fprintf(t, "%-*s  %-*s\t%s\t\n", width[0], row[0], width[1], row[1], strings.Join(row[2:], "\t"))
	}
	_ = t.Flush() // to a terminal or a file; there is nobody to tell
}
