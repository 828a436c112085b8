package proxies

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/web/ui"
)

// Balancing is what the form asks of an upstream beside its first address and the
// timeouts, as it was typed.
type Balancing struct {
	Weight  string
	Further []AddressRow
	Choice  string

	Failures, Rest          string
	Unavailable, Refuse     bool
	Checked                 bool
	Path, Interval, Timeout string
	From, To                string
	Healthy, Unhealthy      string
	Retries                 string
	RetryUnavailable        bool

	// ChoiceNames and ChoiceTexts are those there are, the default first; Numbers are
	// what numbers may be, by their fields.
	ChoiceNames, ChoiceTexts []string
	Numbers                  map[string]Number
}

// Number is what a number may be.
type Number struct{ Standard, Min, Max int }

// AddressRow is a further address as it was typed.
type AddressRow struct{ URL, Weight string }

// several tells whether the fields of several addresses are shown.
func (b Balancing) several() bool { return len(b.Further) > 0 || b.Weight != "" || b.Choice != "" }

// used tells whether anything of the fold is set.
func (b Balancing) used() bool {
	return b.Failures+b.Rest+b.Retries != "" || b.Unavailable || b.Refuse || b.Checked || b.RetryUnavailable
}

// unfolded opens the fold where there is something to see in it.
func (f Form) unfolded() bool {
	for _, p := range f.Problems {
		if part, _, nested := strings.Cut(p.Field, "."); nested && (part == "breaker" || part == "check" || part == "retry") {
			return true
		}
	}
	return f.Balancing.used()
}

// balancingLabels are how the user knows the fields.
func (f Form) balancingLabels() map[string]string {
	l := map[string]string{
		"weight": "Weight", "further": "Further addresses", "choice": "Choice of the address",
		"breaker.failures": "Failures in a row", "breaker.rest": "Rest",
		"check.path": "Path of the health check", "check.interval": "Interval", "check.timeout": "Timeout of the health check", "check.from": "Lowest status",
		"check.to": "Highest status", "check.healthy": "Good checks", "check.unhealthy": "Failed checks", "retry.count": "Retries",
	}
	for i := range f.Balancing.Further {
		l[addressField(i, "url")] = fmt.Sprintf("Address %d", i+2)
		l[addressField(i, "weight")] = fmt.Sprintf("Weight of address %d", i+2)
	}
	return l
}

func addressField(i int, part string) string { return fmt.Sprintf("further[%d].%s", i, part) }

func (f Form) addressURL(i int) ui.Field {
	name := addressField(i, "url")
	return ui.Field{
		Name: name, Label: fmt.Sprintf("Address %d", i+2), Value: f.Balancing.Further[i].URL, HideLabel: true, Mono: true, Type: "url",
		Placeholder: "https://orders-2.internal:8443/v1", Error: f.Problems.For(name), Attrs: f.attrs(name),
	}
}

func (f Form) addressWeight(i int) ui.Field {
	name := addressField(i, "weight")
	return ui.Field{
		Name: name, Label: fmt.Sprintf("Weight of address %d", i+2), Value: f.Balancing.Further[i].Weight, HideLabel: true,
		Placeholder: strconv.Itoa(f.Balancing.Numbers["weight"].Standard), Error: f.Problems.For(name), Attrs: f.attrs(name),
	}
}

func (f Form) removeAddressLabel(i int) string {
	if url := f.Balancing.Further[i].URL; url != "" {
		return "Remove " + url
	}
	return fmt.Sprintf("Remove address %d", i+2)
}

// count is a number that has a default.
func (f Form) count(name, label, value, what string) ui.Field {
	n := f.Balancing.Numbers[name]
	return ui.Field{
		Name: name, Label: label, Value: value, Narrow: true, Placeholder: strconv.Itoa(n.Standard), Error: f.Problems.For(name), Attrs: f.attrs(name),
		Help: fmt.Sprintf("%s From %d to %d; empty: %d.", what, n.Min, n.Max, n.Standard),
	}
}

func (f Form) weight() ui.Field {
	return f.count("weight", "Weight", f.Balancing.Weight, "Its share of the calls, against the weights of the others.")
}

func (f Form) choice() ui.Field {
	return ui.Field{
		Name: "choice", Label: "Choice of the address", Value: f.Balancing.Choice, Error: f.Problems.For("choice"), Attrs: f.attrs("choice"),
		Help: "Both look at the weights.",
	}
}

// choices always hold the value that was posted, also when it is wrong.
func (f Form) choices() []ui.OptionGroup {
	var g ui.OptionGroup
	known := f.Balancing.Choice == ""
	for i, name := range f.Balancing.ChoiceNames {
		g.Options = append(g.Options, ui.Option{Value: name, Label: f.Balancing.ChoiceTexts[i]})
		known = known || name == f.Balancing.Choice
	}
	if !known {
		g.Options = append(g.Options, ui.Option{Value: f.Balancing.Choice, Label: f.Balancing.Choice})
	}
	return []ui.OptionGroup{g}
}

func (f Form) toggle(name, label, help string) ui.Field {
	return ui.Field{Name: name, Label: label, Help: help, Error: f.Problems.For(name), Attrs: f.attrs(name)}
}

func (f Form) checkPath() ui.Field {
	return ui.Field{
		Name: "check.path", Label: "Path", Value: f.Balancing.Path, Mono: true, Required: true, Placeholder: "/health", Error: f.Problems.For("check.path"), Attrs: f.attrs("check.path"),
		Help: "The whole path on the host of each address: the address's own path is not put before it.",
	}
}

func (f Form) retries() ui.Field {
	return f.count("retry.count", "Retries", f.Balancing.Retries, "Further tries where no connection came about, at another address if there is one. Only of GET, HEAD, OPTIONS, PUT and DELETE, and never once a body has begun.")
}
