package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/variables"
)

// variablesOffered bounds what one search lists to choose from.
const variablesOffered = 50

// ChooseVariable lists variables for a rule, in a dialog of the page that has
// the rule. It takes q.
func (c *Console) ChooseVariable(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	all, err := c.store.Variables(g.Request.Context(), d.project.ID)
	if err != nil {
		return err
	}
	l := variables.Chooser{Address: link.ChooseVariable(d.project.Name), Query: strings.TrimSpace(g.Query("q"))}
	if d.v.Can(models.ManageSettings) {
		l.New = link.NewChosenVariable(d.project.Name)
	}
	found := slices.DeleteFunc(all, func(v models.Variable) bool { return !variableMatches(v, l.Query) })
	l.Total = len(found)
	for _, v := range found[:min(len(found), variablesOffered)] {
		l.Found = append(l.Found, v.Definition)
	}
	return render(g, http.StatusOK, variables.ChooserList(l))
}

// NewChosenVariable is the form of a new variable in the same dialog. What was
// searched for in vain, q, is its name.
func (c *Console) NewChosenVariable(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	return d.showInside(http.StatusOK, variables.Values{"kind": "HEADER", "name": strings.TrimSpace(g.Query("q"))}, nil)
}

func (d *variableDesk) showInside(status int, t variables.Values, problems problem.List) error {
	return render(d.g, status, variables.ChooserForm(variables.FormPage{
		Title: "New variable", New: true, Inside: true, Values: t, Problems: problems, Action: link.NewChosenVariable(d.project.Name),
		Cancel: link.ChooseVariable(d.project.Name), Check: link.CheckVariableName(d.project.Name),
	}))
}

// CreateChosenVariable saves a new variable and says its name to the rule.
func (c *Console) CreateChosenVariable(g *gin.Context) error {
	d, err := c.variableDesk(g)
	if err != nil {
		return err
	}
	t := typedVariable(g.Request.PostForm, variables.Fields)
	saved, problems, err := d.save("", 0, t)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return d.showInside(http.StatusUnprocessableEntity, t, problems)
	}
	return render(g, http.StatusOK, variables.Chosen(saved.Definition))
}
