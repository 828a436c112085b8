package console

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/gallery"
	"github.com/gatewright/gatewright/web/layout"
)

// Gallery shows the kit's parts with canned data, in development.
func (c *Console) Gallery(g *gin.Context) error {
	theme := layout.ParseTheme(visit.From(g.Request.Context()).User.Theme)
	page, ok := gallery.Page(g.Param("page"), theme)
	if !ok {
		return models.ErrNotFound
	}
	return render(g, http.StatusOK, page)
}
