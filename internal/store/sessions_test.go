package store

import (
	"errors"
	"testing"
	"time"

	"github.com/dualmint/dualmint/internal/instance"
	"github.com/dualmint/dualmint/internal/m2m"
	"github.com/dualmint/dualmint/internal/secret"
	"github.com/dualmint/dualmint/internal/sessions"
)

// R46: without use for so long, and in any case after so long. What is used is noted, once a minute.
func TestIdleAndAbsoluteLimitsAreJudgedApart(t *testing.T) {
	const minute = int64(60_000)
	for name, open := range both() {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			key, id := secret.HashOf("sk"), secret.HashOf("ds")
			if err := d.CreateInstance(t.Context(), instance.Record{ID: "ins_1", KeyHash: key, Canary: secret.Sealed{Version: "v", Bytes: []byte{1}}}); err != nil {
				t.Fatal(err)
			}
			limits := sessions.Limits{Idle: 10 * time.Minute, Absolute: 30 * time.Minute}
			if err := d.OpenSession(t.Context(), m2m.Actor{Kind: m2m.Operator}, key, sessions.Opening{Hash: id}, limits); err != nil {
				t.Fatal(err)
			}
			now := time.Now().UnixMilli()
			for _, c := range []struct {
				what          string
				opened, used  int64 // minutes ago
				good, touched bool
			}{
				{"just used", 0, 0, true, false}, {"used a while ago", 20, 9, true, true}, {"idle too long", 20, 11, false, false}, {"open too long", 31, 0, false, false},
			} {
				err := d.gorm.Exec("UPDATE sessions SET created_at = ?, seen_at = ?", now-c.opened*minute, now-c.used*minute).Error
				if err != nil {
					t.Fatal(err)
				}
				if _, err := d.Session(t.Context(), id, limits); (err == nil) != c.good || err != nil && !errors.Is(err, m2m.ErrNotFound) {
					t.Errorf("%s: %v", c.what, err)
				}
				var seen int64
				if err := d.gorm.Raw("SELECT seen_at FROM sessions").Find(&seen).Error; err != nil {
					t.Fatal(err)
				}
				if (seen > now-c.used*minute) != c.touched {
					t.Errorf("%s: seen %d minutes ago", c.what, (now-seen)/minute)
				}
			}
		})
	}
}
