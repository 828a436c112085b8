package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/token"
)

const (
	issuer = "https://bench.test"
	// callers is how many users there are; the tokens are theirs in turn.
	callers = 100
	scope   = "orders-read orders-write"
	// ended is how many expired tokens there are. More would not be dearer: none
	// is remembered.
	ended = 250
)

// algorithms are those whose cost is measured.
var algorithms = []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256, keys.EdDSA}

// wallet has the keys and the tokens of a run.
type wallet struct {
	keys  map[keys.Algorithm]*keys.Key
	valid map[keys.Algorithm][]string
	grown map[string][]string // HS256, by the name of their proxy
	// forged are RS256 tokens with the signature of another, malformed those with
	// broken claims, expired those of yesterday.
	forged, malformed, expired []string
	// certificate is for TLS, with its key.
	certificate, certificateKey []byte
}

func newWallet(count int) (*wallet, error) {
	w := &wallet{keys: map[keys.Algorithm]*keys.Key{}, valid: map[keys.Algorithm][]string{}, grown: map[string][]string{}}
	now := time.Now()
	for _, alg := range algorithms {
		key, err := newKey(alg)
		if err != nil {
			return nil, err
		}
		w.keys[alg] = key
		if w.valid[alg], err = sign(key, string(alg), count, now); err != nil {
			return nil, err
		}
	}
	var err error
	if w.expired, err = sign(w.keys[keys.RS256], string(keys.RS256), min(count, ended), now.Add(-24*time.Hour)); err != nil {
		return nil, err
	}
	w.spoil()
	if w.certificate, w.certificateKey, err = newCertificate(now); err != nil {
		return nil, err
	}
	return w, w.signGrown(count, now)
}

func (w *wallet) signGrown(count int, now time.Time) (err error) {
	for _, kind := range grown {
		for _, n := range kind.counts {
			if w.grown[kind.path(n)], err = sign(w.keys[keys.HS256], kind.path(n), count, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// newKey makes the secret of HS256 of letters, as HAProxy is given it in its
// configuration.
func newKey(alg keys.Algorithm) (*keys.Key, error) {
	if alg != keys.HS256 {
		return keys.Generate(alg)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	return keys.Parse(alg, "hs256", []byte(hex.EncodeToString(secret)))
}

// sign makes tokens for one proxy.
func sign(key *keys.Key, proxy string, count int, now time.Time) ([]string, error) {
	list, client := make([]string, count), clientID(proxy)
	for i := range list {
		var err error
		list[i], err = jwt.Sign(key, "", jwt.ClaimSet{
			Issuer: issuer, Subject: caller(i), Audience: []string{client}, ClientID: client, GrantType: token.GrantPassword, Scope: scope,
			ID: strconv.Itoa(i), IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(6 * time.Hour).Unix(),
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func caller(i int) string { return fmt.Sprintf("caller-%02d", i%callers) }

func clientID(proxy string) string { return proxy + "-client" }

// spoil makes the bad tokens of good ones: each claims what is right, and all are
// different.
func (w *wallet) spoil() {
	good := w.valid[keys.RS256]
	for i, t := range good {
		next := good[(i+1)%len(good)]
		said := t[:strings.LastIndexByte(t, '.')]
		w.forged = append(w.forged, said+next[strings.LastIndexByte(next, '.'):])
		w.malformed = append(w.malformed, said[:len(said)-4]+t[len(said):]) // the object of the claims does not end
	}
}
