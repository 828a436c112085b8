package apiops

import (
	"net/http"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
)

// The users and clients of the built-in secret manager. What is saved takes
// effect at once in every environment (D5).

const (
	credentialsPath = projectPath + "credentials/"
	credentialPath  = credentialsPath + "{username}/"
	credentialsTag  = "Credentials"
)

func (a *API) credentialOperations() []operation {
	const effect = "It takes effect at once in every environment, without a deploy."
	return []operation{
		{
			method: http.MethodGet, path: credentialsPath, id: "listCredentials", tag: credentialsTag, summary: "List credentials", right: models.ViewIdentity,
			query: append([]parameter{
				{name: "q", text: "Only those with this in user name, full name, e-mail address or description.", kind: ""},
				{name: "role", text: "Only those with this role.", kind: ""},
				{name: "status", text: "Only those that are enabled and have not expired, that are disabled, or that have expired.", kind: "", enum: credentialStates},
			}, pagingParameters...),
			result: listOf[credential]{}, do: a.listCredentials,
		},
		{
			method: http.MethodPost, path: credentialsPath, id: "createCredential", tag: credentialsTag, summary: "Create a credential",
			text:  effect + " Without a password one is generated, which is answered this once.",
			right: models.ManageIdentity, body: credentialRequest{}, result: credentialSecret{}, versioned: true, do: a.createCredential,
		},
		{
			method: http.MethodGet, path: credentialPath, id: "getCredential", tag: credentialsTag, summary: "Read a credential", text: "Never with its password.",
			right: models.ViewIdentity, result: one[credential]{}, versioned: true, do: a.getCredential,
		},
		{
			method: http.MethodPut, path: credentialPath, id: "replaceCredential", tag: credentialsTag, summary: "Replace a credential",
			text: effect + " Secrets that are left out stay: the password, those of environments and of metadata. So do the token settings that are left out, and without username the name. " +
				"Another name or password makes the tokens worthless that were issued until now.",
			right: models.ManageIdentity, body: credentialRequest{}, result: one[credential]{}, versioned: true, do: a.replaceCredential,
		},
		{
			method: http.MethodPatch, path: credentialPath, id: "changeCredentialPassword", tag: credentialsTag, summary: "Change the password of a credential",
			text:  effect + " Tokens that were issued until now become worthless.",
			right: models.ManageIdentity, body: credentialPasswordRequest{}, result: one[credential]{}, versioned: true, do: a.changeCredentialPassword,
		},
		{
			method: http.MethodDelete, path: credentialPath, id: "deleteCredential", tag: credentialsTag, summary: "Delete a credential",
			text: "With its access. " + effect, right: models.ManageIdentity, result: done{}, versioned: true, do: a.deleteCredential,
		},
		{
			method: http.MethodPost, path: credentialPath + "secret/", id: "rotateCredentialSecret", tag: credentialsTag, summary: "Give a credential a new password",
			text:  "It is generated and answered this once. " + effect + " Tokens that were issued until now become worthless.",
			right: models.ManageIdentity, result: credentialSecret{}, versioned: true, do: a.rotateCredentialSecret,
		},
		{
			method: http.MethodPatch, path: credentialPath + "status/", id: "setCredentialStatus", tag: credentialsTag, summary: "Enable or disable a credential", text: effect,
			right: models.ManageIdentity, body: credentialStatusRequest{}, result: one[credential]{}, versioned: true, do: a.setCredentialStatus,
		},
		{
			method: http.MethodPut, path: credentialPath + "token/", id: "changeCredentialTokens", tag: credentialsTag, summary: "Change the token settings of a credential",
			text:  "For policies that leave them to the credential (managedFromThisPolicy is false). Members that are left out stay. " + effect,
			right: models.ManageIdentity, body: issue.Settings{}, result: one[credential]{}, versioned: true, do: a.changeCredentialTokens,
		},
		{
			method: http.MethodDelete, path: credentialPath + "token/", id: "resetCredentialTokens", tag: credentialsTag, summary: "Reset the token settings of a credential", text: effect,
			right: models.ManageIdentity, result: one[credential]{}, versioned: true, do: a.resetCredentialTokens,
		},
	}
}

var credentialStates = []string{"enabled", "disabled", "expired"}

type credential struct {
	Name            string           `json:"username"`
	FullName        string           `json:"fullName"`
	Email           string           `json:"email"`
	Description     string           `json:"description"`
	Enabled         bool             `json:"enabled"`
	Expires         time.Time        `json:"expireDate,omitzero" doc:"When it stops working; left out: never."`
	SecretChangedAt time.Time        `json:"passwordChangedAt"`
	Networks        []string         `json:"ipList" doc:"The addresses that it may be used from; none means any."`
	Roles           []string         `json:"roleNameList"`
	Metadata        []credentialData `json:"metadata"`
	Tokens          issue.Settings   `json:"tokenSettings"`
	// Environments are only those in which something differs.
	Environments []credentialPlace `json:"environments" doc:"What differs in an environment; only those where something does."`
	Grants       int               `json:"accessCount" doc:"How many APIs it may use."`
	written
}

type credentialData struct {
	Key                    string `json:"key"`
	Value                  string `json:"value,omitempty" doc:"Left out of a secret entry; sent without, a secret entry keeps its value."`
	Secret                 bool   `json:"secret" doc:"It is never read back and goes into no token."`
	IncludeInJWT           bool   `json:"includeInJwt" doc:"It becomes a claim of the tokens."`
	IncludeInTokenResponse bool   `json:"includeInTokenResponse" doc:"It stands beside the token in the token response."`
	JWTClaimName           string `json:"jwtClaimName,omitempty" doc:"What the claim is called; left out: as the key."`
}

type credentialPlace struct {
	Environment string    `json:"environmentName"`
	OwnSecret   bool      `json:"ownPassword" doc:"It has a password of its own there."`
	Networks    *[]string `json:"ipList,omitempty" doc:"The addresses there; left out: those of the credential."`
	Disabled    bool      `json:"disabled"`
}

type credentialSecret struct {
	done
	Result credential `json:"result"`
	Secret string     `json:"password,omitempty" doc:"The generated password; it is never shown again. Left out where the password was sent."`
}

type credentialRequest struct {
	Name         string                   `json:"username" doc:"Client id and user name, unique over all projects. Required for a new credential."`
	Password     string                   `json:"password" format:"password"`
	FullName     string                   `json:"fullName"`
	Email        string                   `json:"email"`
	Description  string                   `json:"description"`
	Enabled      bool                     `json:"enabled" doc:"True unless told."`
	Expires      time.Time                `json:"expireDate" doc:"When it stops working; left out: never."`
	Networks     []string                 `json:"ipList" doc:"Addresses such as 192.0.2.10 and networks such as 10.0.0.0/8; none means any."`
	Roles        []string                 `json:"roleNameList" doc:"Roles of the project, which must exist."`
	Metadata     []credentialData         `json:"metadata"`
	Tokens       issue.Settings           `json:"tokenSettings"`
	Environments []credentialPlaceRequest `json:"environments" doc:"What differs in an environment."`
}

type credentialPlaceRequest struct {
	Environment string    `json:"environmentName" required:"true"`
	Password    string    `json:"password" format:"password" doc:"A password of its own there; left out, one that it has stays."`
	OwnSecret   *bool     `json:"ownPassword" doc:"False takes its own password away."`
	Networks    *[]string `json:"ipList" doc:"The addresses there, none means any; left out: those of the credential."`
	Disabled    bool      `json:"disabled"`
}

type credentialPasswordRequest struct {
	Password string `json:"password" required:"true" format:"password" doc:"At least 12 characters."`
}

type credentialStatusRequest struct {
	Enabled *bool `json:"enabled" required:"true"`
}

func credentialOf(c models.Credential) credential {
	out := credential{
		Name: c.Name, FullName: c.FullName, Email: c.Email, Description: c.Description, Enabled: c.Enabled, Expires: c.Expires.UTC(), SecretChangedAt: c.SecretChangedAt.UTC(),
		Networks: orEmpty(c.Networks), Roles: orEmpty(c.Roles), Metadata: []credentialData{}, Tokens: c.Tokens, Environments: []credentialPlace{}, Grants: c.Grants, written: writtenOf(c.Stamp),
	}
	for _, m := range c.Metadata {
		out.Metadata = append(out.Metadata, credentialData{m.Key, m.Value, m.Secret, m.IncludeInJWT, m.IncludeInTokenResponse, m.JWTClaimName})
	}
	for _, o := range c.Environments {
		place := credentialPlace{Environment: o.Environment, OwnSecret: o.OwnSecret, Disabled: o.Disabled}
		if o.OwnNetworks {
			list := orEmpty(o.Networks)
			place.Networks = &list
		}
		out.Environments = append(out.Environments, place)
	}
	return out
}

// draft is what was sent in the words of the store; before is what there is,
// nothing for a new one.
func (r credentialRequest) draft(before models.Credential) models.CredentialDraft {
	d := models.CredentialDraft{
		Name: r.Name, Description: r.Description, FullName: r.FullName, Email: r.Email, Secret: secret.New(r.Password), Enabled: r.Enabled, Expires: r.Expires,
		Networks: r.Networks, Roles: r.Roles, Tokens: r.Tokens, GenerateSecret: before.ID == "" && r.Password == "",
	}
	if d.Name == "" {
		d.Name = before.Name
	}
	for _, m := range r.Metadata {
		entry := models.Metadata{Key: m.Key, Secret: m.Secret, IncludeInJWT: m.IncludeInJWT, IncludeInTokenResponse: m.IncludeInTokenResponse, JWTClaimName: m.JWTClaimName}
		if m.Secret {
			entry.SecretValue = secret.New(m.Value)
		} else {
			entry.Value = m.Value
		}
		d.Metadata = append(d.Metadata, entry)
	}
	for _, e := range r.Environments {
		d.Environments = append(d.Environments, e.override(before))
	}
	return d
}

func (r credentialPlaceRequest) override(before models.Credential) models.CredentialOverride {
	o := models.CredentialOverride{Environment: r.Environment, Secret: secret.New(r.Password), OwnSecret: r.Password != "", Disabled: r.Disabled, OwnNetworks: r.Networks != nil}
	for _, b := range before.Environments {
		o.OwnSecret = o.OwnSecret || b.OwnSecret && strings.EqualFold(b.Environment, r.Environment)
	}
	if r.OwnSecret != nil {
		o.OwnSecret = *r.OwnSecret
	}
	if r.Networks != nil {
		o.Networks = *r.Networks
	}
	return o
}

// credentialFields names the fields of a problem as they were sent: token
// settings within their member.
func credentialFields(err error) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	l := make(problem.List, len(list))
	for i, p := range list {
		first, _, _ := strings.Cut(p.Field, ".")
		first, _, _ = strings.Cut(first, "[")
		switch first {
		case "", "username", "password", "email", "fullName", "description", "expireDate", "ipList", "roleNameList", "metadata":
		case "environments":
			if rest, ok := strings.CutSuffix(p.Field, ".environment"); ok {
				p.Field = rest + ".environmentName"
			}
		default:
			p.Field = "tokenSettings." + p.Field
		}
		l[i] = p
	}
	return l
}

func (a *API) listCredentials(c *call) (any, error) {
	var l problem.List
	f := models.CredentialFilter{Query: c.g.Query("q"), Role: c.g.Query("role"), Status: c.choice(&l, "status", credentialStates...)}
	f.Page, f.PerPage = c.pages(&l)
	if err := l.Err(); err != nil {
		return nil, err
	}
	rows, total, err := a.Store.Credentials(c.ctx(), c.project.ID, f)
	if err != nil {
		return nil, err
	}
	list := make([]credential, len(rows))
	for i, row := range rows {
		list[i] = credentialOf(row)
	}
	return listing(list, total), nil
}

func (c *call) credential() (models.Credential, error) {
	return c.Store.Credential(c.ctx(), c.project.ID, c.name("username"))
}

// current is the credential of the address as If-Match wants it.
func (c *call) currentCredential() (models.Credential, error) {
	now, err := c.credential()
	if err != nil {
		return now, err
	}
	return now, c.matches(now.Version)
}

func (c *call) answerCredential(saved models.Credential, err error) (any, error) {
	if err != nil {
		return nil, credentialFields(err)
	}
	c.tag(saved.Version)
	return single(credentialOf(saved)), nil
}

func (a *API) getCredential(c *call) (any, error) {
	return c.answerCredential(c.credential())
}

func (a *API) createCredential(c *call) (any, error) {
	r := credentialRequest{Enabled: true, Tokens: models.DefaultCredentialTokens()}
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if err := c.isNew(); err != nil {
		return nil, err
	}
	saved, generated, err := a.Store.SaveCredential(c.ctx(), c.by(), c.project.ID, "", 0, r.draft(models.Credential{}))
	if err != nil {
		return nil, credentialFields(err)
	}
	c.tag(saved.Version)
	return c.secretAnswer(credentialSecret{success(), credentialOf(saved), generated.Reveal()}), nil
}

// secretAnswer keeps what is shown once out of caches.
func (c *call) secretAnswer(answer any) any {
	c.g.Header("Cache-Control", "no-store")
	return answer
}

func (a *API) replaceCredential(c *call) (any, error) {
	if err := c.read(&credentialRequest{}); err != nil {
		return nil, err
	}
	now, err := c.currentCredential()
	if err != nil {
		return nil, err
	}
	r := credentialRequest{Enabled: true, Tokens: now.Tokens}
	if err := c.read(&r); err != nil {
		return nil, err
	}
	return c.saveCredential(now, r.draft(now))
}

func (c *call) saveCredential(now models.Credential, d models.CredentialDraft) (any, error) {
	saved, _, err := c.Store.SaveCredential(c.ctx(), c.by(), c.project.ID, now.ID, now.Version, d)
	return c.answerCredential(saved, err)
}

func (a *API) changeCredentialPassword(c *call) (any, error) {
	var r credentialPasswordRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if r.Password == "" {
		return nil, invalid("password", "Send the new password, of at least %d characters.", models.MinCredentialSecret)
	}
	now, err := c.currentCredential()
	if err != nil {
		return nil, err
	}
	d := now.Draft()
	d.Secret = secret.New(r.Password)
	return c.saveCredential(now, d)
}

func (a *API) deleteCredential(c *call) (any, error) {
	now, err := c.currentCredential()
	if err != nil {
		return nil, err
	}
	if err := a.Store.DeleteCredential(c.ctx(), c.by(), c.project.ID, now.ID, now.Version); err != nil {
		return nil, err
	}
	return success(), nil
}

func (a *API) rotateCredentialSecret(c *call) (any, error) {
	now, err := c.currentCredential()
	if err != nil {
		return nil, err
	}
	saved, generated, err := a.Store.RotateCredentialSecret(c.ctx(), c.by(), c.project.ID, now.ID, now.Version)
	if err != nil {
		return nil, err
	}
	c.tag(saved.Version)
	return c.secretAnswer(credentialSecret{success(), credentialOf(saved), generated.Reveal()}), nil
}

func (a *API) setCredentialStatus(c *call) (any, error) {
	var r credentialStatusRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if r.Enabled == nil {
		return nil, invalid("enabled", "Send true or false.")
	}
	now, err := c.currentCredential()
	if err != nil {
		return nil, err
	}
	return c.answerCredential(a.Store.SetCredentialEnabled(c.ctx(), c.by(), c.project.ID, now.ID, now.Version, *r.Enabled))
}

func (a *API) changeCredentialTokens(c *call) (any, error) {
	if err := c.read(&issue.Settings{}); err != nil {
		return nil, err
	}
	now, err := c.currentCredential()
	if err != nil {
		return nil, err
	}
	d := now.Draft()
	if err := c.read(&d.Tokens); err != nil {
		return nil, err
	}
	saved, _, err := a.Store.SaveCredential(c.ctx(), c.by(), c.project.ID, now.ID, now.Version, d)
	if err != nil {
		return nil, err // whose fields are those that were sent
	}
	return c.answerCredential(saved, nil)
}

func (a *API) resetCredentialTokens(c *call) (any, error) {
	now, err := c.currentCredential()
	if err != nil {
		return nil, err
	}
	d := now.Draft()
	d.Tokens = models.DefaultCredentialTokens()
	return c.saveCredential(now, d)
}
