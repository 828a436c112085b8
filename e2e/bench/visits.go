package main

import (
	"sync"
	"time"

	"github.com/gatewright/gatewright/web/link"
)

// visits are those of one person who has signed in.
type visits struct {
	Cookie string
	Paths  []string
}

// opened are the pages that people open in turn.
var opened = []string{
	link.Dashboard(project),
	link.Proxies(project),
	link.Proxy(project, refreshProxy).Edit(),
	link.Policies(project, policySlug),
	link.PolicyEdit(project, policySlug, "Standard of "+refreshProxy),
	link.PolicyUsage(project),
	link.Credentials(project),
	link.CredentialEdit(project, caller(0)),
	link.Access(project),
	link.Proxy(project, refreshProxy).History(),
}

// policySlug is the kind of the policies in addresses.
const policySlug = "policy-auth-jwt"

// pageEvery is how often each person opens a page.
const pageEvery = time.Second

// asPeopleDo opens each page when it is due and counts its time from then. People do
// not all begin at once.
func (o order) asPeopleDo() outcome {
	var all sync.WaitGroup
	clients, failures := make([]client, len(o.Visits)), make([]error, len(o.Visits))
	start := time.Now()
	for i := range clients {
		clients[i].order = &o
		all.Go(func() {
			defer clients[i].close()
			for n := 0; failures[i] == nil; n++ {
				due, more := o.due(i, n, start)
				if !more {
					return
				}
				failures[i] = clients[i].open(o.page(i, n), due)
			}
		})
	}
	all.Wait()
	came := sum(clients, failures, time.Since(start))
	for i := range clients {
		came.Times = append(came.Times, clients[i].times...)
	}
	return came
}

// due is when somebody opens the nth page, at once without a turn; false after the last.
func (o *order) due(person, n int, start time.Time) (time.Time, bool) {
	if o.Turn == 0 {
		return start, n < len(o.Visits[person].Paths)
	}
	after := time.Duration(person)*pageEvery/time.Duration(len(o.Visits)) + time.Duration(n)*pageEvery
	return start.Add(after), after < o.Turn
}

// page is the request for the nth page that somebody opens.
func (o *order) page(person, n int) []byte {
	v := o.Visits[person]
	return []byte("GET " + v.Paths[(person+n)%len(v.Paths)] + " HTTP/1.1\r\nHost: " + o.Address + "\r\nUser-Agent: bench\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\nCookie: " + v.Cookie + "\r\n\r\n")
}

func (c *client) open(page []byte, due time.Time) error {
	time.Sleep(time.Until(due))
	err := c.exchange(page)
	if err == nil {
		c.times = append(c.times, time.Since(due))
	}
	return err
}
