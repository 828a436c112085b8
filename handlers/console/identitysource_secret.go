package console

import (
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// heldFor is how long a page may carry a secret before it has to be typed again.
const heldFor = 30 * time.Minute

// entered are the secrets of a form that was sent.
type entered struct {
	// given are those that a save would change: one that is absent stays as it
	// is stored, one that is there and empty is removed.
	given map[string]secret.Text
	// back are those of given that the page must carry if it comes back without
	// a save, sealed: where JavaScript runs, what was typed stays in its control
	// (assets/js/keep.ts) and needs no way back.
	back map[string]secret.Text
	// lost are what is wrong where a page carried a secret that opens no more.
	lost problem.List
}

// entered takes the secrets out of what was typed, for no page may carry them
// back in the open.
func (e *sourceEditor) entered(v webidentity.Values) entered {
	in := entered{given: map[string]secret.Text{}, back: map[string]secret.Text{}}
	for _, f := range e.kind.Secrets {
		typed, held := v[webidentity.SecretName(f.Name)], v[webidentity.HeldName(f.Name)]
		delete(v, webidentity.SecretName(f.Name))
		delete(v, webidentity.HeldName(f.Name))
		if f.Multiline {
			typed = strings.TrimSpace(strings.ReplaceAll(typed, "\r\n", "\n"))
		}
		switch {
		case typed != "":
			v.Tick(webidentity.RemoveName(f.Name), false) // a new one is no removal, also once it comes back
			in.given[f.Name] = secret.New(typed)
			if !isHTMX(e.g) {
				in.back[f.Name] = in.given[f.Name]
			}
		case v.On(webidentity.RemoveName(f.Name)):
			in.given[f.Name] = secret.Text{}
		case held != "":
			e.unseal(&in, f.Name, held)
		}
	}
	return in
}

// unseal reads a secret that an earlier page carried. One that has become
// unreadable must be missed: without a word, a save would keep another one.
func (e *sourceEditor) unseal(in *entered, field, held string) {
	text, ok := e.c.store.HeldSecret(held, e.heldPlace(field), e.c.now())
	if !ok {
		in.lost.Add(field, "Enter it again: what you typed was kept for %d minutes, while you were signed in.", int(heldFor.Minutes()))
		return
	}
	in.given[field], in.back[field] = text, text
}

// sealed are the secrets for the page that comes back, by field name.
func (e *sourceEditor) sealed(in entered) (map[string]string, error) {
	held := map[string]string{}
	for field, text := range in.back {
		var err error
		if held[field], err = e.c.store.HoldSecret(text, e.heldPlace(field), e.c.now().Add(heldFor)); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// heldPlace binds what a page carries to the session that typed it, and to the
// field: nobody else, and no other form, can make use of it.
func (e *sourceEditor) heldPlace(field string) string {
	ctx := e.g.Request.Context()
	return strings.Join([]string{visit.From(ctx).User.ID, e.c.sessions.Token(ctx), e.project.ID, string(e.kind.Name), field}, "/")
}

// typedPage is the form with what was typed in it.
func (e *sourceEditor) typedPage(values webidentity.Values, in entered) (webidentity.FormPage, error) {
	held, err := e.sealed(in)
	return webidentity.FormPage{Values: values, Held: held, Problems: in.lost, Unsaved: true}, err
}
