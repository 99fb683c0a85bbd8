package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/dualmint/dualmint"

// levels says how high each room stands. A package imports only rooms of a lower level. A room that is not here fails the test:
// whoever adds one decides where it stands.
var levels = map[string]int{
	"internal/secret":     0,
	"internal/strictjson": 0,
	"internal/sheet":      0,
	"internal/batch":      0,
	"internal/m2m":        1,
	"internal/publickey":  1,
	"internal/config":     2,
	"internal/opaque":     2,
	"internal/jwt":        2,
	"internal/keys":       2,
	"internal/instance":   2,
	"internal/masterkey":  2,
	"internal/machines":   2,
	"internal/tokens":     2,
	"internal/usage":      2,
	"internal/audit":      2,
	"internal/sessions":   2,
	"internal/store":      3,
	"internal/http":       3,
	"internal/dashboard":  3,
	"verify":              3,
	"client":              3,
	"verify/verifygrpc":   4,
	"cmd/dualmint":        4,
	"internal/arch":       5,
	"internal/pgtest":     5,
	"internal/storetest":  5,
	"internal/modetest":   5,
	"examples":            5,
	"test":                5,
}

// homes says which rooms may import a library. The rule does not hold for tests.
var homes = map[string][]string{
	"gorm.io":                                      {"internal/store"},
	"modernc.org":                                  {"internal/store"},
	"github.com/jackc/pgx":                         {"internal/store", "internal/pgtest"},
	"github.com/pressly/goose":                     {"internal/store"},
	"github.com/gin-gonic/gin":                     {"internal/http", "internal/dashboard", "test"}, // test/bench: what ours is measured against
	"github.com/golang-jwt/jwt":                    {"internal/jwt", "test"},                        // test/bench: likewise
	"github.com/lestrrat-go/jwx":                   {"internal/keys"},
	"github.com/go-json-experiment/json":           {"internal/strictjson"},
	"filippo.io/edwards25519":                      {"internal/publickey"},
	"github.com/spf13/cobra":                       {"cmd/dualmint"},
	"github.com/caarlos0/env":                      {"internal/config"},
	"github.com/segmentio/ksuid":                   {"internal/machines", "internal/instance", "internal/storetest"},
	"google.golang.org/grpc":                       {"verify/verifygrpc"}, // decision 0009: whoever does not import that links no gRPC
	"github.com/dualmint/dualmint/test":            {"test"},
	"github.com/dualmint/dualmint/internal/pgtest": {"test", "internal/storetest"},
	"html/template":                                {"internal/dashboard"},
	"math/rand":                                    {},
	"io/ioutil":                                    {},
	"net/http":                                     {"internal/http", "internal/dashboard", "verify", "client", "cmd/dualmint", "test", "examples"},
	"database/sql":                                 {"internal/store", "internal/pgtest"},
}

const maxLines = 400

// sourceFile is one Go file of the repository.
type sourceFile struct {
	path  string // from the repository's root, with slashes
	room  string
	test  bool
	lines int
	ast   *ast.File
	text  string
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range sources(t) {
		mine, ok := levels[f.room]
		if !ok {
			t.Errorf("%s: room %q has no level: decide where it stands", f.path, f.room)
			continue
		}
		for _, imported := range imports(f) {
			rest, ours := strings.CutPrefix(imported, module+"/")
			if !ours || f.test {
				continue
			}
			if theirs := levels[roomOf(rest)]; roomOf(rest) != f.room && theirs >= mine && mine < 5 {
				t.Errorf("%s (level %d) imports %s (level %d)", f.path, mine, rest, theirs)
			}
		}
	}
}

func TestLibrariesStayInTheirRooms(t *testing.T) {
	for _, f := range sources(t) {
		for _, imported := range imports(f) {
			for library, rooms := range homes {
				within := imported == library || strings.HasPrefix(imported, library+"/")
				if within && !f.test && !slices.Contains(rooms, f.room) {
					t.Errorf("%s imports %s, which only %v may", f.path, imported, rooms)
				}
			}
		}
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	comments := map[string]int{}
	for _, f := range sources(t) {
		dir := filepath.Dir(f.path)
		if strings.HasSuffix(f.ast.Name.Name, "_test") {
			continue
		}
		comments[dir] += 0
		if f.ast.Doc != nil && !f.test {
			comments[dir]++
		}
	}
	for dir, n := range comments {
		if n != 1 && !onlyTests(t, dir) {
			t.Errorf("package %s has %d package comments, want one", dir, n)
		}
	}
}

func TestNoFileOutgrowsItsName(t *testing.T) {
	for _, f := range sources(t) {
		if f.lines > maxLines && !f.test {
			t.Errorf("%s has %d lines, more than %d: is it still one thing?", f.path, f.lines, maxLines)
		}
	}
}

// The repository speaks of the product alone: sources name no path of the machine they were written on.
func TestNoAbsolutePathsOfAMachine(t *testing.T) {
	for _, f := range sources(t) {
		for _, root := range []string{"/" + "work/", "/" + "root/", "/" + "home/"} {
			if strings.Contains(f.text, root) {
				t.Errorf("%s names %s", f.path, root)
			}
		}
	}
}

func sources(t *testing.T) []sourceFile {
	t.Helper()
	const root = "../.."
	var out []sourceFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if base := d.Name(); rel != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata" || base == "bin" || base == "data") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, sourceFile{
			path: rel, room: roomOf(filepath.ToSlash(filepath.Dir(rel))), test: strings.HasSuffix(rel, "_test.go"),
			lines: strings.Count(string(text), "\n"), ast: parsed, text: string(text),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d Go files found", len(out))
	}
	return out
}

// roomOf gives the room of a folder: its first element, or its first two under internal and cmd. A folder that has a level of its own is
// a room of its own.
func roomOf(dir string) string {
	if _, ok := levels[dir]; ok {
		return dir
	}
	parts := strings.Split(dir, "/")
	if (parts[0] == "internal" || parts[0] == "cmd") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func imports(f sourceFile) []string {
	var out []string
	for _, i := range f.ast.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err == nil {
			out = append(out, p)
		}
	}
	return out
}

func onlyTests(t *testing.T, dir string) bool {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("../..", dir))
	if err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
	})
}
