package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

const (
	proxiesPerPage = 50
	revisionsShown = 100
)

// ListProxies is the list of a project's proxies.
func (c *Console) ListProxies(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	q := proxyQueryOf(g, "name", "basePath", "updated")
	redeploy := q.narrowToRedeploys(g)
	base := link.Proxies(project.Name)
	found, page, err := c.owners(ctx, project, q, q.filter(), base, "proxy", "proxies")
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "API Proxies", project, kindNamed(engine.KindProxy).crumbs(project)...)
	if err != nil {
		return err
	}
	l := proxies.List{
		Query: q.text, Redeploy: redeploy, Now: c.now(), Columns: q.columns(base), Page: page,
		Search: ui.Search{Action: base, Value: q.text, Label: "Search proxies", Clear: q.with("", 1).address(base), Hidden: q.sorting()},
	}
	if visit.From(ctx).Can(models.ManageAPIs) {
		l.New, l.Document = link.NewProxy(project.Name), link.NewProxyDocument(project.Name)
	}
	for _, p := range found {
		l.Rows = append(l.Rows, c.proxyRow(g, project.Name, p))
		l.Several = l.Several || len(p.Deployments) > 1
	}
	return render(g, http.StatusOK, proxies.ListPage(frame, l))
}

func (c *Console) proxyRow(g *gin.Context, project string, p models.Owner) proxies.Row {
	r := proxies.Row{
		Name: p.Name, Description: p.Description, BasePath: p.Route.BasePath, Upstream: words.UpstreamText(p.Upstream),
		Places: c.places(g, project, p), ChangedAt: p.UpdatedAt, ChangedBy: p.UpdatedBy,
		Href: linkOf(project, p).Page(), Develop: linkOf(project, p).Develop(),
	}
	if visit.From(g.Request.Context()).Can(models.ManageAPIs) {
		r.Edit, r.Duplicate, r.Delete = linkOf(project, p).Edit(), linkOf(project, p).Duplicate(), linkOf(project, p).Delete()
	}
	return r
}

// owners are those of a page of a list, and where it stands.
func (c *Console) owners(ctx context.Context, project models.Project, q proxyQuery, f models.OwnerFilter, base, one, many string) ([]models.Owner, ui.Page, error) {
	if len(q.carry) == 0 {
		found, total, err := c.store.Owners(ctx, project.ID, f)
		return found, q.pager(base, len(found), total, one, many), err
	}
	found, at, err := c.store.OutdatedOwners(ctx, project.ID, f, q.from)
	next := ""
	if at.Next > 0 {
		next = q.with(q.text, 1).address(base) + "&from=" + strconv.Itoa(at.Next) // it has a state already
	}
	return found, ui.Compared(len(found), at.Next, at.Total, false, one, many, next), err
}

// proxyQuery is what the list's address asks for.
type proxyQuery struct {
	text, sort string
	desc       bool
	page, from int
	carry      []ui.Hidden // what else the list is narrowed by
}

// proxyQueryOf reads the address of a list that is sorted by one of sorts, by the
// first unless it says.
func proxyQueryOf(g *gin.Context, sorts ...string) proxyQuery {
	q := proxyQuery{text: strings.TrimSpace(g.Query("q")), sort: g.Query("sort"), desc: g.Query("order") == "desc"}
	if !slices.Contains(sorts, q.sort) {
		q.sort = sorts[0]
	}
	q.page, _ = strconv.Atoi(g.Query("page")) // what is no number is the first page
	q.page = max(q.page, 1)
	return q
}

// narrowToRedeploys reads whether only what has to be deployed again is asked for.
func (q *proxyQuery) narrowToRedeploys(g *gin.Context) bool {
	if g.Query("state") != string(models.RedeployRequired) {
		return false
	}
	q.carry = []ui.Hidden{{Name: "state", Value: string(models.RedeployRequired)}}
	q.from, _ = strconv.Atoi(g.Query("from")) // what is no number is the beginning
	return true
}

func (q proxyQuery) filter() models.OwnerFilter {
	return models.OwnerFilter{Query: q.text, Sort: q.sort, Desc: q.desc, Page: q.page, PerPage: proxiesPerPage}
}

func (q proxyQuery) with(text string, page int) proxyQuery {
	q.text, q.page = text, page
	return q
}

// address leaves out what is the default, so that one list has one address.
func (q proxyQuery) address(base string) string {
	values := url.Values{}
	if q.text != "" {
		values.Set("q", q.text)
	}
	for _, h := range append(q.sorting(), q.carry...) {
		values.Set(h.Name, h.Value)
	}
	if q.page > 1 {
		values.Set("page", strconv.Itoa(q.page))
	}
	if len(values) == 0 {
		return base
	}
	return base + "?" + values.Encode()
}

// sorting is what a search carries along.
func (q proxyQuery) sorting() []ui.Hidden {
	var list []ui.Hidden
	if q.sort != "name" {
		list = append(list, ui.Hidden{Name: "sort", Value: q.sort})
	}
	if q.desc {
		list = append(list, ui.Hidden{Name: "order", Value: "desc"})
	}
	return list
}

func (q proxyQuery) columns(base string) []ui.Column {
	return []ui.Column{
		q.column(base, "Name", "name"), q.column(base, "Base path", "basePath"), {Label: "Upstream"}, {Label: "Deployments"},
		q.column(base, "Last change", "updated"), {Label: "Actions", Hidden: true, Tight: true},
	}
}

// column sorts by itself, and the other way round once it does.
func (q proxyQuery) column(base, label, sort string) ui.Column {
	next := q.with(q.text, 1)
	next.sort, next.desc = sort, q.sort == sort && !q.desc
	col := ui.Column{Label: label, Sort: next.address(base)}
	if q.sort == sort {
		col.Order = ui.Ascending
		if q.desc {
			col.Order = ui.Descending
		}
	}
	return col
}

func (q proxyQuery) pager(base string, shown, total int, one, many string) ui.Page {
	return ui.PageOf(q.page, proxiesPerPage, shown, total, one, many, func(page int) string {
		return q.with(q.text, page).address(base)
	})
}

// ShowProxy is the overview.
func (c *Console) ShowProxy(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return c.orGroup(g, err)
	}
	frame, err := c.frame(g, d.owner.Name, d.project, append(d.crumbs(d.project), layout.Crumb{Label: d.owner.Name})...)
	if err != nil {
		return err
	}
	audited(g, &frame, d.project.Name, d.owner.ID)
	p, o := d.owner, d.overview()
	if d.v.Can(models.ManageAPIs) {
		o.Head.Document = d.link().Document()
	}
	o.Upstream = p.Upstream.URL
	o.ConnectTimeout = words.Milliseconds(p.Upstream.ConnectTimeout, engine.DefaultConnectTimeout)
	o.ResponseTimeout = words.Milliseconds(p.Upstream.ResponseTimeout, engine.DefaultResponseTimeout)
	for _, s := range words.BalancingSettings(p.Upstream) {
		o.Balancing = append(o.Balancing, [2]string{s.Label, s.Text})
	}
	if o.Watched, err = d.watched(); err != nil {
		return err
	}
	if o.Groups, err = d.memberships(); err != nil {
		return err
	}
	counts := endpointPolicies(p)
	for _, e := range p.Endpoints {
		o.Endpoints = append(o.Endpoints, proxies.EndpointText{
			Method: e.Method, Path: e.Path, Description: e.Description, Policies: counts[e.ID], Href: d.scopeHref(e.ID),
		})
	}
	return render(g, http.StatusOK, proxies.OverviewPage(frame, o))
}

// overview is what proxies and proxy groups both have.
func (d *ownerDesk) overview() proxies.Overview {
	p := d.owner
	return proxies.Overview{
		Head: d.head(proxies.OnOverview), ClientID: p.ClientID, BasePath: p.Route.BasePath, Hosts: p.Route.Hosts, Methods: p.Route.Methods,
		ErrorTemplates: proxies.TemplateTexts(p.ErrorTemplates), ReplaceAPIErrors: p.ErrorTemplates != nil && p.ErrorTemplates.Upstream,
		CreatedAt: p.CreatedAt, CreatedBy: p.CreatedBy, ChangedAt: p.UpdatedAt, ChangedBy: p.UpdatedBy,
	}
}

// endpointPolicies counts what is bound to each endpoint; "" stands for all.
func endpointPolicies(p models.Owner) map[string]int {
	counts := map[string]int{}
	for _, b := range p.Bindings {
		counts[b.EndpointID]++
	}
	return counts
}

// ConfirmDeleteOwner asks, with what goes with the owner.
func (c *Console) ConfirmDeleteOwner(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	return d.askDelete(http.StatusOK, "", "")
}

func (d *ownerDesk) askDelete(status int, typed, refusal string) error {
	use, err := d.use()
	if err != nil {
		return err
	}
	leaves, err := d.leaves()
	if err != nil {
		return err
	}
	frame, err := d.frame("Delete "+d.owner.Name, layout.Crumb{Label: "Delete"})
	if err != nil {
		return err
	}
	return render(d.g, status, proxies.AskPage(frame, ui.Confirm{
		Title: "Delete " + d.noun + " " + d.owner.Name + "?", Text: "It cannot be taken back. The audit list keeps what it was.",
		Effects: append(d.deleteEffects(use), leaves...), Name: d.nameIfLive(use), Typed: typed, Error: refusal,
		Action: d.link().Delete(), Label: "Delete " + d.noun, Cancel: d.page(), Hidden: d.version(),
	}))
}

// use is where a policy group is bound; no other owner is bound anywhere.
func (d *ownerDesk) use() (groupUse, error) {
	if d.kind != engine.KindPolicyGroup {
		return groupUse{}, nil
	}
	return d.c.groupUse(d.g.Request.Context(), d.owner.ID)
}

// nameIfLive must be typed before traffic is cut.
func (d *ownerDesk) nameIfLive(use groupUse) string {
	if len(liveIn(d.owner))+use.Live > 0 {
		return d.owner.Name
	}
	return ""
}

// liveIn are the environments that serve the owner.
func liveIn(p models.Owner) []string {
	var names []string
	for _, dep := range p.Deployments {
		if running(dep) {
			names = append(names, dep.Environment)
		}
	}
	return names
}

func (d *ownerDesk) deleteEffects(use groupUse) []string {
	var effects []string
	if d.kind == engine.KindPolicyGroup {
		effects = use.effects("It is taken out of", "without it")
	}
	live := liveIn(d.owner)
	switch {
	case len(live) > 0 && d.kind == engine.KindPolicyGroup:
		effects = append(effects, "It is deployed in "+strings.Join(live, ", ")+": no new tokens are issued for its own key pair from then on")
	case len(live) > 0:
		effects = append(effects, fmt.Sprintf("It is live in %s: calls to %s are answered 404 from then on", strings.Join(live, ", "), d.owner.Route.BasePath))
	case d.kind != engine.KindPolicyGroup:
		effects = append(effects, "It is not deployed anywhere: no traffic is touched")
	}
	if n := len(d.owner.Members); n > 0 {
		var names []string
		for _, m := range d.owner.Members {
			names = append(names, m.Name)
		}
		effects = append(effects, countOf(n, "API proxy stays as it is: ", "API proxies stay as they are: ")+someOf(names))
	}
	local, global, groups := 0, 0, 0
	for _, b := range d.owner.Bindings {
		switch {
		case b.Group != nil:
			groups++
		case b.Policy.Global():
			global++
		default:
			local++
		}
	}
	if groups > 0 {
		effects = append(effects, countOf(groups, "policy group is", "policy groups are")+" detached and kept")
	}
	if local > 0 {
		effects = append(effects, countOf(local, "local policy is", "local policies are")+" deleted with it")
	}
	if global > 0 {
		effects = append(effects, countOf(global, "global policy is", "global policies are")+" detached and kept")
	}
	return append(effects, "Its client id and secret, and every token issued for it, are worth nothing")
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// DeleteOwner deletes; where it is live only with the name typed.
func (c *Console) DeleteOwner(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	use, err := d.use()
	if err != nil {
		return err
	}
	if name := d.nameIfLive(use); name != "" && g.PostForm("confirm") != name {
		return d.askDelete(http.StatusUnprocessableEntity, g.PostForm("confirm"), "Type the name exactly as it is: "+name+".")
	}
	ctx := g.Request.Context()
	if err := c.store.DeleteOwner(ctx, d.v.Actor(), d.project.ID, g.PostForm("ownerId"), number(g.PostForm("version"))); err != nil {
		return err
	}
	d.v.Say(ctx, visit.Success, d.owner.Name+" was deleted."+use.redeploy())
	return redirect(g, d.at.List(d.project.Name))
}

// ConfirmRotateSecret asks before the client secret is replaced.
func (c *Console) ConfirmRotateSecret(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	return d.askRotate(http.StatusOK, "", "")
}

func (d *ownerDesk) askRotate(status int, typed, refusal string) error {
	frame, err := d.frame("Rotate client secret", layout.Crumb{Label: "Rotate client secret"})
	if err != nil {
		return err
	}
	effect, err := d.c.store.PreviewRevoke(d.g.Request.Context(), "", revoke.Entry{Kind: revoke.Client, Key: d.owner.ClientID})
	if err != nil {
		return err
	}
	return render(d.g, status, proxies.AskPage(frame, ui.Confirm{
		Title: "Rotate the client secret of " + d.owner.Name + "?",
		Text:  "The " + d.noun + " gets a new client secret; the client id stays.",
		Effects: []string{
			"The present secret stops working for new tokens" + whereLive(d.owner),
			"Every client has to be given the new one",
			cappedCountOf(effect.LiveTokens, "live access token of the present secret that the log knows of is", "live access tokens of the present secret that the log knows of are") + " worthless at once",
			countOf(effect.Families, "login ends", "logins end") + " and cannot be refreshed any more",
			"The new secret is shown once",
		},
		Name: d.owner.Name, Typed: typed, Error: refusal,
		Action: d.link().Secret(), Label: "Rotate client secret", Cancel: d.page(), Hidden: d.version(),
	}))
}

func whereLive(p models.Owner) string {
	if live := liveIn(p); len(live) > 0 {
		return " in " + strings.Join(live, ", ") + " at once"
	}
	return ""
}

// RotateSecret makes a new client secret and shows it, this once.
func (c *Console) RotateSecret(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	if g.PostForm("confirm") != d.owner.Name {
		return d.askRotate(http.StatusUnprocessableEntity, g.PostForm("confirm"), "Type the name exactly as it is: "+d.owner.Name+".")
	}
	fresh, err := c.store.RotateOwnerSecret(g.Request.Context(), d.v.Actor(), d.project.ID, g.PostForm("ownerId"), number(g.PostForm("version")))
	if err != nil {
		return err
	}
	return d.showSecret(fresh, false)
}

// showSecret answers with the key pair. The answer itself carries it, and no
// redirect: a secret that waits for the next page would have to be kept
// somewhere (D18). htmx is told to take over the whole page.
func (d *ownerDesk) showSecret(s secret.Text, created bool) error {
	title, text := "New client secret", "For "+d.owner.Name+". Clients use it from now on."
	if created {
		title, text = d.owner.Name+" was created", "Clients get their tokens with these two."
	}
	frame, err := d.frame(title, layout.Crumb{Label: "Client secret"})
	if err != nil {
		return err
	}
	d.g.Header("Cache-Control", "no-store")
	takeOverPage(d.g, d.page())
	return render(d.g, http.StatusOK, proxies.SecretPage(frame, proxies.Secret{
		Noun: d.noun, Title: title, Text: text, ClientID: d.owner.ClientID, ClientSecret: s.Reveal(), New: created,
		Curl: d.tokenRequest(s.Reveal()), Done: d.page(), Develop: d.develop(),
	}))
}

// takeOverPage makes htmx, which asked for a form, show the answer as the page
// it is, under the address where one would go on from it.
func takeOverPage(g *gin.Context, address string) {
	if !isHTMX(g) {
		return
	}
	g.Header("HX-Retarget", "#main")
	g.Header("HX-Reselect", "#main")
	g.Header("HX-Reswap", "outerHTML show:window:top")
	g.Header("HX-Push-Url", address)
}

// tokenRequest is a line for a shell that asks for a token in the environment
// that the visitor looks at.
func (d *ownerDesk) tokenRequest(s string) string {
	gateway := ""
	if list := d.c.deployments(d.g, d.owner); len(list) > 0 {
		gateway = strings.TrimRight(list[0].PublicURL, "/")
	}
	return fmt.Sprintf("curl -s -u %s -d grant_type=client_credentials %s", shellWord(d.owner.ClientID+":"+s), shellWord(gateway+"/auth/jwt"))
}

// shellWord quotes text for a POSIX shell.
func shellWord(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
