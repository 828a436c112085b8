package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/people"
	"github.com/gatewright/gatewright/web/ui"
)

const usersPerPage = 50

func administration(label, href string, more ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{{Label: "Administration"}, {Label: label, Href: href}}, more...)
}

func userCrumbs(more ...layout.Crumb) []layout.Crumb {
	return administration("Users", link.Users, more...)
}

// userQuery is what the list's address asks for.
func userQuery(g *gin.Context) models.UserFilter {
	f := models.UserFilter{
		Query: strings.TrimSpace(g.Query("q")), Role: g.Query("role"), Sort: g.Query("sort"), Desc: g.Query("order") == "desc",
		Page: max(number(g.Query("page")), 1), PerPage: usersPerPage,
	}
	if !slices.Contains([]string{"name", "role", "lastSignIn"}, f.Sort) {
		f.Sort = "name"
	}
	if !slices.Contains(models.UserRoles(), f.Role) {
		f.Role = ""
	}
	if state := g.Query("state"); state == "locked" || state == "open" {
		locked := state == "locked"
		f.Locked = &locked
	}
	return f
}

func userState(f models.UserFilter) string {
	switch {
	case f.Locked == nil:
		return ""
	case *f.Locked:
		return "locked"
	}
	return "open"
}

func userAddress(f models.UserFilter) string {
	v := url.Values{}
	for name, value := range map[string]string{"q": f.Query, "role": f.Role, "state": userState(f)} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if f.Sort != "name" {
		v.Set("sort", f.Sort)
	}
	if f.Desc {
		v.Set("order", "desc")
	}
	if f.Page > 1 {
		v.Set("page", strconv.Itoa(f.Page))
	}
	return withQuery(link.Users, v)
}

func userColumns(f models.UserFilter, manage bool) []ui.Column {
	column := func(label, sort string) ui.Column {
		next := f
		next.Sort, next.Desc, next.Page = sort, f.Sort == sort && !f.Desc, 1
		col := ui.Column{Label: label, Sort: userAddress(next)}
		if f.Sort == sort {
			col.Order = ui.Ascending
			if f.Desc {
				col.Order = ui.Descending
			}
		}
		return col
	}
	columns := []ui.Column{column("User", "name"), column("Role", "role"), {Label: "Signs in with"}, {Label: "State"}, column("Last sign-in", "lastSignIn")}
	if manage {
		columns = append(columns, ui.Column{Label: "Actions", Hidden: true, Tight: true})
	}
	return columns
}

// ListUsers is the list of all users.
func (c *Console) ListUsers(g *gin.Context) error {
	ctx, v, f := g.Request.Context(), visit.From(g.Request.Context()), userQuery(g)
	found, total, err := c.store.FindUsers(ctx, f)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "Users", models.Project{}, userCrumbs()...)
	if err != nil {
		return err
	}
	auditedKind(g, &frame, "", models.KindUser)
	manage := v.Can(visit.ManageSystem)
	l := people.UserList{Role: f.Role, State: userState(f), Now: c.now(), Columns: userColumns(f, manage), Roles: []ui.Option{{Label: "All roles"}}}
	for _, role := range models.UserRoles() {
		l.Roles = append(l.Roles, ui.Option{Value: role, Label: roleLabel(role)})
	}
	cleared := f
	cleared.Query, cleared.Page = "", 1
	l.Search = ui.Search{Action: link.Users, Value: f.Query, Label: "Search users", Clear: userAddress(cleared)}
	l.Page = ui.PageOf(f.Page, usersPerPage, len(found), total, "user", "users", func(page int) string {
		next := f
		next.Page = page
		return userAddress(next)
	})
	if manage {
		l.New = link.NewUser
	}
	for _, u := range found {
		l.Items = append(l.Items, userItem(u, v, manage))
	}
	return render(g, http.StatusOK, people.UsersPage(frame, l))
}

func userItem(u models.User, v *visit.Visit, manage bool) people.UserItem {
	item := people.UserItem{
		Name: u.Name, FullName: u.FullName, Email: u.Email, Role: roleLabel(u.Role), SignIn: signInLabel(u.LoginType), Locked: u.Locked, Absent: u.AbsentSince != nil, Self: u.ID == v.User.ID,
		Hidden: []ui.Hidden{{Name: "version", Value: strconv.Itoa(u.Version)}, {Name: "locked", Value: strconv.FormatBool(!u.Locked)}},
	}
	if u.LastSignInAt != nil {
		item.LastSignIn = *u.LastSignInAt
	}
	if !manage {
		return item
	}
	item.Edit = link.UserEdit(u.Name)
	if u.LoginType == models.LoginLocal && !item.Self {
		item.Password = link.UserPassword(u.Name)
	}
	if !item.Self {
		item.Lock, item.Delete = link.UserLock(u.Name), link.UserDelete(u.Name)
	}
	return item
}

func signInLabel(loginType string) string {
	if loginType == models.LoginLDAP {
		return "Directory"
	}
	return "Password"
}

// userRoles are the roles that hold everywhere, in words.
func userRoles() []ui.Card {
	var cards []ui.Card
	for _, role := range models.UserRoles() {
		cards = append(cards, ui.Card{Value: role, Label: roleLabel(role), Text: roleMay(role)})
	}
	return cards
}

var userFields = []string{"name", "fullName", "email", "role", "loginType", "locked"}

// NewUser is the empty form.
func (c *Console) NewUser(g *gin.Context) error {
	return c.showNewUser(g, http.StatusOK, people.Form{Values: map[string]string{"role": models.RoleMember, "loginType": models.LoginLocal}})
}

func (c *Console) showNewUser(g *gin.Context, status int, f people.Form) error {
	frame, err := c.frame(g, "New user", models.Project{}, userCrumbs(layout.Crumb{Label: "New"})...)
	if err != nil {
		return err
	}
	f.New, f.Title, f.Action, f.Cancel = true, "New user", link.NewUser, link.Users
	f.Text = "The first password is made up and shown once."
	return render(g, status, people.UserPage(frame, f, userRoles()))
}

func userOf(t map[string]string) models.User {
	return models.User{
		Name: strings.TrimSpace(t["name"]), FullName: strings.TrimSpace(t["fullName"]), Email: strings.TrimSpace(t["email"]),
		Role: t["role"], LoginType: t["loginType"], Locked: t["locked"] == "true",
	}
}

// CreateUser makes a user and shows the generated password, once.
func (c *Console) CreateUser(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, t := g.Request.Context(), typedVariable(g.Request.PostForm, userFields)
	u, password := userOf(t), secret.Text{}
	u.Locked = false
	if u.LoginType == models.LoginLocal {
		u.MustChangePassword, password = true, models.NewPassword()
	}
	made, err := c.store.CreateUser(ctx, visit.From(ctx).Actor(), u, password)
	if l := problem.Of(err); l != nil {
		return c.showNewUser(g, http.StatusUnprocessableEntity, people.Form{Values: t, Problems: l, Unsaved: true})
	}
	if err != nil {
		return err
	}
	if !password.IsZero() {
		return c.showPassword(g, made.Name, password)
	}
	visit.From(ctx).Say(ctx, visit.Success, made.Name+" was created and signs in by the directory.")
	return redirect(g, link.Users)
}

func (c *Console) showPassword(g *gin.Context, name string, password secret.Text) error {
	frame, err := c.frame(g, "Password of "+name, models.Project{}, userCrumbs(layout.Crumb{Label: name})...)
	if err != nil {
		return err
	}
	takeOverPage(g, link.Users)
	return render(g, http.StatusOK, people.PasswordPage(frame, name, password.Reveal(), link.Users))
}

// user is the user that the address names.
func (c *Console) user(g *gin.Context) (models.User, error) {
	if err := g.Request.ParseForm(); err != nil {
		return models.User{}, badForm(err)
	}
	return c.store.UserByName(g.Request.Context(), g.Param("user"))
}

func userValues(u models.User) map[string]string {
	return map[string]string{"name": u.Name, "fullName": u.FullName, "email": u.Email, "role": u.Role, "loginType": u.LoginType, "locked": strconv.FormatBool(u.Locked)}
}

// EditUser is the form of one that exists.
func (c *Console) EditUser(g *gin.Context) error {
	u, err := c.user(g)
	if err != nil {
		return err
	}
	return c.showUser(g, http.StatusOK, u, people.Form{Values: userValues(u)})
}

// hiddenOf is what was read of something: a save is of that.
func hiddenOf(id string, version int) []ui.Hidden {
	return []ui.Hidden{{Name: "objectId", Value: id}, {Name: "version", Value: strconv.Itoa(version)}}
}

func (c *Console) showUser(g *gin.Context, status int, u models.User, f people.Form) error {
	frame, err := c.frame(g, "Edit "+u.Name, models.Project{}, userCrumbs(layout.Crumb{Label: u.Name})...)
	if err != nil {
		return err
	}
	audited(g, &frame, "", u.ID)
	f.Title, f.Action, f.Cancel, f.Hidden = "Edit "+u.Name, link.UserEdit(u.Name), link.Users, hiddenOf(u.ID, u.Version)
	return render(g, status, people.UserPage(frame, f, userRoles()))
}

// SaveUser saves the form of one that exists.
func (c *Console) SaveUser(g *gin.Context) error {
	u, err := c.user(g)
	if err != nil {
		return err
	}
	ctx, t := g.Request.Context(), typedVariable(g.Request.PostForm, userFields)
	t["name"] = u.Name
	edit := userOf(t)
	edit.ID, edit.Version = u.ID, number(g.PostForm("version"))
	if g.PostForm("objectId") != u.ID { // what was edited is another one: this has its name
		return &models.StaleError{Kind: models.KindUser, Name: u.Name, Deleted: true}
	}
	saved, err := c.store.SaveUser(ctx, visit.From(ctx).Actor(), edit)
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		// The form is of the user as it is now: saving again puts mine over it.
		changed := fmt.Sprintf("%s changed this user while you were editing: role %s, %s.", stale.By, roleLabel(u.Role), lockedWord(u.Locked))
		return c.showUser(g, http.StatusConflict, u, people.Form{Values: t, Changed: changed})
	}
	if l := problem.Of(err); l != nil {
		return c.showUser(g, http.StatusUnprocessableEntity, u, people.Form{Values: t, Problems: l, Unsaved: true})
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, savedUser(u, saved))
	return redirect(g, link.Users)
}

func lockedWord(locked bool) string {
	if locked {
		return "locked"
	}
	return "not locked"
}

// savedUser says what a save has done, above all what ended.
func savedUser(before, after models.User) string {
	switch {
	case after.Locked && !before.Locked:
		return after.Name + " was locked and is signed out everywhere."
	case after.LoginType == models.LoginLocal && before.LoginType == models.LoginLDAP:
		return after.Name + " was saved. Reset the password to give one to sign in with."
	}
	return after.Name + " was saved."
}

// LockUser locks or unlocks from the list.
func (c *Console) LockUser(g *gin.Context) error {
	u, err := c.user(g)
	if err != nil {
		return err
	}
	ctx, edit := g.Request.Context(), u
	edit.Version, edit.Locked = number(g.PostForm("version")), g.PostForm("locked") == "true"
	saved, err := c.store.SaveUser(ctx, visit.From(ctx).Actor(), edit)
	if err != nil {
		return err
	}
	said := savedUser(u, saved)
	if u.Locked && !saved.Locked {
		said = saved.Name + " was unlocked."
	}
	visit.From(ctx).Say(ctx, visit.Success, said)
	return redirect(g, link.Users)
}

// ConfirmResetUser asks.
func (c *Console) ConfirmResetUser(g *gin.Context) error {
	u, err := c.user(g)
	if err != nil {
		return err
	}
	return c.ask(g, http.StatusOK, "Reset password", userCrumbs(layout.Crumb{Label: u.Name}, layout.Crumb{Label: "Password"}), ui.Confirm{
		Title: "Reset the password of " + u.Name + "?", Text: "A new one is made up and shown once. It has to be changed at the next sign-in.",
		Effects: []string{"The password that " + u.Name + " has now opens nothing any more", "All sessions end, and personal tokens rest until a password is chosen"},
		Action:  link.UserPassword(u.Name), Label: "Reset password", Cancel: link.Users,
	})
}

func (c *Console) ask(g *gin.Context, status int, title string, crumbs []layout.Crumb, q ui.Confirm) error {
	frame, err := c.frame(g, title, models.Project{}, crumbs...)
	if err != nil {
		return err
	}
	return render(g, status, people.AskPage(frame, q))
}

// ResetUser makes a new password and shows it, once.
func (c *Console) ResetUser(g *gin.Context) error {
	u, err := c.user(g)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	password, err := c.store.ResetPassword(ctx, visit.From(ctx).Actor(), u.Name)
	if err != nil {
		return err
	}
	return c.showPassword(g, u.Name, password)
}

// ConfirmDeleteUser asks.
func (c *Console) ConfirmDeleteUser(g *gin.Context) error {
	u, err := c.user(g)
	if err != nil {
		return err
	}
	return c.askDeleteUser(g, http.StatusOK, u, "", "")
}

func (c *Console) askDeleteUser(g *gin.Context, status int, u models.User, typed, refused string) error {
	ctx := g.Request.Context()
	projects, err := c.store.ProjectsWith(ctx, u.ID, "")
	if err != nil {
		return err
	}
	tokens, err := c.store.PersonalTokens(ctx, u.ID)
	if err != nil {
		return err
	}
	return c.ask(g, status, "Delete "+u.Name, userCrumbs(layout.Crumb{Label: u.Name}, layout.Crumb{Label: "Delete"}), ui.Confirm{
		Title: "Delete " + u.Name + "?", Text: "It cannot be taken back. What " + u.Name + " made stays, and the audit keeps the name. Lock the user instead to keep the account.",
		Effects: []string{
			"Memberships that end: " + strconv.Itoa(len(projects)), "Personal tokens that are worthless from then on: " + strconv.Itoa(len(tokens)), "All sessions end",
		},
		Name: u.Name, Typed: typed, Error: refused, Action: link.UserDelete(u.Name), Label: "Delete user", Cancel: link.Users, Hidden: hiddenOf(u.ID, u.Version),
	})
}

// DeleteUser deletes, with the name typed.
func (c *Console) DeleteUser(g *gin.Context) error {
	u, err := c.user(g)
	if err != nil {
		return err
	}
	if typed := g.PostForm("confirm"); typed != u.Name {
		return c.askDeleteUser(g, http.StatusUnprocessableEntity, u, typed, "Type the name exactly as it is: "+u.Name+".")
	}
	ctx := g.Request.Context()
	err = c.store.DeleteUser(ctx, visit.From(ctx).Actor(), g.PostForm("objectId"), number(g.PostForm("version")))
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return c.askDeleteUser(g, http.StatusConflict, u, "", notDeletedText(stale))
	}
	if l := problem.Of(err); l != nil {
		return c.askDeleteUser(g, http.StatusUnprocessableEntity, u, u.Name, l[0].Message)
	}
	if err != nil {
		return err
	}
	visit.From(ctx).Say(ctx, visit.Success, u.Name+" was deleted.")
	return redirect(g, link.Users)
}
