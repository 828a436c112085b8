// Package apidoc owns what is done with a description of an API on its way to a
// proxy, for pages and the management API alike: fetching it, and holding its
// operations against the endpoints that are there.
package apidoc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/models/apispec"
)

// Bounds of fetching a document.
const (
	fetchTime   = 10 * time.Second
	fetchHeader = 64 << 10
)

// Fetch asks an address for a document, or says why there is none. Where it
// may go is the one rule for addresses that an administrator names; whatever the
// rule was not asked about, such as a redirect or a proxy of the environment, is not
// followed. What came is not repeated in words: it may be no document at all.
func Fetch(ctx context.Context, allow func(netip.Addr) error, address string) (document []byte, why string) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, "Enter an address that begins with http:// or https://, such as https://api.example.com/openapi.json."
	}
	if u.User != nil {
		return nil, "Remove the user name and password from the address."
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "The address cannot be asked."
	}
	r.Header.Set("Accept", "application/json, application/yaml, text/yaml, */*;q=0.5")
	answer, err := fetcher(allow).Do(r)
	if err != nil {
		return nil, fetchFailure(err)
	}
	defer answer.Body.Close()
	return fetched(answer)
}

func fetcher(allow func(netip.Addr) error) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            outgoing.Dialer{Allow: allow}.DialContext,
			Proxy:                  nil, // a proxy would resolve names itself, past the rule
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: fetchHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// fetched is the body of an answer, read no further than a document may be long.
func fetched(answer *http.Response) ([]byte, string) {
	switch {
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return nil, "The address leads on to another one, which is not followed; enter that one."
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Sprintf("The address answers %d; a document comes with 200.", answer.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(answer.Body, apispec.MaxDocument+1))
	if err != nil {
		return nil, fetchFailure(err)
	}
	if len(document) == 0 {
		return nil, "The address answers with nothing."
	}
	return document, "" // one that is too long is refused like any other
}

// fetchFailure says what failed so that an administrator knows where to look.
func fetchFailure(err error) string {
	var refused *outgoing.Refused
	var certificate *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.As(err, &refused):
		return "The address may not be called: " + refused.Error() + "."
	case errors.As(err, &certificate):
		return "The address shows a certificate that is not trusted."
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("The address did not answer within %d seconds.", int(fetchTime.Seconds()))
	case errors.As(err, &dns):
		return "The host name of the address is not known."
	}
	return "The address cannot be reached, or does not answer as HTTP."
}
