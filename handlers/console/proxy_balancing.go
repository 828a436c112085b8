package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/web/proxies"
)

// postedBalancing is what was typed of several addresses, failures and retries.
func postedBalancing(posted url.Values) proxies.Balancing {
	on := func(name string) bool { return posted.Get(name) == "true" }
	b := proxies.Balancing{
		Weight: posted.Get("weight"), Choice: posted.Get("choice"),
		Failures: posted.Get("breaker.failures"), Rest: posted.Get("breaker.rest"), Unavailable: on("breaker.unavailable"), Refuse: on("breaker.refuse"),
		Checked: on("check.enabled"), Path: posted.Get("check.path"), Interval: posted.Get("check.interval"), Timeout: posted.Get("check.timeout"),
		From: posted.Get("check.from"), To: posted.Get("check.to"), Healthy: posted.Get("check.healthy"), Unhealthy: posted.Get("check.unhealthy"),
		Retries: posted.Get("retry.count"), RetryUnavailable: on("retry.unavailable"),
	}
	for i := 0; posted.Has(fmt.Sprintf("further[%d].url", i)); i++ {
		b.Further = append(b.Further, proxies.AddressRow{URL: posted.Get(fmt.Sprintf("further[%d].url", i)), Weight: posted.Get(fmt.Sprintf("further[%d].weight", i))})
	}
	return b
}

// addressesEdited adds or removes the row of an address.
func addressesEdited(g *gin.Context, f *proxies.Form) bool {
	rows := &f.Balancing.Further
	if g.PostForm("addAddress") != "" {
		*rows = append(*rows, proxies.AddressRow{})
		f.Focus = fmt.Sprintf("further[%d].url", len(*rows)-1)
		return true
	}
	remove, err := strconv.Atoi(g.PostForm("removeAddress"))
	if err != nil || remove < 0 || remove >= len(*rows) {
		return false
	}
	*rows = slices.Delete(*rows, remove, remove+1)
	f.Focus = "further"
	if len(*rows) > 0 {
		f.Focus = fmt.Sprintf("further[%d].url", min(remove, len(*rows)-1))
	}
	return true
}

// dropBlankAddresses forgets rows that were added and never filled in.
func dropBlankAddresses(rows []proxies.AddressRow) []proxies.AddressRow {
	return slices.DeleteFunc(rows, func(r proxies.AddressRow) bool { return strings.TrimSpace(r.URL+r.Weight) == "" })
}

// balance writes what was typed into an upstream.
func balance(u *engine.Upstream, b proxies.Balancing) {
	u.Weight, u.Choice = timeoutOf(b.Weight), engine.Choice(b.Choice)
	for _, r := range b.Further {
		u.Further = append(u.Further, engine.Address{URL: strings.TrimSpace(r.URL), Weight: timeoutOf(r.Weight)})
	}
	u.Breaker = engine.Breaker{Failures: timeoutOf(b.Failures), Rest: timeoutOf(b.Rest), Unavailable: b.Unavailable, Refuse: b.Refuse}
	if b.Checked {
		u.Check = &engine.HealthCheck{
			Path: strings.TrimSpace(b.Path), Interval: timeoutOf(b.Interval), Timeout: timeoutOf(b.Timeout), From: timeoutOf(b.From), To: timeoutOf(b.To),
			Healthy: timeoutOf(b.Healthy), Unhealthy: timeoutOf(b.Unhealthy),
		}
	}
	u.Retry.Unavailable = b.RetryUnavailable
	if strings.TrimSpace(b.Retries) != "0" {
		u.Retry.Count = timeoutOf(b.Retries)
	}
}

// balancingOf is an upstream as the form shows it.
func balancingOf(u engine.Upstream) proxies.Balancing {
	b := proxies.Balancing{
		Weight: timeoutText(u.Weight), Choice: string(u.Choice),
		Failures: timeoutText(u.Breaker.Failures), Rest: timeoutText(u.Breaker.Rest), Unavailable: u.Breaker.Unavailable, Refuse: u.Breaker.Refuse,
		Retries: timeoutText(u.Retry.Count), RetryUnavailable: u.Retry.Unavailable,
	}
	for _, a := range u.Further {
		b.Further = append(b.Further, proxies.AddressRow{URL: a.URL, Weight: timeoutText(a.Weight)})
	}
	if c := u.Check; c != nil {
		b.Checked, b.Path, b.Interval, b.Timeout = true, c.Path, timeoutText(c.Interval), timeoutText(c.Timeout)
		b.From, b.To, b.Healthy, b.Unhealthy = timeoutText(c.From), timeoutText(c.To), timeoutText(c.Healthy), timeoutText(c.Unhealthy)
	}
	return b
}

// furnishBalancing adds the choices, the default first: it is chosen where nothing is.
func furnishBalancing(b *proxies.Balancing) {
	b.Numbers = make(map[string]proxies.Number)
	for _, n := range engine.UpstreamNumbers() {
		b.Numbers[n.Name] = proxies.Number{Standard: n.Standard, Min: n.Min, Max: n.Max}
	}
	for _, c := range engine.Choices() {
		b.ChoiceNames, b.ChoiceTexts = append(b.ChoiceNames, string(c)), append(b.ChoiceTexts, words.ChoiceText(c))
	}
}

// balancingLines says what was typed, for a comparison of two sides.
func balancingLines(f proxies.Form) string {
	var lines []string
	for _, s := range words.BalancingSettings(proxyOf(f).Upstream.Normal()) {
		lines = append(lines, s.Label+": "+s.Text)
	}
	return strings.Join(lines, "\n")
}
