package handlers

import (
	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/handlers/console"
	"github.com/gatewright/gatewright/handlers/visit"
)

// Route is an address with the right that it needs.
type Route struct {
	Method, Path string
	Right        visit.Right
}

// RouteTable is every route there is.
func RouteTable() []Route {
	var table []Route
	for _, to := range routeTable() {
		table = append(table, Route{to.method, to.path, to.right})
	}
	return table
}

func routeTable() []route {
	r := registrar{engine: gin.New()}
	routes(&r, console.New(console.Options{}), true)
	return r.table
}
