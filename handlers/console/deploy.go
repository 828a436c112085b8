package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/deploys"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

// nodeWait is how long a deploy waits for the nodes to say what they run. A
// node that is slower takes the deploy over all the same.
const nodeWait = 5 * time.Second

// running tells whether an environment serves the owner.
func running(d models.Deployment) bool {
	return d.State == models.Live || d.State == models.RedeployRequired
}

// deployments are the owner's environments, the one chosen on top first.
func (c *Console) deployments(g *gin.Context, p models.Owner) []models.Deployment {
	chosen := visit.From(g.Request.Context()).Environment(g.Request.Context())
	list := slices.Clone(p.Deployments)
	slices.SortStableFunc(list, func(a, b models.Deployment) int {
		return cmp.Compare(rank(a.Environment == chosen), rank(b.Environment == chosen))
	})
	return list
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// places are the owner's environments as pages show them.
func (c *Console) places(g *gin.Context, project string, p models.Owner) []deploys.Place {
	may := visit.From(g.Request.Context()).Can(models.DeployAPIs)
	var list []deploys.Place
	for _, d := range c.deployments(g, p) {
		place := placeOf(p, d)
		if may {
			place.Deploy = linkOf(project, p).Deploy(d.Environment)
		}
		if may && running(d) {
			place.Undeploy = linkOf(project, p).Undeploy(d.Environment)
		}
		list = append(list, place)
	}
	return list
}

func placeOf(p models.Owner, d models.Deployment) deploys.Place {
	place := deploys.Place{Environment: d.Environment, State: stateOf(d.State), Revision: d.Revision, At: d.DeployedAt, By: d.DeployedBy, Note: d.Note}
	if p.Kind != engine.KindPolicyGroup {
		place.URL = strings.TrimRight(d.PublicURL, "/") + p.Route.BasePath
	}
	return place
}

func stateOf(s models.DeployState) ui.State {
	switch s {
	case models.Live:
		return ui.StateLive
	case models.RedeployRequired:
		return ui.StateRedeployRequired
	}
	return ui.StateNotDeployed
}

// place is the environment that the address names.
func (d *ownerDesk) place() (deploys.Place, error) {
	for _, p := range d.c.places(d.g, d.project.Name, d.owner) {
		if p.Environment == d.g.Param("environment") {
			return p, nil
		}
	}
	return deploys.Place{}, fmt.Errorf("environment %q: %w", d.g.Param("environment"), models.ErrNotFound)
}

// ConfirmDeploy asks for a note and says what will happen.
func (c *Console) ConfirmDeploy(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	place, err := d.place()
	if err != nil {
		return err
	}
	return d.askDeploy(http.StatusOK, place, "", nil)
}

// askDeploy also carries the digest of what would be deployed, so that nobody
// deploys what somebody else wrote while the question was open.
func (d *ownerDesk) askDeploy(status int, place deploys.Place, note string, problems problem.List) error {
	ctx := d.g.Request.Context()
	raw, digest, err := d.c.store.Draft(ctx, d.owner.ID, place.Environment)
	if err != nil {
		return err
	}
	last, err := d.c.store.Revisions(ctx, d.owner.ID, 1)
	if err != nil {
		return err
	}
	q := deploys.Question{Owner: d.owner.Name, Noun: d.noun, Place: place, Digest: digest, Next: 1, Note: note, Pin: d.g.PostForm("pin") == "true", Problems: problems, Cancel: d.page()}
	if len(last) > 0 {
		q.Next = last[0].Number + 1
	}
	if q.Changes, err = d.changesOf(place.Environment, words.Draft); err != nil {
		return err
	}
	if err := d.carries(raw, &q); err != nil {
		return err
	}
	frame, err := d.frame(place.Verb()+" "+d.owner.Name, layout.Crumb{Label: place.Verb() + " to " + place.Environment})
	if err != nil {
		return err
	}
	return render(d.g, status, deploys.AskDeploy(frame, q))
}

// Deploy makes a revision and waits for the nodes to say that they run it.
func (c *Console) Deploy(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	place, err := d.place()
	if err != nil {
		return err
	}
	note := strings.TrimSpace(plainLines(g.PostForm("note")))
	if problems := noteProblems(note); len(problems) > 0 {
		return d.askDeploy(http.StatusUnprocessableEntity, place, note, problems)
	}
	ctx := g.Request.Context()
	_, digest, err := c.store.Draft(ctx, d.owner.ID, place.Environment)
	if err != nil {
		return err
	}
	if g.PostForm("digest") != digest {
		return d.askDeploy(http.StatusConflict, place, note, problem.List{{
			Message: "The " + d.noun + " or something that it runs has changed since this was asked. Look at what would be deployed now, then decide again.",
		}})
	}
	start := c.now()
	result, err := c.store.Deploy(ctx, d.v.Actor(), d.project.ID, d.owner.ID, place.Environment, note)
	if problems := problem.Of(err); problems != nil {
		return d.showRefused(place, problems)
	}
	if err != nil {
		return err
	}
	if g.PostForm("pin") == "true" {
		d.pin(result.Revision)
	}
	return d.showOutcome(result, start, false)
}

// pin keeps the revision that was just deployed. The deploy is done: that this
// failed must not read as if that had.
func (d *ownerDesk) pin(revision int) {
	ctx := d.g.Request.Context()
	if err := d.c.store.PinRevision(ctx, d.v.Actor(), d.project.ID, d.owner.ID, revision, true); err != nil {
		d.c.logger.ErrorContext(ctx, "revision not pinned", "owner", d.owner.Name, "revision", revision, "error", err)
		d.v.Say(ctx, visit.Warning, fmt.Sprintf("Revision %d was deployed but could not be pinned; pin it in the history.", revision))
	}
}

// noteProblems says what is wrong with the note of a deploy.
func noteProblems(note string) problem.List {
	var l problem.List
	if n := utf8.RuneCountInString(note); n > deploys.MaxNote {
		l.Add("note", "Shorten the note to %d characters; it has %d.", deploys.MaxNote, n)
	}
	common := policy.Common{Name: "any", Description: note} // the rule for texts is that of descriptions
	if len(l) == 0 && common.Validate().For("description") != "" {
		l.Add("note", "Remove the control characters from the note.")
	}
	return l
}

// showRefused says why a deploy did not happen.
func (d *ownerDesk) showRefused(place deploys.Place, problems problem.List) error {
	title := fmt.Sprintf("%s was not deployed to %s", d.owner.Name, place.Environment)
	text := "No revision was made."
	if place.Running() {
		text = fmt.Sprintf("No revision was made; revision %d goes on serving.", place.Revision)
	}
	return d.showOutcomePage(http.StatusUnprocessableEntity, deploys.Outcome{Title: title, Text: text, Problems: problems, Place: place})
}

// showOutcome waits for the nodes and says what each of them did. The change
// is committed: whatever fails from here on must not read as if it were not.
func (d *ownerDesk) showOutcome(result models.DeployResult, start time.Time, undone bool) error {
	ctx := d.g.Request.Context()
	title := fmt.Sprintf("Revision %d of %s was deployed to %s", result.Revision, d.owner.Name, result.Environment)
	if undone {
		title = fmt.Sprintf("%s was undeployed from %s", d.owner.Name, result.Environment)
	}
	wait, cancel := context.WithTimeout(ctx, nodeWait)
	defer cancel()
	reports, err := d.c.store.AwaitNodes(wait, result.Environment, result.Generation)
	if err == nil {
		d.owner, err = d.c.store.Owner(ctx, d.project.ID, d.kind, d.owner.Name) // its state has just changed
	}
	place, found := d.place()
	if err = cmp.Or(err, found); err != nil {
		d.c.logger.Error("deployed, but the result could not be read", "error", err, "correlationId", d.v.CorrelationID)
		d.v.Say(ctx, visit.Warning, title+". What the gateway nodes made of it could not be read.")
		return redirect(d.g, d.at.List(d.project.Name))
	}
	o := deploys.Outcome{Place: place, Undone: undone, Title: title}
	for _, r := range reports {
		o.Nodes = append(o.Nodes, nodeResult(r, result.Generation, start, undone))
	}
	o.Text = nodeSummary(o.Nodes)
	return d.showOutcomePage(http.StatusOK, o)
}

func (d *ownerDesk) showOutcomePage(status int, o deploys.Outcome) error {
	o.Owner, o.Noun, o.Develop = d.page(), d.noun, d.develop()
	frame, err := d.frame(o.Title, layout.Crumb{Label: "Deployment result"})
	if err != nil {
		return err
	}
	return render(d.g, status, deploys.OutcomePage(frame, o))
}

// nodeResult is what one node says. One that failed keeps what it ran before.
func nodeResult(r models.NodeReport, generation int64, start time.Time, undone bool) ui.Result {
	out := ui.Result{State: ui.StateSucceeded, Name: r.Node, Place: r.Environment, Took: max(r.At.Sub(start), time.Millisecond)}
	switch {
	case r.Generation < generation:
		out.State, out.Took = ui.StateDeploying, 0
		out.Detail = fmt.Sprintf("No answer within %d seconds. It takes over as soon as it can; until then it runs what it ran before.", int(nodeWait.Seconds()))
	case !r.OK:
		out.State, out.Detail = ui.StateFailed, cmp.Or(r.Message, "The node gave no reason")+" It keeps running what it ran before."
	case undone:
		out.Detail = cmp.Or(r.Message, "No longer serves it")
	default:
		out.Detail = cmp.Or(r.Message, "Took it over")
	}
	return out
}

func nodeSummary(nodes []ui.Result) string {
	done := 0
	for _, n := range nodes {
		if n.State == ui.StateSucceeded {
			done++
		}
	}
	switch {
	case len(nodes) == 0:
		return "The change is stored."
	case done == len(nodes):
		return "Taken over by " + countOf(done, "gateway node.", "gateway nodes.")
	}
	return fmt.Sprintf("Taken over by %d of %d gateway nodes.", done, len(nodes))
}

// ConfirmUndeploy asks, with what stops.
func (c *Console) ConfirmUndeploy(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	place, err := d.place()
	if err != nil {
		return err
	}
	if !place.Running() {
		return d.notRunning(place)
	}
	return d.askUndeploy(http.StatusOK, place, "", "")
}

// notRunning answers an undeploy that somebody else has done already.
func (d *ownerDesk) notRunning(place deploys.Place) error {
	d.v.Say(d.g.Request.Context(), visit.Warning, fmt.Sprintf("%s does not run in %s. Nothing was changed.", d.owner.Name, place.Environment))
	return redirect(d.g, d.page())
}

func (d *ownerDesk) askUndeploy(status int, place deploys.Place, typed, refusal string) error {
	frame, err := d.frame("Undeploy "+d.owner.Name, layout.Crumb{Label: "Undeploy from " + place.Environment})
	if err != nil {
		return err
	}
	return render(d.g, status, deploys.AskUndeploy(frame, ui.Confirm{
		Title:   fmt.Sprintf("Undeploy %s from %s?", d.owner.Name, place.Environment),
		Text:    "The " + d.noun + " and its policies stay as they are and can be deployed again.",
		Effects: d.undeployEffects(place),
		Name:    d.owner.Name, Typed: typed, Error: refusal,
		Action: d.link().Undeploy(place.Environment), Label: "Undeploy from " + place.Environment, Cancel: d.page(),
	}))
}

func (d *ownerDesk) undeployEffects(place deploys.Place) []string {
	tokens := "No new tokens are issued for it there"
	if d.kind == engine.KindPolicyGroup {
		return []string{tokens, "Where it is bound it goes on running as it was deployed there"}
	}
	return []string{fmt.Sprintf("Revision %d stops serving; calls to %s are answered 404", place.Revision, place.URL), tokens, "Requests that are under way finish"}
}

// Undeploy takes the owner out of an environment, once its name is typed.
func (c *Console) Undeploy(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	place, err := d.place()
	if err != nil {
		return err
	}
	if !place.Running() {
		return d.notRunning(place)
	}
	if g.PostForm("confirm") != d.owner.Name {
		return d.askUndeploy(http.StatusUnprocessableEntity, place, g.PostForm("confirm"), "Type the name exactly as it is: "+d.owner.Name+".")
	}
	start := c.now()
	result, err := c.store.Undeploy(g.Request.Context(), d.v.Actor(), d.project.ID, d.owner.ID, place.Environment)
	if err != nil {
		return err
	}
	return d.showOutcome(result, start, true)
}
