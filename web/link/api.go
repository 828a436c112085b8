package link

// The management API's reference, and its document.
const (
	APIReference = "/api-reference"
	OpenAPI      = "/apiops/openapi.json"
)

// APIOperation is the page of an operation.
func APIOperation(id string) string { return path("api-reference", id) }
