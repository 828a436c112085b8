// Package wire speaks HTTP/1.1 with callers and with APIs in the plain case that
// nearly every call is: one head in one piece, a short body or none, nothing that two
// servers could read in two ways. Everything else it leaves, untouched and from its
// first byte on, to net/http: what is odd is rare, and has years of hardening there.
// So whatever this package takes, net/http would read the same way; a fuzz test holds
// the two beside each other.
package wire
