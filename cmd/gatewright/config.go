package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// storeFlags say where the data lives and which key seals it.
type storeFlags struct {
	DatabaseURL   string `help:"PostgreSQL to use, as a URL. Empty: start and own a private one under the data directory." placeholder:"URL"`
	DataDir       string `help:"Directory of the private database, the master key and other state. Default: $XDG_DATA_HOME/gatewright, or /var/lib/gatewright as root." placeholder:"DIR"`
	MasterKey     string `help:"Key that seals secrets at rest: 32 bytes or more in hex or base64. Prefer the file." placeholder:"KEY"`
	MasterKeyFile string `help:"File with the master key, created with mode 0600 when it is missing. Default: master.key in the data directory." placeholder:"FILE"`
}

// logFlags say how the process logs.
type logFlags struct {
	LogFormat string `help:"Form of the log lines: text or json. Default: text on a terminal, else json." enum:",text,json" default:""`
	LogLevel  string `help:"Least level that is logged: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
}

// gatewayFlags say what a node serves.
type gatewayFlags struct {
	Gateway         []string      `help:"Environment to serve and the address to serve it on, as name=address; repeat it or separate with commas for more." default:"production=:8081" sep:"," placeholder:"ENV=ADDR"`
	OpsAddr         string        `help:"Address of /healthz, /readyz and /metrics. Empty: none." default:"127.0.0.1:8082" placeholder:"ADDR"`
	TrustedProxies  []string      `help:"Addresses or networks of proxies whose X-Forwarded-For is believed." sep:"," placeholder:"CIDR"`
	CountryDatabase string        `help:"File in MaxMind's format that tells the country of an address, for conditions. It is read anew when it is exchanged." placeholder:"FILE"`
	CountryHeader   string        `help:"Header in which trusted proxies tell the country of the caller, such as CF-IPCountry." placeholder:"NAME"`
	IdentityTargets []string      `help:"Networks that identity sources, and documents of APIs that are fetched, may reach beside public addresses, such as 10.0.0.0/8, or all. Cloud metadata addresses must be named one by one." sep:"," placeholder:"CIDR"`
	MaxBody         int64         `help:"Largest request body in bytes that the gateway passes on. 0: no limit." default:"67108864" placeholder:"BYTES"`
	MaxConnections  int           `help:"Connections that each gateway address has open at once at most; more are refused with 503. 0: no limit." default:"20000" placeholder:"NUMBER"`
	MaxCalls        int           `help:"Calls that each environment has under way at once at most; more are refused with 503 and Retry-After. 0: no limit." default:"10000" placeholder:"NUMBER"`
	MaxForged       int           `help:"Access tokens with a wrong signature that each client address, of IPv6 each /64 network, may send at once, a tenth of them a second in the long run. Beyond that, tokens which the node has not seen before are refused with 429 and Retry-After. 0: no limit." default:"200" placeholder:"NUMBER"`
	TLSCertificate  []string      `name:"tls-certificate" help:"PEM file with the certificate of the gateway addresses and those that vouch for it; with it they speak HTTP/2 and HTTP/1.1 over TLS. Repeat it for more names. It is read anew when it is exchanged." sep:"," placeholder:"FILE"`
	TLSKey          []string      `name:"tls-key" help:"PEM file with the key of the certificate; one for each, in the same order." sep:"," placeholder:"FILE"`
	LastGoodDir     string        `help:"Directory where the node keeps its last good configuration, sealed with the master key, to start from while the database is away. One for each node; none: keep nothing. Default: last-good in the data directory." placeholder:"DIR"`
	DrainTimeout    time.Duration `help:"How long requests under way may take to finish when the process stops." default:"3s"`
	AccessLog       string        `help:"Where a line of JSON for each call through the gateway goes: a file, or - for standard output. Empty: refused and failed calls only, in the log." placeholder:"TARGET"`
	AccessLogSample float64       `help:"Share of the calls that succeeded which have a line in the access log; refused and failed ones always have." default:"1" placeholder:"0..1"`
	Traces          string        `help:"OpenTelemetry collector that gets the traces of calls and token requests by OTLP over HTTP, such as http://localhost:4318. $OTEL_EXPORTER_OTLP_HEADERS may hold its credentials." placeholder:"URL"`
	TracesSample    float64       `help:"Share of the calls that are traced. What a trusted proxy has decided in traceparent goes first." default:"0.1" placeholder:"0..1"`
	Events          []string      `help:"Where token requests and security events go for a SIEM, beside the database: a file or - for JSON lines, or a syslog server (RFC 5424) as udp://, tcp:// or tcp+tls://host:port; ?ca=FILE after tcp+tls names the certificates to trust. Repeat it or separate with commas for more." sep:"," placeholder:"TARGET"`
}

// consoleFlags are the console's own.
type consoleFlags struct {
	ConsoleAddr   string `help:"Address of the console and the management API." default:":8080" placeholder:"ADDR"`
	ConsoleURL    string `help:"Address under which people reach the console. With https, cookies are marked secure." placeholder:"URL"`
	AdminPassword string `help:"Password of the administrator that the first start creates. Empty: generate one and print it once." placeholder:"PASSWORD"`
	Dev           bool   `help:"Serve the component gallery at /gallery."`
}

// demoFlags are the demo's own (D23).
type demoFlags struct {
	Demo     bool   `help:"Add a project with a guarded proxy to an echo API, and print three lines to try it."`
	DemoAddr string `help:"Address of the demo's echo API." default:"127.0.0.1:8083" placeholder:"ADDR"`
}

// listen is one environment and the address it is served on.
type listen struct{ environment, addr string }

func (g *gatewayFlags) listens() ([]listen, error) {
	var out []listen
	for _, s := range g.Gateway {
		name, addr, ok := strings.Cut(strings.TrimSpace(s), "=")
		if _, _, err := net.SplitHostPort(addr); !ok || err != nil {
			return nil, fmt.Errorf("--gateway %q: write name=address, such as production=:8081", s)
		}
		if msg := problem.Name(name); msg != "" {
			return nil, fmt.Errorf("--gateway %q: the environment's name: %s", s, msg)
		}
		if slices.ContainsFunc(out, func(l listen) bool { return l.environment == name }) {
			return nil, fmt.Errorf("--gateway %q: environment %s is named twice", s, name)
		}
		out = append(out, listen{name, addr})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("--gateway: name at least one environment, such as production=:8081")
	}
	return out, nil
}

func (g *gatewayFlags) trustedProxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range g.TrustedProxies {
		s = strings.TrimSpace(s)
		if addr, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxies %q: write an address or a network, such as 10.0.0.0/8", s)
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

// openKept is where the last good configuration is kept, claimed; nil for nowhere.
func (g *gatewayFlags) openKept(dataDir string, sealer *secret.Sealer, logger *slog.Logger) (*keptFiles, error) {
	dir, named := filepath.Join(dataDir, "last-good"), g.LastGoodDir != ""
	if g.LastGoodDir == "none" {
		return nil, nil
	}
	if named {
		var err error
		if dir, err = filepath.Abs(g.LastGoodDir); err != nil {
			return nil, err
		}
	}
	files, err := openKept(dir, sealer)
	if err != nil {
		return nil, err
	}
	return files.claimed(named, logger)
}

// identityTargets is the rule about where identity sources may be.
func (g *gatewayFlags) identityTargets() (outgoing.Rule, error) {
	return outgoing.Parse(g.IdentityTargets)
}

// sample is the share of calls that the access log holds.
func (g *gatewayFlags) sample() error {
	if !(g.AccessLogSample >= 0 && g.AccessLogSample <= 1) { // NaN is neither
		return fmt.Errorf("--access-log-sample %v: write a share from 0 to 1, such as 0.01", g.AccessLogSample)
	}
	return nil
}

// eventTargets is where events are sent.
func (g *gatewayFlags) eventTargets() ([]eventTarget, error) { return parseEventTargets(g.Events) }

// publicURL is where an environment is reached until someone sets its address.
func publicURL(addr net.Addr) string {
	host, port := "localhost", ""
	if a, ok := addr.(*net.TCPAddr); ok {
		port = fmt.Sprint(a.Port)
		if !a.IP.IsUnspecified() && !a.IP.IsLoopback() {
			host = a.IP.String()
		}
	}
	return "http://" + net.JoinHostPort(host, port)
}

func (c *consoleFlags) secure() (bool, error) {
	if c.ConsoleURL == "" {
		return false, nil
	}
	u, err := url.Parse(c.ConsoleURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false, fmt.Errorf("--console-url %q: write a whole address, such as https://gatewright.example.com", c.ConsoleURL)
	}
	return u.Scheme == "https", nil
}

func (s *storeFlags) dir() (string, error) {
	if s.DataDir != "" {
		return filepath.Abs(s.DataDir)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/gatewright", nil
	}
	if xdg := os.Getenv("XDG_DATA_HOME"); xdg != "" {
		return filepath.Join(xdg, "gatewright"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("--data-dir: name a directory; there is no home directory to put it in: %w", err)
	}
	return filepath.Join(home, ".local", "share", "gatewright"), nil
}

// sealer opens the master key: the setting, else the file, else a new file.
func (s *storeFlags) sealer(dir string) (*secret.Sealer, error) {
	if s.MasterKey != "" {
		key, err := secret.ParseMasterKey(s.MasterKey)
		if err != nil {
			return nil, fmt.Errorf("GATEWRIGHT_MASTER_KEY: %w", err)
		}
		return secret.NewSealer(key)
	}
	path := s.MasterKeyFile
	if path == "" {
		path = filepath.Join(dir, "master.key")
	}
	key, err := secret.LoadOrCreateMasterKey(path)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return secret.NewSealer(key)
}
