package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/keys"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// copiesKept is how long others may keep a copy of the published keys.
const copiesKept = 5 * time.Minute

// keyCase is one visit to a question about one key.
type keyCase struct {
	*keyDesk
	key  models.Key
	live models.LiveTokens
}

func (c *Console) keyCase(g *gin.Context) (*keyCase, error) {
	d, err := c.keyDesk(g)
	if err != nil {
		return nil, err
	}
	k, err := d.key()
	if err != nil {
		return nil, err
	}
	if k.State.Ended() {
		return nil, models.ErrNotFound
	}
	live, err := c.store.LiveTokens(g.Request.Context(), k)
	return &keyCase{d, k, live}, err
}

// ask shows a question about the key.
func (k *keyCase) ask(status int, q ui.Confirm) error {
	q.Cancel = k.list()
	frame, err := k.frame(q.Title, layout.Crumb{Label: q.Label})
	if err != nil {
		return err
	}
	return render(k.g, status, keys.Ask(frame, q))
}

// refused shows a question again with why the answer changed nothing.
func (k *keyCase) refused(q ui.Confirm, problems problem.List) error {
	var messages []string
	for _, p := range problems {
		messages = append(messages, p.Message)
	}
	q.Error = strings.Join(messages, " ")
	return k.ask(http.StatusUnprocessableEntity, q)
}

// dying says how many of the key's tokens end with it, and whose they are.
func (k *keyCase) dying() string { return dying(k.live) }

func dying(live models.LiveTokens) string {
	if live.Total == 0 {
		return "The log of token requests has no token of it that is still alive"
	}
	how, among := countOf(live.Total, "live token is", "live tokens are"), ": of "
	if live.Capped {
		how, among = "More than "+how, ", among them those of "
	}
	return how + " refused from then on, as far as the log of token requests goes back" + among + ownersOf(live)
}

// ownersOf names those with the most live tokens. Where these were not all counted,
// a number would say too little.
func ownersOf(live models.LiveTokens) string {
	const shown = 5
	var whose []string
	for i, o := range live.Owners {
		switch {
		case i == shown:
			return strings.Join(append(whose, fmt.Sprintf("%d more", len(live.Owners)-shown)), ", ")
		case live.Capped:
			whose = append(whose, o.Owner)
		default:
			whose = append(whose, fmt.Sprintf("%s (%d)", o.Owner, o.Tokens))
		}
	}
	return strings.Join(whose, ", ")
}

// kidIfLive must be typed where tokens die.
func (k *keyCase) kidIfLive() string {
	if k.live.Total > 0 || k.key.Unending {
		return k.key.Kid
	}
	return ""
}

// ConfirmRotateKey asks before another key signs.
func (c *Console) ConfirmRotateKey(g *gin.Context) error {
	k, err := c.keyCase(g)
	if err == nil && k.key.State != models.KeyActive {
		err = models.ErrNotFound
	}
	if err != nil {
		return err
	}
	q, err := k.rotation()
	if err != nil {
		return err
	}
	return k.ask(http.StatusOK, q)
}

func (k *keyCase) rotation() (ui.Confirm, error) {
	in, err := k.turn(k.key.KeySlot)
	if err != nil {
		return ui.Confirm{}, err
	}
	next := in.next
	q := ui.Confirm{
		Title: "Rotate the key for " + k.key.KeySlot.String() + "?", Text: "No valid token is refused: the present key goes on verifying what it signed.",
		Action: link.KeyRotate(k.environment.Name, k.key.ID), Label: "Rotate", Kind: ui.Primary,
	}
	if next.ID == "" {
		q.Effects = append(q.Effects, "A new key is made and published, and signs as soon as every gateway node knows it")
	} else {
		q.Effects = append(q.Effects, "The next key signs: "+next.Kid)
	}
	q.Effects = append(q.Effects, k.afterwards())
	if next.ID == "" || k.fresh(next) {
		q.Effects = append(q.Effects, tooFresh+" Prepare the next key and rotate later to avoid that")
	}
	return q, nil
}

// tooFresh is what comes of signing with a key that others may not have read.
const tooFresh = "Whoever verifies tokens without the gateway may keep a copy of the published keys for five minutes and refuse new tokens until then."

func (k *keyCase) fresh(next models.Key) bool { return k.c.now().Sub(next.CreatedAt) < copiesKept }

// afterwards says how long the present key is kept.
func (k *keyCase) afterwards() string {
	if k.key.Unending {
		return "The present key is kept for ever: tokens that never expire may have been signed with it"
	}
	return "The present key is kept until its last token has expired, in about " + lasts(k.key.MaxToken)
}

// RotateKey lets the next key sign.
func (c *Console) RotateKey(g *gin.Context) error {
	k, err := c.keyCase(g)
	if err != nil {
		return err
	}
	r, err := c.store.RotateKey(g.Request.Context(), k.v.Actor(), k.key.KeySlot, k.key.Kid)
	if problems := problem.Of(err); problems != nil {
		q, err := k.rotation()
		if err != nil {
			return err
		}
		return k.refused(q, problems)
	}
	if err != nil {
		return err
	}
	k.sayWhoSigns(r.New)
	return redirect(g, k.list())
}

func (d *keyDesk) sayWhoSigns(k models.Key) {
	d.v.Say(d.g.Request.Context(), visit.Success, fmt.Sprintf("The key %s signs for %s from now on.", k.Kid, k.KeySlot))
}

// ConfirmStartKey asks before the first key of its slot signs.
func (c *Console) ConfirmStartKey(g *gin.Context) error {
	k, err := c.keyCase(g)
	if err != nil {
		return err
	}
	in, err := k.turn(k.key.KeySlot)
	if err == nil && !startable(k.key, in) {
		err = models.ErrNotFound
	}
	if err != nil {
		return err
	}
	return k.ask(http.StatusOK, k.start())
}

func (k *keyCase) start() ui.Confirm {
	q := ui.Confirm{
		Title: "Start signing with the key " + k.key.Kid + "?", Text: "Nothing signs for " + k.key.KeySlot.String() + " yet, so no valid token is refused.",
		Action: link.KeyStart(k.environment.Name, k.key.ID), Label: "Start signing", Kind: ui.Primary,
		Effects: []string{
			"It signs as soon as every gateway node knows it",
			k.signers(),
			"From then on it is replaced by a rotation, or revoked; it cannot be thrown away any more",
		},
	}
	if k.fresh(k.key) {
		q.Effects = append(q.Effects, tooFresh+" Start it later to avoid that")
	}
	return q
}

// signers says whose tokens the first key of a slot signs.
func (k *keyCase) signers() string {
	if k.key.Own() {
		return fmt.Sprintf("Policies that sign with %s and name no key use it once they are deployed to %s; otherwise the first such deploy makes another key", k.key.Algorithm, k.environment.Name)
	}
	return fmt.Sprintf("Policies of %s that name the key %s can be deployed to %s then, and sign with it", k.key.Project, k.key.Name, k.environment.Name)
}

// StartKey lets a next key sign where none does.
func (c *Console) StartKey(g *gin.Context) error {
	k, err := c.keyCase(g)
	if err != nil {
		return err
	}
	r, err := c.store.StartKey(g.Request.Context(), k.v.Actor(), k.environment.Name, k.key.ID)
	if problems := problem.Of(err); problems != nil {
		return k.refused(k.start(), problems)
	}
	if err != nil {
		return err
	}
	k.sayWhoSigns(r.New)
	return redirect(g, k.list())
}

// ConfirmRetireKey asks before a key ends before its time.
func (c *Console) ConfirmRetireKey(g *gin.Context) error {
	k, err := c.keyCase(g)
	if err == nil && k.key.State == models.KeyActive {
		err = models.ErrNotFound
	}
	if err != nil {
		return err
	}
	return k.ask(http.StatusOK, k.retirement())
}

func (k *keyCase) retirement() ui.Confirm {
	q := ui.Confirm{
		Title: "Retire the key " + k.key.Kid + " now?", Text: "Its private half is deleted. It cannot be taken back.",
		Action: link.KeyRetire(k.environment.Name, k.key.ID), Label: "Retire now", Name: k.kidIfLive(), Typed: k.g.PostForm("confirm"),
	}
	switch {
	case k.key.State == models.KeyNext:
		q.Effects = []string{"It has signed nothing yet; a rotation makes another one"}
	case k.key.Unending:
		q.Effects = []string{"Tokens that never expire may have been signed with it; all of them are refused from then on", k.dying()}
	default:
		q.Effects = []string{"It retires by itself " + ui.Relative(k.key.RetireAt, k.c.now()) + ", when its last token has expired", k.dying()}
	}
	return q
}

// RetireKey ends a key before its time.
func (c *Console) RetireKey(g *gin.Context) error {
	k, err := c.keyCase(g)
	if err != nil {
		return err
	}
	return k.end(k.retirement(), func() (string, error) {
		_, err := c.store.RetireKey(g.Request.Context(), k.v.Actor(), k.environment.Name, k.key.ID)
		return "The key " + k.key.Kid + " was retired.", err
	})
}

// end carries out what a question asked, once the name is typed where it must
// be.
func (k *keyCase) end(q ui.Confirm, do func() (string, error)) error {
	if q.Name != "" && q.Typed != q.Name {
		return k.refused(q, problem.List{{Message: "Type it exactly as it is: " + q.Name + "."}})
	}
	text, err := do()
	if problems := problem.Of(err); problems != nil {
		return k.refused(q, problems)
	}
	if err != nil {
		return err
	}
	k.v.Say(k.g.Request.Context(), visit.Success, text)
	return redirect(k.g, k.list())
}

// ConfirmRevokeKey asks before a key is taken away at once.
func (c *Console) ConfirmRevokeKey(g *gin.Context) error {
	k, err := c.keyCase(g)
	if err != nil {
		return err
	}
	return k.ask(http.StatusOK, k.revocation())
}

func (k *keyCase) revocation() ui.Confirm {
	q := ui.Confirm{
		Title:   "Revoke the key " + k.key.Kid + "?",
		Text:    "For an emergency: somebody else may have the private half. To replace a key in peace, rotate it instead.",
		Effects: []string{k.dying()},
		Action:  link.KeyRevoke(k.environment.Name, k.key.ID), Label: "Revoke key", Name: k.key.Kid, Typed: k.g.PostForm("confirm"),
	}
	if k.key.Unending {
		q.Effects = append(q.Effects, "Tokens that never expire may have been signed with it; all of them are refused too")
	}
	if k.key.State == models.KeyActive {
		q.Effects = append(q.Effects, "Another key for "+k.key.KeySlot.String()+" signs from the same moment; clients have to get new tokens")
	}
	q.Effects = append(q.Effects, "It is gone from every gateway node within moments, and its private half is deleted")
	return q
}

// RevokeKey takes a key away at once, once its id is typed.
func (c *Console) RevokeKey(g *gin.Context) error {
	k, err := c.keyCase(g)
	if err != nil {
		return err
	}
	return k.end(k.revocation(), func() (string, error) {
		done, err := c.store.RevokeKey(g.Request.Context(), k.v.Actor(), k.environment.Name, k.key.ID)
		text := fmt.Sprintf("The key %s was revoked. %s.", k.key.Kid, countOf(done.Live.Total, "live token ended", "live tokens ended"))
		if done.New.ID != "" {
			text += " The key " + done.New.Kid + " signs instead."
		}
		return text, err
	})
}

// ConfirmDeleteKey asks before a name goes from a key store.
func (c *Console) ConfirmDeleteKey(g *gin.Context) error {
	k, err := c.keyCase(g)
	if err == nil && k.key.Own() {
		err = models.ErrNotFound
	}
	if err != nil {
		return err
	}
	return k.ask(http.StatusOK, k.deletion())
}

func (k *keyCase) deletion() ui.Confirm {
	return ui.Confirm{
		Title: fmt.Sprintf("Delete %s from the key store of %s?", k.key.Name, k.key.Project), Text: "With all its keys in " + k.environment.Name + ". It cannot be taken back.",
		Effects: []string{k.dying(), "Other environments keep their keys of that name"},
		Action:  link.KeyDelete(k.environment.Name, k.key.ID), Label: "Delete key", Name: k.key.Name, Typed: k.g.PostForm("confirm"),
	}
}

// DeleteKey removes a name from a key store, once it is typed.
func (c *Console) DeleteKey(g *gin.Context) error {
	k, err := c.keyCase(g)
	if err == nil && k.key.Own() {
		err = models.ErrNotFound
	}
	if err != nil {
		return err
	}
	return k.end(k.deletion(), func() (string, error) {
		_, err := c.store.DeleteNamedKey(g.Request.Context(), k.v.Actor(), k.environment.Name, k.key.ProjectID, k.key.Name)
		return k.key.Name + " was deleted from the key store.", err
	})
}
