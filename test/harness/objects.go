package harness

import (
	"net/http"
	"testing"
	"time"
)

// Machine is the wire contract's machine.
type Machine struct {
	Object             string    `json:"object"`
	ID                 string    `json:"id"`
	Name               string    `json:"name"`
	InstanceID         string    `json:"instance_id"`
	CreatedAt          int64     `json:"created_at"`
	UpdatedAt          int64     `json:"updated_at"`
	DefaultTokenTTL    *int64    `json:"default_token_ttl"`
	DefaultTokenFormat string    `json:"default_token_format"`
	ScopedMachines     []Machine `json:"scoped_machines"`
	SecretKey          string    `json:"secret_key"`
}

// Token is the wire contract's M2M token.
type Token struct {
	Object           string         `json:"object"`
	ID               string         `json:"id"`
	Subject          string         `json:"subject"`
	Claims           map[string]any `json:"claims"`
	Scopes           []string       `json:"scopes"`
	Revoked          bool           `json:"revoked"`
	RevocationReason *string        `json:"revocation_reason"`
	Expired          bool           `json:"expired"`
	Expiration       *int64         `json:"expiration"`
	LastUsedAt       *int64         `json:"last_used_at"`
	CreatedAt        int64          `json:"created_at"`
	UpdatedAt        int64          `json:"updated_at"`
	Format           string         `json:"token_format"`
	Token            string         `json:"token"`
}

// Fields is a JSON object of a request.
type Fields map[string]any

// NewMachine creates a machine that may call the given ones.
func (s *Server) NewMachine(tb testing.TB, name string, mayCall ...Machine) Machine {
	tb.Helper()
	ids := []string{}
	for _, m := range mayCall {
		ids = append(ids, m.ID)
	}
	return s.MachineWith(tb, Fields{"name": name, "scoped_machines": ids})
}

// MachineWith creates a machine from these fields.
func (s *Server) MachineWith(tb testing.TB, f Fields) Machine {
	tb.Helper()
	var m Machine
	s.Call(tb, http.MethodPost, "/v1/machines", s.InstanceKey, f).Want(tb, http.StatusOK).Into(tb, &m)
	return m
}

// Mint creates a token as the machine that holds the secret.
func (s *Server) Mint(tb testing.TB, machineSecret string, f Fields) Token {
	tb.Helper()
	var out Token
	if f == nil {
		f = Fields{}
	}
	s.Call(tb, http.MethodPost, "/v1/m2m_tokens", machineSecret, f).Want(tb, http.StatusCreated).Into(tb, &out)
	return out
}

// Verify asks whether the holder of the credential may use the token.
func (s *Server) Verify(tb testing.TB, credential, token string) Reply {
	tb.Helper()
	return s.Call(tb, http.MethodPost, "/v1/m2m_tokens/verify", credential, Fields{"token": token})
}

// Revoke revokes a token by its id.
func (s *Server) Revoke(tb testing.TB, credential, id string) Reply {
	tb.Helper()
	return s.Call(tb, http.MethodPost, "/v1/m2m_tokens/"+id+"/revoke", credential, Fields{})
}

// Allow lets from call to.
func (s *Server) Allow(tb testing.TB, from, to Machine) {
	tb.Helper()
	s.Call(tb, http.MethodPost, "/v1/machines/"+from.ID+"/scopes", s.InstanceKey, Fields{"to_machine_id": to.ID}).
		Want(tb, http.StatusOK)
}

// Disallow takes it back.
func (s *Server) Disallow(tb testing.TB, from, to Machine) {
	tb.Helper()
	s.Call(tb, http.MethodDelete, "/v1/machines/"+from.ID+"/scopes/"+to.ID, s.InstanceKey, nil).Want(tb, http.StatusOK)
}

// Usage is the usage report's answer.
type Usage struct {
	Object string `json:"object"`
	Data   []struct {
		Start     string `json:"start"`
		Machine   string `json:"machine_id"`
		Receiver  string `json:"receiver_id"`
		Format    string `json:"token_format"`
		Operation string `json:"operation"`
		Total     int64  `json:"total_usage"`
		Billable  int64  `json:"total_billable_usage"`
		Amount    int64  `json:"amount_nanodollars"`
	} `json:"data"`
	Total    int64 `json:"total_usage"`
	Billable int64 `json:"total_billable_usage"`
	Amount   int64 `json:"amount_nanodollars"`
}

// UsageOf reads the report of the hours around a test that ran from began until ended, by machine, receiver, format and
// operation.
func (s *Server) UsageOf(tb testing.TB, credential string, began, ended time.Time) Usage {
	tb.Helper()
	start := began.UTC().Truncate(time.Hour).Format(time.RFC3339)
	end := ended.UTC().Truncate(time.Hour).Add(time.Hour).Format(time.RFC3339)
	var out Usage
	s.Call(tb, http.MethodGet, "/v1/usage?start="+start+"&end="+end+
		"&interval=hour&group_by=machine,receiver,format,operation", credential, nil).Want(tb, http.StatusOK).Into(tb, &out)
	return out
}
