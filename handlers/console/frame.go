package console

import (
	"context"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// frame is the shell around a page of project; the zero project stands for
// pages outside of any, whose menu leads into the one that was looked at last.
func (c *Console) frame(g *gin.Context, title string, project models.Project, crumbs ...layout.Crumb) (layout.Props, error) {
	ctx := g.Request.Context()
	v := visit.From(ctx)
	projects, err := c.projectsOf(ctx, v)
	if err != nil {
		return layout.Props{}, err
	}
	environments, err := v.Environments(ctx, c.store)
	if err != nil {
		return layout.Props{}, err
	}
	current := currentProject(ctx, v, projects, project.Name)
	p := layout.Props{
		Title:       title,
		User:        layout.User{Name: v.User.Name, Text: roleLabel(v.User.Role)},
		Theme:       layout.ParseTheme(v.User.Theme),
		Breadcrumbs: crumbs,
		Project:     projectChooser(projects, current),
		Environment: environmentChooser(environments, v.Environment(ctx), g.Request.URL.RequestURI(), v.Can(visit.ViewSystem)),
		CurrentPath: g.Request.URL.RequestURI(),
	}
	if current != "" {
		p.Home = link.Project(current)
	}
	there, err := c.visitIn(ctx, v, current)
	if err != nil {
		return layout.Props{}, err
	}
	p.Nav = c.menu(there, current, environments, v.Environment(ctx), g.Request.URL.EscapedPath())
	for _, m := range v.Heard(ctx) {
		p.Toasts = append(p.Toasts, layout.Toast{Tone: toneOf(m.Kind), Text: m.Text, Link: ui.Action{Label: m.Next, Href: m.Href}})
	}
	return p, nil
}

func currentProject(ctx context.Context, v *visit.Visit, projects []models.Project, shown string) string {
	if shown != "" {
		v.Enter(ctx, shown)
		return shown
	}
	last := v.Project(ctx)
	if len(projects) > 0 && !slices.ContainsFunc(projects, func(p models.Project) bool { return p.Name == last }) {
		return projects[0].Name
	}
	return last
}

const globalSettings = "Global Settings"

// withValues adds the variables of the chosen environment to a menu.
func withValues(nav []layout.NavSection, environments []models.Environment, chosen, current string) []layout.NavSection {
	if len(environments) == 0 {
		return nav
	}
	i := slices.IndexFunc(environments, func(e models.Environment) bool { return e.Name == chosen })
	item := layout.NavItem{Label: "Environment Variables", Href: link.EnvironmentVariables(environments[max(i, 0)].Name)}
	for _, e := range environments {
		item.Current = item.Current || within(current, link.EnvironmentVariables(e.Name)) || within(current, link.NewEnvironmentVariable(e.Name))
	}
	for _, section := range nav {
		for i := range section.Items {
			if section.Items[i].Label == globalSettings {
				section.Items[i].Children = append(section.Items[i].Children, item)
			}
		}
	}
	return nav
}

// menu is the left menu as the seed's guide has it; entries that the visitor
// may not open are left out by the same rule that guards their routes.
func (c *Console) menu(v *visit.Visit, project string, environments []models.Environment, chosen, current string) []layout.NavSection {
	var sections []layout.NavSection
	if project != "" {
		sections = withValues(c.projectMenu(project, current), environments, chosen, current)
	}
	sections = withKeys(append(sections, tokenMenu(current)...), environments, chosen, current)
	return permitted(sections, func(address string) bool { return c.opens(v, address) })
}

// permitted leaves out what does not open, and what is empty then.
func permitted(sections []layout.NavSection, opens func(address string) bool) []layout.NavSection {
	var list []layout.NavSection
	for _, s := range sections {
		if s.Items = permittedItems(s.Items, opens); len(s.Items) > 0 {
			list = append(list, s)
		}
	}
	return list
}

func permittedItems(items []layout.NavItem, opens func(address string) bool) []layout.NavItem {
	var list []layout.NavItem
	for _, item := range items {
		item.Children = permittedItems(item.Children, opens)
		if len(item.Children) > 0 || item.Href != "" && opens(item.Href) {
			list = append(list, item)
		}
	}
	return list
}

func (c *Console) projectMenu(project, current string) []layout.NavSection {
	policies := layout.NavItem{Label: "Global Policies"}
	for i, t := range c.types {
		item := layout.NavItem{Label: t.Label, Href: link.Policies(project, t.Name)}
		item.Current = within(current, item.Href) || within(current, link.NewPolicy(project, t.Name))
		if i == 0 {
			item.Keys = "g j"
		}
		policies.Children = append(policies.Children, item)
	}
	proxies := layout.NavItem{Label: "API Proxies", Href: link.Proxies(project), Icon: "proxy", Keys: "g p"}
	proxies.Current = within(current, proxies.Href) || within(current, link.NewProxy(project))
	bundles := layout.NavItem{Label: "API Proxy Groups", Href: link.KindProxyGroup.List(project), Icon: "layers", Keys: "g o"}
	bundles.Current = within(current, bundles.Href) || within(current, link.KindProxyGroup.New(project))
	groups := layout.NavItem{Label: "Policy Groups", Href: link.KindPolicyGroup.List(project), Keys: "g g"}
	groups.Current = within(current, groups.Href) || within(current, link.KindPolicyGroup.New(project))
	variables := layout.NavItem{Label: "Variables", Href: link.Variables(project), Keys: "g v"}
	variables.Current = within(current, variables.Href) || within(current, link.NewVariable(project))
	sections := []layout.NavSection{{Label: "Development", Items: []layout.NavItem{
		{Label: "Dashboard", Href: link.Dashboard(project), Icon: "info", Current: within(current, link.Dashboard(project)), Keys: "g d"},
		proxies, bundles,
		{Label: globalSettings, Icon: "settings", Children: []layout.NavItem{policies, groups, variables}},
		{Label: "Reports", Href: link.PolicyUsage(project), Icon: "audit", Keys: "g u", Current: within(current, link.Reports(project)) || within(current, link.BulkDeploys(project))},
		{Label: "Export and Import", Href: link.Packages(project), Icon: "download", Current: within(current, link.Packages(project)), Keys: "g y"},
		{Label: "Members", Href: link.Members(project), Icon: "group", Current: within(current, link.Members(project)), Keys: "g 5"},
	}}}
	return append(sections, identityMenu(project, current))
}

// tokenMenu is what does not belong to a project.
func tokenMenu(current string) []layout.NavSection {
	logins := layout.NavItem{Label: "Logins", Href: link.Logins, Icon: "account", Keys: "g l"}
	logins.Current = within(current, link.Logins) || within(current, link.RevokeTokens)
	return []layout.NavSection{
		{Label: "Monitoring", Items: []layout.NavItem{
			{Label: "Token Requests", Href: link.TokenRequests, Icon: "key", Current: within(current, link.TokenRequests), Keys: "g t"},
			{Label: "Security Events", Href: link.SecurityEvents, Icon: "danger", Current: within(current, link.SecurityEvents), Keys: "g e"},
			logins,
			{Label: whyRefused, Href: link.Refusals, Icon: "info", Current: within(current, link.Refusals), Keys: "g w"},
		}},
		{Label: "Administration", Items: []layout.NavItem{
			{Label: "Audit", Href: link.Audit, Icon: "audit", Current: within(current, link.Audit), Keys: "g a"},
			{Label: "Environments", Href: link.Environments, Icon: "layers", Current: ofEnvironments(current), Keys: "g n"},
			{Label: "Gateway Nodes", Href: link.Nodes, Icon: "server", Current: within(current, link.Nodes), Keys: "g 6"},
			{Label: "Token Management", Href: link.TokenManagement, Icon: "settings", Current: within(current, link.TokenManagement), Keys: "g m"},
			{Label: "Error Messages", Href: link.ErrorMessages, Icon: "code", Current: within(current, link.ErrorMessages), Keys: "g b"},
			{Label: "Management API", Href: link.APIReference, Icon: "code", Current: within(current, link.APIReference)},
			{Label: "People", Icon: "account", Children: []layout.NavItem{
				{Label: "Users", Href: link.Users, Current: within(current, link.Users) || current == link.NewUser, Keys: "g 1"},
				{Label: "Project roles", Href: link.ProjectRoles, Current: within(current, link.ProjectRoles) || current == link.NewProjectRole, Keys: "g 2"},
				{Label: "Projects", Href: link.ProjectList, Current: current == link.ProjectList || current == link.NewProject, Keys: "g 3"},
				{Label: "Sign-in settings", Href: link.SignInSettings, Current: within(current, link.SignInSettings), Keys: "g 4"},
			}},
		}},
	}
}

// ofEnvironments tells pages of environments themselves from those of their keys
// and variables, which have entries of their own.
func ofEnvironments(path string) bool {
	rest, below := strings.CutPrefix(path, link.Environments+"/")
	if !below {
		return path == link.Environments || path == link.NewEnvironment
	}
	_, part, _ := strings.Cut(rest, "/")
	return slices.Contains([]string{"", "edit", "address", "delete"}, part)
}

// identityMenu leads to whoever calls the APIs, and to where they are kept.
func identityMenu(project, current string) layout.NavSection {
	sources := layout.NavItem{Label: "Identity Sources", Href: link.IdentitySources(project), Icon: "server", Keys: "g i"}
	sources.Current = within(current, sources.Href) || within(current, link.NewIdentitySource(project))
	credentials := layout.NavItem{Label: "Credentials", Href: link.Credentials(project), Icon: "account", Keys: "g c"}
	credentials.Current = within(current, credentials.Href) || within(current, link.NewCredential(project)) || within(current, link.ImportCredentials(project))
	roles := layout.NavItem{Label: "Roles", Href: link.Roles(project), Icon: "group", Keys: "g r"}
	roles.Current = within(current, roles.Href)
	access := layout.NavItem{Label: "Access", Href: link.Access(project), Icon: "lock", Keys: "g x"}
	access.Current = within(current, access.Href) || within(current, link.NewAccess(project))
	return layout.NavSection{Label: "Identity", Items: []layout.NavItem{sources, credentials, roles, access}}
}

func within(path, base string) bool {
	return path == base || len(path) > len(base) && path[:len(base)] == base && path[len(base)] == '/'
}

func projectChooser(projects []models.Project, current string) layout.Chooser {
	ch := layout.Chooser{Label: "Project", Current: current}
	for _, p := range projects {
		ch.Options = append(ch.Options, layout.Choice{Label: p.Name, Href: link.Project(p.Name), Text: p.Description, Current: p.Name == current})
	}
	return ch
}

// environmentChooser keeps the visitor on the page; the choice says whose
// state and addresses the pages show first. The first one is chosen unless
// another is, and once that is deleted.
func environmentChooser(environments []models.Environment, chosen, here string, look bool) layout.Chooser {
	ch := layout.Chooser{Label: "Environment"}
	current := max(0, slices.IndexFunc(environments, func(e models.Environment) bool { return e.Name == chosen }))
	for i, e := range environments {
		o := layout.Choice{Label: e.Name, Text: e.PublicURL, Colour: layout.Colour(e.Colour), Href: link.Environment, Post: true}
		o.Hidden = []ui.Hidden{{Name: "environment", Value: e.Name}, {Name: "return", Value: here}}
		if i == current {
			ch.Current, ch.Colour, o.Current = e.Name, o.Colour, true
		}
		ch.Options = append(ch.Options, o)
	}
	if look && len(environments) > 0 {
		ch.More = moreOn(ch.Current)
	}
	return ch
}

// moreOn leads from the chooser to the environment that is chosen there.
func moreOn(environment string) []ui.Action {
	return []ui.Action{
		{Label: "About " + environment, Icon: "info", Href: link.EnvironmentPage(environment)},
		{Label: "All environments", Icon: "layers", Href: link.Environments},
	}
}

func roleLabel(role string) string {
	switch role {
	case models.RoleAdministrator:
		return "Administrator"
	case models.RoleProjectManager:
		return "Project manager"
	case models.RoleAuditor:
		return "Auditor"
	case models.RoleMember:
		return "Member"
	}
	return role
}

func toneOf(k visit.Kind) ui.Tone {
	switch k {
	case visit.Success:
		return ui.ToneSuccess
	case visit.Warning:
		return ui.ToneWarning
	case visit.Danger:
		return ui.ToneDanger
	}
	return ui.ToneInfo
}
