package console

import (
	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/audit"
)

func (c *Console) leadFrom(g *gin.Context, r models.AuditRecord, page *audit.RecordPage) error {
	return nil
}
