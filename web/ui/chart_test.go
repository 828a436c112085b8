package ui_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/ui"
)

func threeBars() ui.Chart {
	return ui.Chart{
		ID: "issued", Title: "Issued", Noun: "tokens", From: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), Width: time.Hour, Bars: 3,
		Series: []ui.Series{{Label: "password", Values: []int{3, 0, 5}}, {Label: `<b>"other"`, Values: []int{1}}},
	}
}

func TestAChartSaysItsFiguresInThreeWays(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Render(t, ui.StackedChart(threeBars()))
	htmlcheck.Sound(t, doc)
	if n := len(doc.All("svg.Chart-plot rect")); n != 3 {
		t.Errorf("%d rectangles for three figures that are not zero", n)
	}
	desc := doc.One(t, "svg.Chart-plot > desc").Text()
	for _, want := range []string{"9 tokens", "password 8", "The most, 5, begin at 1 May 14:00"} {
		if !strings.Contains(desc, want) {
			t.Errorf("%q lacks %q", desc, want)
		}
	}
	if n := len(doc.All("details tbody tr")); n != 2 {
		t.Errorf("%d lines for two times with figures", n)
	}
	if got := doc.One(t, ".Chart-legend").Text(); !strings.Contains(got, `<b>"other"`) {
		t.Errorf("legend %q", got)
	}
}

func TestABarIsAsHighAsItsFigure(t *testing.T) {
	t.Parallel()
	c := threeBars()
	c.Series = []ui.Series{{Label: "a", Values: []int{1, 2}}, {Label: "b", Values: []int{1}}}
	doc := htmlcheck.Render(t, ui.StackedChart(c))
	var got []string
	for _, r := range doc.All("svg.Chart-plot rect") {
		got = append(got, r.Attr("y")+"+"+r.Attr("height"))
	}
	if strings.Join(got, " ") != "100+100 0+100 0+200" { // the scale ends at 2
		t.Errorf("got %v", got)
	}
}

func TestAnEmptyChartSaysSo(t *testing.T) {
	t.Parallel()
	c := threeBars()
	c.Series, c.Empty = nil, "Nobody asked for a token."
	doc := htmlcheck.Render(t, ui.StackedChart(c))
	if doc.One(t, ".Chart-empty").Text() != c.Empty || len(doc.All("svg")) != 0 {
		t.Error("bars or no word about there being none")
	}
}
