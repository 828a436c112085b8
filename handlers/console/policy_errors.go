package console

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/models"
	weberrors "github.com/gatewright/gatewright/web/errors"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
)

// PolicyErrors draws a row of a form's error messages anew, after one of its
// buttons or while somebody types, with the answers that it gives. Nothing is
// saved.
func (c *Console) PolicyErrors(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	values, err := typed(g)
	if err != nil {
		return err
	}
	ctx, row := g.Request.Context(), g.Query("row")
	var owner *models.Owner
	if name := g.Query("owner"); name != "" {
		found, err := c.store.Owner(ctx, e.project.ID, g.Query("kind"), name)
		if err != nil {
			return err
		}
		owner = &found
	}
	weberrors.Open(values, row)
	policies.Change(e.form, values, values["change"])
	choices := policies.Choices{Now: c.now()}
	if err := c.offerVariables(ctx, e.project, &choices); err != nil {
		return err
	}
	if choices.Errors, err = c.errorChoices(ctx, e.typ.Faults, policyErrors(e.project, e.typ.Name, owner), owner); err != nil {
		return err
	}
	return render(g, http.StatusOK, weberrors.Redrawn(policies.Errors(values, nil, choices), row))
}

// policyErrors is the address of PolicyErrors.
func policyErrors(project models.Project, typ string, owner *models.Owner) string {
	if owner == nil {
		return link.PolicyErrors(project.Name, typ)
	}
	return withQuery(link.PolicyErrors(project.Name, typ), url.Values{"kind": {owner.Kind}, "owner": {owner.Name}})
}
