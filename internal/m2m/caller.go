package m2m

// Caller is who presented a credential, as the database knows it. The zero Caller is nobody.
type Caller struct {
	Instance bool     // holds the instance secret key
	Machine  *Machine // holds a living machine's secret, current or still overlapping
}

// Known tells whether the credential belongs to anyone.
func (c Caller) Known() bool { return c.Instance || c.Machine != nil }

// MachineID is the caller's machine, or empty for the operator and for nobody.
func (c Caller) MachineID() MachineID {
	if c.Machine == nil {
		return ""
	}
	return c.Machine.ID
}

// Actor is who changes something, for the audit log: what the store writes beside the change, in the same transaction.
type Actor struct {
	Kind    ActorKind
	Machine MachineID // for a machine
	Address string    // the network address that the request came from, or empty
	TraceID string    // the request's trace id, or empty
	Session string    // label of the dashboard session that the operator acted in, or empty
}

// ActorKind tells which sort of party acted.
type ActorKind string

// Those who act: the holder of the instance key, a machine, and the service itself.
const (
	Operator      ActorKind = "instance_key"
	MachineHolder ActorKind = "machine"
	System        ActorKind = "system"
)

// Operation is what is metered.
type Operation string

// The metered operations.
const (
	OpCreate Operation = "create"
	OpVerify Operation = "verify"
)
