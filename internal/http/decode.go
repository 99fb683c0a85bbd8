package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/dualmint/dualmint/internal/strictjson"
)

// Caps of request bodies (R53).
const (
	verifyCap = 16 << 10
	bodyCap   = 64 << 10
	batchCap  = 9 << 18 // 2.25 MiB: 256 of the longest tokens
	maxDepth  = 32      // claims have a limit of their own, which must be the one that is met first
	firstGrab = 8 << 10 // memory that a Content-Length alone is given; more only comes with the bytes
)

// body reads the request's fields. Nothing, null and {} are alike: SDKs send all three for "no parameters". A name that is not among
// those given is a fault (R13).
func (x *exchange) body(limit int64, names ...string) (*fields, error) {
	var buffer bytes.Buffer
	if err := readBody(&buffer, x.c.Request, limit); err != nil {
		return nil, err
	}
	return parseFields(buffer.Bytes(), names...)
}

// readBody reads a JSON body of at most limit bytes, however it is framed.
func readBody(into *bytes.Buffer, r *http.Request, limit int64) error {
	return readTyped(into, r, limit, isJSON)
}

// readTyped reads a body of a media type that fits says it takes.
func readTyped(into *bytes.Buffer, r *http.Request, limit int64, fits func(contentType string) bool) error {
	if r.ContentLength > limit {
		return errBodyTooLarge
	}
	if !plain(first(r.Header["Content-Encoding"])) {
		return errContentType
	}
	if err := readAll(into, r, limit); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err) // broken framing, or the client went away
	}
	switch {
	case int64(into.Len()) > limit:
		return errBodyTooLarge
	case into.Len() > 0 && !fits(first(r.Header["Content-Type"])):
		return errContentType
	default:
		return nil
	}
}

// readAll reads the body, and of one whose length is not known a byte more than it may have. The memory comes with
// the bytes, whatever length was promised.
func readAll(into *bytes.Buffer, r *http.Request, limit int64) error {
	if r.ContentLength < 0 {
		_, err := into.ReadFrom(io.LimitReader(r.Body, limit+1))
		return err
	}
	for left, step := int(r.ContentLength), firstGrab; left > 0; step = into.Len() {
		n := min(left, step)
		into.Grow(n)
		got, err := io.ReadFull(r.Body, into.AvailableBuffer()[:n])
		into.Write(into.AvailableBuffer()[:got])
		if err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// first is what http.Header.Get gives, of names that are written as net/http keeps them: it need not look at each of their letters.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func plain(encoding string) bool { return encoding == "" || strings.EqualFold(encoding, "identity") }

func isJSON(contentType string) bool {
	return contentType == jsonType || isMedia(contentType, jsonType)
}

// isMedia tells whether a content type is this one, in UTF-8.
func isMedia(contentType, want string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	charset, given := params["charset"]
	return err == nil && media == want && (!given || strings.EqualFold(charset, "utf-8"))
}

// parseFields reads one strict object (R54).
func parseFields(body []byte, names ...string) (*fields, error) {
	if text := bytes.Trim(body, " \t\r\n"); len(text) == 0 || string(text) == "null" {
		return &fields{}, nil
	}
	object, err := strictjson.Parse(body, maxDepth)
	if err != nil {
		return nil, errors.Join(errMalformed, err)
	}
	f := &fields{object: object}
	f.only(names)
	return f, nil
}
