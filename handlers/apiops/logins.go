package apiops

import (
	"net/http"
	"slices"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// Logins at the gateways that can be refreshed, and the revoking of tokens.

const (
	loginsPath      = Prefix + "logins/"
	revocationsPath = Prefix + "revocations/"
)

func (a *API) loginOperations() []operation {
	query := []parameter{
		{name: "q", text: "Only those with this in subject, client id or the owner's name.", kind: ""},
		{name: "environment", text: "Only those in this environment.", kind: ""},
		{name: "owner", text: "Only those at this API proxy or proxy group.", kind: ""},
		{name: "policy", text: "Only those under this policy.", kind: ""},
		{name: "address", text: "Only those from this address, or from this network such as 10.0.0.0/8.", kind: ""},
	}
	return []operation{
		{
			method: http.MethodGet, path: loginsPath, id: "listLogins", tag: monitoringTag, summary: "List the logins that can be refreshed", right: visit.ViewSystem,
			query:  slices.Concat(query, []parameter{{name: "project", text: "Only those in this project.", kind: ""}}, pagingParameters),
			result: listOf[login]{}, do: a.listLogins,
		},
		{
			method: http.MethodGet, path: projectPath + "logins/", id: "listProjectLogins", tag: monitoringTag, summary: "List the logins of a project that can be refreshed", right: models.ViewMonitoring,
			query: slices.Concat(query, pagingParameters), result: listOf[login]{}, do: a.listLogins,
		},
		{
			method: http.MethodDelete, path: loginsPath + "{session}/", id: "endLogin", tag: monitoringTag, summary: "End a login",
			text: "Its refresh token and its access tokens become worthless on every node within a second.", right: visit.ManageSystem, result: revocationAnswer{}, do: a.endLogin,
		},
		{
			method: http.MethodPost, path: revocationsPath, id: "revokeTokens", tag: monitoringTag, summary: "Revoke tokens",
			text:  "Those that were issued to a user or a client or under a policy, or all, become worthless on every node within a second, and their logins end. It cannot be taken back; with dryRun it is only counted.",
			right: visit.ManageSystem, body: revocationRequest{}, result: revocationAnswer{}, do: a.revokeTokens,
		},
	}
}

type login struct {
	Session     string    `json:"session" doc:"As tokens spell it, in the claim sid."`
	Environment string    `json:"environmentName"`
	Project     string    `json:"projectName"`
	Owner       string    `json:"ownerName" doc:"The API proxy or the proxy group."`
	Policy      string    `json:"policyName"`
	ClientID    string    `json:"clientId"`
	Subject     string    `json:"subject"`
	User        bool      `json:"user" doc:"Whether the subject is a user, and no client."`
	Grant       string    `json:"grantType"`
	Source      string    `json:"identitySource"`
	Scope       string    `json:"scope"`
	Roles       []string  `json:"roleNameList"`
	Client      string    `json:"clientAddress"`
	StartedAt   time.Time `json:"startedAt"`
	RefreshedAt time.Time `json:"refreshedAt,omitzero" doc:"Left out until the first refresh."`
	ExpiresAt   time.Time `json:"expiresAt" doc:"When its newest refresh token ends."`
	Refreshes   int       `json:"refreshCount"`
	Allowed     int       `json:"maxRefreshCount"`
}

type revocationRequest struct {
	Environment string    `json:"environmentName" doc:"Left out: every one."`
	Kind        string    `json:"kind" required:"true" enum:"USER,CLIENT,POLICY,ALL" doc:"Whose tokens."`
	Key         string    `json:"key" doc:"The user name, the client id or the name of the policy, exactly as tokens have it; left out for ALL."`
	Project     string    `json:"projectName" doc:"For USER and POLICY: only in this project; left out: in each."`
	Before      time.Time `json:"before" doc:"Only those that were issued before; left out: until now."`
	Reason      string    `json:"reason" required:"true" doc:"Why, for the record."`
	DryRun      bool      `json:"dryRun" doc:"Only counts what would be revoked."`
}

type revocationAnswer struct {
	done
	Logins     int `json:"endedLogins" doc:"Logins that can be refreshed no more."`
	LiveTokens int `json:"revokedTokens" doc:"Live access tokens that the log of token requests knows of; older ones are revoked, too."`
}

func loginOf(l models.Login) login {
	return login{
		l.Session, l.Environment, l.Project, l.Owner, l.Policy, l.ClientID, l.Subject, l.User, l.Grant, l.Source, l.Scope, orEmpty(l.Roles), l.Client,
		l.StartedAt.UTC(), l.RefreshedAt.UTC(), l.ExpiresAt.UTC(), l.Refreshes, l.Allowed,
	}
}

func (a *API) listLogins(c *call) (any, error) {
	var l problem.List
	f := models.LoginFilter{
		Query: c.g.Query("q"), Environment: c.g.Query("environment"), Project: c.projectAsked(), Owner: c.g.Query("owner"), Policy: c.g.Query("policy"), Address: c.g.Query("address"),
	}
	f.Page, f.PerPage = c.pages(&l)
	if f.Address != "" && !isNetwork(f.Address) {
		l.Add("address", "Give an address or a network, such as 192.0.2.7 or 10.0.0.0/8.")
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	rows, total, err := a.Store.Logins(c.ctx(), c.scope(), f)
	if err != nil {
		return nil, err
	}
	list := make([]login, len(rows))
	for i, r := range rows {
		list[i] = loginOf(r)
	}
	return listing(list, total), nil
}

func (a *API) endLogin(c *call) (any, error) {
	r, err := a.Store.EndLogin(c.ctx(), c.by(), c.name("session"), "ended by the management API")
	return revoked(r, err)
}

func revoked(r models.RevokeResult, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return revocationAnswer{success(), r.Families, r.LiveTokens}, nil
}

func (a *API) revokeTokens(c *call) (any, error) {
	var r revocationRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if err := c.checkRevocation(r); err != nil {
		return nil, err
	}
	e := revoke.Entry{Kind: revoke.Kind(r.Kind), Key: r.Key, Project: r.Project, Before: r.Before.UTC()}
	if r.DryRun {
		return revoked(a.Store.PreviewRevoke(c.ctx(), r.Environment, e))
	}
	answer, err := revoked(a.Store.Revoke(c.ctx(), c.by(), r.Environment, e, r.Reason))
	return answer, revocationFields(err)
}

// checkRevocation is the rule of the console's form.
func (c *call) checkRevocation(r revocationRequest) error {
	var l problem.List
	kinds := []revoke.Kind{revoke.User, revoke.Client, revoke.Policy, revoke.All}
	if !slices.Contains(kinds, revoke.Kind(r.Kind)) {
		l.Add("kind", "Choose USER, CLIENT, POLICY or ALL.")
	} else if (r.Key == "") != (revoke.Kind(r.Kind) == revoke.All) {
		l.Add("key", "Give the name exactly as tokens have it; leave it out for ALL.")
	}
	if r.Project != "" && r.Kind != string(revoke.User) && r.Kind != string(revoke.Policy) {
		l.Add("projectName", "Leave it out: only a user's tokens and a policy's are of one project.")
	}
	if r.Reason == "" {
		l.Add("reason", "Say why in a few words.")
	}
	if r.Before.After(c.Now().Add(time.Minute)) {
		l.Add("before", "Choose a moment that is not in the future: tokens that are yet to be issued cannot be revoked.")
	}
	if err := c.checkPlaces(&l, r); err != nil {
		return err
	}
	return l.Err()
}

// checkPlaces finds names of what is not there: nothing would be revoked.
func (c *call) checkPlaces(l *problem.List, r revocationRequest) error {
	if r.Environment != "" {
		if _, err := c.Store.Environment(c.ctx(), r.Environment); isNotFound(err) {
			l.Add("environmentName", "Choose an environment that there is.")
		} else if err != nil {
			return err
		}
	}
	if r.Project != "" {
		if _, err := c.Store.Project(c.ctx(), r.Project); isNotFound(err) {
			l.Add("projectName", "Choose a project that there is.")
		} else if err != nil {
			return err
		}
	}
	return nil
}

// revocationFields names the fields of a problem as they were sent.
func revocationFields(err error) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	l := slices.Clone(list)
	for i := range l {
		if l[i].Field == "project" {
			l[i].Field = "projectName"
		}
	}
	return l
}
