package ci

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const conformance = "../transport/iap/CONFORMANCE.md"

// numbers are the rows that CONFORMANCE.md must have: the checklist's, and the traps that concern a transport.
func numbers() (all []string) {
	for n := 1; n <= 43; n++ {
		all = append(all, fmt.Sprint(n))
	}
	for n := 1; n <= 45; n++ {
		if n <= 32 || n == 40 || n >= 42 {
			all = append(all, fmt.Sprintf("T%d", n))
		}
	}
	return all
}

var (
	tableRow  = regexp.MustCompile(`(?m)^\| (T?\d+) \| (.+?) \| (.+) \|$`)
	reference = regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz|Benchmark|Example)\\w*)(?:/(\\w+))?`")
)

// Each rule is held by tests that exist, or says why it does not apply.
func TestConformance(t *testing.T) {
	text, err := os.ReadFile(conformance)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range tableRow.FindAllStringSubmatch(string(text), -1) {
		if _, twice := rows[row[1]]; twice {
			t.Errorf("%s has two rows", row[1])
		}
		rows[row[1]] = row[3]
	}
	for _, n := range numbers() {
		heldBy, ok := rows[n]
		delete(rows, n)
		reason, excused := strings.CutPrefix(heldBy, "does not apply: ")
		tests := reference.FindAllStringSubmatch(heldBy, -1)
		switch {
		case !ok:
			t.Errorf("%s has no row", n)
		case excused && len(reason) < 20:
			t.Errorf("%s does not apply, for what reason?", n)
		case !excused && (len(tests) == 0 || len(tests) != len(strings.Fields(heldBy))):
			t.Errorf("%s is held by %q, which is no list of tests", n, heldBy)
		}
		for _, ref := range tests {
			if !testExists(t, ref[1], ref[2], ref[3]) {
				t.Errorf("%s is held by %s, which does not exist", n, ref[0])
			}
		}
	}
	for n := range rows {
		t.Errorf("%s is no rule", n)
	}
}

// testExists looks for a function in the test files of a package, and for a story if it is the one that runs them.
func testExists(t *testing.T, dir, name, story string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	if story != "" {
		if _, err := os.Stat(filepath.Join("..", dir, "testdata", "script", story+".txtar")); err != nil {
			return false
		}
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
				return true
			}
		}
	}
	return false
}
