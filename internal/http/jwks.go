package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// jwks serves the key set (RFC 7517), which every verifier may keep for the document's own time.
func (a *api) jwks(x *exchange) error {
	d, err := a.Keys.JWKS(x.ctx())
	if err != nil {
		return err
	}
	h := x.c.Writer.Header()
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int64(d.MaxAge/time.Second)))
	h.Set("ETag", d.ETag)
	if matches(x.c.Request.Header.Values("If-None-Match"), d.ETag) {
		x.c.Writer.WriteHeader(http.StatusNotModified)
		x.c.Writer.WriteHeaderNow()
		return nil
	}
	x.send(http.StatusOK, d.JSON)
	return nil
}

// matches is the weak comparison of RFC 9110 section 13.1.2. Our tags hold no comma.
func matches(ifNoneMatch []string, etag string) bool {
	for tag := range strings.SplitSeq(strings.Join(ifNoneMatch, ","), ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || tag != "" && strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}
