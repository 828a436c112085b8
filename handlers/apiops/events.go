package apiops

import (
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// What happened at the gateways: token requests, security events and refused
// calls. Logs grow while they are read, so their pages are places in them and no
// numbers.

const monitoringTag = "Monitoring"

func (a *API) eventOperations() []operation {
	var list []operation
	for _, at := range []struct {
		path, id, where string
		right           visit.Right
	}{
		{Prefix, "", " of the installation", visit.ViewSystem},
		{projectPath, "Project", " of a project", models.ViewMonitoring},
	} {
		query := func(own ...parameter) []parameter {
			var project []parameter
			if at.id == "" {
				project = []parameter{{name: "project", text: "Only those of this project.", kind: ""}}
			}
			return slices.Concat(own, project, commonEventParameters, logParameters)
		}
		list = append(list,
			operation{
				method: http.MethodGet, path: at.path + "tokenRequests/", id: "list" + at.id + "TokenRequests", tag: monitoringTag, summary: "List the token requests" + at.where,
				text: newestFirst, right: at.right, query: query(tokenRequestParameters...), result: logOf[tokenRequest]{}, do: a.listTokenRequests,
			},
			operation{
				method: http.MethodGet, path: at.path + "tokenRequests/{tokenRequestId}/", id: "get" + at.id + "TokenRequest", tag: monitoringTag, summary: "Read a token request" + at.where,
				right: at.right, result: one[tokenRequest]{}, do: a.getTokenRequest,
			},
			operation{
				method: http.MethodGet, path: at.path + "securityEvents/", id: "list" + at.id + "SecurityEvents", tag: monitoringTag, summary: "List the security events" + at.where,
				text: newestFirst, right: at.right, query: query(securityEventParameters...), result: logOf[securityEvent]{}, do: a.listSecurityEvents,
			},
			operation{
				method: http.MethodGet, path: at.path + "securityEvents/{securityEventId}/", id: "get" + at.id + "SecurityEvent", tag: monitoringTag, summary: "Read a security event" + at.where,
				right: at.right, result: one[securityEvent]{}, do: a.getSecurityEvent,
			},
			operation{
				method: http.MethodGet, path: at.path + "refusals/", id: "list" + at.id + "Refusals", tag: monitoringTag, summary: "List the refused calls" + at.where,
				text: newestFirst + " Each with why it was refused and what helps.", right: at.right, query: query(refusalParameters...), result: logOf[refusedCall]{}, do: a.listRefusals,
			},
		)
	}
	return list
}

const newestFirst = "The newest first. The next page is that of before=, with the next of this one."

var (
	commonEventParameters = []parameter{
		{name: "environment", text: "Only those of this environment.", kind: ""},
		{name: "address", text: "Only those from this address, or from this network such as 10.0.0.0/8.", kind: ""},
	}
	ofRequest     = parameter{name: "correlationId", text: "Only those of this request.", kind: ""}
	logParameters = []parameter{
		{name: "before", text: "Only what comes after this place in the list: the next of the page before.", kind: ""},
		{name: "after", text: "Only what comes before this place in the list.", kind: ""},
		{name: "pageSize", text: "How many to a page, 100 unless told, at most 250.", kind: 0},
	}
	timeParameters = []parameter{
		{name: "from", text: "The first moment that is in.", kind: time.Time{}},
		{name: "to", text: "The first moment that is not.", kind: time.Time{}},
	}
	tokenRequestParameters = append([]parameter{
		ofRequest,
		{name: "q", text: "Only those with this in names, scope, reason, error or ids.", kind: ""},
		{name: "owner", text: "Only those for this API proxy or proxy group.", kind: ""},
		{name: "policy", text: "Only those of this policy.", kind: ""},
		{name: "grant", text: "Only those with this grant_type.", kind: ""},
		{name: "operation", text: "Only those that asked for this.", kind: "", enum: operations},
		{name: "source", text: "Only those that asked this identity source: its kind, or kind:name.", kind: ""},
		{name: "outcome", text: "Only those that went so.", kind: "", enum: []string{models.OutcomeIssued, models.OutcomeRefused}},
		{name: "error", text: "Only those with this error of RFC 6749.", kind: ""},
		{name: "who", text: "Only those of this user name or client id.", kind: ""},
		{name: "session", text: "Only those of this login (claim sid).", kind: ""},
		{name: "statusFrom", text: "The least HTTP status that is in.", kind: 0},
		{name: "statusTo", text: "The greatest HTTP status that is in.", kind: 0},
	}, timeParameters...)
	securityEventParameters = append([]parameter{
		{name: "q", text: "Only those with this in detail, subject, owner, source or ids.", kind: ""},
		{name: "kind", text: "Only those of this kind.", kind: "", enum: securityKinds()},
		{name: "who", text: "Only those about this user name or client id.", kind: ""},
	}, timeParameters...)
	refusalParameters = []parameter{
		ofRequest,
		{name: "proxy", text: "Only those of API proxies with this in their names.", kind: ""},
		{name: "errorType", text: "Only those with this row of the error catalogue.", kind: ""},
	}
	operations = []string{string(event.Issue), string(event.Refresh), string(event.Regenerate), string(event.Introspect), string(event.Revoke)}
)

func securityKinds() []string {
	var list []string
	for _, k := range models.SecurityKinds() {
		list = append(list, string(k))
	}
	return list
}

// logOf is a page of a log.
type logOf[T any] struct {
	done
	ResultList  []T       `json:"resultList"`
	ResultCount int       `json:"resultCount" doc:"How many resultList holds."`
	TotalCount  int       `json:"totalCount,omitempty" doc:"How many there are on all pages, counted up to 10000; left out where that is not known, as on further pages."`
	Next        string    `json:"next,omitempty" doc:"What before= of the next page is; left out where the log ends."`
	SearchedTo  time.Time `json:"searchedTo,omitzero" doc:"The search gave up here; the next page goes on from it."`
}

// logPage makes a page of what was found; of its rows there may be one more than
// fits, which tells that there is another page.
func logPage[T any](rows []T, size int, backwards bool, found models.Found, place func(T) models.Cursor) logOf[T] {
	p := logOf[T]{done: success(), ResultList: orEmpty(rows), TotalCount: found.Total, Next: string(found.Stopped), SearchedTo: found.StoppedAt}
	more := len(rows) > size
	switch {
	case more && backwards:
		p.ResultList = rows[1:] // the newest is the one too many
	case more:
		p.ResultList = rows[:size]
	}
	if (more || backwards) && len(p.ResultList) > 0 {
		p.Next = string(place(p.ResultList[len(p.ResultList)-1]))
	}
	p.ResultCount = len(p.ResultList)
	return p
}

// scope is the project that the address names, or all of them: a record of
// another one is not there, even if its number is guessed.
func (c *call) scope() models.Scope { return c.visit().LogsOf(c.op.right, c.project.Name) }

// logQuery is what all logs are narrowed by.
type logQuery struct {
	environment, project, address, correlation string
	from, to                                   time.Time
	before, after                              models.Cursor
	size                                       int
}

func (c *call) logQuery(l *problem.List) logQuery {
	q := logQuery{
		environment: c.g.Query("environment"), project: c.projectAsked(), address: c.g.Query("address"), correlation: c.g.Query("correlationId"),
		from: c.moment(l, "from"), to: c.moment(l, "to"), before: c.cursor(l, "before"), after: c.cursor(l, "after"), size: c.number(l, "pageSize", 100, 1, 250),
	}
	if q.address != "" && !isNetwork(q.address) {
		l.Add("address", "Give an address or a network, such as 192.0.2.7 or 10.0.0.0/8.")
	}
	return q
}

// projectAsked is the filter that only the logs of the installation have.
func (c *call) projectAsked() string {
	if c.project.ID != "" {
		return ""
	}
	return c.g.Query("project")
}

func (c *call) cursor(l *problem.List, name string) models.Cursor {
	cursor := models.Cursor(c.g.Query(name))
	if !cursor.Valid() {
		l.Add(name, "Give the next of another page.")
	}
	return cursor
}

func isNetwork(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	_, err := netip.ParsePrefix(text)
	return err == nil
}

// addressOf is an address as text, "" when it is not known.
func addressOf(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

type tokenRequest struct {
	ID               int64      `json:"id"`
	At               time.Time  `json:"createdAt"`
	Environment      string     `json:"environmentName"`
	Operation        string     `json:"operation" enum:"ISSUE,REFRESH,REGENERATE,INTROSPECT,REVOKE"`
	Project          string     `json:"projectName"`
	Owner            string     `json:"ownerName" doc:"The API proxy or the proxy group that the token is for."`
	Policy           string     `json:"policyName"`
	Grant            string     `json:"grantType"`
	ClientID         string     `json:"clientId"`
	Username         string     `json:"username" doc:"The subject of the token, or the name that was tried, abridged."`
	Source           string     `json:"identitySource"`
	Client           string     `json:"clientAddress"`
	ForwardedFor     string     `json:"forwardedFor"`
	Method           string     `json:"httpMethod"`
	ContentType      string     `json:"contentType"`
	Algorithm        string     `json:"jwtSignatureAlgorithm"`
	KeyID            string     `json:"keyId"`
	TokenID          string     `json:"tokenId" doc:"The jti of what was issued."`
	Family           string     `json:"session" doc:"The login that refreshes belong to (claim sid)."`
	Scope            string     `json:"scope"`
	IssuedAt         time.Time  `json:"issuedAt,omitzero"`
	ExpiresAt        time.Time  `json:"expiresAt,omitzero"`
	NeverExpires     bool       `json:"tokenNeverExpires"`
	RefreshExpiresAt time.Time  `json:"refreshExpiresAt,omitzero"`
	RefreshCount     int        `json:"refreshCount"`
	RefreshMax       int        `json:"maxRefreshCount"`
	Status           int        `json:"statusCode"`
	Error            string     `json:"error" doc:"Of RFC 6749; empty when all went well."`
	Fault            fault.Type `json:"errorType"`
	Reason           string     `json:"reason" doc:"For the operator; the caller never sees it."`
	CorrelationID    string     `json:"correlationId"`
	Took             int64      `json:"tookMillis"`
}

func tokenRequestOf(r models.TokenRequest) tokenRequest {
	return tokenRequest{
		r.ID, r.Time.UTC(), r.Environment, string(r.Operation), r.Project, r.Owner, r.Policy, r.Grant, r.ClientID, r.Username, r.Source, addressOf(r.Client), r.ForwardedFor,
		r.Method, r.ContentType, r.Algorithm, r.KeyID, r.TokenID, r.Family, r.Scope, r.IssuedAt.UTC(), r.ExpiresAt.UTC(), r.NeverExpires, r.RefreshExpiresAt.UTC(),
		r.RefreshCount, r.RefreshMax, r.Status, r.Error, r.Fault, r.Reason, r.CorrelationID, r.Duration.Milliseconds(),
	}
}

func (a *API) listTokenRequests(c *call) (any, error) {
	var l problem.List
	q := c.logQuery(&l)
	f := models.TokenRequestFilter{
		Keyword: c.g.Query("q"), Environment: q.environment, Project: q.project, Owner: c.g.Query("owner"), Policy: c.g.Query("policy"), Grant: c.g.Query("grant"),
		Operation: c.choice(&l, "operation", operations...), Source: c.g.Query("source"), Outcome: c.choice(&l, "outcome", models.OutcomeIssued, models.OutcomeRefused),
		Error: c.g.Query("error"), Who: c.g.Query("who"), Family: c.g.Query("session"), CorrelationID: q.correlation, Address: q.address,
		StatusFrom: c.number(&l, "statusFrom", 0, 100, 599), StatusTo: c.number(&l, "statusTo", 0, 100, 599),
		From: q.from, To: q.to, Before: q.before, After: q.after, PerPage: q.size + 1,
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	rows, found, err := a.Store.TokenRequests(c.ctx(), c.scope(), f)
	if err != nil {
		return nil, err
	}
	list := make([]tokenRequest, len(rows))
	for i, r := range rows {
		list[i] = tokenRequestOf(r)
	}
	return logPage(list, q.size, q.backwards(), found, func(r tokenRequest) models.Cursor { return models.CursorOf(r.At, r.ID) }), nil
}

func (q logQuery) backwards() bool { return q.before == "" && q.after != "" }

func (a *API) getTokenRequest(c *call) (any, error) {
	id, err := c.rowID("tokenRequestId")
	if err != nil {
		return nil, err
	}
	r, err := a.Store.TokenRequest(c.ctx(), c.scope(), id)
	if err != nil {
		return nil, err
	}
	return single(tokenRequestOf(r)), nil
}

type securityEvent struct {
	ID            int64     `json:"id"`
	At            time.Time `json:"createdAt"`
	Kind          string    `json:"kind"`
	Environment   string    `json:"environmentName"`
	Project       string    `json:"projectName"`
	Owner         string    `json:"ownerName"`
	Subject       string    `json:"subject" doc:"The user or client that it is about."`
	Source        string    `json:"identitySource"`
	Client        string    `json:"clientAddress"`
	Detail        string    `json:"detail"`
	CorrelationID string    `json:"correlationId"`
}

func securityEventOf(e models.SecurityEvent) securityEvent {
	return securityEvent{e.ID, e.Time.UTC(), string(e.Kind), e.Environment, e.Project, e.Owner, e.Subject, e.Source, addressOf(e.Client), e.Detail, e.CorrelationID}
}

func (a *API) listSecurityEvents(c *call) (any, error) {
	var l problem.List
	q := c.logQuery(&l)
	f := models.SecurityEventFilter{
		Keyword: c.g.Query("q"), Kind: c.choice(&l, "kind", securityKinds()...), Environment: q.environment, Project: q.project, Subject: c.g.Query("who"), Address: q.address,
		From: q.from, To: q.to, Before: q.before, After: q.after, PerPage: q.size + 1,
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	rows, found, err := a.Store.SecurityEvents(c.ctx(), c.scope(), f)
	if err != nil {
		return nil, err
	}
	list := make([]securityEvent, len(rows))
	for i, e := range rows {
		list[i] = securityEventOf(e)
	}
	return logPage(list, q.size, q.backwards(), found, func(e securityEvent) models.Cursor { return models.CursorOf(e.At, e.ID) }), nil
}

func (a *API) getSecurityEvent(c *call) (any, error) {
	id, err := c.rowID("securityEventId")
	if err != nil {
		return nil, err
	}
	e, err := a.Store.SecurityEvent(c.ctx(), c.scope(), id)
	if err != nil {
		return nil, err
	}
	return single(securityEventOf(e)), nil
}

type refusedCall struct {
	ID            int64      `json:"id"`
	At            time.Time  `json:"createdAt"`
	Environment   string     `json:"environmentName"`
	Project       string     `json:"projectName"`
	Proxy         string     `json:"apiProxyName"`
	Group         string     `json:"apiProxyGroupName" doc:"Through which the call came; empty when it came at the proxy's own address."`
	Endpoint      string     `json:"endpoint" doc:"Method and template; empty when none matched."`
	Policy        string     `json:"policyName"`
	Method        string     `json:"httpMethod"`
	Path          string     `json:"path" doc:"Without the query."`
	Client        string     `json:"clientAddress"`
	Subject       string     `json:"subject"`
	Status        int        `json:"statusCode"`
	Fault         fault.Type `json:"errorType"`
	Why           string     `json:"why" doc:"In words for who has to mend it."`
	Fix           string     `json:"fix" doc:"What helps."`
	Reason        string     `json:"reason" doc:"For the operator; the caller never sees it."`
	CorrelationID string     `json:"correlationId"`
}

func refusedCallOf(r models.Refusal) refusedCall {
	return refusedCall{
		r.ID, r.Time.UTC(), r.Environment, r.Project, r.Proxy, r.Group, r.Endpoint, r.Policy, r.Method, r.Path, addressOf(r.Client), r.Subject, r.Status, r.Fault,
		r.Why, r.Fix, r.Reason, r.CorrelationID,
	}
}

func (a *API) listRefusals(c *call) (any, error) {
	var l problem.List
	q := c.logQuery(&l)
	f := models.RefusalFilter{
		CorrelationID: q.correlation, Environment: q.environment, Project: q.project, Proxy: c.g.Query("proxy"), Fault: fault.Type(c.g.Query("errorType")),
		Address: q.address, Before: q.before, After: q.after, PerPage: q.size + 1,
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	rows, found, err := a.Store.Refusals(c.ctx(), c.scope(), f)
	if err != nil {
		return nil, err
	}
	list := make([]refusedCall, len(rows))
	for i, r := range rows {
		list[i] = refusedCallOf(r)
	}
	return logPage(list, q.size, q.backwards(), found, func(r refusedCall) models.Cursor { return models.CursorOf(r.At, r.ID) }), nil
}
