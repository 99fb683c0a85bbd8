//go:build faults

package faults

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// wire is the way from a process to its database. It can be cut after so many bytes in either direction.
type wire struct {
	*toxiproxy.Proxy
	url string // of the database, by this way
}

const (
	reply   = "downstream"
	request = "upstream"
)

// newWire puts a proxy before a database that listens on a loopback port.
func newWire(t *testing.T, database string) *wire {
	t.Helper()
	to, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &wire{Proxy: toxiproxy.NewProxy(server, "wire", "127.0.0.1:0", to.Host)}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	to.Host = w.Listen
	w.url = to.String()
	return w
}

// cut lets so many more bytes pass on each connection, then closes it.
func (w *wire) cut(t *testing.T, direction string, after int) {
	t.Helper()
	toxic := fmt.Sprintf(`{"name": "cut", "type": "limit_data", "stream": %q, "attributes": {"bytes": %d}}`, direction, after)
	if _, err := w.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Fatal(err)
	}
}

// mend ends the cutting. What was cut stays cut.
func (w *wire) mend(t *testing.T) {
	t.Helper()
	if err := w.Toxics.RemoveToxic(context.WithoutCancel(t.Context()), "cut"); err != nil {
		t.Fatal(err)
	}
}
