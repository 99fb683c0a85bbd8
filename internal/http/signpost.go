package httpapi

import "net/http"

// signs are for a person who opens the address in a browser. They name nothing that is not public.
const signs = `Dualmint: tokens for machines.
/openapi.yaml describes the API, /healthz tells whether this process lives.
`

// signpost answers at the root.
func (a *api) signpost(x *exchange) error {
	x.sendAs(http.StatusOK, "text/plain; charset=utf-8", []byte(signs))
	return nil
}
