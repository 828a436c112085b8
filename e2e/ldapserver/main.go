// Command ldapserver lends the journeys in a browser a real OpenLDAP with the
// demonstration directory of engine/identity/ldaptest. It prints one line of
// JSON once the server answers:
//
//	{"ldap":"ldap://127.0.0.1:…","ldaps":"ldaps://127.0.0.1:…","caFile":"…","ca":"-----BEGIN …",
//	 "base":"dc=…","people":"ou=…","groups":"ou=…","bindDn":"cn=…","bindPassword":"…","password":"…"}
//
// The last is the password of every person. It stops when its standard input
// ends, as it does with the parent, or by SIGINT or SIGTERM.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/gatewright/gatewright/engine/identity/ldaptest"
)

// description is what the parent needs to know.
type description struct {
	LDAP         string `json:"ldap"`
	LDAPS        string `json:"ldaps"`
	CAFile       string `json:"caFile"`
	CA           string `json:"ca"`
	Base         string `json:"base"`
	People       string `json:"people"`
	Groups       string `json:"groups"`
	BindDN       string `json:"bindDn"`
	BindPassword string `json:"bindPassword"`
	Password     string `json:"password"`
}

func main() {
	if err := lend(); err != nil {
		fmt.Fprintln(os.Stderr, "ldapserver:", err)
		os.Exit(1)
	}
}

func lend() error {
	ctx, done := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer done()
	s, err := ldaptest.Open(ctx)
	if err != nil {
		return err
	}
	err = json.NewEncoder(os.Stdout).Encode(description{
		LDAP: s.LDAP, LDAPS: s.LDAPS, CAFile: s.CAFile, CA: s.CA,
		Base: ldaptest.Base, People: ldaptest.People, Groups: ldaptest.Groups,
		BindDN: ldaptest.BindDN, BindPassword: ldaptest.BindPassword, Password: ldaptest.Password,
	})
	if err == nil {
		waitForParent(ctx)
	}
	return errors.Join(err, s.Close())
}

// waitForParent returns when the parent closes our input, or at a signal.
func waitForParent(ctx context.Context) {
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	select {
	case <-closed:
	case <-ctx.Done():
	}
}
