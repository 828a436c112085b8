package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/keys"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// keyDesk is one visit to the keys of an environment.
type keyDesk struct {
	c           *Console
	g           *gin.Context
	v           *visit.Visit
	environment models.Environment
}

// keyDesk finds the environment that the address names, and reads the form
// where there is one.
func (c *Console) keyDesk(g *gin.Context) (*keyDesk, error) {
	if err := g.Request.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	ctx := g.Request.Context()
	e, err := c.store.Environment(ctx, g.Param("environment"))
	if err != nil {
		return nil, err
	}
	return &keyDesk{c: c, g: g, v: visit.From(ctx), environment: e}, nil
}

func (d *keyDesk) list() string { return link.Keys(d.environment.Name) }

// frame is the shell of the pages. The chooser on top leads to the keys of the
// environment that is chosen there.
func (d *keyDesk) frame(title string, more ...layout.Crumb) (layout.Props, error) {
	crumbs := []layout.Crumb{{Label: "Administration"}, {Label: "Keys", Href: d.list()}}
	p, err := d.c.frame(d.g, title, models.Project{}, append(crumbs, more...)...)
	if err != nil {
		return p, err
	}
	chooseEnvironment(&p, d.environment.Name, link.Keys)
	return p, nil
}

// chooseEnvironment shows an environment as chosen on top, and lets the chooser
// lead to the page of another one.
func chooseEnvironment(p *layout.Props, chosen string, page func(environment string) string) {
	for i := range p.Environment.Options {
		o := &p.Environment.Options[i]
		if o.Current = o.Label == chosen; o.Current {
			p.Environment.Current, p.Environment.Colour = o.Label, o.Colour
		}
		o.Hidden = []ui.Hidden{{Name: "environment", Value: o.Label}, {Name: "return", Value: page(o.Label)}}
	}
	if len(p.Environment.More) > 0 {
		p.Environment.More = moreOn(chosen)
	}
}

// withKeys adds the keys of the chosen environment to a menu.
func withKeys(nav []layout.NavSection, environments []models.Environment, chosen, current string) []layout.NavSection {
	if len(environments) == 0 {
		return nav
	}
	i := slices.IndexFunc(environments, func(e models.Environment) bool { return e.Name == chosen })
	item := layout.NavItem{Label: "Keys", Href: link.Keys(environments[max(i, 0)].Name), Icon: "key", Keys: "g k"}
	for _, e := range environments {
		item.Current = item.Current || within(current, link.Keys(e.Name)) ||
			within(current, link.NewKey(e.Name)) || within(current, link.KeySchedule(e.Name))
	}
	const group = "Administration"
	at := slices.IndexFunc(nav, func(s layout.NavSection) bool { return s.Label == group })
	if at < 0 {
		return append(nav, layout.NavSection{Label: group, Items: []layout.NavItem{item}})
	}
	nav[at].Items = append(nav[at].Items, item)
	return nav
}

// ListKeys is the list of an environment's keys.
func (c *Console) ListKeys(g *gin.Context) error {
	d, err := c.keyDesk(g)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	list, err := c.store.Keys(ctx, d.environment.Name)
	if err != nil {
		return err
	}
	uses, err := c.store.KeyUses(ctx, d.environment.Name, keys.UsersNamed)
	if err != nil {
		return err
	}
	schedule, err := c.store.KeySchedule(ctx, d.environment.Name)
	if err != nil {
		return err
	}
	p := keys.Page{
		Environment: d.environment.Name, JWKS: d.environment.PublicURL + "/.well-known/jwks.json", Now: c.now(),
		Schedule: keys.Schedule{RotateDays: int(schedule.RotateEvery / day), PublishHours: int(schedule.PublishAhead / time.Hour)},
	}
	if d.v.Can(visit.ManageSystem) {
		p.New, p.Schedule.Edit = link.NewKey(d.environment.Name), link.KeySchedule(d.environment.Name)
	}
	turns := turnsOf(list)
	for _, k := range list {
		row := d.row(k, uses, turns[k.KeySlot])
		switch {
		case k.State.Ended():
			p.Ended = append(p.Ended, row)
		case k.Own():
			p.Own = append(p.Own, row)
		default:
			p.Named = append(p.Named, row)
		}
	}
	frame, err := d.frame("Keys of " + d.environment.Name)
	if err != nil {
		return err
	}
	auditedKind(g, &frame, "", models.KindKey)
	return render(g, http.StatusOK, keys.List(frame, p))
}

const day = 24 * time.Hour

// turn is the active and the next key of a slot, without an ID where it has
// none.
type turn struct{ active, next models.Key }

func turnsOf(list []models.Key) map[models.KeySlot]turn {
	turns := map[models.KeySlot]turn{}
	for _, k := range list {
		t := turns[k.KeySlot]
		switch k.State {
		case models.KeyActive:
			t.active = k
		case models.KeyNext:
			t.next = k
		}
		turns[k.KeySlot] = t
	}
	return turns
}

var keyStates = map[models.KeyState]ui.State{
	models.KeyNext: keys.StateNext, models.KeyActive: ui.StateActive, models.KeyRetiring: keys.StateRetiring,
	models.KeyRetired: keys.StateRetired, models.KeyRevoked: keys.StateRevoked,
}

// row is a key as the pages show it, in a slot with these.
func (d *keyDesk) row(k models.Key, uses []models.KeyUse, in turn) keys.Row {
	environment := d.environment.Name
	r := keys.Row{
		Kid: k.Kid, Algorithm: string(k.Algorithm), Name: k.Name, Project: k.Project, Length: fmt.Sprintf("%d bits", k.Bits), Source: "Generated",
		State: keyStates[k.State], Made: k.CreatedAt, By: k.CreatedBy, Signs: k.ActivatedAt, Retiring: k.RetiringAt, Ended: k.EndedAt,
		Retires: k.RetireAt, Pinned: k.Unending && !k.State.Ended(), Longest: longestToken(k), Href: link.Key(environment, k.ID),
	}
	if k.Source == models.KeyUploaded {
		r.Source = "Uploaded"
	}
	if k.State == models.KeyActive || k.State == models.KeyNext {
		r.Users, r.UsersOf = keyUsers(k.KeySlot, uses)
	}
	if !k.State.Ended() && !k.Algorithm.Symmetric() {
		r.JWK, r.PEM = link.KeyJWK(environment, k.ID), link.KeyPEM(environment, k.ID)
	}
	if !d.v.Can(visit.ManageSystem) || k.State.Ended() {
		return r
	}
	r.Revoke = link.KeyRevoke(environment, k.ID)
	switch k.State {
	case models.KeyActive:
		r.Rotate = link.KeyRotate(environment, k.ID)
		if in.next.ID == "" {
			r.Prepare = newKeyLike(k)
		}
	default:
		r.Retire = link.KeyRetire(environment, k.ID)
	}
	if startable(k, in) {
		r.Start = link.KeyStart(environment, k.ID)
	}
	if !k.Own() && k.State == models.KeyActive {
		r.Delete = link.KeyDelete(environment, k.ID)
	}
	return r
}

// startable tells that a key waits for a rotation that cannot come: nothing
// signs in its slot.
func startable(k models.Key, in turn) bool { return k.State == models.KeyNext && in.active.ID == "" }

func longestToken(k models.Key) string {
	switch {
	case k.Unending:
		return "Never expires"
	case k.MaxToken == 0:
		return "None so far"
	}
	return lasts(k.MaxToken)
}

// lasts is a lifetime in its largest unit that keeps it whole.
func lasts(d time.Duration) string {
	for _, u := range []struct {
		size      time.Duration
		one, many string
	}{{day, "day", "days"}, {time.Hour, "hour", "hours"}, {time.Minute, "minute", "minutes"}} {
		if d >= u.size && d%u.size == 0 {
			return countOf(int(d/u.size), u.one, u.many)
		}
	}
	return countOf(int(d/time.Second), "second", "seconds")
}

// mostUsers is how many policies the page of a key lists.
const mostUsers = 100

// keyUsers are the first of the deployed policies that sign in a slot, and how
// many there are.
func keyUsers(slot models.KeySlot, uses []models.KeyUse) (list []keys.User, of int) {
	for _, u := range uses {
		if !u.In(slot) {
			continue
		}
		shown := keys.User{Policy: u.Policy, Proxy: u.Proxy, Lifetime: "For ever", Href: link.Proxy(u.Project, u.Proxy).Develop()}
		if u.Lifetime > 0 {
			shown.Lifetime = lasts(u.Lifetime)
		}
		list, of = append(list, shown), u.Of
	}
	return list, of
}

// key is the key that the address names.
func (d *keyDesk) key() (models.Key, error) {
	return d.c.store.Key(d.g.Request.Context(), d.environment.Name, d.g.Param("key"))
}

// turn is the active and the next key of a slot.
func (d *keyDesk) turn(slot models.KeySlot) (turn, error) {
	list, err := d.c.store.Keys(d.g.Request.Context(), d.environment.Name)
	return turnsOf(list)[slot], err
}

// ShowKey is the page of one key.
func (c *Console) ShowKey(g *gin.Context) error {
	d, err := c.keyDesk(g)
	if err != nil {
		return err
	}
	k, err := d.key()
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	uses, err := c.store.KeyUsesOf(ctx, k.KeySlot, mostUsers)
	if err != nil {
		return err
	}
	in, err := d.turn(k.KeySlot)
	if err != nil {
		return err
	}
	live, err := c.store.LiveTokens(ctx, k)
	if err != nil {
		return err
	}
	page := keys.Detail{Row: d.row(k, uses, in), Live: liveText(live), Now: c.now()}
	if !k.State.Ended() {
		half, err := c.store.PublicHalf(ctx, d.environment.Name, k.ID)
		if err != nil {
			return err
		}
		page.JWK, page.PEM = string(half.JWK), string(half.PEM)
	}
	frame, err := d.frame(page.Row.Label(), layout.Crumb{Label: page.Row.Label()})
	if err != nil {
		return err
	}
	audited(g, &frame, k.Project, k.ID)
	return render(g, http.StatusOK, keys.Show(frame, page))
}

func liveText(live models.LiveTokens) string {
	switch {
	case live.Total == 0:
		return "None in the log"
	case live.Capped:
		return fmt.Sprintf("More than %d", live.Total)
	}
	return fmt.Sprintf("At least %d", live.Total)
}

// DownloadJWK and DownloadPEM hand out the public half.
func (c *Console) DownloadJWK(g *gin.Context) error {
	return c.download(g, "application/jwk+json", ".jwk.json", func(h models.PublicHalf) []byte { return h.JWK })
}

// DownloadPEM is DownloadJWK in the other form.
func (c *Console) DownloadPEM(g *gin.Context) error {
	return c.download(g, "application/x-pem-file", ".pem", func(h models.PublicHalf) []byte { return h.PEM })
}

func (c *Console) download(g *gin.Context, mediaType, ending string, part func(models.PublicHalf) []byte) error {
	d, err := c.keyDesk(g)
	if err != nil {
		return err
	}
	k, err := d.key()
	if err != nil {
		return err
	}
	half, err := c.store.PublicHalf(g.Request.Context(), d.environment.Name, k.ID)
	if err != nil {
		return err
	}
	content := part(half)
	if content == nil { // a shared secret
		return models.ErrNotFound
	}
	g.Header("Content-Disposition", `attachment; filename="`+strings.NewReplacer("/", "-", ";", "-").Replace(k.Kid)+ending+`"`)
	g.Data(http.StatusOK, mediaType, content)
	return nil
}
