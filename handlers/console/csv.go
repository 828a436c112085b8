package console

import (
	"encoding/csv"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/handlers/visit"
)

// mostCSVRows is where a download ends: a spreadsheet takes no more, and what
// needs more is better read from the stream for a SIEM.
const mostCSVRows = 500_000

// sendCSV streams rows as a download. Once the first row is out, an error can
// only be told by cutting the connection: a file that ends early must not look
// whole.
func (c *Console) sendCSV(g *gin.Context, name string, columns []string, rows func(write func(...string) error) error) error {
	g.Header("Content-Type", "text/csv; charset=utf-8")
	g.Header("Content-Disposition", `attachment; filename="`+name+"-"+c.now().UTC().Format("20060102-150405")+`.csv"`)
	g.Header("Cache-Control", "no-store")
	w := csv.NewWriter(g.Writer)
	w.UseCRLF = true // RFC 4180
	if err := w.Write(columns); err != nil {
		return err
	}
	err := rows(func(cells ...string) error {
		for i := range cells {
			cells[i] = harmless(cells[i])
		}
		return w.Write(cells)
	})
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	if err == nil {
		return nil
	}
	if !g.Writer.Written() {
		g.Writer.Header().Del("Content-Disposition")
		return err
	}
	v := visit.From(g.Request.Context())
	c.logger.Error("download cut off", "error", err, "path", g.Request.URL.Path, "correlationId", v.CorrelationID)
	panic(http.ErrAbortHandler)
}
