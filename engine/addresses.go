package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/balance"
	"github.com/gatewright/gatewright/engine/problem"
)

// Upstream is the API behind the proxy: one address, or several that answer
// alike. Each member that is left out has its default, so that what is written
// of an API with one address is that address alone.
type Upstream struct {
	// URL is http or https, with a host and an optional base path that no
	// request can leave.
	URL string `json:"url"`
	// ConnectTimeout and ResponseTimeout are in milliseconds: until the
	// connection stands, and until the answer's header has arrived. Zero
	// means the defaults, 5 s and 60 s. They hold for each try.
	ConnectTimeout  int `json:"connectTimeout,omitempty"`
	ResponseTimeout int `json:"responseTimeout,omitempty"`
	// Weight is that of URL, as in Address.
	Weight int `json:"weight,omitempty"`
	// Further are the other addresses.
	Further []Address `json:"further,omitempty"`
	// Choice is how one is chosen for a call; "" for RoundRobin.
	Choice  Choice  `json:"choice,omitempty"`
	Breaker Breaker `json:"breaker,omitzero"`
	// Check is the active health check; nil for none.
	Check *HealthCheck `json:"check,omitempty"`
	Retry Retry        `json:"retry,omitzero"`
}

// Address is a further address of an API: a whole URL with a base path of its own.
type Address struct {
	URL string `json:"url"`
	// Weight is its share of the calls, against those of the others. Zero means
	// the default, 100.
	Weight int `json:"weight,omitempty"`
}

// Choice names how an address is chosen.
type Choice string

// The choices, both by weight.
const (
	RoundRobin       Choice = "ROUND_ROBIN"
	LeastConnections Choice = "LEAST_CONNECTIONS"
)

// Choices are all of them, the default first.
func Choices() []Choice { return []Choice{RoundRobin, LeastConnections} }

// Breaker lets an address rest that fails: by connections that do not come about
// or break, and by answers that do not come in time. After the rest one call tries
// it. Of an API with one address it does nothing unless calls are refused.
type Breaker struct {
	// Failures is how many calls in a row must fail. Zero means the default, 5.
	Failures int `json:"failures,omitempty"`
	// Rest is in milliseconds. Zero means the default, 10 s.
	Rest int `json:"rest,omitempty"`
	// Unavailable counts answers with 502, 503 and 504 as failures too.
	Unavailable bool `json:"unavailable,omitempty"`
	// Refuse answers 503 while all addresses rest, instead of calling one of
	// them nevertheless.
	Refuse bool `json:"refuse,omitempty"`
}

// HealthCheck asks each address with GET whether it is well. While a check says
// that it is not, it is never called; 503 is answered where none is left.
type HealthCheck struct {
	// Path is the whole path on the host of the address, base path or not.
	Path string `json:"path"`
	// Interval and Timeout are in milliseconds. Zero means the defaults, 10 s
	// and 2 s.
	Interval int `json:"interval,omitempty"`
	Timeout  int `json:"timeout,omitempty"`
	// From and To bound the status codes of one that is well. Zero means the
	// defaults, 200 and 399.
	From int `json:"from,omitempty"`
	To   int `json:"to,omitempty"`
	// Healthy and Unhealthy are how many checks in a row must succeed or fail
	// until the state changes. Zero means the defaults, 2 and 3.
	Healthy   int `json:"healthy,omitempty"`
	Unhealthy int `json:"unhealthy,omitempty"`
}

// Retry tries calls again, at another address if there is one: those of GET,
// HEAD, OPTIONS, PUT and DELETE, of whose body nothing was read yet.
type Retry struct {
	// Count is how many tries may follow the first one, where no connection came
	// about.
	Count int `json:"count,omitempty"`
	// Unavailable tries again after answers with 502, 503 and 504 too.
	Unavailable bool `json:"unavailable,omitempty"`
}

// Limits and defaults of several addresses. Times are in milliseconds.
const (
	MaxAddresses = balance.MaxAddresses
	MaxWeight    = balance.MaxWeight
	MaxFailures  = 1000
	MaxRest      = 60 * 60 * 1000
	MaxInterval  = 60 * 60 * 1000
	MaxChecks    = 100
	MaxRetries   = 5

	DefaultWeight        = 100
	DefaultFailures      = 5
	DefaultRest          = 10 * 1000
	DefaultCheckInterval = 10 * 1000
	DefaultCheckTimeout  = 2 * 1000
	DefaultCheckFrom     = 200
	DefaultCheckTo       = 399
	DefaultHealthy       = 2
	DefaultUnhealthy     = 3
)

// member is a number that has a default.
type member struct {
	name               string
	value              *int
	standard, min, max int
}

// Number is what a number of an upstream may be, 0 aside, which stands for the
// default.
type Number struct {
	Name               string
	Standard, Min, Max int
}

// UpstreamNumbers are all of them, as forms name them; those of further addresses
// are as that of the first.
func UpstreamNumbers() []Number {
	list := []Number{{"retry.count", 0, 0, MaxRetries}}
	for _, m := range (&Upstream{Check: &HealthCheck{}}).members() {
		list = append(list, Number{m.name, m.standard, m.min, m.max})
	}
	return list
}

// members are the numbers of the upstream, as forms name them. Those of the health
// check are there where it is.
func (u *Upstream) members() []member {
	list := []member{
		{"connectTimeout", &u.ConnectTimeout, int(DefaultConnectTimeout / time.Millisecond), 1, MaxTimeout},
		{"responseTimeout", &u.ResponseTimeout, int(DefaultResponseTimeout / time.Millisecond), 1, MaxTimeout},
		{"weight", &u.Weight, DefaultWeight, 1, MaxWeight},
	}
	for i := range u.Further {
		list = append(list, member{fmt.Sprintf("further[%d].weight", i), &u.Further[i].Weight, DefaultWeight, 1, MaxWeight})
	}
	list = append(list,
		member{"breaker.failures", &u.Breaker.Failures, DefaultFailures, 1, MaxFailures},
		member{"breaker.rest", &u.Breaker.Rest, DefaultRest, 1, MaxRest})
	if c := u.Check; c != nil {
		list = append(list,
			member{"check.interval", &c.Interval, DefaultCheckInterval, 100, MaxInterval},
			member{"check.timeout", &c.Timeout, DefaultCheckTimeout, 1, MaxTimeout},
			member{"check.from", &c.From, DefaultCheckFrom, 100, 599},
			member{"check.to", &c.To, DefaultCheckTo, 100, 599},
			member{"check.healthy", &c.Healthy, DefaultHealthy, 1, MaxChecks},
			member{"check.unhealthy", &c.Unhealthy, DefaultUnhealthy, 1, MaxChecks})
	}
	return list
}

// Whole is the upstream with every default written out.
func (u Upstream) Whole() Upstream {
	u = u.clone()
	for _, m := range u.members() {
		if *m.value == 0 {
			*m.value = m.standard
		}
	}
	if u.Choice == "" {
		u.Choice = RoundRobin
	}
	return u
}

// Normal is the upstream without what only says the defaults, so that those that
// act alike are written alike. It says the timeouts as they came: they were
// written before there was a normal form.
func (u Upstream) Normal() Upstream {
	u = u.clone()
	for _, m := range u.members()[2:] {
		if *m.value == m.standard {
			*m.value = 0
		}
	}
	if u.Choice == RoundRobin {
		u.Choice = ""
	}
	if len(u.Further) == 0 {
		u.Further = nil
	}
	return u
}

func (u Upstream) clone() Upstream {
	u.Further = slices.Clone(u.Further)
	if u.Check != nil {
		check := *u.Check
		u.Check = &check
	}
	return u
}

// Plain tells that there is nothing to choose and nothing to remember: one
// address, always called and called once.
func (u *Upstream) Plain() bool {
	return len(u.Further) == 0 && !u.Breaker.Refuse && u.Check == nil && u.Retry.Count == 0
}

// Addresses are all of them.
func (u *Upstream) Addresses() []Address {
	return append([]Address{{u.URL, u.Weight}}, u.Further...)
}

func (u *Upstream) validate() problem.List {
	var l problem.List
	l.Append("", u.addressProblems())
	for _, m := range u.members() {
		switch n := *m.value; {
		case n == 0 || n >= m.min && n <= m.max:
		case strings.HasSuffix(m.name, "Timeout"):
			l.Add(m.name, "Enter milliseconds from 1 to %d, or leave it empty for the default.", MaxTimeout)
		default:
			l.Add(m.name, "Enter a number from %d to %d, or leave it empty for the default, %d.", m.min, m.max, m.standard)
		}
	}
	if u.Choice != "" && !slices.Contains(Choices(), u.Choice) {
		l.Add("choice", "Choose %s or %s.", RoundRobin, LeastConnections)
	}
	if u.Check != nil {
		l.Append("check", u.Whole().Check.validate())
	}
	if n := u.Retry.Count; n < 0 || n > MaxRetries {
		l.Add("retry.count", "Enter a number from 0 to %d.", MaxRetries)
	}
	slices.SortStableFunc(l, func(a, b problem.Problem) int { return strings.Compare(a.Field, b.Field) })
	return l
}

func (u *Upstream) addressProblems() problem.List {
	var l problem.List
	if msg := upstreamURLProblem(u.URL); msg != "" {
		l.Add("upstreamUrl", "%s", msg)
	}
	if n := len(u.Further) + 1; n > MaxAddresses {
		l.Add("further", "Keep to %d addresses; there are %d.", MaxAddresses, n)
		return l
	}
	seen := map[string]bool{strings.TrimSuffix(u.URL, "/"): true}
	for i, a := range u.Further {
		field, one := fmt.Sprintf("further[%d].url", i), strings.TrimSuffix(a.URL, "/")
		if msg := upstreamURLProblem(a.URL); msg != "" {
			l.Add(field, "%s", msg)
		} else if seen[one] {
			l.Add(field, "%s is here twice; give it a larger weight instead.", a.URL)
		}
		seen[one] = true
	}
	return l
}

// validate judges what members cannot: it is given with its defaults.
func (c *HealthCheck) validate() problem.List {
	var l problem.List
	if msg := checkPathProblem(c.Path); msg != "" {
		l.Add("path", "%s", msg)
	}
	if c.From > c.To {
		l.Add("to", "Enter a status code from %d on: the range ends before it begins.", c.From)
	}
	return l
}

func checkPathProblem(path string) string {
	switch {
	case path == "":
		return "Enter the path that is asked, such as /health."
	case path[0] != '/':
		return "Begin the path with a slash, such as /" + strings.TrimLeft(path, "/") + "."
	case len(path) > maxPath:
		return fmt.Sprintf("Shorten the path to %d characters.", maxPath)
	case path == "/":
		return ""
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path[1:], "/"), "/") {
		if msg := segmentProblem(segment); msg != "" {
			return msg
		}
	}
	return ""
}
