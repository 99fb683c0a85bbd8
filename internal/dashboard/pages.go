package dashboard

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed templates
var templateFiles embed.FS

// page is what a handler shows: the template templates/Name.html inside the frame of templates/parts/frame.html.
type page struct {
	Name    string
	Title   string
	Section string // entry of the navigation that is the current one
	Body    any    // what the template sees
	Back    string // where the theme switch leads to from a page that answers a POST; empty: the page itself
	Once    bool   // what it shows is shown nowhere else: there is no theme switch, which would leave it
}

// frame is what every page has around it.
type frame struct {
	page
	Sections []section // none: nobody is signed in
	Notice   *notice
	Theme    string
	Host     string
	Assets   map[string]string
}

// readPages parses every template once, each with the parts that all share.
func readPages(now func() time.Time) (map[string]*template.Template, error) {
	parts, err := template.New("parts").Funcs(templateFuncs(now)).ParseFS(templateFiles, "templates/parts/*.html")
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	out := make(map[string]*template.Template, len(names))
	for _, name := range names {
		t, err := parts.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, name)
		}
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", name, err)
		}
		out[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return out, nil
}

// longestAddress bounds what the theme switch leads back to: nothing that our own pages link to is as long.
const longestAddress = 2048

// show writes a page. It is written whole or not at all. The notice that the session carries is shown once, on the first page that went
// well.
func (x *exchange) show(status int, p page) error {
	d := x.d
	if p.Back == "" {
		p.Back = Root
		if x.c.Request.Method == http.MethodGet {
			p.Back = x.c.Request.URL.RequestURI()
		}
		if len(p.Back) > longestAddress {
			p.Back = Root
		}
	}
	p.Title = inline(p.Title)
	f := frame{page: p, Theme: x.theme(), Host: d.host, Assets: d.assets.paths}
	if x.signedIn {
		f.Sections = sections(p.Section)
		if status == http.StatusOK {
			f.Notice = x.takeNotice()
		}
	}
	t := d.pages[p.Name]
	if t == nil {
		return fmt.Errorf("show a page: no template %q", p.Name)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "frame", f); err != nil {
		return fmt.Errorf("show page %s: %w", p.Name, err)
	}
	x.send(status, "text/html; charset=utf-8", out.Bytes())
	return nil
}

// send writes an answer.
func (x *exchange) send(status int, contentType string, body []byte) {
	h := x.c.Writer.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.c.Writer.WriteHeader(status)
	_, _ = x.c.Writer.Write(body) // the client is gone: nobody is left to tell
}
