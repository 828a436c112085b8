package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
)

var heads = []string{"target", "req/s", "to straight", "to no policy", "p50 us", "p99 us", "gateway CPU us/req", "gateway allocs/req"}

// report prints the medians; the first two targets are what the others are
// compared with.
func report(w io.Writer, targets []target, markdown bool) {
	fmt.Fprintf(w, "%s, %s/%s, %d cores\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	rows := [][]string{heads}
	perSecond := func(one turn) float64 { return one.perSecond }
	straight, open := targets[0].median(perSecond), targets[1].median(perSecond)
	for i := range targets {
		t := &targets[i]
		rate := t.median(perSecond)
		row := []string{
			t.name, fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.2f", rate/straight), fmt.Sprintf("%.2f", rate/open),
			fmt.Sprintf("%.0f", t.median(func(one turn) float64 { return float64(one.p50.Nanoseconds()) / 1000 })),
			fmt.Sprintf("%.0f", t.median(func(one turn) float64 { return float64(one.p99.Nanoseconds()) / 1000 })),
			fmt.Sprintf("%.1f", t.median(func(one turn) float64 { return float64(one.cpu.Nanoseconds()) / 1000 })),
			fmt.Sprintf("%.1f", t.median(func(one turn) float64 { return one.allocs })),
		}
		if t.straight {
			row[3], row[6], row[7] = "", "", ""
		}
		rows = append(rows, row)
	}
	if markdown {
		printMarkdown(w, rows)
		return
	}
	printAligned(w, rows)
}

func printMarkdown(w io.Writer, rows [][]string) {
	for i, row := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(w, "|---|%s\n", strings.Repeat("---:|", len(row)-1))
		}
	}
}

func printAligned(w io.Writer, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	width := 0
	for _, row := range rows {
		width = max(width, len(row[0]))
	}
	for _, row := range rows {
		fmt.Fprintf(t, "%-*s\t%s\t\n", width, row[0], strings.Join(row[1:], "\t"))
	}
	_ = t.Flush() // to a terminal or a file; there is nobody to tell
}
