package console

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/refusals"
	"github.com/gatewright/gatewright/web/tokens"
	"github.com/gatewright/gatewright/web/ui"
)

const (
	// refusalsPerPage is how many refused calls a page lists.
	refusalsPerPage = 25
	// mostFindings is how many calls and token requests of one correlation id are
	// explained: a proxy in front may give many the same.
	mostFindings = 5
	whyRefused   = "Why was I refused?"
)

// WhyRefused explains what a correlation id belongs to, over the list of the
// latest refused calls.
func (c *Console) WhyRefused(g *gin.Context) error {
	ctx := g.Request.Context()
	q := tokens.Refusals(g.Request.URL.Query())
	page := refusals.Page{Query: q, ID: correlationID(q.Get("id")), Now: c.now()}
	filter := models.RefusalFilter{
		Environment: q.Get("environment"), Project: q.Get("project"), Proxy: q.Get("proxy"), Address: q.Get("address"),
		Before: models.Cursor(q.Get("before")), After: models.Cursor(q.Get("after")), PerPage: refusalsPerPage + 1,
	}
	var known bool
	if filter.Fault, known = refusals.FaultOf(q.Get("code")); !known && q.Get("code") != "" {
		page.Problems.Add("code", "Choose one of the codes of the catalogue, such as ERR-044.")
	}
	checkAddress(&page.Problems, filter.Address)
	status := http.StatusUnprocessableEntity
	if len(page.Problems) == 0 {
		status = http.StatusOK
		if err := c.listRefusals(g, &page, filter); err != nil {
			return err
		}
	}
	if err := c.explain(g, &page); err != nil {
		return err
	}
	kept, err := c.store.Retention(ctx)
	if err != nil {
		return err
	}
	page.Days, page.TokenDays = kept.Value.RefusalDays, kept.Value.TokenRequestDays
	if page.Environments, err = c.environmentNames(ctx); err != nil {
		return err
	}
	if page.Frame, err = c.frame(g, whyRefused, models.Project{}, monitoring, layout.Crumb{Label: whyRefused}); err != nil {
		return err
	}
	return render(g, status, refusals.Show(page))
}

// correlationID takes also what was copied with the header's name and quotes.
func correlationID(typed string) string {
	if name, value, ok := strings.Cut(typed, ":"); ok && strings.EqualFold(strings.Trim(name, `"' `), "x-correlation-id") {
		typed = value
	}
	return strings.Trim(typed, "\"',; \t")
}

func (c *Console) listRefusals(g *gin.Context, page *refusals.Page, filter models.RefusalFilter) error {
	rows, found, err := c.store.Refusals(g.Request.Context(), seenLogs(g), filter)
	if err != nil {
		return err
	}
	places := make([]models.Cursor, len(rows))
	for i, r := range rows {
		places[i] = models.CursorOf(r.Time, r.ID)
	}
	from, to, pages := logPages(page.Query, places, found, refusalsPerPage)
	for _, r := range rows[from:to] {
		page.Rows = append(page.Rows, refusals.OfCall(r.Access, r.Explanation))
	}
	page.Pages = pages
	return nil
}

// explain finds what the id belongs to: refused calls and token requests.
func (c *Console) explain(g *gin.Context, page *refusals.Page) error {
	ctx, in := g.Request.Context(), seenLogs(g)
	if page.ID == "" {
		return nil
	}
	calls, _, err := c.store.Refusals(ctx, in, models.RefusalFilter{CorrelationID: page.ID, PerPage: mostFindings + 1})
	if err != nil {
		return err
	}
	requests, _, err := c.store.TokenRequests(ctx, in, models.TokenRequestFilter{CorrelationID: page.ID, PerPage: mostFindings + 1})
	if err != nil {
		return err
	}
	for _, r := range calls {
		page.Findings = append(page.Findings, refusals.OfCall(r.Access, r.Explanation))
	}
	for _, r := range requests {
		page.Findings = append(page.Findings, refusals.OfToken(r.ID, r.Token))
	}
	page.More = len(page.Findings) > mostFindings
	page.Findings = page.Findings[:min(len(page.Findings), mostFindings)]
	for i := range page.Findings {
		if err := c.leadOn(ctx, &page.Findings[i]); err != nil {
			return err
		}
		if err := c.onlyWhatOpens(ctx, &page.Findings[i]); err != nil {
			return err
		}
	}
	return nil
}

// onlyWhatOpens leaves out the pages that the visitor may not open.
func (c *Console) onlyWhatOpens(ctx context.Context, f *refusals.Finding) error {
	there, err := c.visitIn(ctx, visit.From(ctx), f.Project)
	if err != nil {
		return err
	}
	f.Links = slices.DeleteFunc(f.Links, func(a ui.Action) bool { return !c.opens(there, a.Href) })
	maps.DeleteFunc(f.Places, func(_, href string) bool { return !c.opens(there, href) })
	return nil
}

// leadOn adds the pages of what a finding is about, as far as they exist.
func (c *Console) leadOn(ctx context.Context, f *refusals.Finding) error {
	f.Places = map[string]string{"Security Events": link.SecurityEvents, "Audit": link.Audit}
	if f.Request != "" {
		f.Links = append(f.Links, ui.Action{Label: "Token request", Icon: "key", Href: f.Request, Small: true})
	}
	f.Places["Token Management"] = link.TokenManagement
	if _, err := c.store.Environment(ctx, f.Environment); err == nil {
		f.Places["Keys page"] = link.Keys(f.Environment)
	} else if !errors.Is(err, models.ErrNotFound) {
		return err
	}
	project, err := c.store.Project(ctx, f.Project)
	if err != nil {
		return unlessGone(err)
	}
	f.Places["API Proxies"], f.Places["Credentials"] = link.Proxies(project.Name), link.Credentials(project.Name)
	f.Places["Identity Sources"] = link.IdentitySources(project.Name)
	f.Places["identity source's page"] = link.IdentitySources(project.Name)
	if err := c.leadToCredential(ctx, f, project); err != nil {
		return err
	}
	return c.leadToProxy(ctx, f, project)
}

// leadToCredential is for users and clients of the secret manager, and for what
// their access decides.
func (c *Console) leadToCredential(ctx context.Context, f *refusals.Finding, project models.Project) error {
	narrowed := url.Values{}
	if f.Proxy != "" {
		narrowed.Set("proxy", f.Proxy)
	}
	f.Places["Access page"] = withQuery(link.Access(project.Name), narrowed)
	if f.Who == "" {
		return nil
	}
	credential, err := c.store.Credential(ctx, project.ID, f.Who)
	if err != nil || credential.Name != f.Who {
		return unlessGone(err)
	}
	f.Links = append(f.Links, ui.Action{Label: "Credential " + credential.Name, Icon: "account", Href: link.Credential(project.Name, credential.Name), Small: true})
	if f.Fault == fault.CredentialMethodDenied || f.Fault == fault.CredentialProxyDenied {
		f.Places["Access page"] = withQuery(link.Access(project.Name), url.Values{"credential": {credential.Name}})
	}
	return nil
}

func (c *Console) leadToProxy(ctx context.Context, f *refusals.Finding, project models.Project) error {
	found := false // the policy, which the group may run as well as the proxy
	for _, name := range []string{f.Group, f.Proxy} {
		if name == "" {
			continue
		}
		proxy, err := c.api(ctx, project.ID, name)
		if err := unlessGone(err); err != nil {
			return err
		}
		if err != nil {
			continue
		}
		f.Links = append(f.Links, ui.Action{Label: "API " + kindNamed(proxy.Kind).noun + " " + proxy.Name, Icon: "proxy", Href: linkOf(project.Name, proxy).Page(), Small: true})
		if href := policyPage(project, proxy, f.Policy); href != "" && !found {
			found = true
			f.Links = append(f.Links, ui.Action{Label: "Policy " + f.Policy, Icon: "policy", Href: href, Small: true})
		}
	}
	return nil
}

// policyPage is where a policy that an owner runs is read, "" without one of that
// name.
func policyPage(project models.Project, o models.Owner, name string) string {
	for _, b := range o.Bindings {
		switch {
		case b.Group != nil:
			if href := policyPage(project, *b.Group, name); href != "" {
				return href
			}
		case b.Policy.Name != name:
		case b.Policy.Global():
			return link.Policy(project.Name, b.Policy.Type, name)
		default:
			return linkOf(project.Name, o).Binding(b.ID)
		}
	}
	return ""
}

// unlessGone forgives that something is not there any more.
func unlessGone(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	return err
}
