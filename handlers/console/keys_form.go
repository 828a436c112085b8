package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	enginekeys "github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/keys"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
)

// newKeyLike is the form filled in for the successor of a key.
func newKeyLike(k models.Key) string {
	q := url.Values{"algorithm": {string(k.Algorithm)}}
	if !k.Own() {
		q.Set("project", k.Project)
		q.Set("name", k.Name)
	}
	return link.NewKey(k.Environment) + "?" + q.Encode()
}

// NewKey is the form that makes or uploads a key; the address may fill it in.
func (c *Console) NewKey(g *gin.Context) error {
	d, err := c.keyDesk(g)
	if err != nil {
		return err
	}
	f := keys.Form{Project: g.Query("project"), Name: g.Query("name"), Algorithm: g.Query("algorithm"), How: keys.Generate, When: keys.Next}
	if f.Algorithm == "" {
		f.Algorithm = string(enginekeys.RS256)
	}
	return d.showForm(http.StatusOK, f)
}

func (d *keyDesk) showForm(status int, f keys.Form) error {
	projects, err := d.c.store.Projects(d.g.Request.Context())
	if err != nil {
		return err
	}
	for _, p := range projects {
		f.Projects = append(f.Projects, p.Name)
	}
	f.Environment, f.Action, f.Cancel = d.environment.Name, link.NewKey(d.environment.Name), d.list()
	frame, err := d.frame("Add key", layout.Crumb{Label: "Add key"})
	if err != nil {
		return err
	}
	return render(d.g, status, keys.Edit(frame, f))
}

// AddKey makes or uploads a key.
func (c *Console) AddKey(g *gin.Context) error {
	d, err := c.keyDesk(g)
	if err != nil {
		return err
	}
	f := keys.Form{
		Project: g.PostForm("project"), Name: strings.TrimSpace(g.PostForm("name")), Algorithm: g.PostForm("algorithm"),
		How: g.PostForm("how"), Kid: strings.TrimSpace(g.PostForm("kid")), When: g.PostForm("when"),
	}
	k, err := d.add(f)
	if problems := problem.Of(err); problems != nil {
		f.Problems = problems
		return d.showForm(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	if k.State == models.KeyActive {
		d.sayWhoSigns(k)
		return redirect(g, d.list())
	}
	in, err := d.turn(k.KeySlot)
	if err != nil {
		return err
	}
	when := "It signs after a rotation."
	if startable(k, in) {
		when = "No key signs there yet: it does when you start it."
	}
	d.v.Say(g.Request.Context(), visit.Success, fmt.Sprintf("The next key for %s is published: %s. %s", k.KeySlot, k.Kid, when))
	return redirect(g, d.list())
}

// add does what the form asks for.
func (d *keyDesk) add(f keys.Form) (models.Key, error) {
	slot, err := d.slot(f)
	if err != nil {
		return models.Key{}, err
	}
	ctx, by := d.g.Request.Context(), d.v.Actor()
	var l problem.List
	if f.How != keys.Generate && f.How != keys.Upload {
		l.Add("how", "Choose whether to generate or to upload the key.")
	}
	if f.When != keys.Next && f.When != keys.AtOnce {
		l.Add("when", "Choose when the key signs.")
	}
	switch {
	case len(l) > 0:
		return models.Key{}, l
	case f.How == keys.Upload:
		text := secret.New(d.g.PostForm("key"))
		return d.c.store.UploadKey(ctx, by, slot, models.KeyUpload{Text: text, Kid: f.Kid, AtOnce: f.When == keys.AtOnce})
	}
	next, err := d.c.store.PrepareNextKey(ctx, by, slot)
	if err != nil || f.When == keys.Next {
		return next, err
	}
	return d.rotateTo(next)
}

// rotateTo makes a key sign that has just been made.
func (d *keyDesk) rotateTo(next models.Key) (models.Key, error) {
	in, err := d.turn(next.KeySlot)
	if err != nil {
		return next, err
	}
	r, err := d.c.store.RotateKey(d.g.Request.Context(), d.v.Actor(), next.KeySlot, in.active.Kid)
	return r.New, err
}

// slot is what the key of a form is for.
func (d *keyDesk) slot(f keys.Form) (models.KeySlot, error) {
	slot := models.KeySlot{Environment: d.environment.Name, Algorithm: enginekeys.Algorithm(f.Algorithm)}
	if f.Project == "" {
		return slot, nil // a name that was typed before the environment was chosen means nothing
	}
	project, err := d.c.project(d.g.Request.Context(), f.Project)
	slot.ProjectID, slot.Name = project.ID, f.Name
	return slot, err
}

// EditKeySchedule asks how keys are to be rotated by themselves.
func (c *Console) EditKeySchedule(g *gin.Context) error {
	d, err := c.keyDesk(g)
	if err != nil {
		return err
	}
	s, err := c.store.KeySchedule(g.Request.Context(), d.environment.Name)
	if err != nil {
		return err
	}
	return d.showSchedule(http.StatusOK, keys.ScheduleForm{
		RotateEvery: strconv.Itoa(int(s.RotateEvery / day)), PublishAhead: strconv.Itoa(int(s.PublishAhead / time.Hour)), Version: strconv.Itoa(s.Version),
	})
}

func (d *keyDesk) showSchedule(status int, f keys.ScheduleForm) error {
	f.Action, f.Cancel = link.KeySchedule(d.environment.Name), d.list()
	frame, err := d.frame("Rotation schedule", layout.Crumb{Label: "Schedule"})
	if err != nil {
		return err
	}
	audited(d.g, &frame, "", d.environment.ID)
	return render(d.g, status, keys.EditSchedule(frame, f))
}

// SaveKeySchedule saves it.
func (c *Console) SaveKeySchedule(g *gin.Context) error {
	d, err := c.keyDesk(g)
	if err != nil {
		return err
	}
	f := keys.ScheduleForm{
		RotateEvery: strings.TrimSpace(g.PostForm("rotateEvery")), PublishAhead: strings.TrimSpace(g.PostForm("publishAhead")), Version: g.PostForm("version"),
	}
	var l problem.List
	s := models.KeySchedule{
		RotateEvery:  time.Duration(whole(&l, "rotateEvery", f.RotateEvery, int(models.MaxRotateEvery/day))) * day,
		PublishAhead: time.Duration(whole(&l, "publishAhead", f.PublishAhead, int(models.MaxRotateEvery/time.Hour))) * time.Hour,
	}
	s.Version = number(f.Version)
	if len(l) == 0 {
		_, err = c.store.SaveKeySchedule(g.Request.Context(), d.v.Actor(), d.environment.Name, s)
		l = problem.Of(err)
	}
	if len(l) > 0 {
		f.Problems = l
		return d.showSchedule(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	d.v.Say(g.Request.Context(), visit.Success, "The rotation schedule of "+d.environment.Name+" was saved.")
	return redirect(g, d.list())
}

// whole reads a number from 0 to most.
func whole(l *problem.List, field, typed string, most int) int {
	n, err := strconv.Atoi(typed)
	if err != nil || n < 0 || n > most {
		l.Add(field, "Enter a whole number from 0 to %d.", most)
		return 0
	}
	return n
}
