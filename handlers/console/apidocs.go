package console

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/apidocs"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
)

// APIReference lists the operations of the management API.
func (c *Console) APIReference(g *gin.Context) error {
	frame, err := c.frame(g, "Management API", models.Project{}, layout.Crumb{Label: "Management API"})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, apidocs.Index(apidocs.IndexPage{Frame: frame, Query: strings.TrimSpace(g.Query("q")), Reference: c.reference}))
}

// APIOperation is the page of one operation.
func (c *Console) APIOperation(g *gin.Context) error {
	o, ok := c.reference.Find(g.Param("operation"))
	if !ok {
		return models.ErrNotFound
	}
	frame, err := c.frame(g, o.Summary, models.Project{}, layout.Crumb{Label: "Management API", Href: link.APIReference}, layout.Crumb{Label: o.ID})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, apidocs.OperationView(apidocs.OperationPage{Frame: frame, Operation: o, Shapes: c.reference.ShapesOf(o)}))
}
