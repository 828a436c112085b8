package console

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// TestIdentitySource tries a form as it is typed, whether or not it is saved.
// Secrets that were not typed are the stored ones, as long as they go where
// they went before. The user's password is for this call alone: it is in no
// log and on no page.
func (c *Console) TestIdentitySource(g *gin.Context) error {
	values, err := typedSource(g)
	if err != nil {
		return err
	}
	e, err := c.sourceEditor(g, identity.KindName(g.Param("kind")))
	if err != nil {
		return err
	}
	password := secret.New(values[webidentity.TestPassword])
	delete(values, webidentity.TestPassword)
	in := e.entered(values)
	outcome, err := e.try(values, in, password)
	if err != nil {
		return err
	}
	if isHTMX(g) {
		return render(g, http.StatusOK, webidentity.Tested(outcome))
	}
	return e.showTested(values, in, outcome)
}

// showTested draws the whole form with what the test has shown, where no
// JavaScript runs.
func (e *sourceEditor) showTested(values webidentity.Values, in entered, outcome webidentity.Outcome) error {
	page, err := e.typedPage(values, in)
	if err != nil {
		return err
	}
	page.Problems, page.Tested = nil, webidentity.Tested(outcome) // which says what is wrong
	id := values["sourceId"]
	if id == "" {
		return e.showNew(http.StatusOK, page)
	}
	s, err := e.c.store.IdentitySourceByID(e.g.Request.Context(), e.project.ID, id)
	if err != nil {
		return err
	}
	s.Version = number(values["version"]) // as it was read: a test makes nobody up to date
	return e.showEdit(http.StatusOK, s, page)
}

// try opens what is typed and tests it.
func (e *sourceEditor) try(values webidentity.Values, in entered, password secret.Text) (webidentity.Outcome, error) {
	ctx := e.g.Request.Context()
	config, problems := webidentity.Read(e.form, e.kind, values)
	if problems = append(problems, in.lost...); len(problems) > 0 {
		return webidentity.NewOutcome(e.form, e.kind, webidentity.InOrder(e.form, e.kind, problems)), nil
	}
	secrets, err := e.c.store.SecretsForTest(ctx, e.project.ID, values["sourceId"], config, in.given)
	if list := problem.Of(err); list != nil {
		return webidentity.NewOutcome(e.form, e.kind, webidentity.InOrder(e.form, e.kind, list)), nil
	}
	if errors.Is(err, models.ErrNotFound) {
		return webidentity.Outcome{Failure: "This identity source has been deleted since you opened the page."}, nil
	}
	if err != nil {
		return webidentity.Outcome{}, err
	}
	return e.open(config, secrets, strings.TrimSpace(values[webidentity.TestName]), password), nil
}

// open tests one source of its own.
func (e *sourceEditor) open(config identity.Config, secrets map[string]secret.Text, name string, password secret.Text) webidentity.Outcome {
	began := time.Now()
	report, err := identity.Try(e.g.Request.Context(), config, identity.Deps{Secrets: secrets, Allow: e.c.outgoing}, name, password)
	list := problem.Of(err)
	switch {
	case list != nil:
		return webidentity.NewOutcome(e.form, e.kind, list)
	case errors.Is(err, identity.ErrNoTest):
		return webidentity.Outcome{Failure: "Sources of this kind cannot be tested."}
	case err != nil:
		return webidentity.Outcome{Failure: "These settings cannot be used: " + err.Error() + "."}
	}
	return webidentity.Outcome{Report: report, Name: name, Login: name != "" && !password.IsZero(), Took: time.Since(began)}
}
