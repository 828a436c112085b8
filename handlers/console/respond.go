package console

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

// render answers with a page. It is drawn into a buffer first: a page that
// fails half-way becomes an error page rather than half a page.
func render(c *gin.Context, status int, page templ.Component) error {
	var b bytes.Buffer
	if err := page.Render(c.Request.Context(), &b); err != nil {
		return fmt.Errorf("draw page: %w", err)
	}
	c.Header("Vary", "HX-Request")
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// redirect leads on after a success: 303 for a form, HX-Redirect for htmx,
// which would follow a 303 inside the page.
func redirect(c *gin.Context, to string) error {
	if isHTMX(c) {
		c.Header("HX-Redirect", to)
		c.Status(http.StatusNoContent)
		return nil
	}
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

func isHTMX(c *gin.Context) bool { return c.GetHeader("HX-Request") == "true" }

// localPath is to when it stays on this site, else otherwise. A browser reads
// "//host" and "/\host" as another site.
func localPath(to, otherwise string) string {
	if len(to) < 1 || to[0] != '/' || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return otherwise
	}
	return to
}

// Fail answers with what an error means to the visitor. What has no meaning
// for one is logged once and shown as its correlation id.
func (c *Console) Fail(g *gin.Context, err error) {
	f := layout.Failure{Back: ui.Action{Label: "Go to the start", Href: "/"}}
	var stale *models.StaleError
	var list problem.List
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, models.ErrNotFound):
		f.Status, f.Title, f.Text = http.StatusNotFound, "Not found", "There is nothing at this address. It may have been renamed or deleted; the audit list tells."
	case errors.Is(err, models.ErrForbidden):
		f.Status, f.Title, f.Text = http.StatusForbidden, "Not allowed", "Your role does not allow this. An administrator can do it, or give you the right."
	case errors.As(err, &stale):
		f.Status, f.Title, f.Text = http.StatusConflict, "Changed in the meantime", staleText(stale)
	case errors.As(err, &list):
		f.Status, f.Title, f.Text = http.StatusUnprocessableEntity, "This cannot be done", list.Error()
	case errors.As(err, &tooLarge):
		f.Status, f.Title, f.Text = http.StatusRequestEntityTooLarge, "Too large", "The form holds more than can be taken at once; nothing was saved."
	default:
		v := visit.From(g.Request.Context())
		c.logger.Error("request failed", "error", err, "method", g.Request.Method, "path", g.Request.URL.Path, "correlationId", v.CorrelationID)
		f.Status, f.Title, f.ID = http.StatusInternalServerError, "Something went wrong", v.CorrelationID
		f.Text = "Nothing was changed by this request. Try again; if it happens again, give the operator the id below."
	}
	c.failure(g, f)
}

func staleText(s *models.StaleError) string {
	if s.Deleted {
		return fmt.Sprintf("%s has been deleted since you opened this page. Nothing was changed.", s.Name)
	}
	return fmt.Sprintf("%s was changed by %s since you opened this page. Nothing of yours was saved; open it again to see how it is now.", s.Name, s.By)
}

// failure shows f inside the shell where somebody is signed in, else bare. It
// must succeed whatever else is broken, so it asks the store for nothing more
// than the frame has.
func (c *Console) failure(g *gin.Context, f layout.Failure) {
	v := visit.From(g.Request.Context())
	page := layout.BareErrorPage(layout.ParseTheme(v.User.Theme), f)
	if v.SignedIn() && f.Status != http.StatusInternalServerError {
		if frame, err := c.frame(g, f.Title, models.Project{}); err == nil {
			page = layout.ErrorPage(frame, f)
		}
	}
	if err := render(g, f.Status, page); err != nil {
		c.logger.Error("error page failed", "error", err)
		g.String(http.StatusInternalServerError, "Something went wrong. Correlation id: %s\n", v.CorrelationID)
	}
}

// NotFound answers for addresses that no route has.
func (c *Console) NotFound(g *gin.Context) error { return models.ErrNotFound }

// ServerError answers for a panic, outside of gin.
func ServerError(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	f := layout.Failure{
		Status: http.StatusInternalServerError, Title: "Something went wrong", ID: r.Header.Get("X-Correlation-Id"),
		Text: "Nothing was changed by this request. Try again; if it happens again, give the operator the id below.",
		Back: ui.Action{Label: "Go to the start", Href: "/"},
	}
	if err := layout.BareErrorPage(layout.ThemeSystem, f).Render(r.Context(), &b); err != nil {
		b.Reset()
		b.WriteString("Something went wrong.")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write(b.Bytes()) // the visitor has gone; nobody is left to tell
}
