package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// probeTimeout is longer than the process itself takes to say that it is not ready.
const probeTimeout = 3 * time.Second

// probeCmd is for containers, which have no curl.
type probeCmd struct {
	OpsAddr string `help:"Address of /readyz of the process that is asked." default:"127.0.0.1:8082" placeholder:"ADDR"`
}

// Run ends with an error unless the process beside it is ready.
func (c *probeCmd) Run(p *process) error {
	host, port, err := net.SplitHostPort(c.OpsAddr)
	if err != nil {
		return fmt.Errorf("--ops-addr %q: write host:port, such as 127.0.0.1:8082", c.OpsAddr)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1" // everywhere is a place to listen, not one to ask
	}
	ctx, cancel := context.WithTimeout(p.ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", http.NoBody)
	if err != nil {
		return fmt.Errorf("--ops-addr %q: %w", c.OpsAddr, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: /readyz answers %s", resp.Status)
	}
	return nil
}
