package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
)

// banner is what a person reads when the process is up: where everything is,
// the one-time password after the first start (D22), and how to try it (D23).
type banner struct {
	console       string
	administrator string
	password      secret.Text
	gateways      []gatewayLine
	health        string
	demo          models.Demo
}

type gatewayLine struct{ environment, url string }

func (b *banner) print(w io.Writer) {
	var out strings.Builder
	out.WriteString("\n")
	if b.console != "" {
		fmt.Fprintf(&out, "  Console   %s\n", b.console)
	}
	for _, g := range b.gateways {
		fmt.Fprintf(&out, "  Gateway   %s  (%s)\n", g.url, g.environment)
	}
	if b.health != "" {
		fmt.Fprintf(&out, "  Health    %s  (/healthz, /readyz, /metrics)\n", b.health)
	}
	if b.administrator != "" && !b.password.IsZero() {
		fmt.Fprintf(&out, "\n  Sign in as %s with the password %s\n  It is shown this once; change it under Account.\n", b.administrator, b.password.Reveal())
	}
	b.printDemo(&out)
	out.WriteString("\n")
	_, _ = io.WriteString(w, out.String()) // a closed standard output is no reason to stop serving
}

// printDemo writes the three lines of D23. Only the first start knows the
// client secret; later ones say where a new one is made.
func (b *banner) printDemo(out *strings.Builder) {
	d := b.demo
	if d.ClientID == "" {
		return
	}
	if d.Secret.IsZero() {
		fmt.Fprintf(out, "\n  The demo API is at %s; its client secret was shown at the first start.\n"+
			"  A new one is made in the console: project %s, API Proxies, %s, Rotate client secret.\n", b.gatewayURL(d.Environment)+d.BasePath, d.Project, d.Proxy)
		return
	}
	base := b.gatewayURL(d.Environment)
	fmt.Fprintf(out, "\n  Try it:\n\n"+
		"$ TOKEN=$(curl -s -u '%s:%s' -d grant_type=client_credentials %s/auth/jwt | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n"+
		"$ curl -i -H \"Authorization: Bearer $TOKEN\" %s%s/hello\n"+
		"$ curl -i %s%s/hello\n", d.ClientID, d.Secret.Reveal(), base, base, d.BasePath, base, d.BasePath)
}

func (b *banner) gatewayURL(environment string) string {
	for _, g := range b.gateways {
		if g.environment == environment {
			return g.url
		}
	}
	return ""
}
