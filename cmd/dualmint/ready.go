package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// schemaAge is how long a look at the schema's version is good for: probes come often, and migrations do not.
const schemaAge = 5 * time.Second

// schemaCheck tells whether the database still has the schema that this binary works with. One that is newer is the work of the replicas
// that are about to replace this one, which serves until they do; one that is older has been restored or was never migrated.
type schemaCheck struct {
	version func(context.Context) (have, want int64, err error)
	now     func() time.Time

	mu   sync.Mutex // guards what follows
	good time.Time  // when it was last seen to be right
}

func (s *schemaCheck) check(ctx context.Context) error {
	s.mu.Lock()
	good := s.good
	s.mu.Unlock()
	now := s.now()
	if now.Sub(good).Abs() < schemaAge {
		return nil
	}
	have, want, err := s.version(ctx)
	if err != nil {
		return err
	}
	if have < want {
		return fmt.Errorf("the schema has version %d and this binary works with %d", have, want)
	}
	s.mu.Lock()
	s.good = now
	s.mu.Unlock()
	return nil
}
