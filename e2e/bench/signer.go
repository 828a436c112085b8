package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
)

// serveSigner signs as fast as one goroutine can, without anything around it: what
// issuing is compared with.
func serveSigner(p *parent) error {
	made := map[keys.Algorithm]crypto.Signer{} // once: making one is dearer than many signatures
	for {
		var o order
		if err := p.dec.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read order: %w", err)
		}
		if err := p.tell(o.sign(made)); err != nil {
			return err
		}
	}
}

func (o order) sign(made map[keys.Algorithm]crypto.Signer) outcome {
	key := made[o.Algorithm]
	if key == nil {
		var err error
		if key, err = bareKey(o.Algorithm); err != nil {
			return outcome{Failure: err.Error()}
		}
		made[o.Algorithm] = key
	}
	// As long as a token's is, and different each time.
	message := make([]byte, 400)
	c := client{}
	start := time.Now()
	for n := 0; time.Since(start) < o.Turn; n++ {
		began := time.Now()
		message[n%len(message)]++
		digest := sha256.Sum256(message)
		if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
			return outcome{Failure: err.Error()}
		}
		c.times = append(c.times, time.Since(began))
	}
	return sum([]client{c}, nil, time.Since(start))
}

func bareKey(alg keys.Algorithm) (crypto.Signer, error) {
	switch alg {
	case keys.RS256:
		return rsa.GenerateKey(rand.Reader, 2048)
	case keys.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return nil, fmt.Errorf("no bare signature of %s", alg)
}
