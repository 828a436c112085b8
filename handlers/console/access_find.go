package console

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/credentials"
)

// namesFound bounds the names that one search for access lists.
const namesFound = 20

// FindForAccess answers the search for names in the form for access with the
// options of its list. It takes q, and with: the one name on the other side,
// when there is one.
func (c *Console) FindForAccess(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	find := map[string]func(context.Context, string, string, string, int) ([]models.AccessChoice, int, error){
		credentials.FindProxies: c.store.FindProxies, credentials.FindCredentials: c.store.FindCredentials,
	}[g.Param("kind")]
	if find == nil {
		return models.ErrNotFound
	}
	list, total, err := find(ctx, project.ID, g.Query("q"), g.Query("with"), namesFound)
	if err != nil {
		return err
	}
	f := credentials.Found{Kind: g.Param("kind"), Total: total}
	for _, x := range list {
		f.Names = append(f.Names, credentials.FoundName{Name: x.Name, Text: x.Text, Granted: x.Granted})
	}
	return render(g, http.StatusOK, credentials.FoundList(f))
}
