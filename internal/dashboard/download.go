package dashboard

import (
	"fmt"
	"net/http"
	"time"

	"github.com/dualmint/dualmint/internal/sheet"
)

// clientPatience is how long a client may take for each piece of a file: who reads on gets all of it, however long that takes.
const clientPatience = 30 * time.Second

// download is a table of any size on its way to the client. The answer begins with the first piece: until then there can be another one.
type download struct {
	x     *exchange
	name  string
	begun bool
}

// file begins a table that is saved under a name.
func (x *exchange) file(name string) *download { return &download{x: x, name: name} }

func (f *download) Write(piece []byte) (int, error) {
	w := f.x.c.Writer
	if !f.begun {
		f.begun = true
		w.Header().Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
		w.Header().Set("Content-Type", sheet.ContentType)
		w.WriteHeader(http.StatusOK)
	}
	// A writer that knows no deadlines is one of a test.
	_ = http.NewResponseController(w).SetWriteDeadline(f.x.d.Now().Add(clientPatience))
	n, err := w.Write(piece)
	if err != nil {
		return n, fmt.Errorf("send a file: %w", err)
	}
	return n, nil
}
