package main

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"
)

const (
	tokenPath = "/auth/jwt"
	formType  = "application/x-www-form-urlencoded"
)

// chains are logins that are refreshed, one of each connection: each refresh takes
// the token that the one before it gave. They outlive orders.
type chains struct{ tokens []string }

// follow refreshes all chains at once, each as fast as it can.
func (c *chains) follow(o order) outcome {
	clients, failures := make([]client, o.Conns), make([]error, o.Conns)
	for i := range clients {
		clients[i].order, clients[i].keep = &o, true
		defer clients[i].close()
	}
	if err := c.logIn(&o, clients); err != nil {
		return outcome{Failure: err.Error()}
	}
	var all sync.WaitGroup
	start := time.Now()
	for i := range clients {
		all.Go(func() {
			for failures[i] == nil && time.Since(start) < o.Turn {
				failures[i] = clients[i].refresh(&c.tokens[i])
			}
		})
	}
	all.Wait()
	return sum(clients, failures, time.Since(start))
}

// logIn begins the chains that there are not yet; that does not count.
func (c *chains) logIn(o *order, clients []client) error {
	for i := len(c.tokens); i < len(clients); i++ {
		token, err := clients[i].ask(o.Forms[i%len(o.Forms)])
		if err != nil {
			return err
		}
		c.tokens = append(c.tokens, token)
	}
	return nil
}

func (c *client) refresh(token *string) (err error) {
	start := time.Now()
	if *token, err = c.ask(c.order.Renew + *token); err == nil {
		c.times = append(c.times, time.Since(start))
	}
	return err
}

// ask sends a token request and takes the refresh token from its answer.
func (c *client) ask(form string) (string, error) {
	if err := c.exchange(c.order.post(form)); err != nil {
		return "", err
	}
	token := member(c.body, "refresh_token")
	if token == "" {
		return "", fmt.Errorf("no refresh token in %q", c.body)
	}
	return token, nil
}

func (o *order) post(form string) []byte {
	return []byte("POST " + o.Path + " HTTP/1.1\r\nHost: " + o.Address + "\r\nUser-Agent: bench\r\nContent-Type: " + formType +
		"\r\nContent-Length: " + strconv.Itoa(len(form)) + "\r\n\r\n" + form)
}

// member is a text in a flat JSON object, which needs no unescaping; "" for none.
func member(json []byte, name string) string {
	_, rest, _ := bytes.Cut(json, []byte(`"`+name+`":"`))
	text, _, found := bytes.Cut(rest, []byte(`"`))
	if !found {
		return ""
	}
	return string(text)
}
