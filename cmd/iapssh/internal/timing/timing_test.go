package timing

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Phases are exact: each begins where the one before ended, and what runs beside is where it was.
func TestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New()
		began := time.Now()
		chain := r.Chain("first", "second", "third")
		time.Sleep(3 * time.Millisecond)
		chain.Done("first")
		r.Add("beside", began, time.Now(), false)
		chain.Done("third") // not its turn
		time.Sleep(2 * time.Millisecond)
		chain.Done("second")
		time.Sleep(time.Millisecond)
		chain.Stop(true)
		chain.Stop(true)
		ms := time.Millisecond
		want := []Span{{"first", 0, 3 * ms, false}, {"beside", 0, 3 * ms, false}, {"second", 3 * ms, 5 * ms, false}, {"third", 5 * ms, 6 * ms, true}}
		if got := r.Spans(); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	})
}

// A chain that ends before its time has nothing in progress.
func TestChainEnds(t *testing.T) {
	r := New()
	chain := r.Chain("first", "second")
	chain.Done("first")
	chain.Stop(false)
	chain.Done("second")
	if got := r.Spans(); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// Who does not ask for times pays nothing.
func TestNil(t *testing.T) {
	var r *Record
	r.Add("x", time.Now(), time.Now(), false)
	r.Chain("a").Done("a")
}

func TestDraw(t *testing.T) {
	ms := time.Millisecond
	got := Draw([]Span{
		{"tls", 20 * ms, 40 * ms, false}, {"sign-in", 0, 5 * ms, false}, {"connect", 0, 20 * ms, false}, {"upgrade", 40 * ms, 80*ms + 50*time.Microsecond, true},
	})
	want := strings.TrimPrefix(`
               at      took  ms, 80.0 in all
sign-in       0.0       5.0  #
connect       0.0      20.0  #######
tls          20.0      20.0         ########
upgrade      40.0      40.0                 ################# failed`, "\n")
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if got := Draw(nil); got != nil {
		t.Errorf("nothing is drawn as %q", got)
	}
	if got := Draw([]Span{{"at once", 0, 0, false}}); !strings.HasSuffix(got[1], "  #") {
		t.Errorf("got %q", got)
	}
}
