package verify

import (
	"net/http"
	"sync"
	"testing"

	"github.com/dualmint/dualmint/test/harness"
	"github.com/dualmint/dualmint/verify"
)

// 256 requests at a time in one receiving process, on PostgreSQL: opaque tokens in shared calls against one HTTP call each.
func BenchmarkOpaque256Callers(b *testing.B) {
	s := harness.New(b, harness.Postgres(b), "DUALMINT_LOG_REQUESTS=off", "DUALMINT_RATE_PER_CREDENTIAL=0", "DUALMINT_RATE_PER_ADDRESS=0").Start(b)
	receiver := s.NewMachine(b, "B")
	caller := s.NewMachine(b, "A", receiver)
	tokens := make([]string, 256)
	for i := range tokens {
		tokens[i] = s.Mint(b, caller.SecretKey, harness.Fields{"token_format": "opaque"}).Token
	}
	b.Run("SharedCalls", func(b *testing.B) {
		v, err := verify.New(verify.Config{Issuer: s.Issuer, Machine: receiver.ID, Secret: receiver.SecretKey})
		if err != nil {
			b.Fatal(err)
		}
		defer v.Close()
		hammer(b, tokens, func(token string) error {
			_, err := v.Verify(b.Context(), token)
			return err
		})
	})
	b.Run("OneCallEach", func(b *testing.B) {
		s.HTTP.Transport = &http.Transport{MaxIdleConnsPerHost: len(tokens)}
		hammer(b, tokens, func(token string) error {
			_, err := s.Try(b, http.MethodPost, "/v1/m2m_tokens/verify", receiver.SecretKey, harness.Fields{"token": token})
			return err
		})
	})
}

// hammer verifies b.N times, as many at once as there are tokens.
func hammer(b *testing.B, tokens []string, verify func(string) error) {
	b.Helper()
	work := make(chan string)
	var callers sync.WaitGroup
	for range tokens {
		callers.Go(func() {
			for token := range work {
				if err := verify(token); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ResetTimer()
	for n := range b.N {
		work <- tokens[n%len(tokens)]
	}
	close(work)
	callers.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "verifications/s")
}
