package database

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/database/password"
	"github.com/gatewright/gatewright/engine/secret"
)

// test is a test under way.
type test struct {
	*source
	report identity.Report
	name   string
	word   secret.Text
	found  *row
}

// Test implements identity.Tester.
func (s *source) Test(ctx context.Context, name string, word secret.Text) identity.Report {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout())
	defer cancel()
	t := &test{source: s, name: name, word: word}
	steps := []struct {
		text string
		need bool
		do   func(context.Context) (string, error)
	}{
		{"Connect to the database", true, t.connect},
		{"Run the query", name != "" && (s.verifier != nil || !word.IsZero()), t.search},
		{"Recognise the stored password", name != "" && s.verifier != nil, t.recognise},
		{"Check the password", name != "" && s.verifier != nil && !word.IsZero(), t.compare},
		{"Read the name and the claims", name != "" && (s.verifier != nil || !word.IsZero()), t.describe},
		{"Read the roles", name != "" && s.roles != nil, t.listRoles},
	}
	for _, step := range steps {
		if step.need && !t.try(ctx, step.text, step.do) {
			return t.report
		}
	}
	t.report.Accepted = name != "" && !word.IsZero()
	return t.report
}

func (t *test) try(ctx context.Context, text string, do func(context.Context) (string, error)) bool {
	start := time.Now()
	detail, err := do(ctx)
	if err != nil {
		detail = err.Error()
		t.report.Identity = identity.Identity{}
	}
	t.report.Steps = append(t.report.Steps, identity.Step{Text: text, OK: err == nil, Detail: detail, Took: time.Since(start)})
	return err == nil
}

func (t *test) connect(ctx context.Context) (string, error) {
	if err := t.db.PingContext(ctx); err != nil {
		return "", t.connecting(ctx, err)
	}
	if t.config.TLS == Plaintext {
		return "Connected to " + t.config.address() + " in plain text.", nil
	}
	return "Connected to " + t.config.address() + "; the certificate is good for " + t.config.certificateName() + ".", nil
}

func (t *test) search(ctx context.Context) (string, error) {
	found, err := t.find(ctx, t.name, t.word)
	switch {
	case err != nil:
		return "", err
	case found == nil && t.verifier == nil:
		return "", errors.New("the query found no row: there is no such user, or the password is wrong")
	case found == nil:
		return "", errors.New("the query found no row: there is no such user")
	}
	t.found = found
	return "The query found 1 row with the columns " + strings.Join(found.names(), ", ") + ".", nil
}

func (t *test) recognise(context.Context) (string, error) {
	stored, salt, ok, err := t.stored(t.found)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", errors.New("the row has no password: the column is NULL")
	}
	h, err := t.verifier.Format().Read(stored, salt)
	switch {
	case errors.Is(err, password.ErrUnknown):
		return "", fmt.Errorf("the stored password is not in the encoding %s", t.config.PasswordEncoding)
	case err != nil:
		return "", err
	case h.Cost == "":
		return "The password is stored as " + string(h.Encoding) + ".", nil
	}
	return "The password is stored as " + string(h.Encoding) + " (" + h.Cost + ").", nil
}

func (t *test) compare(ctx context.Context) (string, error) {
	ok, err := t.check(ctx, t.found, t.word)
	if err == nil && !ok {
		err = errors.New("the password is wrong")
	}
	return "The password is right.", err
}

func (t *test) describe(context.Context) (string, error) {
	name, ok, err := t.canonical(t.name, t.found)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", errors.New("the row has no name that fits into tokens: it is NULL or empty, or has blanks around it or control characters")
	}
	claims, err := t.claims(t.found)
	if err != nil {
		return "", err
	}
	t.report.Identity = identity.Identity{Name: name, Claims: claims}
	return fmt.Sprintf("Tokens will be for %s, with %d of %d claims.", name, len(claims), len(t.config.ClaimColumns)), nil
}

func (t *test) listRoles(ctx context.Context) (string, error) {
	name := t.report.Identity.Name
	if name == "" {
		name = t.name
	}
	roles, rows, err := t.readRoles(ctx, name)
	if err != nil {
		return "", err
	}
	t.report.Identity.Name, t.report.Identity.Roles = name, roles
	if rows == 0 {
		return "The role query found no row.", nil
	}
	return fmt.Sprintf("The role query found %d rows, which give the roles %s.", rows, strings.Join(roles, ", ")), nil
}
