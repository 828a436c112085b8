package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gatewright/gatewright/models/localpg"
)

// product is the program as it is shipped, console and gateway in one process, on
// the core of the proxies. Its PostgreSQL is on the others.
type product struct {
	*peer
	dir      string
	database string // its URL
	forms    productForms
	tokens   []string // of callers of its API, RS256
	sessions []string // cookies of people who have signed in
}

// Where the product answers, in peer.addresses.
const (
	productConsole = "console"
	productGateway = "gateway"
	productOps     = "ops"
)

// startProduct starts it when a work needs it. Where there is none it is left out, and said.
func (b *bench) startProduct() error {
	if !b.wantsProduct() {
		return nil
	}
	if _, err := os.Stat(b.program); err != nil {
		b.complaints = append(b.complaints, "tokens, refreshes and the console are left out: no product at "+b.program+", which make build makes")
		return nil
	}
	p := &product{dir: filepath.Join(b.dir, "product")}
	for _, step := range []func(*product) error{b.startDatabase, b.runProduct, b.fillProduct} {
		if err := step(p); err != nil {
			return fmt.Errorf("start %s: %w", b.program, err)
		}
	}
	b.product = p
	var signer, visitors error
	b.signer, signer = b.child("signer", b.proxyCores)
	b.visitors, visitors = b.child("load", b.otherCores)
	return errors.Join(signer, visitors)
}

// startDatabase starts one that keeps what it says it keeps, unlike those of tests.
func (b *bench) startDatabase(p *product) error {
	// The account of the database must get at its own directory, which is below ours.
	if err := errors.Join(os.Chmod(b.dir, 0o711), os.MkdirAll(p.dir, 0o700)); err != nil {
		return err
	}
	if !mayGoAhead(b.ctx) {
		b.complaints = append(b.complaints, "the database stands in line with the load on its core, as chrt is not here or not allowed: pages and refreshes wait for that")
	}
	_, at, err := b.serve("database", b.otherCores, databaseSetup{filepath.Join(b.dir, "database")})
	p.database = at.address
	return err
}

// databaseSetup is what the database is started with.
type databaseSetup struct{ Dir string }

func serveDatabase(p *parent) error {
	var with databaseSetup
	if err := p.read(&with); err != nil {
		return err
	}
	server, err := localpg.Start(context.Background(), localpg.Options{Dir: with.Dir})
	if err != nil {
		return err
	}
	err = p.tell(addresses{Plain: server.URL()})
	if err == nil {
		err = p.wait()
	}
	return errors.Join(err, server.Stop(context.Background()))
}

// runProduct tries again when somebody was faster at one of the addresses.
func (b *bench) runProduct(p *product) (err error) {
	for range 3 {
		if err = b.tryProduct(p); err == nil {
			b.stops = append(b.stops, p.stop)
			return p.ready(b.ctx)
		}
	}
	return err
}

func (b *bench) tryProduct(p *product) error {
	p.peer = &peer{name: "gateway", addresses: map[string]string{}}
	for _, name := range []string{productConsole, productGateway, productOps} {
		var err error
		if p.addresses[name], err = freeAddress(); err != nil {
			return err
		}
	}
	return p.run(b.ctx, b.proxyCores, b.program, "serve", "--database-url", p.database, "--data-dir", p.dir, "--log-level", "warn",
		"--console-addr", p.addresses[productConsole], "--gateway", environment+"="+p.addresses[productGateway], "--ops-addr", p.addresses[productOps])
}

// ready waits until the gateway has its configuration.
func (p *product) ready(ctx context.Context) error {
	for {
		status, err := get(ctx, "http://"+p.addresses[productOps]+"/readyz")
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-p.ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func get(ctx context.Context, url string) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}
