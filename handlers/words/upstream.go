package words

import (
	"fmt"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/web/policies"
)

// choiceTexts are how an address is chosen.
var choiceTexts = map[engine.Choice]string{
	engine.RoundRobin: "In turn", engine.LeastConnections: "Fewest calls under way",
}

// ChoiceText says a choice.
func ChoiceText(c engine.Choice) string {
	if text := choiceTexts[c]; text != "" {
		return text
	}
	return string(c)
}

// UpstreamText is the API in a line.
func UpstreamText(u engine.Upstream) string {
	if n := len(u.Further); n > 0 {
		return fmt.Sprintf("%s and %d more", u.URL, n)
	}
	return u.URL
}

// BalancingSettings are what an upstream says beside its first address and the
// timeouts. Of one with an address alone they are none.
func BalancingSettings(u engine.Upstream) []policies.Setting {
	var list []policies.Setting
	add := func(label, text string) {
		list = append(list, policies.Setting{Section: "Upstream", Label: label, Text: text})
	}
	whole, several := u.Whole(), len(u.Further) > 0
	if several || u.Weight != 0 {
		for _, a := range whole.Addresses() {
			add("Calls to "+a.URL, fmt.Sprintf("Weight %d", a.Weight))
		}
	}
	if several || u.Choice != "" {
		add("Choice of the address", ChoiceText(whole.Choice))
	}
	if several || u.Breaker != (engine.Breaker{}) {
		breakerSettings(whole.Breaker, add)
	}
	if u.Check != nil {
		checkSettings(*whole.Check, add)
	}
	if u.Retry != (engine.Retry{}) {
		add("Retries", fmt.Sprintf("%d, of calls that may be made twice and found no connection", u.Retry.Count))
		add("Retries after 502, 503 and 504", YesNo(u.Retry.Unavailable))
	}
	return list
}

func breakerSettings(b engine.Breaker, add func(label, text string)) {
	add("An address rests", fmt.Sprintf("%d ms after %d failures in a row", b.Rest, b.Failures))
	add("502, 503 and 504 are failures", YesNo(b.Unavailable))
	nobody := "One is called nevertheless"
	if b.Refuse {
		nobody = "Calls are refused with 503"
	}
	add("While all addresses rest", nobody)
}

func checkSettings(c engine.HealthCheck, add func(label, text string)) {
	add("Health check", "GET "+c.Path)
	add("Health check every", fmt.Sprintf("%d ms, for at most %d ms", c.Interval, c.Timeout))
	add("Healthy status", fmt.Sprintf("%d to %d", c.From, c.To))
	add("Down after", fmt.Sprintf("%d failed checks in a row", c.Unhealthy))
	add("Well again after", fmt.Sprintf("%d good checks in a row", c.Healthy))
}

// YesNo says whether.
func YesNo(yes bool) string {
	if yes {
		return "Yes"
	}
	return "No"
}
