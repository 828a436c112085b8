// Package engine owns the gateway: it compiles what one environment has
// deployed (Bundle) into what runs (Snapshot), routes each request, runs the
// policies of the proxy group and of the proxy it belongs to, and calls the API
// behind it. It knows
// policies by their contract alone and needs neither database nor console.
package engine
