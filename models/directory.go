package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

const directoryKey = "directory"

// DirectoryPassword is the field of the password of BindDN.
const DirectoryPassword = ldap.BindPassword

// Directory is how the people of a company's directory sign in to the console.
type Directory struct {
	// Enabled lets users of the login type LDAP in. Default false.
	Enabled bool `json:"enabled"`
	// URL is ldaps://host[:636] or ldap://host[:389]; StartTLS (the default) and
	// AllowPlaintext are about the latter, see ldap.Config.
	URL            string `json:"url"`
	StartTLS       bool   `json:"startTls"`
	AllowPlaintext bool   `json:"allowPlaintext"`
	// CACertificates are the only authorities trusted, in PEM; empty for those of
	// the system.
	CACertificates string `json:"caCertificates"`
	// BindDN is the account that searches; empty for an anonymous search.
	BindDN string `json:"bindDn"`
	// BaseDN is below which people are searched for by Filter, in which
	// {{username}} stands for the name as typed, escaped.
	BaseDN string `json:"baseDn"`
	Filter string `json:"filter"`
	// The attributes of a person's entry. Default uid, cn and mail.
	NameAttribute     string `json:"nameAttribute"`
	FullNameAttribute string `json:"fullNameAttribute"`
	EmailAttribute    string `json:"emailAttribute"`
	// CreateUsers makes a MEMBER of whoever signs in the first time and matches
	// MemberFilter too, such as (memberOf=cn=gatewright,ou=groups,dc=example).
	// Default false.
	CreateUsers  bool   `json:"createUsers"`
	MemberFilter string `json:"memberFilter"`
	// RecheckMinutes is how often the directory is asked whether somebody with an
	// open session or a token is still there; 0 never. Default 5, at most 1440.
	RecheckMinutes int `json:"recheckMinutes"`
}

const maxRecheckMinutes = 24 * 60

// DefaultDirectory is what an installation starts with.
func DefaultDirectory() Directory {
	return Directory{StartTLS: true, Filter: "(uid={{username}})", NameAttribute: "uid", FullNameAttribute: "cn", EmailAttribute: "mail", RecheckMinutes: 5}
}

// directoryRecord is the setting as it is stored.
type directoryRecord struct {
	Directory
	// Sealed is the password of BindDN.
	Sealed []byte `json:"bindPassword,omitempty"`
}

// directoryAudit is the setting in the audit: of the password only whether there
// is one.
type directoryAudit struct {
	Directory
	HasPassword bool `json:"hasBindPassword"`
}

func (r directoryRecord) audited() any { return directoryAudit{r.Directory, len(r.Sealed) > 0} }

// The names of what is read of an entry beside its name.
const (
	claimFullName = "full_name"
	claimEmail    = "mail_address"
)

// config is the source that is asked, with a filter of its own.
func (d Directory) config(filter string) *ldap.Config {
	c := ldap.New()
	c.Name, c.Servers = "Sign-in directory", []string{d.URL}
	c.StartTLS, c.AllowPlaintext, c.CACertificates = d.StartTLS, d.AllowPlaintext, d.CACertificates
	c.BindDN, c.UserBaseDN, c.UserFilter = d.BindDN, d.BaseDN, filter
	c.LoginAttribute, c.NameAttribute, c.MemberOfAttribute = d.NameAttribute, d.NameAttribute, ""
	for _, a := range []ldap.ClaimAttribute{{Attribute: d.FullNameAttribute, Claim: claimFullName}, {Attribute: d.EmailAttribute, Claim: claimEmail}} {
		if a.Attribute != "" {
			c.ClaimAttributes = append(c.ClaimAttributes, a)
		}
	}
	c.ClaimAttributes = append(c.ClaimAttributes, switchedOff...)
	c.Normalize()
	return c
}

// people is the source of everybody, members that of whom CreateUsers makes users.
func (d Directory) people() *ldap.Config { return d.config(d.Filter) }

func (d Directory) members() *ldap.Config { return d.config("(&" + d.Filter + d.MemberFilter + ")") }

// directoryFields are our names of the fields of an LDAP source.
var directoryFields = map[string]string{
	"servers": "url", "servers[0]": "url", "startTls": "startTls", "allowPlaintext": "allowPlaintext", "caCertificates": "caCertificates",
	"bindDn": "bindDn", "userBaseDn": "baseDn", "userFilter": "filter", "loginAttribute": "nameAttribute", "nameAttribute": "nameAttribute",
}

// Validate reports everything wrong with the settings. While they are off, they
// may be empty.
func (d Directory) Validate() problem.List {
	if !d.Enabled && d.URL == "" {
		return nil
	}
	l := d.problems(d.people().Validate())
	if d.RecheckMinutes < 0 || d.RecheckMinutes > maxRecheckMinutes {
		l.Add("recheckMinutes", "Enter a number of minutes up to %d, or 0 to never ask again.", maxRecheckMinutes)
	}
	if !d.CreateUsers {
		return l
	}
	if d.MemberFilter == "" {
		l.Add("memberFilter", "Say who may come in, such as (memberOf=cn=gatewright,ou=groups,dc=example,dc=com).")
	} else if msg := d.members().Validate().For("userFilter"); msg != "" && l.For("filter") == "" {
		l.Add("memberFilter", "%s", msg)
	}
	return l
}

func (d Directory) problems(found problem.List) problem.List {
	var l problem.List
	for _, p := range found {
		field, known := directoryFields[p.Field]
		if attribute, isClaim := strings.CutSuffix(p.Field, ".attribute"); isClaim {
			field, known = d.claimField(attribute), true
		}
		if known && l.For(field) == "" {
			l.Add(field, "%s", p.Message)
		}
	}
	return l
}

// claimField is the field of a claim, such as claimAttributes[0].
func (d Directory) claimField(path string) string {
	for i, a := range d.people().ClaimAttributes {
		if path == fmt.Sprintf("claimAttributes[%d]", i) && a.Claim == claimEmail {
			return "emailAttribute"
		}
	}
	return "fullNameAttribute"
}

// DirectoryState is the setting with whether a bind password is stored.
type DirectoryState struct {
	Settings[Directory]
	HasPassword bool
}

// Directory is how the people of a directory sign in.
func (s *Store) Directory(ctx context.Context) (DirectoryState, error) {
	stored, err := s.directory(ctx, s.db)
	return stored.state(), err
}

func (s *Store) directory(ctx context.Context, tx *gorm.DB) (storedDirectory, error) {
	stored, err := settings(ctx, tx, directoryKey, directoryRecord{Directory: DefaultDirectory()})
	return storedDirectory{stored}, err
}

type storedDirectory struct{ Settings[directoryRecord] }

func (d storedDirectory) state() DirectoryState {
	return DirectoryState{
		Settings[Directory]{Value: d.Value.Directory, Version: d.Version, UpdatedAt: d.UpdatedAt, UpdatedBy: d.UpdatedBy}, len(d.Value.Sealed) > 0,
	}
}

// SaveDirectory writes the settings as they were read at version. Password is
// that of BindDN: nil leaves the stored one, which goes to no other address than
// it went to, and an empty one removes it. Problems are of the members of Directory
// and DirectoryPassword.
func (s *Store) SaveDirectory(ctx context.Context, by Actor, version int, d Directory, password *secret.Text) (DirectoryState, error) {
	before, err := s.directory(ctx, s.db)
	if err != nil {
		return DirectoryState{}, err
	}
	if before.Version != version {
		return DirectoryState{}, before.stale()
	}
	kept, err := s.directoryPassword(before.Value, d, password)
	if err != nil {
		return DirectoryState{}, err
	}
	record := directoryRecord{Directory: d}
	if !kept.IsZero() {
		if record.Sealed, err = s.sealer.Seal([]byte(kept.Reveal()), directoryPlace); err != nil {
			return DirectoryState{}, fmt.Errorf("seal bind password: %w", err)
		}
	}
	saved, err := saveSettings(ctx, s, by, directoryKey, "Sign-in directory", version, directoryRecord{Directory: DefaultDirectory()}, record, nil)
	if errors.Is(err, ErrStale) {
		if now, err := s.directory(ctx, s.db); err == nil {
			return DirectoryState{}, now.stale()
		}
	}
	return storedDirectory{saved}.state(), err
}

// directoryPlace binds the sealed password to what it is for.
const directoryPlace = "settings/directory/bindPassword"

func (d storedDirectory) stale() error {
	return &StaleError{Kind: KindSettings, Name: "Sign-in directory", Version: d.Version, Current: d.state(), By: d.UpdatedBy, At: d.UpdatedAt}
}

// directoryPassword is the password that d would have, with everything that is
// wrong with both.
func (s *Store) directoryPassword(before directoryRecord, d Directory, given *secret.Text) (secret.Text, error) {
	l := d.Validate()
	var kept secret.Text
	switch {
	case given != nil:
		kept = *given
	case len(before.Sealed) > 0:
		if d.BindDN != "" && sendsElsewhere(before.Directory, d) {
			l.Add(DirectoryPassword, "%s", enterAgain)
			break
		}
		plain, err := s.sealer.Open(before.Sealed, directoryPlace)
		if err != nil {
			return kept, fmt.Errorf("open bind password: %w", err)
		}
		kept = secret.New(string(plain))
	}
	if d.BindDN == "" {
		kept = secret.Text{} // a password of nobody
	} else if kept.IsZero() && l.For(DirectoryPassword) == "" {
		l.Add(DirectoryPassword, "Enter the password of %s.", d.BindDN)
	}
	return kept, l.Err()
}

// sendsElsewhere tells whether d would take a password to where it was not.
func sendsElsewhere(before, d Directory) bool {
	known := before.people().Destinations()
	return slices.ContainsFunc(d.people().Destinations(), func(to string) bool { return !slices.Contains(known, to) })
}

// TestDirectory tries settings that need not be saved: without a password it
// looks the name up, without a name it only connects. A stored bind password is
// sent nowhere that it was not sent before. Problems are those of SaveDirectory.
func (s *Store) TestDirectory(ctx context.Context, d Directory, bind *secret.Text, name string, password secret.Text) (identity.Report, error) {
	before, err := s.directory(ctx, s.db)
	if err != nil {
		return identity.Report{}, err
	}
	d.Enabled = true // what is off is tried all the same
	kept, err := s.directoryPassword(before.Value, d, bind)
	if err != nil {
		return identity.Report{}, err
	}
	source, err := d.people().Open(identity.Deps{Secrets: map[string]secret.Text{DirectoryPassword: kept}, Allow: s.outgoing})
	if err != nil {
		return identity.Report{}, fmt.Errorf("open directory: %w", err)
	}
	defer source.Close()
	return source.(identity.Tester).Test(ctx, name, password), nil
}
