package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// flatProxies is the work that has gateways of its own.
const flatProxies = "flat: proxies"

// sizes are how many proxies those have.
var sizes = []int{1, proxies, 10_000}

// proxyShape is a proxy of the gateway that is measured.
type proxyShape struct {
	name     string
	policies []*jwtauth.Config
}

// proxyShapes are so many proxies: the first are those that are called, the others
// are there to be chosen from.
func proxyShapes(count int) []proxyShape {
	var list []proxyShape
	for _, alg := range algorithms {
		list = append(list, proxyShape{string(alg), []*jwtauth.Config{guarded(alg)}})
	}
	list = append(list, proxyShape{name: "open"})
	for _, kind := range grown {
		for _, n := range kind.counts {
			list = append(list, proxyShape{kind.path(n), kind.policies(n)})
		}
	}
	for i := len(list); i < count; i++ {
		list = append(list, proxyShape{fmt.Sprintf("other-%d", i), []*jwtauth.Config{guarded(algorithms[i%len(algorithms)])}})
	}
	return list[:count]
}

// growing is something of which a proxy may have few or many.
type growing struct {
	name     string
	counts   []int
	policies func(int) []*jwtauth.Config
}

var grown = []growing{
	{"policies, all apply", []int{1, 20}, func(n int) []*jwtauth.Config { return inARow(n, "127.0.0.1") }},
	{"policies, one applies", []int{1, 20}, func(n int) []*jwtauth.Config { return inARow(n, "192.0.2.1") }},
	{"conditions", []int{3, 50}, manyRules},
	{"roles", []int{1, 300}, manyRoles},
}

func (g growing) path(n int) string {
	return fmt.Sprintf("%s-%d", strings.NewReplacer(" ", "-", ",", "").Replace(g.name), n)
}

// flat are the works that show what grows with what.
func (b *bench) flat() []*work {
	list := []*work{{name: flatProxies, flat: true}, {name: "flat: whole pipeline", flat: true, targets: []*target{
		b.grownTarget("no policy", b.own, "open", nil), b.grownTarget("a policy", b.own, string(keys.HS256), b.wallet.valid[keys.HS256]),
	}}}
	for _, n := range sizes {
		list[0].targets = append(list[0].targets, b.grownTarget(strconv.Itoa(n), b.sizes[n], string(keys.HS256), b.wallet.valid[keys.HS256]))
	}
	for _, kind := range grown {
		w := &work{name: "flat: " + kind.name, flat: true}
		for _, n := range kind.counts {
			w.targets = append(w.targets, b.grownTarget(strconv.Itoa(n), b.own, kind.path(n), b.wallet.grown[kind.path(n)]))
		}
		list = append(list, w)
	}
	return list
}

func (b *bench) grownTarget(name string, at endpoint, path string, tokens []string) *target {
	return &target{name: name, process: at.process, order: order{Address: at.address, Path: "/" + path + "/pets/7", Tokens: tokens, Status: "200"}}
}

// inARow is so many policies, of which the last is for all callers, those before it
// for the network.
func inARow(n int, network string) []*jwtauth.Config {
	list := make([]*jwtauth.Config, n)
	for i := range list {
		c := guarded(keys.HS256)
		if i < n-1 {
			c.Name, c.ClearAuth, c.AddUserToHeader, c.Authorization.AddRolesToHeader = fmt.Sprint("Before ", i), false, false, false
			c.Condition.Rules[1].SecondValue, c.ConditionUnmetAction = network, policy.Skip
			c.Normalize()
		}
		list[i] = c
	}
	return list
}

// manyRules is a policy whose condition has so many, each of which is asked.
func manyRules(n int) []*jwtauth.Config {
	c := guarded(keys.HS256)
	for i := len(c.Condition.Rules); i < n; i++ {
		c.Condition.Rules = append(c.Condition.Rules, rule(condition.Variable{Type: condition.Header, HeaderName: "Accept"}, condition.NotContains, fmt.Sprint("text/", i)))
	}
	return []*jwtauth.Config{c}
}

// manyRoles is a policy with so many, of which the callers have the last.
func manyRoles(n int) []*jwtauth.Config {
	c := guarded(keys.HS256)
	c.Authorization.CredentialRoleNameList = nil
	for i := range n - 1 {
		c.Authorization.CredentialRoleNameList = append(c.Authorization.CredentialRoleNameList, fmt.Sprint("role-", i))
	}
	c.Authorization.CredentialRoleNameList = append(c.Authorization.CredentialRoleNameList, "orders-write")
	return []*jwtauth.Config{c}
}
