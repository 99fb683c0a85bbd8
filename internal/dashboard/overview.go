package dashboard

import "net/http"

func (d *dashboard) overviewRoutes(r routes) {
	r.get("", d.overview)
	r.open(http.MethodGet, "/", func(x *exchange) error { return x.redirect(Root) })
}

func (d *dashboard) overview(x *exchange) error { return x.redirect(Root + "/machines") }
