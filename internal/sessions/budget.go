package sessions

import (
	"sync"
	"time"
)

// refusalsAMinute is how many refused sign-ins this process records in a minute: enough to see an attack, too few to fill a disk, since
// the audit log is never shortened. The others are counted in the next entry.
const refusalsAMinute = 30

// budget counts what is recorded in the present minute, and what is not recorded yet: refused beyond the budget, or turned away unjudged.
type budget struct {
	mu         sync.Mutex // guards what follows
	minute     int64
	recorded   int
	unrecorded int64
}

// giveBack takes back what take promised for an entry that is not known to be written.
func (b *budget) giveBack(unrecorded int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unrecorded += unrecorded + 1
}

// miss counts one that was not judged, for the next entry to tell.
func (b *budget) miss() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unrecorded++
}

// take tells whether one more may be recorded now, and how many were not since the last that was.
func (b *budget) take(now time.Time) (unrecorded int64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if minute := now.Unix() / 60; minute != b.minute {
		b.minute, b.recorded = minute, 0
	}
	if b.recorded >= refusalsAMinute {
		b.unrecorded++
		return 0, false
	}
	b.recorded++
	unrecorded, b.unrecorded = b.unrecorded, 0
	return unrecorded, true
}
