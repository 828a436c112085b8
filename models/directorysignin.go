package models

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// ErrDirectory means that the directory of the console could not be asked.
var ErrDirectory = errors.New("the sign-in directory does not answer")

// refusalTakes is the least time of a refusal while there is a directory: one that
// it refuses and one that a hash refuses must not be told apart.
const refusalTakes = time.Second

// directorySignIns bounds the sign-ins that wait for a directory at once; more
// than this many are an attack or a directory that is down.
const directorySignIns = 16

// openDirectory is the directory while it is switched on.
type openDirectory struct {
	Directory
	bind secret.Text
}

// openDirectory is nil while the directory is off.
func (s *Store) openDirectory(ctx context.Context) (*openDirectory, error) {
	stored, err := s.directory(ctx, s.db)
	if err != nil || !stored.Value.Enabled {
		return nil, err
	}
	d := &openDirectory{Directory: stored.Value.Directory}
	if len(stored.Value.Sealed) == 0 {
		return d, nil
	}
	plain, err := s.sealer.Open(stored.Value.Sealed, directoryPlace)
	if err != nil {
		return nil, fmt.Errorf("open bind password: %w", err)
	}
	d.bind = secret.New(string(plain))
	return d, nil
}

func (d *openDirectory) open(s *Store, c *ldap.Config) (identity.Source, error) {
	return c.Open(identity.Deps{Secrets: map[string]secret.Text{DirectoryPassword: d.bind}, Allow: s.outgoing})
}

// settle waits until a refusal has taken its time.
func (d *openDirectory) settle(ctx context.Context, began time.Time) {
	t := time.NewTimer(time.Until(began.Add(refusalTakes)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// askDirectory asks about a user of the login type LDAP, or about a name that
// nobody has yet. The directory never signs in a user whom it does not know: the
// entry must be the user's own, and a LOCAL user is nobody's there.
func (s *Store) askDirectory(ctx context.Context, by Actor, d *openDirectory, row userRow, name string, password secret.Text) (candidate, error) {
	known := row.ID != ""
	if !known && !d.CreateUsers {
		return candidate{}, s.askInVain(ctx, d)
	}
	who, ok, err := s.login(ctx, d, known, name, password)
	if err != nil {
		return candidate{row, false}, err
	}
	ok = ok && !offInDirectory(who)
	if !ok || known {
		return candidate{row, ok && strings.EqualFold(who.Name, row.Name)}, nil
	}
	// The directory may know the person by another name than the one that was typed.
	row, err = userNamed(ctx, s.db, who.Name)
	if err == nil {
		return candidate{row, row.LoginType == LoginLDAP}, nil
	}
	if !isNotFound(err) {
		return candidate{}, err
	}
	return s.userOfDirectory(ctx, by, who)
}

// askInVain asks the directory about nobody. Without it a refusal in which it has
// no part could be told from one of its own: by the time, and while it is down by
// the answer. What was typed does not go there.
func (s *Store) askInVain(ctx context.Context, d *openDirectory) error {
	nobody := secret.Generate(16)
	_, _, err := s.login(ctx, d, true, nobody, secret.New(nobody))
	return err
}

// userOfDirectory makes a member of whoever signs in the first time.
func (s *Store) userOfDirectory(ctx context.Context, by Actor, who identity.Identity) (candidate, error) {
	u := User{Name: who.Name, FullName: textClaim(who, claimFullName), Email: textClaim(who, claimEmail), Role: RoleMember, LoginType: LoginLDAP}
	if emailProblem(u.Email) != "" {
		u.Email = ""
	}
	if problem.Name(u.FullName) != "" {
		u.FullName = ""
	}
	by.Name = "directory"
	made, err := s.CreateUser(ctx, by, u, secret.Text{})
	if l := problem.Of(err); l != nil { // a name that no user can have, or somebody was faster
		s.logger.Warn("a person of the directory cannot become a user", "problems", l.Error())
		return candidate{}, nil
	}
	if err != nil {
		return candidate{}, err
	}
	row, err := userByID(ctx, s.db, made.ID)
	return candidate{row, true}, err
}

func textClaim(who identity.Identity, name string) string {
	switch v := who.Claims[name].(type) {
	case string:
		return v
	case []string:
		if len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// ofOneUser tells an error about the data of one person from a failure.
func ofOneUser(err error) bool {
	var one interface{ OneUser() bool }
	return errors.As(err, &one) && one.OneUser()
}

// login asks the directory. Known users are found by the filter, others by that of
// the members too.
func (s *Store) login(ctx context.Context, d *openDirectory, known bool, name string, password secret.Text) (identity.Identity, bool, error) {
	select {
	case s.directorySlots <- struct{}{}:
		defer func() { <-s.directorySlots }()
	default:
		return identity.Identity{}, false, ErrDirectory
	}
	config := d.people()
	if !known {
		config = d.members()
	}
	source, err := d.open(s, config)
	if err != nil {
		s.logger.Error("sign-in directory", "error", err)
		return identity.Identity{}, false, ErrDirectory
	}
	defer source.Close()
	who, ok, err := source.Authenticate(ctx, name, password)
	if err != nil && !ofOneUser(err) {
		s.logger.Error("sign-in directory", "error", err)
		return identity.Identity{}, false, ErrDirectory
	}
	return who, ok && err == nil, nil
}
