package apiops

import (
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/engine"
)

// The upstream of a proxy, with the names of the reference's routing (reference
// 2) as far as there is what they mean.

type routingInfo struct {
	Addresses        []routingAddress `json:"routingAddressList" doc:"Where the API is, one address at least and at most 32. The same API answers at all of them."`
	Algorithm        engine.Choice    `json:"loadBalanceAlgorithm" doc:"How an address is chosen for a call: in turn, or the one with the fewest calls under way, both by weight. Left out: ROUND_ROBIN."`
	Breaker          circuitBreaker   `json:"circuitBreaker" doc:"When an address rests that fails: by connections that do not come about or break, and by answers that do not come in time. Then one call tries it. With one address it does nothing unless refuseWhileAllRest is true."`
	HealthCheck      *healthCheck     `json:"healthCheck,omitempty" doc:"Asks each address whether it is well; left out, none is asked. Who is down is never called, and 503 with Retry-After is answered where none is left."`
	RetryCount       int              `json:"retryCount" doc:"How many tries may follow the first one where no connection came about, at another address if there is one, from 0 to 5. Only GET, HEAD, OPTIONS, PUT and DELETE are tried again, and none of whose body something was read."`
	RetryUnavailable bool             `json:"retryUnavailable" doc:"Whether to try again after answers with 502, 503 and 504 too, where there is no body."`
}

type routingAddress struct {
	Address string `json:"address" required:"true" doc:"Such as https://orders.internal:8443/v1; each has a path of its own."`
	Weight  int    `json:"weight" doc:"Its share of the calls, against the weights of the others, from 1 to 1000; 0 for the default, 100."`
}

type circuitBreaker struct {
	Failures    int  `json:"failureCount" doc:"After how many failures in a row, from 1 to 1000; 0 for the default, 5."`
	Rest        int  `json:"restTime" doc:"Milliseconds, to 3600000; 0 for the default, 10000."`
	Unavailable bool `json:"countUnavailable" doc:"Whether answers with 502, 503 and 504 are failures too."`
	Refuse      bool `json:"refuseWhileAllRest" doc:"Whether to answer 503 with Retry-After while all addresses rest; otherwise one is called nevertheless."`
}

type healthCheck struct {
	Path      string `json:"path" required:"true" doc:"The whole path on the host of each address, such as /health. It is asked with GET; redirects are not followed."`
	Interval  int    `json:"interval" doc:"Milliseconds between two checks, from 100 to 3600000; 0 for the default, 10000."`
	Timeout   int    `json:"timeout" doc:"Milliseconds for the answer; 0 for the default, 2000."`
	From      int    `json:"statusFrom" doc:"The lowest status of an address that is well; 0 for the default, 200."`
	To        int    `json:"statusTo" doc:"The highest status of an address that is well; 0 for the default, 399."`
	Healthy   int    `json:"healthyCount" doc:"How many checks in a row must succeed until an address is well again, to 100; 0 for the default, 2."`
	Unhealthy int    `json:"unhealthyCount" doc:"How many checks in a row must fail until an address is down, to 100; 0 for the default, 3."`
}

// upstream is what was sent. Without an address the save says what is missing.
func (r routingInfo) upstream(t proxyTimeouts) engine.Upstream {
	u := engine.Upstream{
		ConnectTimeout: t.Connect, ResponseTimeout: t.Response, Choice: r.Algorithm,
		Breaker: engine.Breaker(r.Breaker), Check: (*engine.HealthCheck)(r.HealthCheck),
		Retry: engine.Retry{Count: r.RetryCount, Unavailable: r.RetryUnavailable},
	}
	for i, a := range r.Addresses {
		if i == 0 {
			u.URL, u.Weight = a.Address, a.Weight
		} else {
			u.Further = append(u.Further, engine.Address{URL: a.Address, Weight: a.Weight})
		}
	}
	return u
}

// routingOf is an upstream with its defaults written out.
func routingOf(u engine.Upstream) routingInfo {
	u = u.Whole()
	r := routingInfo{
		Algorithm: u.Choice, Breaker: circuitBreaker(u.Breaker), HealthCheck: (*healthCheck)(u.Check),
		RetryCount: u.Retry.Count, RetryUnavailable: u.Retry.Unavailable,
	}
	for _, a := range u.Addresses() {
		r.Addresses = append(r.Addresses, routingAddress{a.URL, a.Weight})
	}
	return r
}

// routingFields are the numbers and texts of an upstream as they are called here.
var routingFields = map[string]string{
	"upstreamUrl": "routingAddressList[0].address", "weight": "routingAddressList[0].weight", "further": "routingAddressList", "choice": "loadBalanceAlgorithm",
	"breaker.failures": "circuitBreaker.failureCount", "breaker.rest": "circuitBreaker.restTime",
	"check.path": "healthCheck.path", "check.interval": "healthCheck.interval", "check.timeout": "healthCheck.timeout", "check.from": "healthCheck.statusFrom",
	"check.to": "healthCheck.statusTo", "check.healthy": "healthCheck.healthyCount", "check.unhealthy": "healthCheck.unhealthyCount", "retry.count": "retryCount",
}

// routingField is where a field of the store's upstream is in what was sent.
func routingField(field string) (string, bool) {
	var i int
	var part string
	if n, _ := fmt.Sscanf(field, "further[%d].%s", &i, &part); n == 2 {
		return fmt.Sprintf("routingInfo.routingAddressList[%d].%s", i+1, strings.Replace(part, "url", "address", 1)), true
	}
	to, ok := routingFields[field]
	return "routingInfo." + to, ok
}
