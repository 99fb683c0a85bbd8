package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/dualmint/dualmint/internal/m2m"
)

//go:embed assets
var assetFiles embed.FS

// assets are the files that pages refer to. A part of the hash of its content is in the name of each, so a browser may keep it for ever.
type assets struct {
	byName map[string]asset  // "dashboard-1a2b3c4d.css"
	paths  map[string]string // "dashboard.css" -> its path
}

type asset struct {
	contentType string
	bytes       []byte
}

func readAssets() (assets, error) {
	out := assets{byName: map[string]asset{}, paths: map[string]string{}}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return assets{}, fmt.Errorf("read assets: %w", err)
	}
	for _, e := range entries {
		content, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			return assets{}, fmt.Errorf("read asset: %w", err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext) + "-" + hex.EncodeToString(sum[:4]) + ext
		out.byName[name] = asset{contentType: mime.TypeByExtension(ext), bytes: content}
		out.paths[e.Name()] = Root + "/assets/" + name
	}
	return out, nil
}

func (d *dashboard) assetRoutes(r routes) {
	r.open(http.MethodGet, "/assets/:name", d.asset)
}

func (d *dashboard) asset(x *exchange) error {
	a, ok := d.assets.byName[x.c.Param("name")]
	if !ok {
		return m2m.ErrNotFound
	}
	x.c.Writer.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	x.send(http.StatusOK, a.contentType, a.bytes)
	return nil
}
