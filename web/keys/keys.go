// Package keys owns the pages of signing keys: the list of an environment, one key, the form that makes or uploads one,
// and the schedule. Private halves never reach it.
package keys

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	enginekeys "github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/ui"
)

// FormID is the id of the form of a new key.
const FormID = "key-form"

// The choices of the form.
const (
	Generate = "generate"
	Upload   = "upload"
	Next     = "next"
	AtOnce   = "atOnce"
)

// Row is a key as the list and its page show it.
type Row struct {
	Kid, Algorithm string
	Name, Project  string // of a key store entry; empty for the environment's own
	Length         string // "2048 bits"
	Source         string // "Generated" or "Uploaded"
	State          ui.State
	Made           time.Time
	By             string
	// Signs, Retiring and Ended are zero until it happened.
	Signs, Retiring, Ended time.Time
	// Retires is when a retiring key goes; zero with Pinned, and while it signs.
	Retires time.Time
	// Pinned tells that it may have signed tokens that never expire (D8).
	Pinned bool
	// Longest is the longest lifetime of its tokens in words.
	Longest string
	// Users are the first of the UsersOf policies that sign with it.
	Users   []User
	UsersOf int
	// Addresses; empty for what cannot be done, or not by this visitor.
	Href, Prepare, Rotate, Start, Retire, Revoke, Delete, JWK, PEM string
}

// User is a deployed policy that signs with the key.
type User struct{ Policy, Proxy, Lifetime, Href string }

// Label is what the key is for.
func (r Row) Label() string {
	if r.Name == "" {
		return r.Algorithm
	}
	return r.Name + " (" + r.Algorithm + ")"
}

func (r Row) acts() bool { return r.Prepare+r.Rotate+r.Start+r.Retire+r.Revoke+r.Delete != "" }

// UsersNamed is how many policies the list names of each key.
const UsersNamed = 3

// usersText names the first few policies that sign.
func (r Row) usersText() string {
	var names []string
	for _, u := range r.Users[:min(len(r.Users), UsersNamed)] {
		names = append(names, u.Policy+" on "+u.Proxy)
	}
	text := strings.Join(names, ", ")
	if more := r.UsersOf - len(names); more > 0 {
		return fmt.Sprintf("%s and %d more", text, more)
	}
	return text
}

// Page is the list of an environment.
type Page struct {
	Environment string
	// JWKS is the address of the published keys.
	JWKS     string
	Own      []Row
	Named    []Row
	Ended    []Row
	Schedule Schedule
	New      string // address; empty when the visitor may only look
	Now      time.Time
}

// Schedule is how keys are rotated by themselves.
type Schedule struct {
	// RotateDays is 0 when there is no schedule.
	RotateDays, PublishHours int
	Edit                     string
}

func (s Schedule) text() string {
	if s.RotateDays == 0 {
		return "Off. Keys are rotated by hand."
	}
	return fmt.Sprintf("A generated key is replaced after %s. Its successor is published %s before it signs.",
		counted(s.RotateDays, "day", "days"), counted(s.PublishHours, "hour", "hours"))
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// state is what a state means, in plain words.
type state struct {
	state ui.State
	text  string
}

// states are all states in the order of a key's life.
var states = []state{
	{StateNext, "Published, so that everybody knows it in time. Signs nothing until a rotation, or, where no key signs yet, until it is started."},
	{ui.StateActive, "Signs every new token of its algorithm."},
	{StateRetiring, "Signs no longer. Still verifies the tokens that it signed, until the last one has expired."},
	{StateRetired, "All its tokens have expired. It is published no longer and its private half is deleted."},
	{StateRevoked, "Taken away in an emergency. Its tokens are refused although they have not expired."},
}

// The states of a key beside active.
const (
	StateNext     = ui.StateNext
	StateRetiring = ui.StateRetiring
	StateRetired  = ui.StateRetired
	StateRevoked  = ui.StateRevoked
)

func columns(first string) []ui.Column {
	return []ui.Column{{Label: first}, {Label: "Key id"}, {Label: "State", Tight: true}, {Label: "Signs since"}, {Label: "Retires"}, {Label: "Signs for"}, {Label: "Actions", Hidden: true, Tight: true}}
}

// Detail is the page of one key.
type Detail struct {
	Row  Row
	Live string // how many live tokens it has, in words
	JWK  string // the public half; empty for a shared secret and for a key that has ended
	PEM  string
	Now  time.Time
}

// Form makes or uploads a key. Its members are as they were typed.
type Form struct {
	Environment, Action, Cancel        string
	Project, Name, Algorithm, How, Key string
	Kid, When                          string
	Projects                           []string
	Problems                           problem.List
}

func (f Form) labels() map[string]string {
	return map[string]string{"project": "Belongs to", "name": "Name", "algorithm": "Algorithm", "how": "Key", "key": "Key text", "kid": "Key id", "when": "Signs"}
}

func (f Form) field(name string) ui.Field {
	return ui.Field{Name: name, Label: f.labels()[name], Error: f.Problems.For(name)}
}

func (f Form) projects() (ui.Field, []ui.OptionGroup) {
	field := f.field("project")
	field.Value, field.Required = f.Project, true
	field.Help = "The environment's own keys sign for every policy that names no key. A key of a project's key store signs only for policies that name it."
	own := ui.OptionGroup{Options: []ui.Option{{Label: "The environment " + f.Environment}}}
	stores := ui.OptionGroup{Label: "Key store of the project"}
	for _, p := range f.Projects {
		stores.Options = append(stores.Options, ui.Option{Value: p, Label: p})
	}
	return field, []ui.OptionGroup{own, stores}
}

func (f Form) name() ui.Field {
	field := f.field("name")
	field.Value, field.Required, field.Max = f.Name, true, problem.MaxName
	field.Help = "What policies call it, in every environment alike."
	return field
}

func (f Form) algorithm() (ui.Field, []ui.OptionGroup) {
	field := f.field("algorithm")
	field.Value, field.Required = f.Algorithm, true
	titles := map[enginekeys.Kind]string{
		enginekeys.RSA: "RSA", enginekeys.PSS: "RSA-PSS", enginekeys.ECDSA: "Elliptic curves", enginekeys.Ed: "Edwards curves", enginekeys.HMAC: "Shared secrets",
	}
	var groups []ui.OptionGroup
	for _, a := range enginekeys.Algorithms() {
		if title := titles[a.Kind()]; len(groups) == 0 || groups[len(groups)-1].Label != title {
			groups = append(groups, ui.OptionGroup{Label: title})
		}
		g := &groups[len(groups)-1]
		g.Options = append(g.Options, ui.Option{Value: string(a), Label: string(a), Text: a.Advice() + " " + a.Cost()})
	}
	return field, groups
}

func (f Form) how() (ui.Field, []ui.Card) {
	field := f.field("how")
	field.Value = f.How
	return field, []ui.Card{
		{Value: Generate, Label: "Generate", Text: "The gateway makes it. Nobody ever sees the private half.", Tag: "Recommended"},
		{Value: Upload, Label: "Upload", Text: "You have one already, made elsewhere. Weak and unfit keys are refused."},
	}
}

// key never gets a value back: a private key must not return to the browser.
func (f Form) key() ui.Field {
	field := f.field("key")
	field.Required, field.Mono, field.Rows = true, true, 10
	field.Help = "PEM (PKCS #8, PKCS #1 or SEC 1, not encrypted) or a JWK, with the private half; a shared secret as a JWK. It is sealed when it is saved and never shown again, also not when something else in this form is wrong."
	return field
}

func (f Form) kid() ui.Field {
	field := f.field("kid")
	field.Value, field.Mono, field.Max = f.Kid, true, 128
	field.Help = "The kid in the tokens. Empty: the one in the JWK, else the key's thumbprint (RFC 7638)."
	return field
}

func (f Form) when() (ui.Field, []ui.Card) {
	field := f.field("when")
	field.Value = f.When
	return field, []ui.Card{
		{Value: Next, Label: "With the next rotation", Text: "It is published at once and signs when you rotate to it, or when the schedule does. Where no key signs yet, you start it.", Tag: "Recommended"},
		{Value: AtOnce, Label: "At once", Text: "As soon as every gateway node knows it. Whoever verifies tokens without the gateway may keep a copy of the published keys for five minutes and refuse new tokens until then."},
	}
}

// ScheduleForm is the schedule as it was typed.
type ScheduleForm struct {
	Action, Cancel            string
	RotateEvery, PublishAhead string
	Version                   string
	Problems                  problem.List
}

func (f ScheduleForm) rotateEvery() ui.Field {
	return ui.Field{
		Name: "rotateEvery", Label: "Replace a key after", Value: f.RotateEvery, Error: f.Problems.For("rotateEvery"), Required: true, Narrow: true,
		Help: "0 switches the schedule off, which is the default. Uploaded keys are never replaced by it.",
	}
}

func (f ScheduleForm) publishAhead() ui.Field {
	return ui.Field{
		Name: "publishAhead", Label: "Publish its successor", Value: f.PublishAhead, Error: f.Problems.For("publishAhead"), Required: true, Narrow: true,
		Help: "Before it signs, so that others who verify tokens have read it. Default 24.",
	}
}

// menuID is the part of the key's address that is its own, fit for an id.
func (r Row) menuID() string { return r.Href[strings.LastIndexByte(r.Href, '/')+1:] }
