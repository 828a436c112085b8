package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
)

type userCmd struct {
	ResetPassword resetPasswordCmd `cmd:"" help:"Give a user a new password, print it once and end the user's sessions."`
	List          listUsersCmd     `cmd:"" help:"List the console users."`
	Create        createUserCmd    `cmd:"" help:"Create a console user with a password that is printed once and has to be changed."`
	Lock          lockUserCmd      `cmd:"" help:"Lock a user: sessions and tokens end at once."`
	Unlock        unlockUserCmd    `cmd:"" help:"Unlock a user."`
	Role          userRoleCmd      `cmd:"" help:"Give a user another role."`
}

// roleWords are the roles as a command line spells them.
var roleWords = map[string]string{
	"administrator": models.RoleAdministrator, "project-manager": models.RoleProjectManager, "auditor": models.RoleAuditor, "member": models.RoleMember,
}

type createUserCmd struct {
	Name      string `arg:"" help:"Name to sign in with. It cannot be changed later."`
	Role      string `env:"-" help:"What the user may do: administrator, project-manager, auditor or member." enum:"administrator,project-manager,auditor,member" default:"member"`
	FullName  string `env:"-" help:"Full name." placeholder:"TEXT"`
	Email     string `env:"-" help:"Email address." placeholder:"ADDRESS"`
	Directory bool   `env:"-" help:"The sign-in directory knows the password; none is made up."`
	storeFlags
	logFlags
}

// Run creates the user.
func (c *createUserCmd) Run(p *process) error {
	return withStore(p, c.storeFlags, c.logFlags, func(store *models.Store) error {
		u, password := models.User{Name: c.Name, FullName: c.FullName, Email: c.Email, Role: roleWords[c.Role], LoginType: models.LoginLDAP}, secret.Text{}
		if !c.Directory {
			u.LoginType, u.MustChangePassword, password = models.LoginLocal, true, models.NewPassword()
		}
		made, err := store.CreateUser(p.ctx, commandLine, u, password)
		if err != nil {
			return userInWords(c.Name, err)
		}
		if c.Directory {
			return say(p.stdout, made.Name+" is there and signs in by the directory.")
		}
		return say(p.stdout, fmt.Sprintf("Password of %s: %s", made.Name, password.Reveal()))
	})
}

// userInWords is what went wrong with a user, for a terminal.
func userInWords(name string, err error) error {
	l := problem.Of(err)
	if l == nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	var words []string
	for _, p := range l {
		words = append(words, p.Message)
	}
	return errors.New("user " + name + ": " + strings.Join(words, " "))
}

// change saves a user as edit makes it.
func change(p *process, f storeFlags, lf logFlags, name string, edit func(*models.User), said string) error {
	return withStore(p, f, lf, func(store *models.Store) error {
		u, err := store.UserByName(p.ctx, name)
		if err != nil {
			return userInWords(name, err)
		}
		edit(&u)
		if u, err = store.SaveUser(p.ctx, commandLine, u); err != nil {
			return userInWords(name, err)
		}
		return say(p.stdout, u.Name+" "+said)
	})
}

type lockUserCmd struct {
	Name string `arg:"" help:"Name of the user."`
	storeFlags
	logFlags
}

// Run locks.
func (c *lockUserCmd) Run(p *process) error {
	return change(p, c.storeFlags, c.logFlags, c.Name, func(u *models.User) { u.Locked = true }, "is locked and signed out everywhere.")
}

type unlockUserCmd struct {
	Name string `arg:"" help:"Name of the user."`
	storeFlags
	logFlags
}

// Run unlocks.
func (c *unlockUserCmd) Run(p *process) error {
	return change(p, c.storeFlags, c.logFlags, c.Name, func(u *models.User) { u.Locked = false }, "is unlocked.")
}

type userRoleCmd struct {
	Name string `arg:"" help:"Name of the user."`
	Role string `arg:"" help:"administrator, project-manager, auditor or member." enum:"administrator,project-manager,auditor,member"`
	storeFlags
	logFlags
}

// Run gives the role.
func (c *userRoleCmd) Run(p *process) error {
	return change(p, c.storeFlags, c.logFlags, c.Name, func(u *models.User) { u.Role = roleWords[c.Role] }, "has the role "+c.Role+".")
}
