package httpapi

import (
	_ "embed" // the description travels in the binary
	"net/http"
)

//go:embed openapi.yaml
var openAPI []byte

// openapi serves the description of this API.
func (a *api) openapi(x *exchange) error {
	x.c.Writer.Header().Set("Cache-Control", "public, max-age=300")
	x.sendAs(http.StatusOK, "application/yaml", a.OpenAPI) // RFC 9512
	return nil
}
