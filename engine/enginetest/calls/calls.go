// Package calls keeps the calls of parallel tests from each other: whoever imports it
// calls through a default transport that nobody can empty.
//
// A server of httptest that closes also closes what http.DefaultTransport holds idle,
// and with it the connection that the call of another test has just been given.
package calls

import "net/http"

func init() { http.DefaultTransport = lasting{http.DefaultTransport} }

type lasting struct{ http.RoundTripper }
