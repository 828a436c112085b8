package console

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/fault"
	weberrors "github.com/gatewright/gatewright/web/errors"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
)

// ProxyErrors draws the answers that the error templates of a form give, as it is
// typed. Nothing is saved.
func (c *Console) ProxyErrors(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f, err := proxyForm(g)
	if err != nil {
		return err
	}
	if err := c.showAnswers(ctx, project.Name, &f); err != nil {
		return err
	}
	return render(g, http.StatusOK, weberrors.Shots(f.Shots))
}

// showAnswers puts the preview into a form: the answer for callers of either
// language.
func (c *Console) showAnswers(ctx context.Context, project string, f *proxies.Form) error {
	f.Preview = link.ProxyErrors(project)
	if !f.Reason.Known() {
		f.Reason = fault.TokenNotValid
	}
	proxy := proxyOf(*f)
	proxy.ErrorTemplates.Normalize()
	if l := proxy.ErrorTemplates.Validate(); len(l) > 0 {
		f.Shots = weberrors.Preview{Problem: "Correct what is wrong to see the answer: " + l[0].Message}
		return nil
	}
	p, err := c.previewer(ctx, &proxy)
	if err != nil {
		return err
	}
	s := &scene{previewer: p, ask: weberrors.Ask{Type: f.Reason}, of: fault.Message{Type: f.Reason}, on: messageOf(p.platform, f.Reason)}
	s.shoot("To a caller that speaks JSON, or says nothing of it", nil, nil)
	s.ask.XML = true
	s.shoot("To a caller that speaks XML", nil, nil)
	s.valuesOf(proxy.ErrorTemplates.EnvironmentNames())
	f.Shots = s.out
	return nil
}
