package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
)

// peer is a proxy of somebody else's that was found on the machine and runs as our
// child, on one address for each work that it can do.
type peer struct {
	name      string
	cmd       *exec.Cmd
	ended     chan struct{}
	addresses map[string]string // by work
}

func (p *peer) stop() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// find looks where distributions put daemons, too.
func find(program string) string {
	for _, name := range []string{program, "/usr/sbin/" + program, "/usr/local/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// run starts a peer and waits until it answers on all its addresses.
func (p *peer) run(ctx context.Context, on cores, program string, args ...string) error {
	p.cmd, p.ended = on.command(ctx, program, args...), make(chan struct{})
	var said bytes.Buffer
	p.cmd.Stderr = &said
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	for _, address := range p.addresses {
		if err := p.listens(address); err != nil {
			p.stop()
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
		}
	}
	return nil
}

func (p *peer) listens(address string) error {
	for range 500 {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return errors.New("it ended at once")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("it does not listen")
}

// freeAddress is one that nobody listens on at this moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// verifiable are the algorithms that HAProxy has.
var verifiable = []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256}

// startHAProxy runs HAProxy with one thread. One that is older than 2.5 knows no
// JWT and gets no guarded address.
func startHAProxy(ctx context.Context, program, dir string, on cores, upstream string, w *wallet) (*peer, error) {
	p, err := newHAProxy(ctx, program, dir, on, upstream, w, verifiable)
	if err != nil {
		if p, plainErr := newHAProxy(ctx, program, dir, on, upstream, w, nil); plainErr == nil {
			return p, nil
		}
	}
	return p, err
}

func newHAProxy(ctx context.Context, program, dir string, on cores, upstream string, w *wallet, guarded []keys.Algorithm) (*peer, error) {
	p := &peer{name: "HAProxy", addresses: map[string]string{}}
	config := "global\n  nbthread 1\n  maxconn 4096\ndefaults\n  mode http\n  http-reuse always\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n" +
		"backend upstream\n  server one " + upstream + "\n"
	for _, alg := range append([]keys.Algorithm{""}, guarded...) {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		rules, err := haproxyRules(dir, w.keys[alg])
		if err != nil {
			return nil, err
		}
		work := string(alg)
		if alg == "" {
			work = noCheck
		}
		p.addresses[work] = address
		config += "frontend front" + string(alg) + "\n  bind " + address + "\n" + rules + "  default_backend upstream\n"
	}
	if len(guarded) > 0 { // one that is older is left without TLS, too
		bind, err := p.secure(dir, w)
		if err != nil {
			return nil, err
		}
		config += "frontend secure\n  bind " + p.addresses[overTLS] + " ssl crt " + bind + "\n  default_backend upstream\n"
	}
	path := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return p, p.run(ctx, on, program, "-db", "-q", "-f", path)
}

// secure gives the peer an address for TLS and tells the file of its certificate.
func (p *peer) secure(dir string, w *wallet) (file string, err error) {
	if p.addresses[overTLS], err = freeAddress(); err != nil {
		return "", err
	}
	file = filepath.Join(dir, p.name+".pem")
	return file, os.WriteFile(file, w.pem(), 0o600)
}

// haproxyRules refuse a token with 401, the cheapest check first.
func haproxyRules(dir string, key *keys.Key) (string, error) {
	if key == nil {
		return "", nil
	}
	material, err := haproxyKey(dir, key)
	if err != nil {
		return "", err
	}
	refuse := "  http-request deny deny_status 401 unless "
	return "  http-request set-var(txn.bearer) http_auth_bearer\n" +
		refuse + "{ var(txn.bearer),jwt_header_query('$.alg') -m str " + string(key.Algorithm) + " }\n" +
		"  http-request set-var(txn.now) date()\n" +
		refuse + "{ var(txn.bearer),jwt_payload_query('$.exp','int'),sub(txn.now) -m int gt 0 }\n" +
		refuse + `{ var(txn.bearer),jwt_verify("` + string(key.Algorithm) + `","` + material + `") -m int 1 }` + "\n", nil
}

// haproxyKey is the secret itself or the file of the public key.
func haproxyKey(dir string, key *keys.Key) (string, error) {
	if key.Algorithm == keys.HS256 {
		secret, err := key.Marshal()
		return string(secret), err
	}
	public, err := key.PublicPEM()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, string(key.Algorithm)+".pem")
	return path, os.WriteFile(path, public, 0o600)
}

const nginxConfig = `daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  keepalive_requests 1000000000;
  upstream one { server %[2]s; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen %[3]s;
    listen %[4]s ssl;
    ssl_certificate %[5]s;
    ssl_certificate_key %[5]s;
    location / { proxy_pass http://one; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`

// startNginx runs nginx in one process. As distributions ship it, it knows no JWT.
func startNginx(ctx context.Context, program, dir string, on cores, upstream string, w *wallet) (*peer, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p := &peer{name: "nginx", addresses: map[string]string{noCheck: address}}
	certificate, err := p.secure(dir, w)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, fmt.Appendf(nil, nginxConfig, dir, upstream, address, p.addresses[overTLS], certificate), 0o600); err != nil {
		return nil, err
	}
	return p, p.run(ctx, on, program, "-p", dir, "-e", "stderr", "-c", path)
}
